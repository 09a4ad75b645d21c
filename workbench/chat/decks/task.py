"""A run of a deck as a task: on a thread of its own, with a comparison of its own, it ends as every job ends."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from workbench.chat.answer import Problem
from workbench.chat.comparison import Comparison
from workbench.chat.decks.rows import CellState, DeckRuns, DeckTable
from workbench.chat.decks.run import DeckJournal, DeckProgress, DeckRun, take_seats
from workbench.chat.options import Options
from workbench.chat.waking import Awake
from workbench.errors import UsageError
from workbench.jobs import CancelToken, JobMessage, JobRunner, Task
from workbench.models.file import ModelFile
from workbench.words import said

TELL_EVERY_S = 0.25
_PATIENCE_S = 0.1  # how long a wish to stop may wait when nothing happens

Compare = Callable[[JobRunner, DeckJournal], Comparison]
"""An empty comparison on a runner that writes into a journal."""


@dataclass(frozen=True, slots=True)
class DeckNews:
    """How far a run is, and the cells, by turn and slot, that changed since it was last told."""

    progress: DeckProgress
    cells: tuple[tuple[int, int, CellState], ...] = ()


@dataclass(frozen=True, slots=True)
class DeckEnd:
    """``problems`` are, by slot, of models that could not be found or loaded; ``asleep`` says why the computer could
    not be kept awake."""

    table: DeckTable
    problems: dict[int, Problem]
    stopped: bool
    asleep: str | None


def run_deck(
    runs: DeckRuns,
    run_id: int,
    compare: Compare,
    find: Callable[[str], ModelFile],
    default: Options,
    awake: Awake | None = None,
    *,
    force: bool = False,
) -> Task[DeckNews, DeckEnd]:
    """Ask what is still to do of a run, with the models and options it was begun with; ``force`` loads also what is
    judged too big.

    Cancelled, it stops what is being written, keeps it, unloads everything and returns what there is.
    Raises UsageError where there is no such run, and DeckError where none of its models is there, or another process
    asks it already.
    """
    messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
    runner, journal = JobRunner(messages.put), DeckJournal(runs)
    comparison = compare(runner, journal)

    def task(cancel: CancelToken) -> Generator[DeckNews, None, DeckEnd]:
        try:
            stored = runs.asked(run_id)
            if stored is None:
                raise UsageError(
                    said("There is no run {run_id} of a deck.", run_id=run_id), hint=said("It may have been deleted.")
                )
            comparison.options = Options.from_json(stored.system_prompt, stored.sampling, default)
            missing = take_seats(comparison, stored, find, force=force)
            run = DeckRun(comparison, journal, run_id, awake=awake)
            try:
                yield from _go(run, messages, cancel)
            finally:
                run.close()
        finally:
            runner.close()
        return DeckEnd(run.table, missing | run.given_up, run.stopped, run.awake.problem)

    return task


def _go(run: DeckRun, messages: queue.SimpleQueue[JobMessage], cancel: CancelToken) -> Generator[DeckNews, None, None]:
    run.start()
    told_at, told = float("-inf"), 0
    while run.running or run.comparison.busy:
        if cancel.cancelled and not run.stopped:
            run.stop()
        try:
            run.deliver(messages.get(timeout=_PATIENCE_S))
            while run.ended == told:
                run.deliver(messages.get_nowait())
        except queue.Empty:
            pass
        if run.ended != told or time.monotonic() - told_at >= TELL_EVERY_S:
            told_at, told = time.monotonic(), run.ended
            yield _news(run)
    yield _news(run)


def _news(run: DeckRun) -> DeckNews:
    table = run.table
    cells = tuple((turn, slot, table.state(turn, slot)) for turn, slot in run.take_changed())
    return DeckNews(run.progress, cells)
