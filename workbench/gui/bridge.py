"""The one place where worker threads meet Qt."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot

from workbench.jobs import JobFinished, JobMessage

log = logging.getLogger(__name__)

FRAME_MS = 33  # repaint at most 30 times a second, however fast tokens arrive
VISIT_S = 0.008  # what is not delivered by then waits until the event loop has come by
MOST_WAITING = 1_000  # a lane that is so far ahead waits for the window
PATIENCE_S = 0.2  # and no longer: a window that ends may be waiting for the lane

Listener: TypeAlias = Callable[[JobMessage], None]


class EventPump(QObject):
    """Delivers job messages in order, in batches, on the GUI thread.

    ``post`` is the runner's sink and may be called from any thread.  A message goes to the listener of
    its job, else to ``otherwise``.  ``delivered`` is emitted after each batch: draw then, once.

    However fast messages come, the event loop is never away for long: batches are small, and ``post`` holds up a
    lane that is far ahead of what is drawn.
    """

    delivered = Signal()
    _wake = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.otherwise: Listener | None = None
        self.message_count = 0
        self._lock = threading.Condition()  # guards the three below; notified when there is room
        self._messages: deque[JobMessage] = deque()
        self._awake = False
        self._held_up = False  # nobody took a message for as long as a lane waited
        self._thread = threading.get_ident()
        self._listeners: dict[int, Listener] = {}  # GUI thread only
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self._deliver)
        self._wake.connect(self._frame.start, Qt.ConnectionType.QueuedConnection)
        self._rest = QTimer(self, singleShot=True, interval=0)
        self._rest.timeout.connect(self._deliver)

    def post(self, message: JobMessage) -> None:
        with self._lock:
            if len(self._messages) >= MOST_WAITING and threading.get_ident() != self._thread and not self._held_up:
                self._held_up = not self._lock.wait_for(self._has_room, PATIENCE_S)
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
        self._take(until=math.inf)

    @Slot()
    def _deliver(self) -> None:
        self._take(until=time.perf_counter() + VISIT_S)

    def _take(self, until: float) -> None:
        """What was waiting when it began, so that it ends however fast more comes; at least one message."""
        taken, most, late = 0, len(self._messages), False
        while taken < most and not late and (message := self._next()) is not None:
            taken += 1
            self._hand_over(message)
            late = time.perf_counter() > until
        with self._lock:
            self._awake = again = bool(self._messages)
        if again:
            (self._rest if late else self._frame).start()
        if taken:
            self.delivered.emit()
        with self._lock:  # not before it is drawn: lanes that go on want the interpreter for themselves
            self._held_up = False
            self._lock.notify_all()

    def _next(self) -> JobMessage | None:
        with self._lock:
            return self._messages.popleft() if self._messages else None

    def _hand_over(self, message: JobMessage) -> None:
        listener = self._listeners.get(message.job_id, self.otherwise)
        if isinstance(message, JobFinished):
            self.forget(message.job_id)
        if listener is None:
            return
        self.message_count += 1
        try:
            listener(message)
        except Exception:  # border: one broken pane must not silence the others
            log.exception("the listener of job %d failed", message.job_id)

    def _has_room(self) -> bool:
        return len(self._messages) < MOST_WAITING
