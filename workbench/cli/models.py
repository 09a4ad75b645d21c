"""``workbench models``: the library of model files, and the starter models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.errors import Cancelled
from workbench.hardware.words import human_bytes
from workbench.hub import licences
from workbench.hub.library import Problem
from workbench.hub.starter import Starter, StarterProgress
from workbench.jobs import run
from workbench.models.file import ModelFile

app = typer.Typer(help="The library of model files, and the starter models.", no_args_is_help=True)


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the model files this program knows."""
    with Workbench.open() as workbench:
        listing = workbench.library.listing()
        folder = workbench.paths.models
    if json:
        output.emit(
            {"models": [as_json(f) for f in listing.files], "problems": [_problem(p) for p in listing.problems]}
        )
        return
    if listing.files:
        output.out.print(_table(listing.files))
    else:
        output.out.print(f"No models yet. Put GGUF files into {folder}, or get two small ones:\n", markup=False)
        output.out.print("    workbench models starter")
    for problem in listing.problems:
        output.err.print(f"{problem.path}: {problem.error.message}", style="yellow", markup=False, soft_wrap=True)


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="A name of the library or a path.")],
    sha256: Annotated[bool, typer.Option("--sha256", help="Read the whole file and compute its SHA-256.")] = False,
    json: Json = False,
) -> None:
    """Show what a model file says about itself."""
    with Workbench.open() as workbench:
        file = workbench.library.resolve(model)
        digests = [run(workbench.library.sha256_of(path)) if sha256 else None for path in file.files]
    values = as_json(file) | {
        "sha256": (digests[0] or file.sha256) if len(digests) == 1 else None,
        "parts": [{"path": str(path), "sha256": digest} for path, digest in zip(file.files, digests, strict=True)]
        if len(digests) > 1
        else [],
        "tensor_count": len(file.header.tensors),
        "gguf_version": file.header.version,
        "chat_template": file.chat_template,
    }
    if json:
        output.emit(values)
        return
    for key, value in values.items():
        if key == "parts":
            for part in value:
                output.out.print(f"[bold]part[/]: {Path(part['path']).name} {part['sha256'] or ''}".rstrip())
            continue
        shown = "–" if value is None else str(value)
        if key == "size_bytes":
            shown = f"{value:,} ({human_bytes(file.size_bytes)})"
        if key == "chat_template" and value is None:
            shown = "none: completed raw unless another template is chosen"
        output.out.print(f"[bold]{key.replace('_', ' ')}[/]", end=": ")
        output.out.print(shown, markup=False)


@app.command()
def add(path: Annotated[Path, typer.Argument(help="A GGUF file; it stays where it is.")], json: Json = False) -> None:
    """Add a model file to the library, where it lies."""
    with Workbench.open() as workbench:
        file = workbench.library.add(path)
    if json:
        output.emit({"models": [as_json(file)]})
    else:
        output.out.print(f"{file.name}: {file.family.value}, {file.quantisation}, {human_bytes(file.size_bytes)}",
                         markup=False)  # fmt: skip


@app.command()
def starter(
    with_synthetic: Annotated[
        bool, typer.Option("--with-synthetic", help="Also write the tiny random model of the Mistral family.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Agree to the licences without being asked.")] = False,
    json: Json = False,
) -> None:
    """Get the starter models: two small real ones, checked against their SHA-256."""
    with Workbench.open() as workbench:
        files = get_starters(workbench, with_synthetic=with_synthetic, yes=yes, quiet=json)
    if json:
        output.emit({"models": [as_json(file) for file in files]})
        return
    output.out.print(_table(files))
    output.out.print("Next: workbench compare " + " ".join(f"-m {f.name}" for f in files) + ' "…"', markup=False)


def get_starters(workbench: Workbench, *, with_synthetic: bool = False, yes: bool, quiet: bool) -> list[ModelFile]:
    """Agree to the licences, fetch what is missing, and describe the files."""
    wanted = workbench.starters(with_synthetic=with_synthetic)
    _agree(workbench, wanted, yes=yes, quiet=quiet)
    paths = _fetch(workbench, wanted, quiet=quiet)
    return [workbench.library.resolve(str(path)) for path in paths]


def _agree(workbench: Workbench, wanted: tuple[Starter, ...], *, yes: bool, quiet: bool) -> None:
    """Show each licence; ask once where somebody can answer, and remember the answer."""
    for model in wanted:
        if licences.consented(workbench.db, model):
            continue
        if not quiet or not yes:
            output.err.print(f"{model.title} ({human_bytes(model.download_bytes)}): {model.licence}. "
                             f"{model.licence_note}", markup=False, soft_wrap=True)  # fmt: skip
        asked = not yes and sys.stdin.isatty() and sys.stderr.isatty()
        if asked and not typer.confirm("Do you agree?", default=True, err=True):
            raise Cancelled
        if yes or asked:
            licences.remember(workbench.db, model)


def _fetch(workbench: Workbench, wanted: tuple[Starter, ...], *, quiet: bool) -> tuple[Path, ...]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=output.err, disable=quiet, transient=True,
    ) as bars:  # fmt: skip
        bar = bars.add_task("starter models", total=None)

        def show_progress(event: StarterProgress) -> None:
            bars.update(
                bar,
                description=f"{event.stage} {event.starter.title}",
                completed=event.done_bytes,
                total=event.total_bytes,
            )

        return run(workbench.fetch_starters(wanted), on_event=show_progress)


def as_json(file: ModelFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "title": file.title,
        "path": str(file.path),
        "family": file.family.value,
        "architecture": file.architecture,
        "quantisation": file.quantisation,
        "size_bytes": file.size_bytes,
        "parameter_count": file.parameter_count,
        "context_trained": file.n_ctx_train,
        "synthetic": file.synthetic,
        "licence": file.licence,
        "sha256": file.sha256,
    }


def _problem(problem: Problem) -> dict[str, str | None]:
    return {"path": str(problem.path), "message": problem.error.message, "hint": problem.error.hint}


def _table(files: tuple[ModelFile, ...] | list[ModelFile]) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("name", "family", "quantisation"):
        rows.add_column(title, overflow="fold")
    for title in ("parameters", "size", "context"):
        rows.add_column(title, justify="right")
    rows.add_column("")
    for file in files:
        rows.add_row(
            escape(file.name),
            file.family.value,
            file.quantisation,
            f"{file.parameter_count / 1e6:,.0f} M",
            human_bytes(file.size_bytes),
            f"{file.n_ctx_train:,}",
            "synthetic, answers are noise" if file.synthetic else "",
        )
    return rows
