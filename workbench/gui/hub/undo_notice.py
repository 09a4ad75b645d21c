"""Says what was removed, and takes it back for as long as it is shown."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from workbench.gui.theme import Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import text_button
from workbench.gui.widgets.notice import Notice


class UndoNotice(Notice):
    """``undone`` is emitted with what was removed when it is to come back, ``settled`` when it can no more."""

    undone = Signal(object)
    settled = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._removed: object = None
        self.undo_button = text_button(tr("Undo"))
        self.undo_button.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.undo_button.clicked.connect(self._on_undo)
        self.undo_button.hide()
        row = self.layout()
        assert isinstance(row, QHBoxLayout)
        row.insertWidget(1, self.undo_button, 0, Qt.AlignmentFlag.AlignTop)

    def offer(self, message: str, removed: object, hint: str | None = None) -> None:
        """Say that something was removed, with the way back."""
        self.say(message, hint, tone=Tone.ACCENT)
        self._removed = removed
        self.undo_button.show()
        self.undo_button.setAccessibleName(tr("Undo: {message}", message=message))

    def say(self, message: str, hint: str | None = None, *, details: str = "", tone: Tone = Tone.BAD) -> None:
        self.settle()
        super().say(message, hint, details=details, tone=tone)

    @Slot()
    def clear(self) -> None:
        self.settle()
        super().clear()

    def settle(self) -> None:
        """What was removed cannot come back any more."""
        removed = self.take()
        if removed is not None:
            self.settled.emit(removed)

    def take(self) -> object:
        """What was removed and could come back until now; None for nothing."""
        removed, self._removed = self._removed, None
        self.undo_button.hide()
        return removed

    @Slot()
    def _on_undo(self) -> None:
        removed = self.take()
        self.clear()
        if removed is not None:
            self.undone.emit(removed)
