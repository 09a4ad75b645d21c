"""The columns of a ladder's lines: their titles, said once above, and the cells of each line."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import ElidedLabel, label

INSET = Space.S + 2  # pixels: where a line's text begins, with margin and border
COLUMNS = (("fit", 196), ("size", 126), ("context", 84), ("speed", 130), ("loss", 100))
BUTTONS = 196
_TITLES = (later("Memory it takes"), later("File"), later("Context"), later("Speed"), later("Quality loss"))
_LOSS = later(
    "How far its answers are from those of the unquantised model: 0 is no loss. "
    "With “≈” it was measured on another model and is an indication, no more."
)


class RungTitles(QWidget):
    """What the columns of a ladder are, as wide as those of its lines."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setSpacing(Space.S)
        row.setContentsMargins(INSET, 0, INSET, 0)
        row.addStretch(1)
        self._columns = [(ElidedLabel(), width) for _, width in COLUMNS]
        for (title, _), words in zip(self._columns, _TITLES, strict=True):
            title.setText(tr(words))
            title.setProperty("role", "muted")
            title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
            row.addWidget(title)
        self._columns[-1][0].set_tip(tr(_LOSS))
        self._end = QWidget()
        row.addWidget(self._end)
        self._fit_width()
        theme.changed.connect(self._fit_width)

    @Slot()
    def _fit_width(self) -> None:
        for title, width in self._columns:
            title.setFixedWidth(theme.px(width))
        self._end.setFixedWidth(theme.px(BUTTONS))


class Cell(QWidget):
    """A value, and in grey more about it; ``width`` in pixels at 100 % text, the same in every line."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._width = width
        self.value = label(wrap=True)
        self.note = label(role="muted", wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.value)
        column.addWidget(self.note)
        self._fit_width()
        theme.changed.connect(self._fit_width)

    def draw(self, value: str, note: str = "", *, tone: Tone = Tone.NONE) -> None:
        self.value.setText(value)
        self.note.setText(note)
        theme.mark(self.value, tone=tone)

    @Slot()
    def _fit_width(self) -> None:
        self.setFixedWidth(theme.px(self._width))
