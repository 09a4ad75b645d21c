"""Says what was deleted, with the way back: a button while it is shown, and a key for all that went before."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from workbench.gui.theme import Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.notice import Notice


class UndoBar(Notice):
    """What was deleted last comes back first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._deeds: list[Callable[[], object]] = []

    def offer(self, message: str, back: Callable[[], object]) -> None:
        """``back`` takes the deletion back."""
        self._deeds.append(back)
        self.say(message, tone=Tone.ACCENT)
        self.suggest(tr("Undo"), self.undo)
        self.action.setToolTip(tr("Ctrl+Z"))
        self.action.setAccessibleName(tr("Undo: {what}", what=message))

    @Slot()
    def undo(self) -> bool:
        """False where nothing was deleted."""
        if not self._deeds:
            return False
        back = self._deeds.pop()
        self.clear()
        back()
        return True
