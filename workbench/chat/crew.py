"""The panes' seats, each on a lane of its own, and the jobs they are at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.chat.pane import Pane
from workbench.chat.seat import Seat
from workbench.engine.base import Backend, LoadRequest, Message, Request
from workbench.jobs import Job, JobRunner, Task

if TYPE_CHECKING:
    from workbench.hardware.power import Mark


@dataclass(frozen=True, slots=True)
class Wish:
    """What a pane is to do when its turn comes; without a prompt it only loads its model."""

    pane: Pane
    prompt: str | None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """``advised`` says by whose wish it is sampled so, ``began`` how the machine was.  Without a request the model is
    only loaded."""

    load: LoadRequest
    request: Request | None
    advised: str = ""
    began: Mark | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A pane's job; without a question it unloads."""

    pane: Pane
    job: Job
    question: Question | None = None


class Crew:
    """``name`` tells the lanes of several crews on one runner apart."""

    def __init__(self, runner: JobRunner, backend: Backend, name: str) -> None:
        self._runner = runner
        self._backend = backend
        self._name = name
        self._seats: dict[int, Seat] = {}
        self._running: dict[int, Running] = {}
        self._disturbed: set[int] = set()  # jobs beside which another pane was loading or answering

    def add(self, pane: Pane) -> None:
        self._seats[pane.id] = Seat(self._backend)

    def remove(self, pane: Pane) -> None:
        """Unload it and forget it; its lane ends when it is quiet."""
        self._runner.submit("unload", self._seats.pop(pane.id).close(), lane=self._lane(pane))
        self._runner.retire(self._lane(pane))

    def submit(self, pane: Pane, question: Question | None = None) -> None:
        seat, lane = self._seats[pane.id], self._lane(pane)
        if question is None:
            job = self._runner.submit("unload", seat.close(), lane=lane)
        elif question.request is None:
            job = self._runner.submit("warm", seat.open(question.load), lane=lane)
        else:
            job = self._runner.submit("answer", seat.answer(question.load, question.request), lane=lane)
        if self._running:
            self._disturbed |= {job.id, *self._running}
        self._running[job.id] = Running(pane, job, question)

    def at(self, job_id: int) -> Running | None:
        """Whose job it is; None for one of another crew."""
        return self._running.get(job_id)

    def ended(self, job_id: int) -> bool:
        """It is over; True where another pane was at work beside it."""
        del self._running[job_id]
        disturbed = job_id in self._disturbed
        self._disturbed.discard(job_id)
        return disturbed

    @property
    def busy(self) -> bool:
        return bool(self._running)

    @property
    def at_work(self) -> tuple[Running, ...]:
        """Those that load or answer: unloading is no work that anybody waits for."""
        return tuple(running for running in self._running.values() if running.question is not None)

    def counting(self, pane: Pane, messages: Sequence[Message]) -> Task[None, int | None]:
        return self._seats[pane.id].counting(messages)

    def close(self, panes: Iterable[Pane]) -> None:
        """Unload them, each after what it is at; the runner's ``close`` waits for it."""
        for pane in panes:
            self._runner.submit("unload", self._seats[pane.id].close(), lane=self._lane(pane))

    def _lane(self, pane: Pane) -> str:
        return f"{self._name}-{pane.id}"
