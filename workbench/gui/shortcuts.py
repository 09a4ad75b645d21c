"""Every key of the window on one page: to look up, to search, to print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication, QKeySequence, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.actions import ACTIONS, KEYS, plain
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import ScrollBody, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

WIDTH, HEIGHT = 760, 620
TWO_COLUMNS = 640  # pixels at 100 % text


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    keys: tuple[str, ...]


def lines() -> dict[str, list[Line]]:
    """By group, in the order of the menus; the keys as this system writes them."""
    found: dict[str, list[Line]] = {}
    for spec in ACTIONS:
        if spec.shortcut:
            found.setdefault(plain(spec.menu), []).append(Line(plain(spec.title), (native(spec.shortcut),)))
    for keys in KEYS:
        shown = (keys.keys,) if "…" in keys.keys else tuple(native(one) for one in keys.keys.split())
        found.setdefault(tr(keys.where), []).append(Line(tr(keys.title), shown))
    return found


def native(keys: str) -> str:
    """ "Ctrl+K" here, "⌘K" on a Mac."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) or keys


class ShortcutsDialog(Sheet):
    """The tables of actions and keys again, as a page to read."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT, parent)
        self.setWindowTitle(tr("Keyboard shortcuts"))
        self.setMinimumWidth(320)
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("Search what a key does, or a key"))
        self.field.setAccessibleName(tr("Search shortcuts"))
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self.fill)
        self.copy = text_button(tr("Copy as text"))
        self.copy.setToolTip(tr("Two columns of plain text, to print or to pass on"))
        self.copy.clicked.connect(self.copy_text)
        self.close_button = text_button(tr("Close"))
        self.close_button.clicked.connect(self.close)
        top = QHBoxLayout()
        top.addWidget(self.field, 1)
        top.addWidget(self.copy)
        self.body = ScrollBody(tr("Keyboard shortcuts"))
        self.none = label(tr("No shortcut has these words."), role="muted")
        self.none.hide()
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.L, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addLayout(top)
        column.addWidget(self.none)
        column.addWidget(self.body, 1)
        column.addLayout(bottom)
        self._columns = 0
        self.fill()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._columns_wanted() != self._columns:
            self.fill()

    def found(self) -> dict[str, list[Line]]:
        """What the words in the field leave."""
        words = self.field.text().casefold().split()
        kept = {group: [line for line in these if _has(words, group, line)] for group, these in lines().items()}
        return {group: these for group, these in kept.items() if these}

    @Slot()
    def fill(self) -> None:
        clear(self.body.column)
        found = self.found()
        self.none.setVisible(not found)
        self._columns = self._columns_wanted()
        across = QHBoxLayout()
        across.setSpacing(Space.XXL)
        for groups in _shared_out(found, self._columns):
            across.addLayout(_column(groups), 1)
        self.body.column.addLayout(across)

    @Slot()
    def copy_text(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self.found()))

    def _columns_wanted(self) -> int:
        return 2 if self.width() >= theme.px(TWO_COLUMNS) else 1


def as_text(found: dict[str, list[Line]]) -> str:
    """A page of plain text, its keys in one column."""
    widest = max((len(line.title) for these in found.values() for line in these), default=0)
    return "\n\n".join("\n".join([group, *_texts(these, widest)]) for group, these in found.items()) + "\n"


def _texts(these: list[Line], widest: int) -> Iterator[str]:
    for line in these:
        yield f"  {line.title:<{widest}}  {', '.join(line.keys)}"


def _has(words: list[str], group: str, line: Line) -> bool:
    text = f"{group} {line.title} {' '.join(line.keys)}".casefold()
    return all(word in text for word in words)


def _shared_out(found: dict[str, list[Line]], columns: int) -> list[dict[str, list[Line]]]:
    """Whole groups, in their order, so that the columns are about as long as each other."""
    total = sum(len(these) + 2 for these in found.values())
    shares: list[dict[str, list[Line]]] = [{} for _ in range(columns)]
    at, height = 0, 0
    for group, these in found.items():
        if at + 1 < columns and height + (len(these) + 2) / 2 > total / columns * (at + 1):
            at += 1
        shares[at][group] = these
        height += len(these) + 2
    return shares


def _column(groups: dict[str, list[Line]]) -> QVBoxLayout:
    column = QVBoxLayout()
    column.setSpacing(Space.L)
    for group, these in groups.items():
        frame = QFrame()
        frame.setAccessibleName(group)
        grid = QGridLayout(frame)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.XS)
        grid.setColumnStretch(0, 1)
        grid.addWidget(label(group, role="subtitle"), 0, 0, 1, 2)
        for row, line in enumerate(these, start=1):
            words = label(line.title, wrap=True)
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            words.setAccessibleName(tr("{what}: {keys}", what=line.title, keys=", ".join(line.keys)))
            grid.addWidget(words, row, 0, Qt.AlignmentFlag.AlignTop)
            chips = QHBoxLayout()
            chips.setSpacing(Space.XS)
            chips.addStretch(1)
            for key in line.keys:
                chips.addWidget(label(key, role="chip"))
            grid.addLayout(chips, row, 1, Qt.AlignmentFlag.AlignTop)
        column.addWidget(frame)
    column.addStretch(1)
    return column
