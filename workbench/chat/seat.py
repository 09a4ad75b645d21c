"""What a pane holds of the engine; every task of a seat runs on that pane's own lane."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from workbench.engine.base import (
    AnswerEvent,
    Backend,
    Completion,
    Engine,
    EngineFacts,
    LoadEvent,
    LoadRequest,
    Message,
    Request,
)
from workbench.errors import EngineCrashedError
from workbench.jobs import CancelToken, Task


@dataclass(frozen=True, slots=True)
class Opened:
    """The model is loaded; ``fresh`` when it was loaded just now."""

    facts: EngineFacts
    fresh: bool


@dataclass(frozen=True, slots=True)
class Answered:
    completion: Completion
    facts: EngineFacts
    fresh: bool


SeatEvent: TypeAlias = LoadEvent | Opened | AnswerEvent


class Seat:
    """At most one open engine, replaced when another model or other parameters are asked for."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine: Engine | None = None
        self._opened: LoadRequest | None = None

    def answer(self, load: LoadRequest, request: Request) -> Task[SeatEvent, Answered]:
        def task(cancel: CancelToken) -> Generator[SeatEvent, None, Answered]:
            engine, fresh = yield from self._ensure(load, cancel)
            yield Opened(engine.facts, fresh)
            try:
                completion = yield from engine.stream(request, cancel)
            except EngineCrashedError:
                self._drop()  # asked again, the model is opened anew
                raise
            return Answered(completion, engine.facts, fresh)

        return task

    def open(self, load: LoadRequest) -> Task[SeatEvent, EngineFacts]:
        def task(cancel: CancelToken) -> Generator[SeatEvent, None, EngineFacts]:
            engine, fresh = yield from self._ensure(load, cancel)
            yield Opened(engine.facts, fresh)
            return engine.facts

        return task

    def close(self) -> Task[SeatEvent, None]:
        def task(_: CancelToken) -> Generator[SeatEvent, None, None]:
            self._drop()  # also when cancelled: quitting cancels everything, and this is how it ends
            yield from ()

        return task

    def count(self, messages: Sequence[Message]) -> int | None:
        """Prompt tokens, None while nothing is loaded.  May be called from any thread."""
        engine = self._engine
        return engine.count_tokens(messages) if engine is not None else None

    def counting(self, messages: Sequence[Message]) -> Task[None, int | None]:
        """``count`` as a task."""

        def task(cancel: CancelToken) -> Generator[None, None, int | None]:
            cancel.raise_if_cancelled()
            yield None
            return self.count(messages)

        return task

    def _ensure(self, load: LoadRequest, cancel: CancelToken) -> Generator[SeatEvent, None, tuple[Engine, bool]]:
        if self._engine is not None and self._opened == load:
            return self._engine, False
        cancel.raise_if_cancelled()
        before = self._engine
        if before is None or not _same_weights(self._opened, load):
            self._drop()
            before = None
        # Weights go with the last engine on them: the old one stays until the new one has them too.
        self._engine = yield from self._backend.open(load, cancel)
        self._opened = load
        if before is not None:
            before.close()
        return self._engine, True

    def _drop(self) -> None:
        engine, self._engine, self._opened = self._engine, None, None
        if engine is not None:
            engine.close()


def _same_weights(opened: LoadRequest | None, wanted: LoadRequest) -> bool:
    """Whether only what is put on the weights is another: a template, adapters."""
    if opened is None or wanted.isolated:
        return False
    return replace(opened, template=wanted.template, adapters=wanted.adapters) == wanted
