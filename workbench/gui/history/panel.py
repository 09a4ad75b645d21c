"""The sidebar's inside: the search field, the filters, and the list or what was found.  Knows no database."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence, QMouseEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QListView,
    QMenu,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from workbench.chat.stored import Hit, Listed
from workbench.gui import theme
from workbench.gui.history.filters import Filters
from workbench.gui.history.hits import HIT, HitDelegate, HitList
from workbench.gui.history.tags import TagDelegate, chips_of
from workbench.gui.history.tree_model import ENTRY, TITLE, WHEN, ConversationTree
from workbench.gui.history.undo_bar import UndoBar
from workbench.gui.theme import Space
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import IconButton, label

_DEEDS = (
    ("rename", "F2"), ("pin", "Ctrl+P"), ("move", "Ctrl+M"), ("tag", "Ctrl+G"), ("duplicate", ""), ("export", ""),
    ("delete", "Del"),
)  # fmt: skip


class Panel(QFrame):
    """``wished`` is emitted with the name of a deed and the conversation it is meant for."""

    opened = Signal(object)
    found = Signal(object)
    wished = Signal(str, object)
    renamed = Signal(object, str)
    closed = Signal()
    searched = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "sidebar")
        self.setAccessibleName(tr("Conversations"))
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Search (Ctrl+F)"))
        self.field.setAccessibleName(tr("Search all conversations"))
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self.searched)
        self.filter_button = IconButton("filter-variant", tr("Filter by model, tag, folder or date"))
        self.filter_button.setCheckable(True)
        self.close_button = IconButton("chevron-double-left", tr("Hide the conversations (Ctrl+B)"))
        self.close_button.clicked.connect(self.closed)
        self.filters = Filters()
        self.filters.hide()
        self.filters.changed.connect(self._on_filter)
        self.filter_button.toggled.connect(self.filters.setVisible)
        self.model = ConversationTree(self)
        self.model.renamed.connect(self.renamed)
        self.tree = Tree(self.model)
        self.hits = HitList(self)
        self.results = _results(self.hits)
        self.empty = label(role="muted", wrap=True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.empty.setContentsMargins(Space.S, Space.M, Space.S, 0)
        self.stack = QStackedWidget()
        for widget in (self.tree, self.results, self.empty):
            self.stack.addWidget(widget)
        self.note = label(role="muted")
        self.undo = UndoBar()
        self._collapsed: set[str] = set()
        self._make_actions()
        self._lay_out()
        self._connect()

    def show_tree(self) -> None:
        """The whole list, or why it is empty."""
        if self.model.groups:
            self.stack.setCurrentWidget(self.tree)
        elif self.filters.active:
            self._say_empty(tr("No conversation is like that. “Show all again” takes the filter away."))
        else:
            self._say_empty(tr("Nothing was asked yet. Whatever you ask is kept here, on this computer only."))
        total = sum(len(group.entries) for group in self.model.groups)
        self.note.setText(counted(total, "conversation") if total else "")

    def show_groups(self, groups: object) -> None:
        """Another list: what was chosen stays chosen and where it was, what was folded stays folded."""
        chosen = self.current()
        place = self.tree.verticalScrollBar().value()
        self.model.show(groups)  # type: ignore[arg-type]  # a sequence of groups, through a signal
        tagged = any(entry.tags for group in self.model.groups for entry in group.entries)
        self.tree.setUniformRowHeights(not tagged)  # then one row is measured for all
        for row, group in enumerate(self.model.groups):
            index = self.model.index(row, TITLE)
            self.tree.setFirstColumnSpanned(row, QModelIndex(), False)
            self.tree.setExpanded(index, group.key not in self._collapsed)
        if chosen is not None and (index := self.model.index_of(chosen.id)).isValid():
            self.tree.setCurrentIndex(index)
        self.tree.verticalScrollBar().setValue(place)

    def show_hits(self, hits: object) -> None:
        self.hits.show(hits)  # type: ignore[arg-type]  # a sequence of hits, through a signal
        if self.hits.hits:
            self.stack.setCurrentWidget(self.results)
            self.results.setCurrentIndex(self.hits.index(0))
            self.note.setText(tr("{places} found, best first", places=counted(len(self.hits.hits), "place")))
        else:
            self._say_empty(tr("These words were neither asked nor answered. Fewer or shorter words find more."))

    def current(self) -> Listed | None:
        entry = self.tree.currentIndex().data(ENTRY)
        return entry if isinstance(entry, Listed) else None

    def edit(self, entry: Listed) -> None:
        """Its title, in its place."""
        index = self.model.index_of(entry.id)
        if index.isValid():
            self.tree.setCurrentIndex(index)
            self.tree.edit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.field.text():
                self.field.clear()
            else:
                self.closed.emit()
            return
        if event.key() == Qt.Key.Key_Down and self.field.hasFocus():
            (self.results if self.stack.currentWidget() is self.results else self.tree).setFocus()
            return
        super().keyPressEvent(event)

    # --- within ------------------------------------------------------------------------------

    def _say_empty(self, words: str) -> None:
        self.empty.setText(words)
        self.note.setText("")
        self.stack.setCurrentWidget(self.empty)

    def _make_actions(self) -> None:
        words = {
            "rename": tr("Rename"),
            "pin": tr("Pin"),
            "move": tr("Move to a folder…"),
            "tag": tr("Tags…"),
            "duplicate": tr("Duplicate"),
            "export": tr("Export…"),
            "delete": tr("Delete"),
        }
        self.deeds: dict[str, QAction] = {}
        for name, keys in _DEEDS:
            action = QAction(words[name], self.tree)
            action.setData(name)
            if keys:
                action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
            action.triggered.connect(self._on_deed)
            self.tree.addAction(action)
            self.deeds[name] = action
        self.menu = QMenu(self)

    @Slot()
    def _on_deed(self) -> None:
        action, entry = self.sender(), self.current()
        if isinstance(action, QAction) and entry is not None:
            self.wished.emit(action.data(), entry)

    @Slot(QPoint)
    def _on_menu(self, place: QPoint) -> None:
        entry = self.current()
        if entry is None:
            return
        self.menu.clear()
        self.deeds["pin"].setText(tr("Let go") if entry.pinned else tr("Pin"))
        opening = self.menu.addAction(tr("Open"))
        opening.triggered.connect(self._open_current)
        for tag in entry.tags:
            narrowing = self.menu.addAction(tr("Only those with the tag “{tag}”", tag=tag))
            narrowing.triggered.connect(partial(self._on_tag, tag))
        self.menu.addSeparator()
        for name, _ in _DEEDS:
            if name == "delete":
                self.menu.addSeparator()
            self.menu.addAction(self.deeds[name])
        self.menu.popup(self.tree.viewport().mapToGlobal(place))

    @Slot()
    def _open_current(self) -> None:
        entry = self.current()
        if entry is not None:
            self.opened.emit(entry)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY)
        if isinstance(entry, Listed):
            self.opened.emit(entry)

    @Slot(QModelIndex)
    def _on_hit(self, index: QModelIndex) -> None:
        hit = index.data(HIT)
        if isinstance(hit, Hit):
            self.found.emit(hit)

    @Slot()
    def _on_return(self) -> None:
        """Enter in the search field opens the best place at once."""
        if self.stack.currentWidget() is self.results:
            self._on_hit(self.results.currentIndex())

    @Slot(QModelIndex)
    def _on_collapsed(self, index: QModelIndex) -> None:
        self._collapsed.add(self.model.groups[index.row()].key)

    @Slot(QModelIndex)
    def _on_expanded(self, index: QModelIndex) -> None:
        self._collapsed.discard(self.model.groups[index.row()].key)

    @Slot(str)
    def _on_tag(self, tag: str, _checked: bool = False) -> None:
        """Narrow the list to it, in sight; once more, and all are shown again."""
        self.filters.choose_tag(None if self.filters.tag.currentData() == tag else tag)
        self.filter_button.setChecked(self.filters.active)

    @Slot()
    def _on_filter(self) -> None:
        self.filter_button.show_icon("filter-check-outline" if self.filters.active else "filter-variant")
        self.searched.emit()

    def _connect(self) -> None:
        self.tree.clicked.connect(self._on_activated)
        self.tree.activated.connect(self._on_activated)
        self.tree.tag_wished.connect(self._on_tag)
        self.tree.collapsed.connect(self._on_collapsed)
        self.tree.expanded.connect(self._on_expanded)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._on_menu)
        self.results.clicked.connect(self._on_hit)
        self.results.activated.connect(self._on_hit)
        self.field.returnPressed.connect(self._on_return)

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(Space.XS)
        top.addWidget(self.field, 1)
        top.addWidget(self.filter_button)
        top.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        column.setSpacing(Space.S)
        column.addLayout(top)
        column.addWidget(self.filters)
        column.addWidget(self.stack, 1)
        column.addWidget(self.undo)
        column.addWidget(self.note)


class Tree(QTreeView):
    """Only what is visible is measured and drawn.  ``tag_wished`` is emitted when a tag was clicked."""

    tag_wished = Signal(str)

    def __init__(self, model: ConversationTree) -> None:
        super().__init__()
        self.setAccessibleName(tr("List of conversations"))
        self.setModel(model)
        self.setHeaderHidden(True)
        self.setItemDelegate(TagDelegate(self))
        self.setMouseTracking(True)
        self._pressed: str | None = None
        self.setIndentation(theme.px(Space.M))
        self.setAnimated(False)
        self.setTabKeyNavigation(False)
        self.setExpandsOnDoubleClick(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(TITLE, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(WHEN, QHeaderView.ResizeMode.Fixed)
        self._fit()
        theme.changed.connect(self._fit)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.state() != self.State.EditingState:
            index = self.currentIndex()
            if index.data(ENTRY) is None and index.isValid():
                self.setExpanded(index, not self.isExpanded(index))
            else:
                self.activated.emit(index)  # also where the system wants a double click
            return
        super().keyPressEvent(event)

    def tag_at(self, place: QPoint) -> str | None:
        index = self.indexAt(place)
        if not index.isValid():
            return None
        title = index.siblingAtColumn(TITLE)
        found = chips_of(title, self.visualRect(title), self.font())
        return next((chip.tag for chip in found if chip.area.contains(place)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        tag = self.tag_at(event.position().toPoint())
        self._pressed = tag if event.button() == Qt.MouseButton.LeftButton else None
        if self._pressed is None:
            super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        pressed, self._pressed = self._pressed, None
        if pressed is None:
            super().mouseReleaseEvent(event)
        elif self.tag_at(event.position().toPoint()) == pressed:
            self.tag_wished.emit(pressed)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        shape = Qt.CursorShape
        over = self.tag_at(event.position().toPoint())
        self.viewport().setCursor(shape.ArrowCursor if over is None else shape.PointingHandCursor)

    @Slot()
    def _fit(self) -> None:
        self.header().resizeSection(WHEN, self.fontMetrics().horizontalAdvance("30 Sep") + Space.M)
        self.setIconSize(QSize(theme.px(16), theme.px(16)))
        self.setIndentation(theme.px(Space.M))


def _results(hits: HitList) -> QListView:
    view = QListView()
    view.setAccessibleName(tr("What was found"))
    view.setModel(hits)
    view.setItemDelegate(HitDelegate(view))
    view.setUniformItemSizes(True)
    view.setMouseTracking(True)
    view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return view
