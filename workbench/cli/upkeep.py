"""``workbench models import|forget|verify|remove|where``: looking after the library, wherever its files lie."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import models_words, output
from workbench.cli.inputs import Json
from workbench.cli.progress import Told, follow, interruptible
from workbench.errors import Cancelled, UsageError
from workbench.hardware.words import human_bytes
from workbench.hub.library import Listing
from workbench.hub.places.same import Held
from workbench.hub.upkeep import Verdict, Verified, Verifying
from workbench.models.file import ModelFile

_MARKS = {Verdict.INTACT: "[green]✓[/]", Verdict.UNKNOWN: "[yellow]?[/]", Verdict.DAMAGED: "[red]✕[/]"}


def import_models(
    path: Annotated[Path, typer.Argument(help="A GGUF file, or a folder with some; it stays where it is.")],
    json: Json = False,
) -> None:
    """Add a file, or a folder that is looked into from now on; nothing is copied, moved or changed."""
    with Workbench.open() as workbench:
        if path.expanduser().is_dir():
            folder: Path | None = workbench.library.add_folder(path)
            listing = _below(workbench.library.listing(), folder)
        else:
            folder = None
            listing = Listing((workbench.library.add(path),), ())
    if json:
        output.emit(
            {
                "folder": str(folder) if folder is not None else None,
                "models": [models_words.as_json(file) for file in listing.files],
                "problems": [models_words.problem_json(problem) for problem in listing.problems],
            }
        )
        return
    if listing.files:
        output.out.print(models_words.table(listing.files))
    else:
        output.out.print(f"No model in {folder} yet; what is put there later belongs to the library.", markup=False)
    _say_problems(listing)


def _below(listing: Listing, folder: Path | None) -> Listing:
    """What of the library lies in a folder, or has a copy there."""
    assert folder is not None
    held = [
        one
        for one in listing.held
        if any(path.is_relative_to(folder) for path in (*one.file.files, *(copy.path for copy in one.copies)))
    ]
    problems = tuple(problem for problem in listing.problems if problem.path.is_relative_to(folder))
    return Listing(tuple(one.file for one in held), problems, tuple(held))


def forget(
    path: Annotated[Path, typer.Argument(help="A file or folder that was imported.")], json: Json = False
) -> None:
    """Take an imported file or folder out of the library; nothing is deleted."""
    with Workbench.open() as workbench:
        if Path.cwd() / path.expanduser() in workbench.library.folders():
            workbench.library.remove_folder(path)
        else:
            workbench.library.remove(path)
    if json:
        output.emit({"forgotten": str(path)})
    else:
        output.out.print(f"{path} is no longer in the library; it was left where it is.", markup=False, soft_wrap=True)


# --- verifying -------------------------------------------------------------------------------


def verify(
    models: Annotated[
        list[str] | None, typer.Argument(help="Names of the library or paths; without any, the whole library.")
    ] = None,
    json: Json = False,
) -> None:
    """Read every byte of models and compare it with what is known of them."""
    found: list[tuple[ModelFile, Verified]] = []
    with Workbench.open() as workbench, interruptible() as cancel:
        library = workbench.library
        files = [library.resolve(name) for name in models] if models else list(library.files())
        for file in files:
            task = workbench.verify(file)
            found.append((file, follow(task, _tell, name="verify", as_json=json, cancel=cancel)))
    damaged = any(verified.verdict is Verdict.DAMAGED for _, verified in found)
    if json:
        output.emit({"models": [_verified_json(file, verified) for file, verified in found]})
    else:
        for file, verified in found:
            _say_verified(file, verified)
    raise typer.Exit(1 if damaged else 0)


def _tell(event: Verifying) -> Told:
    values = {"path": str(event.path), "done_bytes": event.done_bytes, "total_bytes": event.total_bytes}
    return Told(f"reading {event.path.name}", event.done_bytes, event.total_bytes, event=values)


def _verified_json(file: ModelFile, verified: Verified) -> dict[str, Any]:
    return {
        "name": file.name,
        "verdict": verified.verdict.name.lower(),
        "files": [
            {
                "path": str(one.path),
                "sha256": one.sha256,
                "met": [{"sha256": known.sha256, "source": known.source} for known in one.met],
                "failed": [{"sha256": known.sha256, "source": known.source} for known in one.failed],
            }
            for one in verified.files
        ],
    }


def _say_verified(file: ModelFile, verified: Verified) -> None:
    output.out.print(f"{_MARKS[verified.verdict]} [bold]{escape(file.name)}[/]: {verified.verdict.value}")
    for one in verified.files:
        if one.met:
            said = ", and ".join(dict.fromkeys(f"as {known.source} says" for known in one.met))
            output.out.print(f"    {one.path.name}: {said}", style="dim", markup=False, soft_wrap=True)
        for known in one.failed:
            said = f"{one.path} hashes to {one.sha256}, and not to {known.sha256}, as {known.source} says"
            output.out.print(f"    {said}", markup=False, soft_wrap=True)


# --- removing --------------------------------------------------------------------------------


def remove(
    model: Annotated[str, typer.Argument(help="A name of the library or a path, of this program's own models.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without being asked.")] = False,
    json: Json = False,
) -> None:
    """Delete a model that this program downloaded or installed; what others keep is refused."""
    with Workbench.open() as workbench:
        file = workbench.library.resolve(model)
        plan = workbench.removal(file)
        if not yes:
            _ask(file, plan.frees_bytes, quiet=json)
        workbench.remove(plan)
    if json:
        output.emit({"removed": [str(path) for path in plan.paths], "frees_bytes": plan.frees_bytes})
    else:
        output.out.print(f"{file.name} is deleted: {human_bytes(plan.frees_bytes)} are free again.", markup=False)


def _ask(file: ModelFile, frees_bytes: int, *, quiet: bool) -> None:
    """Raises Cancelled for a no, and UsageError where nobody can answer."""
    if quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"Deleting {file.name} would free {human_bytes(frees_bytes)}; nobody is here to be asked.",
            hint="Say --yes to delete it.",
        )
    if not typer.confirm(f"Delete {file.name}, {human_bytes(frees_bytes)}?", default=False, err=True):
        raise Cancelled


# --- where -----------------------------------------------------------------------------------


def where(json: Json = False) -> None:
    """Show every folder that models are found in: this program's, yours, and those of other programs."""
    with Workbench.open() as workbench:
        listing = workbench.library.listing()
        own, added = workbench.paths.models, workbench.library.folders()
        places = workbench.places()
    programs = Counter(one.program for one in listing.held)
    copies = Counter(copy.program for one in listing.held for copy in one.copies)
    rows: list[dict[str, Any]] = [
        {"program": "Workbench", "folder": str(own), "files": sum(_lies_in(one, own) for one in listing.held)},
        *({"program": "folder", "folder": str(folder), "files": sum(_lies_in(one, folder) for one in listing.held)}
          for folder in added),
        *({"program": place.program.value, "folder": str(place.folder), "files": len(place.files)} for place in places),
    ]  # fmt: skip
    if json:
        output.emit(
            {
                "folders": rows,
                "models": len(listing.files),
                "programs": {program.value: count for program, count in programs.items()},
                "copies": {program.value: count for program, count in copies.items()},
                "problems": [models_words.problem_json(problem) for problem in listing.problems],
            }
        )
        return
    output.out.print(_folders(rows))
    size = sum(file.size_bytes for file in listing.files)
    same = f"; {copies.total()} more are copies of these" if copies else ""
    count = f"{len(listing.files)} model{'' if len(listing.files) == 1 else 's'}"
    output.out.print(f"\n{count}, {human_bytes(size)}{same}. None was copied.", markup=False)
    _say_problems(listing)


def _lies_in(held: Held, folder: Path) -> bool:
    return held.file.path.is_relative_to(folder)


def _folders(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("program", no_wrap=True)
    table.add_column("models", justify="right", no_wrap=True)
    table.add_column("folder", overflow="fold")
    for row in rows:
        table.add_row(escape(row["program"]), str(row["files"]), escape(row["folder"]))
    return table


def _say_problems(listing: Listing) -> None:
    for problem in listing.problems:
        output.err.print(f"{problem.path}: {problem.error.message}", style="yellow", markup=False, soft_wrap=True)
