"""Work in the background that is begun while the window is made waits until the window stands.

Before that it would only take turns with what everybody waits for: Python runs one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

from workbench.gui.bridge import EventPump
from workbench.jobs import JobRunner

SETTLED_MS = 30  # the first drawing is several: layouts settle, and the screen answers


def patient_runner(window: QWidget, pump: EventPump) -> JobRunner:
    """A runner that begins a moment after the window was drawn for the first time."""
    runner = JobRunner(pump.post, held=True)
    once_drawn(window, runner.release)
    return runner


def once_drawn(window: QWidget, deed: Callable[[], object]) -> None:
    """Done on this thread a moment after the window was drawn for the first time."""
    _FirstPaint(window, deed)


class _FirstPaint(QObject):
    def __init__(self, window: QWidget, deed: Callable[[], object]) -> None:
        super().__init__(window)
        self._deed = deed
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(SETTLED_MS, self, self._deed)
        return False
