"""``workbench models``: the library of model files, where they come from, and the starter models."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from workbench.app import Workbench
from workbench.cli import catalogues, models_words, output, pulling, searching, showing, token, upkeep
from workbench.cli.inputs import Json
from workbench.errors import Cancelled
from workbench.hardware.words import human_bytes
from workbench.hub import licences
from workbench.hub.starter import Starter, StarterProgress
from workbench.jobs import run
from workbench.models.file import ModelFile

app = typer.Typer(
    help="The library of model files, where they come from, and the starter models.", no_args_is_help=True
)
app.command("search")(searching.search)
app.command("show")(showing.show)
app.command("pull")(pulling.pull)
app.command("import")(upkeep.import_models)
app.command("forget")(upkeep.forget)
app.command("verify")(upkeep.verify)
app.command("remove")(upkeep.remove)
app.command("where")(upkeep.where)
app.add_typer(catalogues.app, name="catalogue")
app.add_typer(token.app, name="token")


@app.command("list")
def list_models(json: Json = False) -> None:
    """List the model files this program knows."""
    with Workbench.open() as workbench:
        listing = workbench.library.listing()
        folder = workbench.paths.models
    if json:
        output.emit(
            {
                "models": [models_words.held_json(held) for held in listing.held],
                "problems": [models_words.problem_json(problem) for problem in listing.problems],
            }
        )
        return
    if listing.files:
        output.out.print(models_words.table(listing.files))
    else:
        output.out.print(f"No models yet. Put GGUF files into {folder}, or get two small ones:\n", markup=False)
        output.out.print("    workbench models starter")
    for problem in listing.problems:
        said = " ".join(filter(None, (f"{problem.path}: {problem.error.message}", problem.error.hint)))
        output.err.print(said, style="yellow", markup=False, soft_wrap=True)


@app.command()
def add(path: Annotated[Path, typer.Argument(help="A GGUF file; it stays where it is.")], json: Json = False) -> None:
    """Add a model file to the library, where it lies."""
    with Workbench.open() as workbench:
        file = workbench.library.add(path)
    if json:
        output.emit({"models": [models_words.as_json(file)]})
    else:
        output.out.print(f"{file.name}: {file.family.value}, {file.quantisation}, {human_bytes(file.size_bytes)}",
                         markup=False)  # fmt: skip


@app.command()
def isolate(
    model: Annotated[str, typer.Argument(help="A name of the library or a path.")],
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    json: Json = False,
) -> None:
    """Always run a model in a process of its own: should it crash llama.cpp, only that process ends."""
    with Workbench.open() as workbench:
        file = workbench.library.resolve(model)
        workbench.isolate(file, isolated=not off)
    if json:
        output.emit({"model": file.name, "isolated": not off})
    else:
        how = "runs where the settings say" if off else "always runs in a process of its own"
        output.out.print(f"{file.name} {how}.", markup=False)


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
        output.emit({"models": [models_words.as_json(file) for file in files]})
        return
    output.out.print(models_words.table(files))
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
