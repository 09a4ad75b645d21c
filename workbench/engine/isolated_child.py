"""The child's side of an engine in a process of its own: the ordinary engine, asked over a pipe.

Each line is one value of ``wire``: ``(number, what, value)`` in, and out ``(number, "event", event)`` as often as it
has to be, then one of ``(number, "result", (result, facts))``, ``(number, "error", (code, message, hint))`` and
``(number, "cancelled", None)``.
"""

from __future__ import annotations

import datetime
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from workbench.engine import wire
from workbench.engine.base import LoadRequest
from workbench.engine.child import private_stdout
from workbench.engine.child_limits import die_with_starter, first_to_go, limit
from workbench.engine.llama import LlamaBackend, LlamaEngine
from workbench.engine.native_log import log as native_logger
from workbench.engine.prompt_cache import PromptCache
from workbench.engine.verdict import Verdict
from workbench.engine.vet import Vetter
from workbench.errors import Cancelled, WorkbenchError
from workbench.jobs import CancelToken

OPEN, COUNT, CANCEL, CLOSE = "open", "count", "cancel", "close"
STREAM, STREAM_MANY, UNWANTED = "stream", "stream_many", "unwanted"

EVENT, RESULT, ERROR, CANCELLED = "event", "result", "error", "cancelled"

Question: TypeAlias = tuple[int, str, Any]
Tell: TypeAlias = Callable[[int, str, object], None]


class _TriedBefore:
    """The parent has the verdict: it asks for nothing that was rejected."""

    def get(self, _key: str) -> Verdict:
        return Verdict()

    def put(self, _key: str, _verdict: Verdict) -> None:
        raise AssertionError("a known verdict is not looked for again")


class Host:
    """One engine.  ``take`` is called on the reader's thread, ``work`` and ``count`` run on threads of their own."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._engine: LlamaEngine | None = None
        self._work: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._counts: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._tokens: dict[int, CancelToken] = {}
        self._unwanted: dict[int, frozenset[int]] = {}
        self._lock = threading.Lock()  # guards _tokens and _unwanted

    def take(self, question: Question) -> None:
        number, what, value = question
        if what == UNWANTED:
            with self._lock:
                self._unwanted[number] = frozenset(value)
        elif what == CANCEL:
            with self._lock:
                token = self._tokens.get(number)
            if token is not None:
                token.cancel()
        elif what == COUNT:
            self._counts.put(question)
        else:
            with self._lock:
                self._tokens[number] = CancelToken()
            self._work.put(question)

    def work(self) -> int:
        """Open, answer and close, one after the other, on the thread that owns the engine; the exit status."""
        while True:
            number, what, value = self._work.get()
            self._finish(number, self._task(number, what, value, self._tokens[number]))
            with self._lock:
                del self._tokens[number]
                self._unwanted.clear()  # one answer at a time
            if what == CLOSE:
                return 0

    def count(self) -> None:
        """Count tokens, also while an answer is being written."""
        while True:
            number, _, messages = self._counts.get()
            engine = self._opened()
            self._finish(number, _at_once(lambda: engine.count_tokens(messages)))  # noqa: B023 - called before the next

    def _finish(self, number: int, task: Generator[object, None, object]) -> None:
        try:
            while True:
                try:
                    self._tell(number, EVENT, next(task))
                except StopIteration as stop:
                    facts = self._engine.facts if self._engine is not None else None
                    self._tell(number, RESULT, (stop.value, facts))
                    return
        except Cancelled:
            self._tell(number, CANCELLED, None)
        except WorkbenchError as error:
            self._tell(number, ERROR, (error.code, error.message, error.hint))

    def _task(self, number: int, what: str, value: Any, cancel: CancelToken) -> Generator[object, None, object]:
        if what == OPEN:
            request, today, place = value
            return self._open(request, today, place, cancel)
        if what == CLOSE:
            return _at_once(self._opened().close)
        if what == STREAM:
            return self._opened().stream(value, cancel)
        assert what == STREAM_MANY, what
        requests, slots, n_batch = value
        return self._opened().stream_many(
            requests, cancel, slots=slots, n_batch=n_batch, unwanted=lambda: self._no_longer(number)
        )

    def _no_longer(self, number: int) -> frozenset[int]:
        with self._lock:
            return self._unwanted.get(number, frozenset())

    def _open(
        self, request: LoadRequest, today: str, place: tuple[Path, int] | None, cancel: CancelToken
    ) -> Generator[object, None, None]:
        date = datetime.date.fromisoformat(today)
        cache = None
        if place is not None:
            folder, limit_bytes = place
            cache = PromptCache(folder, lambda: limit_bytes)
        backend = LlamaBackend(Vetter(_TriedBefore()), today=lambda: date, prompt_cache=cache)
        self._engine = yield from backend.open(request, cancel)

    def _opened(self) -> LlamaEngine:
        assert self._engine is not None, "nothing was opened"
        return self._engine


def _at_once(work: Callable[[], object]) -> Generator[object, None, object]:
    yield from ()
    return work()


def serve() -> int:
    """Host one engine until it is closed and return the exit status; ``__main__`` calls it before anything else."""
    # The parent keeps the last lines, should this process die.
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    native_logger.setLevel(logging.DEBUG)
    limit("RLIMIT_CORE", 0)
    first_to_go()
    die_with_starter()
    answers = private_stdout()
    telling = threading.Lock()  # guards answers: a line is written whole

    def tell(number: int, kind: str, value: object) -> None:
        line = wire.dumps((number, kind, value)) + b"\n"
        with telling:
            answers.write(line)
            answers.flush()

    host = Host(tell)
    threading.Thread(target=_read, args=(sys.stdin.buffer, host), daemon=True).start()
    threading.Thread(target=host.count, daemon=True).start()
    return host.work()


def _read(stdin: BinaryIO, host: Host) -> None:
    """Ends the process with its stdin, even while native code works: nobody is there to hear the answer."""
    for line in stdin:
        host.take(wire.loads(line))
    os._exit(0)
