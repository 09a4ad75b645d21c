"""Asks llama.cpp a moment after the last change; what comes back for an earlier question is dropped."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from workbench.gui.errands import Errands
from workbench.jobs import Job, Task
from workbench.models.verdict import Fit

PAUSE_MS = 150
LANE = "probe"


class ExactAnswer(QObject):
    """One question at a time.  ``answered`` carries the ``key`` of the question and the fit, ``refused`` the
    key and the error."""

    answered = Signal(object, object)
    refused = Signal(object, object)

    def __init__(self, errands: Errands, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._errands = errands
        self._wanted: tuple[object, Task[None, Fit]] | None = None
        self._job: Job | None = None
        self._pause = QTimer(self, interval=PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._ask)

    @property
    def waiting(self) -> bool:
        """A question is still to be asked or answered."""
        return self._pause.isActive() or self._job is not None

    def ask(self, key: object, task: Task[None, Fit]) -> None:
        """Ask when nothing else was asked for 150 ms."""
        self.drop()
        self._wanted = key, task
        self._pause.start()

    def drop(self) -> None:
        """Nobody wants to know any more."""
        self._pause.stop()
        self._wanted = None
        if self._job is not None:
            self._job.cancel()
            self._job = None

    @Slot()
    def _ask(self) -> None:
        if self._wanted is None:
            return
        (key, task), self._wanted = self._wanted, None
        question = _Question(self, key)
        self._job = self._errands.run("ask llama.cpp", task, question.done, question.failed, lane=LANE)
        question.job = self._job

    def ended(self, question: _Question, found: Fit | None, error: Exception | None) -> None:
        """An answer arrived: to the newest question, or to one that nobody waits for."""
        if question.job is None or question.job is not self._job:
            return
        self._job = None
        if found is not None:
            self.answered.emit(question.key, found)
        elif error is not None:
            self.refused.emit(question.key, error)


class _Question:
    def __init__(self, answer: ExactAnswer, key: object) -> None:
        self.key = key
        self.job: Job | None = None
        self._answer = answer

    def done(self, found: Fit) -> None:
        self._answer.ended(self, found, None)

    def failed(self, error: Exception) -> None:
        self._answer.ended(self, None, error)
