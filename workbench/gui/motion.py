"""What moves on its own: a cursor that blinks, bars that run to and fro; with reduced motion both stand still."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QProgressBar


class _Motion:
    def __init__(self) -> None:
        self.reduced = False
        self.flash_ms: int | None = None  # of the cursor, as the system has it


_motion = _Motion()


def reduce(app: QApplication, *, reduced: bool) -> None:
    """For the whole program, from now on."""
    if _motion.flash_ms is None:
        _motion.flash_ms = app.cursorFlashTime()
    _motion.reduced = reduced
    app.setCursorFlashTime(0 if reduced else _motion.flash_ms)


def show_endless(bar: QProgressBar) -> None:
    """Something is under way, and nobody knows how far."""
    if _motion.reduced:
        bar.setRange(0, 2)
        bar.setValue(1)
    else:
        bar.setRange(0, 0)
