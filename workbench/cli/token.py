"""``workbench models token``: the access token of the hub in use, for what its publishers give to accounts only."""

from __future__ import annotations

import getpass
import sys
from typing import Any

import typer

from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.hub.tokens import VARIABLES, TokenSource, TokenState

app = typer.Typer(help="The access token of the model hub, for gated models.", no_args_is_help=True)

_FROM = {
    TokenSource.ENVIRONMENT: f"the environment ({' or '.join(VARIABLES)})",
    TokenSource.KEYRING: "the system's password store",
    TokenSource.HF_FILE: "the file of the hub's own command line (hf auth login)",
}
_LONGEST_READ = 1 << 16


@app.command("set")
def set_token(json: Json = False) -> None:
    """Keep a token in the system's password store; it is asked for, or read from standard input."""
    with Workbench.open() as workbench:
        state = workbench.keep_token(_read())
    _say(state, {"kept": True}, json=json)


@app.command()
def show(json: Json = False) -> None:
    """Say whether there is a token and where it comes from; it is never shown."""
    with Workbench.open() as workbench:
        state = workbench.token_state()
    _say(state, {}, json=json)


@app.command()
def forget(json: Json = False) -> None:
    """Remove the token from the system's password store."""
    with Workbench.open() as workbench:
        forgotten = workbench.forget_token()
        state = workbench.token_state()
    if not json:
        output.out.print("It is forgotten." if forgotten else "None was kept.")
    _say(state, {"forgotten": forgotten}, json=json)


def _read() -> str:
    """Never from the command line, which other users of the machine can see, and shells remember."""
    if sys.stdin.isatty():
        return getpass.getpass("Access token (it is not shown): ")
    return sys.stdin.read(_LONGEST_READ)


def _say(state: TokenState, more: dict[str, Any], *, json: bool) -> None:
    if json:
        output.emit({"hub": state.origin, "source": state.source.value, "problem": state.problem} | more)
        return
    found = _FROM.get(state.source)
    said = f"{state.origin}: a token comes from {found}." if found else f"{state.origin}: there is no token."
    output.out.print(said, markup=False, soft_wrap=True)
    if more.get("kept") and state.source is not TokenSource.KEYRING:
        output.err.print("The one that was kept now counts when that one is gone.", style="yellow", soft_wrap=True)
    if state.problem is not None:
        output.err.print(state.problem, style="yellow", markup=False, soft_wrap=True)
