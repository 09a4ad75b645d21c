"""``workbench deck``: a deck of prompts asked of several models, taken up again where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from workbench import jobs
from workbench.app import Workbench
from workbench.chat.comparison import MAX_PANES
from workbench.chat.decks.files import read
from workbench.chat.decks.rows import CellState, DeckTable
from workbench.chat.decks.run import DeckProgress
from workbench.chat.decks.task import DeckEnd, DeckNews, run_deck
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
from workbench.cli.progress import interruptible
from workbench.errors import UsageError, WorkbenchError
from workbench.jobs import JobRunner
from workbench.models.file import ModelFile

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
    with Workbench.open(flags=given(flags)) as workbench:
        options = shared_options(workbench, system, seed, stop, mode)
        if resume is not None:
            run_id = resume
        else:
            assert file is not None
            run_id = _begun(workbench, file, model or [], options, template or ())
        task = run_deck(
            workbench.history.decks.runs, run_id, partial(workbench.comparison, name="deck"),
            workbench.library.resolve, options, force=force,
        )  # fmt: skip
        with (
            last_end.watched(workbench, _models(workbench, run_id)),
            interruptible() as cancel,
            _telling(run_id, as_json=json) as tell,
        ):
            end = jobs.run(task, cancel=cancel, on_event=tell)
        _tell_end(workbench, end, as_json=json)
    raise typer.Exit(_status(end))


def _begun(workbench: Workbench, file: Path, models: Sequence[str], options: Options, templates: Sequence[str]) -> int:
    """A new run of the file's prompts."""
    if len(models) > MAX_PANES:
        raise UsageError(f"{len(models)} models were given; at most {MAX_PANES} can be compared.")
    deck = read(file)
    files = [workbench.library.resolve(name) for name in models]
    with closing(JobRunner(lambda _: None)) as runner:
        comparison = workbench.comparison(runner)
        seat(workbench, comparison, files, templates_of(templates, len(files)), [()] * len(files))
        return workbench.history.decks.runs.create(deck, comparison.panes, options, context=workbench.settings.context)


def _models(workbench: Workbench, run_id: int) -> list[ModelFile]:
    """Those of a run that are there."""
    table = workbench.history.decks.runs.table(run_id)
    found = []
    for column in table.columns if table is not None else ():
        with suppress(WorkbenchError):  # what is missing is told at the end
            found.append(workbench.library.resolve(str(column.path)))
    return found


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
def _telling(run_id: int, *, as_json: bool) -> Iterator[Callable[[DeckNews], None]]:
    """A bar for people, and for scripts a line each time an answer ends."""
    if not output.err.is_terminal or as_json:
        said: list[int] = []

        def line(news: DeckNews) -> None:
            progress = news.progress
            ended = progress.done + progress.failed
            if [ended] != said:
                said[:] = [ended]
                if as_json:
                    output.emit_event("deck", {"run": run_id, **_progress(progress)})
                else:
                    output.err.print(_words(run_id, progress), style="dim", markup=False, soft_wrap=True)

        yield line
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=None), MofNCompleteColumn(),
               TextColumn("{task.fields[more]}", markup=False))  # fmt: skip
    with Progress(*columns, console=output.err, transient=True) as bars:
        bar = bars.add_task(f"run {run_id}", total=None, more="")

        def draw(news: DeckNews) -> None:
            progress = news.progress
            ended = progress.done + progress.failed
            bars.update(bar, completed=ended, total=progress.total, more=_left(progress))

        yield draw


def _tell_end(workbench: Workbench, end: DeckEnd, *, as_json: bool) -> None:
    table = end.table
    if as_json:
        output.emit(_as_json(table) | {"interrupted": end.stopped, "answers": _answers(workbench, table)})
        return
    done, failed = table.count(CellState.DONE), table.count(CellState.FAILED)
    output.out.print(_words(table.id, DeckProgress(done, failed, table.total)), markup=False, soft_wrap=True)
    for slot, problem in end.problems.items():
        name = next(column.model for column in table.columns if column.slot == slot)
        output.say_error(f"{name}: {problem.message}", problem.hint)
    if end.asleep is not None:
        output.err.print(f"The computer was not kept awake: {end.asleep}", style="dim", markup=False)
    if done < table.total:
        output.err.print(f"workbench deck run --resume {table.id} goes on with the rest.", style="dim", markup=False)


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


def _status(end: DeckEnd) -> int:
    if end.stopped:
        return INTERRUPTED
    return 0 if end.table.count(CellState.DONE) == end.table.total else 1
