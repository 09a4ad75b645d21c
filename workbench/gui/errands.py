"""Short work away from the window's thread, and its result back on it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from workbench.gui.bridge import EventPump
from workbench.jobs import CancelToken, Job, JobFinished, JobMessage, JobRunner, JobState, JobUpdate, Task

LANE = "quick"

E = TypeVar("E")
T = TypeVar("T")


class Errands:
    """Runs tasks on the lane for short work, or on one of their own; nothing is heard of them once ``close``
    was called."""

    def __init__(self, pump: EventPump, runner: JobRunner, within: Errands | None = None) -> None:
        self._pump = pump
        self._runner = runner
        self._within = within
        self._open = True
        self._pending = 0

    def run(
        self,
        label: str,
        task: Task[E, T],
        done: Callable[[T], object],
        failed: Callable[[Exception], object] | None = None,
        *,
        told: Callable[[E], object] | None = None,
        lane: str = LANE,
    ) -> Job | None:
        """``done`` is called on the window's thread, and so is ``told`` with each event; a failure without
        ``failed`` is in the log only, and of one that was cancelled nothing is heard.  None once closed."""
        if not self.open:
            return None
        self._pending += 1
        job = self._runner.submit(label, task, lane=lane)
        self._pump.listen(job.id, _Ending(self, done, failed, told).hear)
        return job

    def close(self) -> None:
        self._open = False

    def branch(self) -> Errands:
        """For a part that goes before the window does, and closes its own."""
        return Errands(self._pump, self._runner, self)

    @property
    def idle(self) -> bool:
        """Every result has been heard."""
        return self._pending == 0

    def ended(self) -> None:
        self._pending -= 1

    @property
    def open(self) -> bool:
        return self._open and (self._within is None or self._within.open)


class _Ending(Generic[E, T]):
    def __init__(
        self,
        errands: Errands,
        done: Callable[[T], object],
        failed: Callable[[Exception], object] | None,
        told: Callable[[E], object] | None,
    ) -> None:
        self._errands, self._done, self._failed, self._told = errands, done, failed, told

    def hear(self, message: JobMessage) -> None:
        if isinstance(message, JobUpdate):
            if self._told is not None and self._errands.open:
                self._told(message.event)  # type: ignore[arg-type]  # an event of the task that was submitted
            return
        self._errands.ended()
        if not self._errands.open:
            return
        self._finish(message)

    def _finish(self, message: JobFinished) -> None:
        if message.state is JobState.SUCCEEDED:
            self._done(message.result)  # type: ignore[arg-type]  # the result of the task that was submitted
        elif self._failed is not None and isinstance(message.error, Exception):
            self._failed(message.error)


def errand(work: Callable[[], T]) -> Task[None, T]:
    """A function as a task of one step."""

    def task(cancel: CancelToken) -> Generator[None, None, T]:
        cancel.raise_if_cancelled()
        yield None
        return work()

    return task


def nothing(_result: object) -> None:
    """What follows on work that is done for its own sake."""
