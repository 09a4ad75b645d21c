"""How far long work is: a line that is drawn over for people, a line of JSON each time for scripts."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

from workbench.cli import output
from workbench.jobs import CancelToken, Task, run

E = TypeVar("E")
R = TypeVar("R")

_EVENTS_APART_S = 0.2


@dataclass(frozen=True, slots=True)
class Told:
    """One event in words: ``what`` is being done, how much of it is done, and ``more`` to say about it.

    ``aside`` is too long for the line, and said once on its own.  ``event`` are the keys of the line that scripts get.
    Counts are bytes, or items where ``items`` says so.
    """

    what: str
    done: int = 0
    total: int | None = None
    more: str = ""
    aside: str = ""
    event: Mapping[str, Any] = field(default_factory=dict)


def follow(
    task: Task[E, R],
    tell: Callable[[E], Told],
    *,
    name: str,
    as_json: bool,
    cancel: CancelToken | None = None,
    items: bool = False,
) -> R:
    """Run a task in this thread and tell of its events, as ``name`` to scripts."""
    if as_json:
        lines = _Lines(name)
        return run(task, cancel=cancel, on_event=lambda event: lines.say(tell(event)))
    if not output.err.is_terminal:
        changes = _Changes()
        return run(task, cancel=cancel, on_event=lambda event: changes.say(tell(event)))
    count: ProgressColumn = MofNCompleteColumn() if items else DownloadColumn()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), count,
               TextColumn("{task.fields[more]}", markup=False))  # fmt: skip
    with Progress(*columns, console=output.err, transient=True) as bars:
        bar = bars.add_task("", total=None, more="", visible=False)
        asides = _Asides()

        def draw(event: E) -> None:
            told = tell(event)
            asides.say(told)
            bars.update(bar, description=told.what, completed=told.done, total=told.total, more=told.more, visible=True)

        return run(task, cancel=cancel, on_event=draw)


@contextmanager
def interruptible() -> Iterator[CancelToken]:
    """A token that the first Ctrl-C cancels, so that work ends at its next joint; the second ends it at once."""
    token = CancelToken()
    if threading.current_thread() is not threading.main_thread():
        yield token
        return

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if token.cancelled:
            raise KeyboardInterrupt
        # Not here: this thread may hold the token's own lock at this very moment.
        threading.Thread(target=token.cancel, name="interrupt").start()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield token
    finally:
        signal.signal(signal.SIGINT, before)


class _Lines:
    """Events as lines of JSON: each change of what is done, and of the rest some a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._what = ""
        self._said_at = float("-inf")

    def say(self, told: Told) -> None:
        now = time.monotonic()
        if told.what != self._what or now - self._said_at >= _EVENTS_APART_S:
            self._what, self._said_at = told.what, now
            output.emit_event(self._name, told.event)


class _Asides:
    """What is said once, until something else is."""

    def __init__(self) -> None:
        self._said = ""

    def say(self, told: Told) -> None:
        if told.aside and told.aside != self._said:
            self._said = told.aside
            output.err.print(told.aside, style="yellow", markup=False, soft_wrap=True)


class _Changes:
    """Where nothing can be drawn over: a line for each change of what is done."""

    def __init__(self) -> None:
        self._what = ""
        self._asides = _Asides()

    def say(self, told: Told) -> None:
        self._asides.say(told)
        if told.what != self._what:
            self._what = told.what
            output.err.print(told.what, style="dim", markup=False, soft_wrap=True)
