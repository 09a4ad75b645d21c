"""Long work as generators: one shape for the window, the terminal and the tests.

A *task* takes a ``CancelToken``, yields events while it works and returns its result.
``run`` iterates a task in the calling thread; ``JobRunner`` iterates it on a *lane*, a named
executor, and posts every event to one sink.
"""

from __future__ import annotations

import enum
import itertools
import logging
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from workbench.errors import Cancelled, WorkbenchError

log = logging.getLogger(__name__)

E = TypeVar("E")
R = TypeVar("R")


class CancelToken:
    """A one-way switch that asks running work to stop."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise Cancelled

    def wait(self, timeout_s: float) -> bool:
        """Sleep until cancelled or the time is over; True when cancelled."""
        return self._event.wait(timeout_s)


Task: TypeAlias = Callable[[CancelToken], Generator[E, None, R]]


def run(task: Task[E, R], *, cancel: CancelToken | None = None, on_event: Callable[[E], object] | None = None) -> R:
    """Iterate a task in this thread and return its result."""
    events = task(cancel or CancelToken())
    try:
        while True:
            event = next(events)
            if on_event is not None:
                on_event(event)
    except StopIteration as stop:
        result: R = stop.value
        return result
    finally:
        events.close()


class JobState(enum.Enum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobUpdate:
    """One event of a running job."""

    job_id: int
    event: object


@dataclass(frozen=True, slots=True)
class JobFinished:
    """The last message of every job, sent exactly once."""

    job_id: int
    state: JobState
    result: object = None
    error: BaseException | None = None


JobMessage: TypeAlias = JobUpdate | JobFinished
Sink: TypeAlias = Callable[[JobMessage], None]


class Job:
    """A handle on submitted work: its identity, and the way to stop it."""

    def __init__(self, job_id: int, label: str) -> None:
        self.id = job_id
        self.label = label
        self.token = CancelToken()

    def cancel(self) -> None:
        self.token.cancel()


class JobRunner:
    """Runs tasks on named lanes; a lane runs at most ``width`` tasks at once.

    The sink is called on the lanes' threads.  The runner never interrupts a task, and runs even one
    that was cancelled while it waited: a task looks at its token at its joints, first of all when it
    starts, and decides itself whether it raises ``Cancelled``, returns what it has or cleans up.

    One that is ``held`` begins nothing before ``release``.
    """

    def __init__(self, sink: Sink, *, held: bool = False) -> None:
        self._sink = sink
        self._ids = itertools.count(1)
        self._lanes: dict[str, ThreadPoolExecutor] = {}
        self._retired: list[ThreadPoolExecutor] = []
        self._live: dict[int, Job] = {}
        self._waiting: list[Callable[[], object]] | None = [] if held else None
        self._closed = False
        self._lock = threading.Lock()  # guards the five above: any thread may submit

    def submit(self, label: str, task: Task[E, R], *, lane: str, width: int = 1) -> Job:
        job = Job(next(self._ids), label)
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{label} was submitted to a runner that is closed")
            if lane not in self._lanes:
                self._lanes[lane] = ThreadPoolExecutor(width, thread_name_prefix=lane)
            self._live[job.id] = job
            begin = partial(self._lanes[lane].submit, self._run, job, task)
            if self._waiting is not None:
                self._waiting.append(begin)
            else:
                begin()
        return job

    def release(self) -> None:
        """Begin what was submitted so far, and from now on everything at once."""
        with self._lock:
            waiting, self._waiting = self._waiting, None
            for begin in waiting or ():
                begin()

    @property
    def idle(self) -> bool:
        with self._lock:
            return not self._live

    def cancel_all(self) -> None:
        with self._lock:
            for job in self._live.values():
                job.cancel()

    def retire(self, lane: str) -> None:
        """Let a lane finish what it has and end its thread; nothing more may be submitted to it."""
        self.release()
        with self._lock:
            executor = self._lanes.pop(lane, None)
            if executor is not None:
                self._retired.append(executor)
        if executor is not None:
            executor.shutdown(wait=False)

    def close(self) -> None:
        """Cancel everything and wait until every lane is quiet."""
        self.cancel_all()
        self.release()
        with self._lock:
            self._closed = True
            lanes = [*self._lanes.values(), *self._retired]
            self._lanes, self._retired = {}, []
        for lane in lanes:
            lane.shutdown(wait=True)

    def _run(self, job: Job, task: Task[E, R]) -> None:
        finished = self._iterate(job, task)
        with self._lock:
            del self._live[job.id]
        self._sink(finished)

    def _iterate(self, job: Job, task: Task[E, R]) -> JobFinished:
        try:
            result = run(task, cancel=job.token, on_event=lambda event: self._sink(JobUpdate(job.id, event)))
        except Cancelled:
            return JobFinished(job.id, JobState.CANCELLED)
        except WorkbenchError as error:
            log.info("job %d (%s) failed: %s", job.id, job.label, error.code)
            return JobFinished(job.id, JobState.FAILED, error=error)
        except BaseException as error:
            log.exception("job %d (%s) failed unexpectedly", job.id, job.label)
            return JobFinished(job.id, JobState.FAILED, error=error)
        return JobFinished(job.id, JobState.SUCCEEDED, result=result)
