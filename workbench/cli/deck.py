"""``workbench deck``: a deck of prompts asked of several models, taken up again where it was stopped."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from workbench.app import Workbench
from workbench.chat.comparison import MAX_PANES
from workbench.chat.decks.files import read
from workbench.chat.decks.rows import CellState, DeckTable
from workbench.chat.decks.run import DeckJournal, DeckProgress, DeckRun, take_seats
from workbench.chat.options import Options
from workbench.chat.plan import RunMode
from workbench.cli import last_end, output
from workbench.cli.compare import INTERRUPTED, seat, shared_options
from workbench.cli.inputs import (
    Context,
    Force,
    Isolated,
    Json,
    MaxTokens,
    MinP,
    Penalty,
    SamplingBy,
    Seed,
    Stop,
    System,
    Temperature,
    Templates,
    Threads,
    TopK,
    TopP,
    given,
    templates_of,
)
from workbench.cli.loop import FRAME_S
from workbench.errors import UsageError
from workbench.jobs import JobMessage, JobRunner

app = typer.Typer(no_args_is_help=True, help="Ask several models a whole deck of prompts.")

_MARKS = {
    CellState.DONE: "● done",
    CellState.FAILED: "✕ failed",
    CellState.STOPPED: "◐ stopped",
    CellState.RUNNING: "▸ running",
    CellState.TO_DO: "○ to do",
}
_ROWS_SHOWN = 200


@app.command("run")
def run(
    file: Annotated[
        Path | None, typer.Argument(help="The prompts: text (one a line, or between --- lines), CSV, JSON or JSONL.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="A name of the library or a path; up to 8.")
    ] = None,
    resume: Annotated[
        int | None, typer.Option("--resume", help="Go on with the run of this number; `workbench deck list` has it.")
    ] = None,
    system: System = None,
    context: Context = None,
    threads: Threads = None,
    seed: Seed = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    max_tokens: MaxTokens = None,
    stop: Stop = None,
    template: Templates = None,
    force: Force = False,
    mode: Annotated[
        RunMode, typer.Option("--run", help="All at once, one after another, or one in memory at a time.")
    ] = RunMode.AUTO,
    sampling: SamplingBy = None,
    isolated: Isolated = False,
    json: Json = False,
) -> None:
    """Ask several models every prompt of FILE; what is answered is kept as it comes, and not asked again."""
    if resume is None and (file is None or not model):
        raise UsageError("A deck needs a FILE and at least one --model.", hint="workbench deck run FILE --model NAME")
    if resume is not None and (file is not None or model):
        raise UsageError("A run goes on with its own prompts and models.", hint=f"workbench deck run --resume {resume}")
    flags = {"context": context, "threads": threads, "temperature": temperature, "top_k": top_k, "top_p": top_p,
             "min_p": min_p, "repetition_penalty": repetition_penalty, "max_tokens": max_tokens,
             "sampling_mode": sampling, "isolation": "process" if isolated else None}  # fmt: skip
    with Workbench.open(flags=given(flags)) as workbench, _on_a_lane(workbench) as (journal, messages, runner):
        comparison = workbench.comparison(runner, journal, name="deck")
        options = shared_options(workbench, system, seed, stop, mode)
        if resume is not None:
            stored = workbench.history.decks.runs.asked(resume)
            if stored is None:
                raise UsageError(f"There is no run {resume}.", hint="workbench deck list")
            comparison.options = Options.from_json(stored.system_prompt, stored.sampling, options)
            for error in take_seats(comparison, stored, workbench.library.resolve).values():
                output.say_error(error.message, error.hint)
            run_id = resume
        else:
            assert file is not None
            models = model or []
            if len(models) > MAX_PANES:
                raise UsageError(f"{len(models)} models were given; at most {MAX_PANES} can be compared.")
            deck = read(file)
            files = [workbench.library.resolve(name) for name in models]
            seat(workbench, comparison, files, templates_of(template or (), len(files)), [()] * len(files), force=force)
            comparison.options = options
            run_id = workbench.history.decks.runs.create(
                deck, comparison.panes, options, context=workbench.settings.context
            )
        deck_run = DeckRun(comparison, journal, run_id)
        try:
            with last_end.watched(workbench, [pane.model for pane in comparison.panes if pane.model is not None]):
                interrupted = _go(deck_run, messages, as_json=json)
        finally:
            deck_run.close()
        _tell_end(workbench, deck_run, interrupted=interrupted, as_json=json)
    raise typer.Exit(_status(deck_run, interrupted=interrupted))


@app.command("list")
def listing(json: Json = False) -> None:
    """The decks that are kept, and their runs."""
    with Workbench.open() as workbench:
        decks = workbench.history.decks
        runs = [(one, decks.runs.table(one.id)) for one in decks.runs.listed()]
        kept = decks.all()
    if json:
        output.emit(
            {
                "decks": [{"id": one.id, "name": one.name, "prompts": one.count} for one in kept],
                "runs": [_as_json(table) | {"changed_at": one.changed_at} for one, table in runs if table is not None],
            }
        )
        return
    table = Table("run", "deck", "models", "done", "failed", "to do", box=None)
    for _, found in runs:
        if found is not None:
            left = found.count(CellState.TO_DO) + found.count(CellState.STOPPED) + found.count(CellState.RUNNING)
            names = ", ".join(column.model for column in found.columns)
            cells = [str(found.id), found.title, names, f"{found.count(CellState.DONE)} of {found.total}",
                     str(found.count(CellState.FAILED)), str(left)]  # fmt: skip
            table.add_row(*map(Text, cells))
    if runs:
        output.out.print(table)
    for one in kept:
        output.out.print(f"deck {one.id}: {one.name}, {one.count} prompts", markup=False)
    if not runs and not kept:
        output.out.print("No deck has been run yet: workbench deck run FILE --model NAME")


@app.command("show")
def show(run: Annotated[int, typer.Argument(help="The number of a run.")], json: Json = False) -> None:
    """How far a run is: every prompt, every model."""
    with Workbench.open() as workbench:
        table = _table(workbench, run)
        answers = _answers(workbench, table) if json else []
    if json:
        output.emit(_as_json(table) | {"answers": answers})
        return
    shown = Table("", "prompt", box=None)
    for column in table.columns:
        shown.add_column(Text(column.model))
    for number, row in enumerate(table.rows[:_ROWS_SHOWN], 1):
        states = (_MARKS[table.state(row.turn_id, column.slot)] for column in table.columns)
        shown.add_row(str(number), Text(row.name or " ".join(row.beginning.split())[:60]), *states)
    output.out.print(shown)
    if len(table.rows) > _ROWS_SHOWN:
        output.out.print(f"… and {len(table.rows) - _ROWS_SHOWN:,} prompts more", style="dim")


@contextmanager
def _on_a_lane(workbench: Workbench) -> Iterator[tuple[DeckJournal, queue.SimpleQueue[JobMessage], JobRunner]]:
    messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
    runner = JobRunner(messages.put)
    try:
        yield DeckJournal(workbench.history.decks.runs), messages, runner
    finally:
        runner.close()


def _go(deck_run: DeckRun, messages: queue.SimpleQueue[JobMessage], *, as_json: bool) -> bool:
    """Deliver until all is asked; True when Ctrl-C ended it, after which what was being written is kept."""
    interrupted = False
    deck_run.start()
    with _telling(deck_run, as_json=as_json) as tell:
        while deck_run.running or deck_run.comparison.busy:
            try:
                tell()
                deck_run.deliver(messages.get(timeout=FRAME_S))
            except queue.Empty:
                continue
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                deck_run.stop()
        tell()
    return interrupted


@contextmanager
def _telling(deck_run: DeckRun, *, as_json: bool) -> Iterator[Any]:
    """A bar for people, and for scripts a line each time an answer ends."""
    if not output.err.is_terminal or as_json:
        said: list[int] = []

        def line() -> None:
            progress = deck_run.progress
            ended = progress.done + progress.failed
            if [ended] != said:
                said[:] = [ended]
                if as_json:
                    output.emit_event("deck", {"run": deck_run.id, **_progress(progress)})
                else:
                    output.err.print(_words(deck_run.id, progress), style="dim", markup=False, soft_wrap=True)

        yield line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), MofNCompleteColumn(),
               TextColumn("{task.fields[more]}", markup=False))  # fmt: skip
    with Progress(*columns, console=output.err, transient=True) as bars:
        bar = bars.add_task(f"run {deck_run.id}", total=deck_run.progress.total, more="")

        def draw() -> None:
            progress = deck_run.progress
            bars.update(bar, completed=progress.done + progress.failed, more=_left(progress))

        yield draw


def _tell_end(workbench: Workbench, deck_run: DeckRun, *, interrupted: bool, as_json: bool) -> None:
    table, progress = deck_run.table, deck_run.progress
    if as_json:
        answers = _answers(workbench, table)
        output.emit(_as_json(table) | {"interrupted": interrupted, "answers": answers})
        return
    output.out.print(_words(deck_run.id, progress), markup=False, soft_wrap=True)
    for slot, problem in deck_run.given_up.items():
        name = next(column.model for column in table.columns if column.slot == slot)
        output.say_error(f"{name}: {problem.message}", problem.hint)
    if deck_run.awake.problem is not None:
        output.err.print(f"The computer was not kept awake: {deck_run.awake.problem}", style="dim", markup=False)
    if progress.done < progress.total:
        output.err.print(f"workbench deck run --resume {deck_run.id} goes on with the rest.", style="dim", markup=False)


def _table(workbench: Workbench, run_id: int) -> DeckTable:
    table = workbench.history.decks.runs.table(run_id)
    if table is None:
        raise UsageError(f"There is no run {run_id}.", hint="workbench deck list")
    return table


def _answers(workbench: Workbench, table: DeckTable) -> list[dict[str, Any]]:
    """Every prompt with the newest answer of each model, None where there is none."""
    stored = workbench.conversations.load(table.id)
    turns = {turn.id: turn for turn in stored.turns} if stored is not None else {}
    found = []
    for number, row in enumerate(table.rows, 1):
        turn = turns[row.turn_id]
        answers = {column.model: turn.answers.get(column.slot) for column in table.columns}
        told = [answer.as_json() if answer is not None else None for answer in answers.values()]
        found.append({"number": number, "name": row.name, "tags": row.tags, "prompt": turn.prompt, "answers": told})
    return found


def _as_json(table: DeckTable) -> dict[str, Any]:
    return {
        "run": table.id,
        "deck": table.title,
        "models": [column.model for column in table.columns],
        "prompts": len(table.rows),
        "cells": {state.value: table.count(state) for state in CellState},
    }


def _progress(progress: DeckProgress) -> dict[str, Any]:
    return {
        "done": progress.done,
        "failed": progress.failed,
        "total": progress.total,
        "left_s": progress.left_s,
        "left_is_least": progress.at_least,
    }


def _words(run_id: int, progress: DeckProgress) -> str:
    failed = f", {progress.failed} failed" if progress.failed else ""
    left = _left(progress)
    return f"run {run_id}: {progress.done} of {progress.total} answers{failed}" + (f", {left}" if left else "")


def _left(progress: DeckProgress) -> str:
    if progress.left_s is None or progress.done + progress.failed == progress.total:
        return ""
    minutes, seconds = divmod(round(progress.left_s), 60)
    said = f"{minutes} min" if minutes >= 2 else f"{60 * minutes + seconds} s"
    return f"at least {said} left" if progress.at_least else f"about {said} left"


def _status(deck_run: DeckRun, *, interrupted: bool) -> int:
    if interrupted:
        return INTERRUPTED
    progress = deck_run.progress
    return 0 if progress.done == progress.total else 1
