"""The list a model is picked from: every file of the library with its fit, a filter, and the way to another file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QBrush, QColor, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from workbench.gui import theme
from workbench.gui.compare.shelf import Shelf, ordered
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, show_below, text_button
from workbench.gui.words import family_tone
from workbench.models.naming import called

if TYPE_CHECKING:
    from workbench.models.file import ModelFile

WIDTH, ROWS = 580, 9
ARROW = " ▾"
MODEL = int(Qt.ItemDataRole.UserRole)
_MOVES = frozenset({Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown})


class ModelPicker(QFrame):
    """A popup: typing filters, the arrows move, Enter picks, Escape closes."""

    picked = Signal(object)
    browse = Signal()

    def __init__(self, shelf: Shelf, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("role", "popup")
        self._shelf = shelf
        self._current: ModelFile | None = None
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(tr("Filter by name, family or quantisation"))
        self.filter.setAccessibleName(tr("Filter models"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._fill)
        self.filter.installEventFilter(self)
        self.list = _make_list()
        self.list.itemClicked.connect(self._pick)
        self.list.itemActivated.connect(self._pick)
        self.note = label(role="muted", wrap=True)
        other = text_button(tr("Open GGUF file…"), kind="link")
        other.clicked.connect(self._browse)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.S, Space.S, Space.S, Space.S)
        column.setSpacing(Space.S)
        for part in (self.filter, self.list, self.note):
            column.addWidget(part)
        column.addWidget(other, 0, Qt.AlignmentFlag.AlignLeft)
        shelf.changed.connect(self._refill)

    def open_below(self, anchor: QWidget, current: ModelFile | None) -> None:
        """Show the list under its button, within the screen."""
        self._current = current
        self._shelf.refresh()
        self.filter.clear()
        self._fill()
        row = max(self.list.sizeHintForRow(0), theme.px(28))
        self.list.setFixedHeight(row * min(max(self.list.topLevelItemCount(), 2), ROWS) + 4)
        screen = anchor.screen().availableGeometry()
        self.setFixedWidth(min(max(theme.px(WIDTH), anchor.width()), screen.width() - Space.L))
        show_below(self, anchor)
        self.filter.setFocus()

    def rows(self) -> list[tuple[str, str]]:
        """What is listed: model and fit, as shown."""
        items = (self.list.topLevelItem(row) for row in range(self.list.topLevelItemCount()))
        return [(item.text(0), item.text(1)) for item in items if item is not None]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.filter and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _MOVES:
                self.list.keyPressEvent(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._pick(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)

    @Slot()
    def _refill(self) -> None:
        if self.isVisible():
            chosen = self.list.currentItem()
            self._current = chosen.data(0, MODEL) if chosen is not None else self._current
            self._fill()

    @Slot()
    def _fill(self) -> None:
        self.list.clear()
        models = ordered(self._shelf.models, self.filter.text())
        for model in models:
            self._add(model)
        first = self.list.topLevelItem(0)
        if first is not None and self.list.currentItem() is None:
            self.list.setCurrentItem(first)
        self.note.setText(self._note(len(models)))

    def _add(self, model: ModelFile) -> None:
        tokens, found = theme.current(), self._shelf.fit_state(model)
        synthetic = tr(" · synthetic, answers are noise") if model.synthetic else ""
        item = QTreeWidgetItem([f"{called(model.title, model.quantisation)}{synthetic}", found.line if found else "…"])
        item.setData(0, MODEL, model)
        item.setIcon(0, theme.icon("circle", family_tone(model.family)))
        item.setToolTip(0, f"{model.name}\n{model.path}")
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if found is not None:
            item.setForeground(1, QBrush(QColor(tokens.color(found.tone))))
            if found.tone is Tone.BAD:
                item.setForeground(0, QBrush(QColor(tokens.muted)))
        self.list.addTopLevelItem(item)
        if self._current is not None and model.path == self._current.path:
            self.list.setCurrentItem(item)

    def _note(self, shown: int) -> str:
        shelf = self._shelf
        if shelf.error is not None:
            return f"✕ {tr(shelf.error.message)}"
        if not shelf.looked:
            return tr("Looking for models…")
        said = []
        if not shelf.models:
            said.append(tr("No models yet. Open a GGUF file, or run “workbench models starter” for two small ones."))
        elif not shown:
            said.append(tr("No model has all these words."))
        said += [f"✕ {problem.name}: {tr(problem.message)}" for problem in shelf.problems[:3]]
        return "\n".join(said) or tr("Memory is worked out from the file and what is free now.")

    @Slot(QTreeWidgetItem)
    def _pick(self, item: QTreeWidgetItem | None) -> None:
        if item is not None:
            self.hide()
            self.picked.emit(item.data(0, MODEL))

    @Slot()
    def _browse(self) -> None:
        self.hide()
        self.browse.emit()


class PickerButton(QPushButton):
    """The name of a pane's model, cut to the room there is; opens the list."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "picker")
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._words = self._tail = ""

    def set_words(self, words: str, tip: str, *, tail: str = "") -> None:
        """``tail`` is shown whole; what comes before it is cut when there is no room."""
        self._words, self._tail = words + tail, tail
        self.setToolTip(tip)
        self.setAccessibleName(tr("Model: {words}", words=words))
        self._cut()

    @property
    def words(self) -> str:
        return self._words

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(80), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._cut()

    def _cut(self) -> None:
        room = self.width() - self.fontMetrics().horizontalAdvance(ARROW) - theme.px(14)
        metrics = self.fontMetrics()
        head = self._words.removesuffix(self._tail)
        room = max(room - metrics.horizontalAdvance(self._tail), theme.px(24))
        cut = metrics.elidedText(head, Qt.TextElideMode.ElideRight, room) + self._tail
        self.setText(cut.replace("&", "&&") + ARROW)  # an ampersand of a model's name is no shortcut


def _make_list() -> QTreeWidget:
    made = QTreeWidget()
    made.setAccessibleName(tr("Models"))
    made.setColumnCount(2)
    made.setHeaderHidden(True)
    made.setRootIsDecorated(False)
    made.setUniformRowHeights(True)
    made.setTextElideMode(Qt.TextElideMode.ElideMiddle)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.header().setStretchLastSection(False)
    made.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    made.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    return made
