"""The window ends and another begins in the same process, with nothing in memory of what was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QTimer

if TYPE_CHECKING:
    from workbench.gui.window import MainWindow

START_AGAIN = 64
"""The status with which Qt's loop ends when the program is to be opened anew."""


def start_again(window: MainWindow, between: Callable[[], None] | None = None) -> None:
    """``between`` is done when the window, its work and the database are closed."""
    window.afterwards = between
    QTimer.singleShot(0, window, _leave)


def _leave() -> None:
    QCoreApplication.exit(START_AGAIN)
