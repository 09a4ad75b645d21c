"""``workbench quantize``: a model in another quantisation, made here from its high-precision file."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import models_words, output
from workbench.cli.inputs import Json, Threads
from workbench.cli.progress import Told, follow, interruptible
from workbench.engine.importance import Measuring
from workbench.engine.quantisations import Quantisation, quantisation, quantisations
from workbench.engine.requantise import Event, Hashed, Quantised, Wish, requantise
from workbench.errors import UsageError
from workbench.hardware.words import human_bytes
from workbench.models.file import ModelFile
from workbench.models.naming import without_quantisation


def quantize(
    source: Annotated[
        str | None, typer.Argument(metavar="IN", help="The F16, BF16 or F32 file: a name of the library or a path.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="The new file, or its folder (the models folder), named by its type."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="One of `workbench quantize --types`.")] = None,
    imatrix: Annotated[Path | None, typer.Option("--imatrix", help="An importance matrix in GGUF form.")] = None,
    imatrix_from: Annotated[
        list[Path] | None,
        typer.Option("--imatrix-from", help="Measure one on this text first; may be repeated. It is kept beside OUT."),
    ] = None,
    threads: Threads = None,
    allow_requantize: Annotated[
        bool, typer.Option("--allow-requantize", help="Also from a file that is quantised already, at a loss.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
    types: Annotated[bool, typer.Option("--types", help="List what --type may be.")] = False,
    json: Json = False,
) -> None:
    """Quantise a model; the result belongs to the library and knows what it was made from. Ctrl-C leaves no file."""
    if types:
        _list_types(as_json=json)
        return
    if source is None or kind is None:
        raise UsageError("It needs a model and a --type.", hint="workbench quantize --types")
    with Workbench.open() as workbench, interruptible() as cancel:
        model, wanted = workbench.library.resolve(source), quantisation(kind)
        wish = Wish(
            model,
            _target(target or workbench.paths.models, model, wanted, made=target is None),
            wanted,
            importance=imatrix,
            texts=tuple(imatrix_from or ()),
            n_threads=threads or workbench.machine().cpu.usable_cores,
            allow_requantise=allow_requantize,
            replace=force,
        )
        task = requantise(wish, now=lambda: datetime.datetime.now(datetime.UTC))
        done = follow(task, tell, name="quantize", as_json=json, cancel=cancel)
        made = workbench.library.add(done.path)
    if json:
        output.emit({"model": models_words.as_json(made), "lineage": done.lineage.as_json(), "fallback": done.fallback})
    else:
        _say(model, made, done)


def _target(named: Path, source: ModelFile, kind: Quantisation, *, made: bool) -> Path:
    """The file itself, or within a folder one named by its type; ``made``: the folder is ours to make."""
    if made:
        named.mkdir(parents=True, exist_ok=True)
    if not named.is_dir():
        return named
    return named / f"{without_quantisation(source.name) or source.name}-{kind.name}.gguf"


def tell(event: Event) -> Told:
    match event:
        case Hashed(done, total):
            return Told(
                "reading the source", done, total, event={"reading": {"done_bytes": done, "total_bytes": total}}
            )
        case Measuring(done, total):
            values = {"measuring": {"done_chunks": done, "total_chunks": total}}
            more = f"{done} of {total} pieces of text" if total else "loading the model"
            return Told("measuring importance", more=more, event=values)
        case _:
            written, total = event.written_bytes, event.total_bytes
            tensors = {"done_tensors": event.done_tensors, "total_tensors": event.total_tensors}
            values = {"quantizing": tensors | {"written_bytes": written, "total_bytes": total}}
            more = f"{event.done_tensors} of {event.total_tensors} tensors" if total else ""
            return Told("quantising" if total else "planning", written, total or None, more, event=values)


def _say(source: ModelFile, made: ModelFile, done: Quantised) -> None:
    sizes = f"{human_bytes(source.size_bytes)} → {human_bytes(done.size_bytes)}"
    output.out.print(
        f"{made.name}: {made.quantisation}, {sizes}, {made.bits_per_weight:.2f} bits per weight.",
        markup=False,
        soft_wrap=True,
    )
    if done.fallback is not None:
        tensors = done.fallback.replace("tensor(s)", "tensors")
        output.err.print(
            f"{tensors} got a neighbouring type: their rows are no multiple of its block.",
            style="dim",
            markup=False,
        )
    output.out.print(f'Next: workbench chat -m {made.name} "…"', markup=False, soft_wrap=True)


def _list_types(*, as_json: bool) -> None:
    if as_json:
        output.emit({"types": [_type_json(one) for one in quantisations()]})
        return
    table = Table("Type", "Bits per weight", "", box=None, header_style="bold", pad_edge=False)
    for one in quantisations():
        about = "" if one.measured else "≈ "
        note = "needs an importance matrix" if one.needs_importance else ""
        table.add_row(one.name, f"{about}{one.bits_per_weight:.2f}", note)
    output.out.print(table)
    output.out.print("Measured on a published 8B model; ≈ is that of the type most of the weights get.", style="dim")


def _type_json(one: Quantisation) -> dict[str, Any]:
    return {
        "name": one.name,
        "bits_per_weight": one.bits_per_weight,
        "measured": one.measured,
        "needs_importance": one.needs_importance,
    }
