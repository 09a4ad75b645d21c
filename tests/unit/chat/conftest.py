"""Comparisons on the scripted engine, driven as the terminal drives them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from workbench.chat.comparison import Comparison
from workbench.chat.journal import Journal
from workbench.engine.fake import FakeBackend
from workbench.hardware.examples import EXAMPLES
from workbench.hardware.facts import Hardware
from workbench.jobs import JobMessage, JobRunner

LAPTOP = next(machine for machine in EXAMPLES if machine.label == "16 GB laptop, no GPU")


@dataclass
class Driven:
    """A comparison and the queue its messages come through."""

    comparison: Comparison
    backend: FakeBackend
    runner: JobRunner
    messages: queue.SimpleQueue[JobMessage]
    seen: list[JobMessage] = field(default_factory=list)

    def until(self, reached: Callable[[], bool]) -> None:
        """Deliver messages until something is the case; fails after a minute without a message."""
        while not reached():
            message = self.messages.get(timeout=60)
            self.seen.append(message)
            self.comparison.deliver(message)

    def until_quiet(self) -> None:
        self.until(lambda: not self.comparison.busy)


@pytest.fixture
def drive() -> Iterator[Callable[..., Driven]]:
    opened: list[Driven] = []

    def make(
        backend: FakeBackend | None = None,
        *,
        panes: int = 0,
        journal: Journal | None = None,
        machine: Callable[[], Hardware] = lambda: LAPTOP,
        **more: Any,
    ) -> Driven:
        from workbench.engine.fake import fake_model

        messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
        runner = JobRunner(messages.put)
        engine = backend or FakeBackend()
        driven = Driven(Comparison(runner, engine, machine, journal, **more), engine, runner, messages)
        for number in range(panes):
            driven.comparison.choose(driven.comparison.add_pane(), fake_model(f"model-{number}"))
        opened.append(driven)
        return driven

    yield make
    for driven in opened:
        driven.comparison.close()
        driven.runner.close()
        assert driven.backend.live == 0, "an engine was left open"
