"""The command palette: one field that finds every deed, conversation, model, preset and prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    QTimer,
    Slot,
)
from PySide6.QtGui import QColor, QFont, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from workbench.gui import theme
from workbench.gui.fuzzy import best
from workbench.gui.history.marked import draw_marked
from workbench.gui.theme import Points, Space
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.controls import label

WIDTH, ROWS, MOST = 620, 11, 60
ROW = 34  # pixels at 100 % text
ENTRY, PLACES = int(Qt.ItemDataRole.UserRole), int(Qt.ItemDataRole.UserRole) + 1
_MOVES = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """``kind`` says in a word what it is; ``keys`` is its shortcut, as this system writes it."""

    title: str
    kind: str
    icon: str
    act: Callable[[], object]
    keys: str = ""


class Palette(QFrame):
    """Stands over the window while it is used; takes what it shows from ``entries`` each time it is opened."""

    def __init__(self, window: QWidget, entries: Callable[[], Sequence[Entry]]) -> None:
        super().__init__(window)
        self._entries = entries
        self._all: Sequence[Entry] = ()
        self._before: QWidget | None = None
        self.setProperty("role", "popup")
        self.setAccessibleName(tr("Find anything"))
        self.field = Field(self._on_key)
        self.field.setAccessibleName(tr("Find a command, a conversation, a model, a preset or a prompt"))
        self.field.setPlaceholderText(tr("Find a command, a conversation, a model, a preset or a prompt"))
        self.field.textChanged.connect(self._search)
        self.found = Found(self)
        self.list = QListView()
        self.list.setAccessibleName(tr("What was found"))
        self.list.setModel(self.found)
        self.list.setItemDelegate(EntryDelegate(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the field keeps the keys
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.clicked.connect(self._take)
        self.note = label(role="muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(self.field)
        column.addWidget(self.list)
        column.addWidget(self.note)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._on_focus)
        theme.changed.connect(self._place)
        self.hide()

    @Slot()
    def toggle(self) -> None:
        if self.isVisible():
            self.leave()
        else:
            self.appear()

    def appear(self) -> None:
        self._before = QApplication.focusWidget()
        self.refresh()
        self.field.clear()
        self._search()
        self._place()
        self._stay_in_the_middle(follow=True)
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    @Slot()
    def refresh(self) -> None:
        """What there is to be found may have become more."""
        self._all = self._entries()
        self._search()

    @Slot()
    def leave(self) -> None:
        """Where the keys were before, they are again."""
        self._go()
        if self._before is not None:
            self._before.setFocus(Qt.FocusReason.PopupFocusReason)
            self._before = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _go(self) -> None:
        self._stay_in_the_middle(follow=False)
        self.hide()

    def _stay_in_the_middle(self, *, follow: bool) -> None:
        window = self.parentWidget()
        if window is not None:
            (window.installEventFilter if follow else window.removeEventFilter)(self)

    def _on_key(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if key == Qt.Key.Key_Escape:
            self.leave()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self.list.currentIndex())
        elif key in _MOVES:
            self._move(key)
        else:
            return False
        return True

    def _move(self, key: Qt.Key) -> None:
        count = self.found.rowCount()
        if not count:
            return
        step = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -ROWS, Qt.Key.Key_PageDown: ROWS}[key]
        wanted = self.list.currentIndex().row() + step
        row = wanted % count if abs(step) == 1 else min(max(wanted, 0), count - 1)
        self.list.setCurrentIndex(self.found.index(row))

    @Slot(QModelIndex)
    def _take(self, index: QModelIndex) -> None:
        entry = index.data(ENTRY)
        if isinstance(entry, Entry):
            self.leave()
            # When this event is over: the deed may open a dialog, or close the window.
            QTimer.singleShot(0, self, entry.act)

    @Slot()
    def _search(self) -> None:
        wanted = self.field.text()
        if wanted.strip():
            hits = best(wanted, [entry.title for entry in self._all], MOST)
            self.found.show([(self._all[index], hit.places) for index, hit in hits])
        else:
            self.found.show([(entry, ()) for entry in self._all[:MOST]])
        self.list.setCurrentIndex(self.found.index(0))
        count = self.found.rowCount()
        none = tr("Nothing is called that. Fewer letters find more.")
        self.note.setText(tr("{found} · Enter does it, Esc leaves", found=counted(count, "result")) if count else none)
        self._place()

    @Slot()
    def _place(self) -> None:
        """At the top, in the middle."""
        window = self.parentWidget()
        if window is None:
            return
        rows = min(max(self.found.rowCount(), 1), ROWS)
        room = window.height() - theme.px(3 * ROW) - 2 * Space.XXL
        self.list.setFixedHeight(max(min(rows * theme.px(ROW) + 4, room), theme.px(ROW)))
        width = min(theme.px(WIDTH), window.width() - 2 * Space.L)
        height = self.sizeHint().height()
        self.setGeometry((window.width() - width) // 2, Space.XXL, width, height)

    @Slot(QWidget, QWidget)
    def _on_focus(self, _before: QWidget | None, now: QWidget | None) -> None:
        if self.isVisible() and now is not None and now is not self.field:
            self._before = None
            self._go()


class Field(QLineEdit):
    """Keeps the focus; ``pressed`` says whether it took a key."""

    def __init__(self, pressed: Callable[[QKeyEvent], bool]) -> None:
        super().__init__()
        self._pressed = pressed

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._pressed(event):
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        return True


class Found(QAbstractListModel):
    """The entries that are shown, with the places of their matched letters."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[tuple[Entry, tuple[int, ...]]] = ()

    def show(self, rows: Sequence[tuple[Entry, tuple[int, ...]]]) -> None:
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        entry, places = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, [entry.title, entry.kind, entry.keys]))
        if role == Qt.ItemDataRole.ToolTipRole:
            # Qt takes what looks like markup for markup.
            return entry.title if "<" not in entry.title else None
        return {ENTRY: entry, PLACES: places}.get(role)


class EntryDelegate(QStyledItemDelegate):
    """Icon and title, and at the end of the line what it is and its keys."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, theme.px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry = index.data(ENTRY)
        tokens = theme.current()
        area: QRect = option.rect
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor(tokens.soft("accent")))
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), QColor(tokens.accent))
        side = theme.px(16)
        left = area.left() + Space.M
        theme.icon(entry.icon).paint(painter, left, area.center().y() - side // 2, side, side)
        small = QFont(option.font)
        small.setPointSizeF(Points.SMALL * theme.scale())
        painter.setFont(small)
        painter.setPen(QColor(tokens.muted))
        right = area.right() - Space.M
        said = "   ".join(filter(None, [entry.kind, entry.keys]))
        wide = min(painter.fontMetrics().horizontalAdvance(said), area.width() // 2)
        at_end = QRect(right - wide, area.top(), wide, area.height())
        painter.drawText(at_end, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), said)
        title = QRect(left + side + Space.S, area.top(), 0, area.height())
        title.setRight(at_end.left() - Space.M)
        draw_marked(painter, title, entry.title, index.data(PLACES), option.font, QColor(tokens.text))
        painter.restore()
