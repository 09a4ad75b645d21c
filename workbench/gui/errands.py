"""Short work away from the window's thread, and its result back on it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Generic, TypeVar

from workbench.gui.bridge import EventPump
from workbench.jobs import CancelToken, JobFinished, JobMessage, JobRunner, JobState, Task

LANE = "quick"

T = TypeVar("T")


class Errands:
    """Runs tasks on the lane for short work; nothing is heard of them once ``close`` was called."""

    def __init__(self, pump: EventPump, runner: JobRunner) -> None:
        self._pump = pump
        self._runner = runner
        self._open = True
        self._pending = 0

    def run(
        self,
        label: str,
        task: Task[None, T],
        done: Callable[[T], object],
        failed: Callable[[Exception], object] | None = None,
    ) -> None:
        """``done`` is called on the window's thread; a failure without ``failed`` is in the log only."""
        if self._open:
            self._pending += 1
            job = self._runner.submit(label, task, lane=LANE)
            self._pump.listen(job.id, _Ending(self, done, failed).hear)

    def close(self) -> None:
        self._open = False

    @property
    def idle(self) -> bool:
        """Every result has been heard."""
        return self._pending == 0

    def ended(self) -> None:
        self._pending -= 1

    @property
    def open(self) -> bool:
        return self._open


class _Ending(Generic[T]):
    def __init__(
        self, errands: Errands, done: Callable[[T], object], failed: Callable[[Exception], object] | None
    ) -> None:
        self._errands, self._done, self._failed = errands, done, failed

    def hear(self, message: JobMessage) -> None:
        if not isinstance(message, JobFinished):
            return
        self._errands.ended()
        if not self._errands.open:
            return
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
