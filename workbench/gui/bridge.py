"""The one place where worker threads meet Qt."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from workbench.jobs import JobFinished, JobMessage

log = logging.getLogger(__name__)

FRAME_MS = 33  # repaint at most 30 times a second, however fast tokens arrive

Listener: TypeAlias = Callable[[JobMessage], None]


class EventPump(QObject):
    """Delivers job messages in order, in batches, on the GUI thread.

    ``post`` is the runner's sink and may be called from any thread.  A message goes to the listener of
    its job, else to ``otherwise``.  ``delivered`` is emitted after each batch: draw then, once.
    """

    delivered = Signal()
    _wake = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.otherwise: Listener | None = None
        self.message_count = 0
        self._lock = threading.Lock()  # guards _messages and _awake together
        self._messages: list[JobMessage] = []
        self._awake = False
        self._listeners: dict[int, Listener] = {}  # GUI thread only
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self._deliver)
        self._wake.connect(self._frame.start, Qt.ConnectionType.QueuedConnection)

    def post(self, message: JobMessage) -> None:
        with self._lock:
            self._messages.append(message)
            wake, self._awake = not self._awake, True
        if wake:
            self._wake.emit()

    def listen(self, job_id: int, listener: Listener) -> None:
        """Hear one job, until its ``JobFinished``."""
        self._listeners[job_id] = listener

    def forget(self, job_id: int) -> None:
        self._listeners.pop(job_id, None)

    def drain(self) -> None:
        """Deliver what is waiting, now."""
        self._deliver()

    @Slot()
    def _deliver(self) -> None:
        with self._lock:
            messages, self._messages = self._messages, []
            self._awake = False
        for message in messages:
            listener = self._listeners.get(message.job_id, self.otherwise)
            if isinstance(message, JobFinished):
                self.forget(message.job_id)
            if listener is None:
                continue
            self.message_count += 1
            try:
                listener(message)
            except Exception:  # border: one broken pane must not silence the others
                log.exception("the listener of job %d failed", message.job_id)
        if messages:
            self.delivered.emit()
