"""``workbench models catalogue``: the catalogues that the user added to the program's own."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.hub.own_catalogues import OwnCatalogue
from workbench.jobs import run

app = typer.Typer(help="Catalogues of models, added to the program's own.", no_args_is_help=True)


@app.command("list")
def list_catalogues(json: Json = False) -> None:
    """List the catalogues that were added, in the order in which they come into force."""
    with Workbench.open() as workbench:
        found = workbench.own_catalogues()
    if json:
        output.emit({"catalogues": [_as_json(one) for one in found]})
        return
    if not found:
        output.out.print("No catalogue was added. `workbench models catalogue add SOURCE` adds one.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("file", "title", "dated", "models", "from"):
        table.add_column(title, overflow="fold")
    for one in found:
        if one.error is None:
            cells = (one.file, one.title, str(one.dated or ""), str(one.entry_count), one.came_from or "")
            table.add_row(*map(escape, cells))
    output.out.print(table)
    for one in found:
        if one.error is not None:
            said = " ".join(filter(None, (f"{one.file}: {one.error.message}", one.error.hint)))
            output.err.print(said, style="yellow", markup=False, soft_wrap=True)


@app.command()
def add(
    source: Annotated[str, typer.Argument(help="A catalogue file, or the https:// address of one.")],
    json: Json = False,
) -> None:
    """Add a catalogue: its models are then searched, shown and pulled like the program's own."""
    with Workbench.open() as workbench:
        path = run(workbench.add_catalogue(source))
        added = next(one for one in workbench.own_catalogues() if one.file == path.name)
    if json:
        output.emit({"added": _as_json(added)})
        return
    models = "1 model" if added.entry_count == 1 else f"{added.entry_count} models"
    output.out.print(f"{added.file}: {added.title}, {models}.", markup=False, soft_wrap=True)


@app.command()
def remove(
    file: Annotated[str, typer.Argument(help="Its file, as in the list.")],
    json: Json = False,
) -> None:
    """Take a catalogue away again; models that were pulled stay."""
    with Workbench.open() as workbench:
        removed = workbench.remove_catalogue(file)
    if json:
        output.emit({"removed": removed.path.name})
    else:
        output.out.print(f"{removed.path.name} was removed.", markup=False, soft_wrap=True)


def _as_json(one: OwnCatalogue) -> dict[str, Any]:
    error = one.error
    return {
        "file": one.file,
        "title": one.title or None,
        "dated": one.dated.isoformat() if one.dated is not None else None,
        "came_from": one.came_from,
        "entries": one.entry_count if error is None else None,
        "error": output.problem(error.code, error.message, error.hint) if error is not None else None,
    }
