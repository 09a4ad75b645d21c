"""``workbench fit``: whether models fit a machine, and what would make them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.fit_words import (
    as_json,
    device_table,
    fits_table,
    ladder_json,
    ladder_table,
    notes,
    together_json,
    together_words,
)
from workbench.cli.hardware import as_json as machine_json
from workbench.cli.inputs import Context, Json
from workbench.hardware.examples import EXAMPLES, named
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.hub.finding import Found
from workbench.jobs import run
from workbench.models.ladder import groups, with_fits
from workbench.models.params import RunParams
from workbench.models.verdict import Fit, Ladder

KNOWN = " · ".join(example.label for example in EXAMPLES)
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
ASKED_EXACTLY = 4  # files: for more, only the recommended ones, since each takes about a second


def _cache_type(value: str | None) -> str | None:
    if value is not None and value.lower() not in CACHE_TYPES:
        raise typer.BadParameter(f"{value!r} is none of {', '.join(CACHE_TYPES)}")
    return value.lower() if value is not None else None


def fit(
    models: Annotated[
        list[str] | None,
        typer.Argument(help="Paths, names of the library, or OWNER/REPOSITORY; without any, the whole library."),
    ] = None,
    context: Context = None,
    kv_type: Annotated[
        str | None,
        typer.Option("--kv-type", callback=_cache_type, help=f"Type of the KV cache: {', '.join(CACHE_TYPES)} (f16)."),
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, max=64, help="Sequences at once, which share the context.")
    ] = 1,
    machine: Annotated[
        str | None, typer.Option("--machine", help=f'Another machine, as "12 GB GPU" or one of: {KNOWN}.')
    ] = None,
    together: Annotated[bool, typer.Option("--together", help="Also say whether all of them fit at once.")] = False,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Arithmetic only: do not ask llama.cpp in a child process.")
    ] = False,
    json: Json = False,
) -> None:
    """Say whether MODELS fit this machine, or another one, before anything is downloaded."""
    with Workbench.open() as workbench:
        if machine is None:
            run(workbench.measure_bandwidth_once())
        here = named(machine) if machine is not None else workbench.machine()
        found = find(workbench, models or [], quiet=json)
        params = RunParams(
            n_ctx=context or workbench.settings.context,
            n_seq_max=parallel,
            type_k=kv_type or "f16",
            type_v=kv_type or "f16",
        )
        ladders = [workbench.ladder(files, params=params, machine=here) for _, files in groups(found.files)]
        if machine is None and not estimate:
            ladders = exactly(workbench, ladders, params, here)
        fits = [rung.fit for ladder in ladders for rung in ladder.rungs]
        both = workbench.together(fits, machine=here) if together else None
    if json:
        output.emit(
            {
                "machine": machine_json(here),
                "files": [as_json(one) for one in fits],
                "ladders": [ladder_json(ladder) for ladder in ladders],
                "together": together_json(both),
                "skipped": [{"name": name, "reason": reason} for name, reason in found.skipped],
                "fetched_bytes": found.fetched_bytes,
            }
        )
        return
    if not fits and not found.skipped:
        output.out.print("No models yet. Get two small ones with: workbench models starter")
        return
    if fits:
        show(ladders, here, found)
    else:
        output.out.print("There is no model in it that can be judged:")
        show_origin(found)
    for line in together_words(both) if both is not None else ():
        output.out.print(f"· {line}", markup=False)


def find(workbench: Workbench, names: Sequence[str], *, quiet: bool) -> Found:
    """The models meant; of repositories only headers are fetched, with a line that shows how far it is."""
    if quiet or not output.err.is_terminal:
        return run(workbench.find(names))
    columns = (TextColumn("reading headers"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
               DownloadColumn(), TextColumn("{task.fields[name]}", markup=False))  # fmt: skip
    with Progress(*columns, console=output.err, transient=True) as progress:
        line = progress.add_task("headers", total=None, name="", visible=False)
        return run(
            workbench.find(names),
            on_event=lambda event: progress.update(
                line, completed=event.done_files, total=event.total_files, name=event.name, visible=True
            ),
        )


def exactly(workbench: Workbench, ladders: Sequence[Ladder], params: RunParams, machine: Hardware) -> list[Ladder]:
    """The ladders with llama.cpp's own numbers: for every file where they are few, else for the recommended.

    What is recommended may change with them, so it is asked for until the answer is about the file with the star.
    """
    every = sum(len(ladder.rungs) for ladder in ladders) <= ASKED_EXACTLY
    return [_exactly(workbench, ladder, params, machine, every=every) for ladder in ladders]


def _exactly(workbench: Workbench, ladder: Ladder, params: RunParams, machine: Hardware, *, every: bool) -> Ladder:
    fits = {rung.fit.model.path: rung.fit for rung in ladder.rungs}
    wanted = list(fits) if every else _starred(ladder)
    asked: set[Path] = set()
    while wanted:
        for path in wanted:
            fits[path] = run(workbench.exact(fits[path].model, params=params, machine=machine))
        asked.update(wanted)
        ladder = with_fits(ladder, list(fits.values()), machine)
        wanted = [path for path in _starred(ladder) if path not in asked]
    return ladder


def _starred(ladder: Ladder) -> list[Path]:
    return [rung.fit.model.path for rung in ladder.rungs if rung.recommended]


def show(ladders: Sequence[Ladder], machine: Hardware, found: Found) -> None:
    contexts = sorted({rung.fit.context for ladder in ladders for rung in ladder.rungs})
    tokens = " or ".join(f"{context:,}" for context in contexts[:3])
    output.out.print(
        f"On {machine.label if machine.described else 'this computer'}, with a context of {tokens} tokens:",
        markup=False,
    )
    if found.fetched_bytes:
        output.out.print(f"Only headers were fetched: {human_bytes(found.fetched_bytes)}.", style="dim", markup=False)
    if any(len(ladder.rungs) > 1 for ladder in ladders):
        for ladder in ladders:
            output.out.print(f"\n{ladder.title}", style="bold", markup=False)
            output.out.print(ladder_table(ladder, machine))
            if ladder.recommended is not None:
                output.out.print(f"★ {ladder.recommended.reason}", markup=False)
        output.out.print("loss: mean KL divergence published for another model, an indication", style="dim")
    else:
        output.out.print(fits_table([rung.fit for ladder in ladders for rung in ladder.rungs], machine))
    show_origin(found)
    for one in _told_in_full(ladders):
        output.out.print(f"\n{one.model.name}", style="bold", markup=False)
        output.out.print(device_table(one))
        for note in notes(one):
            output.out.print(f"  · {note}" if not note.startswith("  ") else f"  {note}", markup=False)


def show_origin(found: Found) -> None:
    for repository, kept_at in found.kept:
        output.out.print(f"Offline: {repository} as the hub described it on {kept_at[:10]}.", style="dim", markup=False)
    for name, reason in found.skipped:
        output.out.print(f"left out: {name} ({reason})", style="dim", markup=False)


def _told_in_full(ladders: Sequence[Ladder]) -> list[Fit]:
    """Every file where they are few; of many, the recommended ones."""
    rungs = [rung for ladder in ladders for rung in ladder.rungs]
    return [rung.fit for rung in rungs if rung.recommended or len(rungs) <= ASKED_EXACTLY]
