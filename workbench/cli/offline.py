"""``workbench offline``: the one switch for the network, and what it is used for."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json

app = typer.Typer(help="The one switch for the network, and what it is used for.", no_args_is_help=True)


@app.command("on")
def switch_on(json: Json = False) -> None:
    """From now on nothing goes beyond this computer."""
    _switch(offline=True, json=json)


@app.command("off")
def switch_off(json: Json = False) -> None:
    """Allow the network again."""
    _switch(offline=False, json=json)


def _switch(*, offline: bool, json: bool) -> None:
    with Workbench.open() as workbench:
        workbench.set_offline(offline)
        _say(offline=workbench.settings.offline, json=json)


def _say(*, offline: bool, json: bool) -> None:
    if json:
        output.emit({"offline": offline})
    else:
        output.out.print("Offline: nothing goes beyond this computer." if offline else "The network may be used.")


@app.command()
def check(json: Json = False) -> None:
    """List every use of the network that this program can make, and whether it may now."""
    with Workbench.open() as workbench:
        offline = workbench.settings.offline
        uses = workbench.network_uses()
    if json:
        output.emit({"offline": offline, "uses": [asdict(use) for use in uses]})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("use", "to", "when", "now"):
        table.add_column(title, overflow="fold")
    for use in uses:
        table.add_row(use.what, use.to, use.when, f"[{'yellow' if use.state == 'allowed' else 'green'}]{use.state}[/]")
    output.out.print(table)
    output.out.print(
        "\nOffline: nothing goes beyond this computer."
        if offline
        else "\n`workbench offline on` switches all of it off."
    )
