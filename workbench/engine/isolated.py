"""llama.cpp in a process of its own: the same protocol, and a crash costs one pane."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from workbench.engine import adapters, isolated_child, native, wire
from workbench.engine.base import (
    SLOTS,
    AnswerEvent,
    Completion,
    EngineFacts,
    LoadEvent,
    LoadRequest,
    Message,
    Numbered,
    Request,
    nobody,
)
from workbench.engine.child_process import ChildProcess, program, reason_of, was_killed
from workbench.engine.llama import NAME
from workbench.engine.loading import Shelf
from workbench.engine.prompt_cache import PromptCache
from workbench.engine.refusal import refuse_impossible
from workbench.engine.templates import choose
from workbench.engine.verdict import error_of
from workbench.engine.vet import Vetter
from workbench.errors import Cancelled, EngineCrashedError, EngineError
from workbench.jobs import CancelToken
from workbench.words import said

log = logging.getLogger(__name__)

FLAG = "--engine-child"

POLL_S = 0.02
STOPPING_S = 20.0  # a batch of a large model on a slow processor takes seconds
ENDING_S = 5.0

LONGEST_LINE_BYTES = 256 << 20  # a rendered prompt, its tokens included

_LAST_WORDS = 3

_Answer: TypeAlias = tuple[str, Any]


class IsolatedBackend:
    """Opens each engine in a child process; loads are serialised, weights are not shared."""

    name = NAME

    def __init__(
        self,
        vetter: Vetter,
        *,
        today: Callable[[], datetime.date] = datetime.date.today,
        prompt_cache: PromptCache | None = None,
    ) -> None:
        """As ``LlamaBackend``."""
        self._vetter = vetter
        self._today = today
        self._prompt_cache = prompt_cache
        self._turns = Shelf()

    @property
    def version(self) -> str:
        return native.package_version()

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, IsolatedEngine]:
        refuse_impossible(request.params)
        adapters.check_all(request.adapters, request.model)
        choice = choose(request.model.chat_template, request.template)
        yield from self._turns.turn(cancel)
        try:
            today = self._today()
            # Where only a part was tried nothing need be said: the weights go into a process apart now.
            vet_ms = (yield from self._vetter.checked(request.model, choice, cancel, today=today)).took_ms
            vet_ms += yield from self._vetter.adapters_checked(request.model, request.adapters, cancel)
            cancel.raise_if_cancelled()
            with contextlib.ExitStack() as undo:
                line = _Line(request.model.name)
                undo.callback(line.close)
                _, facts = yield from line.opening((request, today.isoformat(), self._place()), cancel)
                undo.pop_all()
            return IsolatedEngine(line, replace(facts, vet_ms=vet_ms))
        finally:
            self._turns.end_turn()

    def close(self) -> None:
        """Nothing is left to do: a process ends with its engine."""

    def _place(self) -> tuple[Path, int] | None:
        """Where prompts' states are kept, and how much of them."""
        cache = self._prompt_cache
        return None if cache is None else (cache.folder, cache.limit_bytes())


class IsolatedEngine:
    """One context in one child process.  ``stream`` and ``close`` belong to the thread that opened it."""

    def __init__(self, line: _Line, facts: EngineFacts) -> None:
        self._line = line
        self._facts = facts
        self._owner = threading.get_ident()
        self._streaming = False
        self._closed = False

    @property
    def facts(self) -> EngineFacts:
        return self._facts

    @property
    def pid(self) -> int:
        return self._line.pid

    def note(self, words: str) -> None:
        """For the backend alone: what had to be done differently from what was asked."""
        self._facts = replace(self._facts, notes=(*self._facts.notes, words))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        self._check_open()
        return self._line.count(tuple(messages))

    def stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        """Besides what the protocol says: raises EngineCrashedError when the process ends meanwhile."""
        completion: Completion = yield from self._answering(isolated_child.STREAM, request, cancel)
        return completion

    def stream_many(
        self,
        requests: Sequence[Request],
        cancel: CancelToken,
        *,
        slots: int = SLOTS,
        n_batch: int | None = None,
        unwanted: Callable[[], Collection[int]] = nobody,
    ) -> Generator[Numbered, None, tuple[Completion, ...]]:
        """As ``LlamaEngine``'s; raises as ``stream``."""
        value = (tuple(requests), slots, n_batch)
        completions: tuple[Completion, ...] = yield from self._answering(
            isolated_child.STREAM_MANY, value, cancel, unwanted
        )
        return completions

    def close(self) -> None:
        self._check_owner()
        if not self._closed:
            self._closed = True
            self._line.close()

    def _answering(
        self, method: str, value: object, cancel: CancelToken, unwanted: Callable[[], Collection[int]] = nobody
    ) -> Generator[Any, None, Any]:
        self._check_owner()
        self._check_open()
        if self._streaming:
            raise RuntimeError("a new answer starts only when the old one has ended")
        self._streaming = True
        try:
            result, facts = yield from self._line.answering(method, value, cancel, unwanted)
        finally:
            self._streaming = False
        self._facts = replace(facts, vet_ms=self._facts.vet_ms, notes=self._facts.notes)
        return result

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(
                said("{model_name} has been unloaded.", model_name=self._facts.model_name),
                hint=said("Open the model again."),
            )

    def _check_owner(self) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError("an engine is used on the thread that opened it")


class _Line:
    """Questions to the child, and its answers to each by its number."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[_Answer | None]] = {}
        self._over = False
        self._lock = threading.Lock()  # guards _answers and _over
        try:
            self._process = ChildProcess(program(FLAG), self._take, longest_line_bytes=LONGEST_LINE_BYTES)
        except OSError as error:
            raise EngineError(
                said(
                    "No process could be started for {name}: {strerror}.", name=name, strerror=error.strerror or error
                ),
                hint=said("Close other programs, or open the model without a process of its own."),
            ) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def opening(
        self, asked: tuple[LoadRequest, str, tuple[Path, int] | None], cancel: CancelToken
    ) -> Generator[LoadEvent, None, tuple[None, EngineFacts]]:
        """What the engine is.  Raises as ``Backend.open``; whoever cancels then ends the process."""
        with self._asked(isolated_child.OPEN, asked) as (_, answers):
            while True:
                cancel.raise_if_cancelled()
                answer = self._next(answers)
                if answer is None:
                    continue
                kind, value = answer
                if kind != isolated_child.EVENT:
                    opened: tuple[None, EngineFacts] = _result(kind, value)
                    return opened
                yield value

    def answering(
        self, method: str, value: object, cancel: CancelToken, unwanted: Callable[[], Collection[int]]
    ) -> Generator[Any, None, tuple[Any, Any]]:
        """What the method yields, then its result and the engine's facts.

        A cancelled one still tells what it has; a child that does not within a grace is ended.
        """
        with self._asked(method, value) as (number, answers):
            stopping: float | None = None
            dropped: frozenset[int] = frozenset()
            try:
                while True:
                    if stopping is None and cancel.cancelled:
                        stopping = self._stop(number)
                    if (no_longer := frozenset(unwanted())) != dropped:
                        dropped = no_longer
                        self._send(number, isolated_child.UNWANTED, tuple(dropped))
                    answer = self._next(answers)
                    if answer is None:
                        self._end_if_late(stopping)
                    elif answer[0] == isolated_child.EVENT:
                        yield answer[1]
                    else:
                        ended: tuple[Any, Any] = _result(*answer)
                        return ended
            except GeneratorExit:
                # The engine is free for another answer only when this one has ended there.
                stopping = stopping or self._stop(number)
                with contextlib.suppress(EngineCrashedError):  # whoever asks next is told
                    while (answer := self._next(answers)) is None or answer[0] == isolated_child.EVENT:
                        self._end_if_late(stopping)
                raise

    def count(self, messages: tuple[Message, ...]) -> int:
        with self._asked(isolated_child.COUNT, messages) as (_, answers):
            while (answer := self._next(answers)) is None:
                pass
            count, _ = _result(*answer)
            return int(count)

    def close(self) -> None:
        """Let it free what it holds; ended where that takes too long."""
        with self._lock:
            number = next(self._numbers)
        self._send(number, isolated_child.CLOSE, None)
        self._process.ended(grace_s=ENDING_S)
        self._process.close()

    @contextlib.contextmanager
    def _asked(self, what: str, value: object) -> Iterator[tuple[int, queue.SimpleQueue[_Answer | None]]]:
        answers: queue.SimpleQueue[_Answer | None] = queue.SimpleQueue()
        with self._lock:
            number = next(self._numbers)
            self._answers[number] = answers
            if self._over:
                answers.put(None)
        try:
            self._send(number, what, value)
            yield number, answers
        finally:
            with self._lock:
                del self._answers[number]

    def _send(self, number: int, what: str, value: object) -> None:
        self._process.send(wire.dumps((number, what, value)))

    def _stop(self, number: int) -> float:
        self._send(number, isolated_child.CANCEL, None)
        return time.monotonic()

    def _next(self, answers: queue.SimpleQueue[_Answer | None]) -> _Answer | None:
        """The next answer, None where there is none yet.  Raises EngineCrashedError."""
        try:
            answer = answers.get(timeout=POLL_S)
        except queue.Empty:
            return None
        if answer is None:
            answers.put(None)  # also for whoever asks again
            raise self._crashed()
        return answer

    def _end_if_late(self, stopping: float | None) -> None:
        if stopping is not None and time.monotonic() - stopping > STOPPING_S:
            self._process.kill()
            self._process.ended()
            raise EngineCrashedError(
                said(
                    "{name} did not stop within {stopping_s:g} s: the process it ran in was ended.",
                    name=self._name,
                    stopping_s=STOPPING_S,
                ),
                hint=said("Ask again: the model is opened anew. What it had written is kept."),
            )

    def _take(self, line: bytes) -> None:
        """Called on the reader's thread."""
        try:
            number, kind, value = wire.loads(line) if line else (0, "", None)
        except (wire.WireError, ValueError):
            log.warning("%s: its process wrote something else than answers: %r", self._name, line[:80])
            self._process.kill()
            return
        with self._lock:
            if line:
                if number in self._answers:
                    self._answers[number].put((kind, value))
                return
            self._over = True
            for answers in self._answers.values():
                answers.put(None)

    def _crashed(self) -> EngineCrashedError:
        status = self._process.ended(grace_s=ENDING_S)
        lines = self._process.last_lines()
        reason = reason_of(status, lines)
        log.warning("the process of %s ended (%s): %s", self._name, reason, " | ".join(lines))
        last = "; ".join(line for line in lines[-_LAST_WORDS:] if line)
        if was_killed(status):
            hint = said("There was probably too little memory. Ask again: the model is opened anew.")
        else:
            hint = said("Nothing else was lost. Ask again: the model is opened anew.")
        return EngineCrashedError(
            said("The process that ran {name} ended ({reason}).", name=self._name, reason=reason),
            hint=said("{hint} llama.cpp said last: {last}", hint=hint, last=last) if last else hint,
        )


def _result(kind: str, value: Any) -> Any:
    if kind == isolated_child.RESULT:
        return value
    if kind == isolated_child.CANCELLED:
        raise Cancelled
    raise error_of(*value)
