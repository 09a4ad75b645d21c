"""The command line's entrance: global options, the commands, and what a failure looks like."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from typer.exceptions import TyperException

import workbench
from workbench.cli import (
    ask,
    chat,
    compare,
    conversations,
    data,
    deck,
    doctor,
    export,
    fit,
    hardware,
    measure,
    models,
    offline,
    output,
    pack,
    quantize,
    tour,
    votes,
)
from workbench.cli.display import has_display
from workbench.errors import Cancelled, UsageError, WorkbenchError
from workbench.paths import DATA_DIR_VARIABLE
from workbench.settings import ENV_PREFIX

INTERRUPTED = 130
OFFLINE_VARIABLE = f"{ENV_PREFIX}OFFLINE"

OpenWindow: TypeAlias = Callable[[Path | None], int]


def build(open_window: OpenWindow) -> typer.Typer:
    app = typer.Typer(
        name="workbench",
        help="Which open model, at which quantisation, should I run on this machine, for my prompts?",
        epilog="Without a command the window opens; where there is no display, the tour runs instead.",
        no_args_is_help=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def root(
        context: typer.Context,
        data_dir: Annotated[
            Path | None,
            typer.Option("--data-dir", help=f"Keep all state below this folder (also ${DATA_DIR_VARIABLE})."),
        ] = None,
        offline: Annotated[
            bool, typer.Option("--offline", help=f"Use no network at all (also ${OFFLINE_VARIABLE}).")
        ] = False,
        version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    ) -> None:
        if version:
            output.out.print(f"workbench {workbench.__version__}")
            raise typer.Exit
        if data_dir is not None:
            os.environ[DATA_DIR_VARIABLE] = str(data_dir)  # child processes and the window read it too
        if offline:
            os.environ[OFFLINE_VARIABLE] = "1"
        if context.invoked_subcommand is None:
            raise typer.Exit(open_window(data_dir) if has_display() else tour.run_tour())

    app.command("hardware")(hardware.hardware)
    app.add_typer(models.app, name="models")
    app.add_typer(conversations.app, name="conversations")
    app.add_typer(pack.app, name="pack")
    app.add_typer(offline.app, name="offline")
    app.add_typer(data.app, name="data")
    app.command("fit")(fit.fit)
    app.command("chat")(chat.chat)
    app.command("compare")(compare.compare)
    app.add_typer(deck.app, name="deck")
    app.command("ask")(ask.ask)
    app.command("perplexity")(measure.perplexity)
    app.command("kl")(measure.kl)
    app.command("quantize")(quantize.quantize)
    app.command("export")(export.export)
    app.add_typer(votes.app, name="votes")
    app.command("doctor")(doctor.doctor)
    app.command("tour")(tour.tour)
    return app


def run(arguments: Sequence[str], open_window: OpenWindow) -> int:
    """Run one command and return its exit status: 0 ok, 1 failed, 2 usage, 130 cancelled."""
    as_json = "--json" in arguments
    try:
        status = build(open_window)(args=list(arguments), prog_name="workbench", standalone_mode=False)
    except TyperException as error:
        command = next((word for word in arguments if not word.startswith("-")), "")
        usage = UsageError(error.format_message(), hint=f"workbench {command} --help".replace("  ", " "))
        return output.fail(usage, as_json=as_json)
    except WorkbenchError as error:
        return output.fail(error, as_json=as_json)
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        if as_json:
            output.emit({"error": output.problem("cancelled", "Cancelled.", None)})
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output went away; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status if isinstance(status, int) else 0
