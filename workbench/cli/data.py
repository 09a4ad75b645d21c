"""``workbench data where|backup|restore|erase``: what the program keeps on this computer, in the user's own hands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from workbench import settings
from workbench.app import Workbench
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.cli.progress import Told, follow, interruptible
from workbench.errors import Cancelled, UsageError, WorkbenchError
from workbench.hardware.words import human_bytes
from workbench.hub.tokens import Tokens
from workbench.paths import Paths, resolve
from workbench.store import backup as store_backup
from workbench.store.holdings import Erased, Erasing, Kind, erase, holdings, refuse_while_open
from workbench.store.inspecting import Inspected, inspect

app = typer.Typer(help="Where the program keeps what is yours: look, back up, restore, delete.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do it without being asked.")]

CONFIRMATION = "delete everything"
WORDS = {
    Kind.HISTORY: "conversations, votes, measurements",
    Kind.MODELS: "models",
    Kind.PACKS: "catalogues and what packs brought",
    Kind.KEYS: "keys that packs are signed with",
    Kind.CACHES: "caches",
    Kind.SETTINGS: "settings",
    Kind.LOGS: "logs",
}
_PHASES = {
    store_backup.Phase.CHECKING: "checking",
    store_backup.Phase.KEEPING: "keeping a copy of what is there now",
    store_backup.Phase.COPYING: "copying",
}


@app.command()
def where(json: Json = False) -> None:
    """Show every folder the program writes to, and how much lies there."""
    paths = resolve()
    found = holdings(paths)
    folders = {"data": paths.data, "settings": paths.config, "cache": paths.cache, "logs": paths.logs}
    if json:
        output.emit(
            {
                "folders": {name: str(folder) for name, folder in folders.items()},
                "database": str(paths.database),
                "holdings": [
                    {"kind": one.kind.value, "size_bytes": one.size_bytes, "files": one.file_count,
                     "paths": [str(path) for path in one.paths]}
                    for one in found
                ],
                "size_bytes": sum(one.size_bytes for one in found),
            }
        )  # fmt: skip
        return
    table = Table(box=None, pad_edge=False)
    for title, justify in (("WHAT", "left"), ("SIZE", "right"), ("FILES", "right")):
        table.add_column(title, justify=justify, header_style="dim")  # type: ignore[arg-type]  # rich's own literals
    for one in found:
        table.add_row(WORDS[one.kind], human_bytes(one.size_bytes), str(one.file_count))
    table.add_row("altogether", human_bytes(sum(one.size_bytes for one in found)), "", style="bold")
    output.out.print(table)
    for name, folder in folders.items():
        output.out.print(f"{name}: {folder}", markup=False, soft_wrap=True)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; one that is there is only replaced with --yes.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Write conversations, votes and everything learnt into one file, also while the program is in use."""
    target = file.expanduser().absolute()
    if target.is_file() and not yes:
        raise UsageError(f"{target} is there already.", hint="Say --yes to replace it, or choose another name.")
    with Workbench.open() as workbench, interruptible() as cancel:
        task = store_backup.back_up(workbench.paths.database, target)
        found = follow(task, _tell, name="backup", as_json=json, cancel=cancel)
    if json:
        output.emit({"backup": _as_json(found)})
    else:
        said = f"{target}: {human_bytes(found.size_bytes)}, {_conversations(found)}, read back and found whole."
        output.out.print(said, markup=False, soft_wrap=True)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `workbench data backup` or the window has written.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put a backup in the place of what is there now, of which a copy is kept."""
    source = file.expanduser().absolute()
    paths = resolve()
    refuse_while_open(paths)
    found = inspect(source)
    if not yes:
        _ask(f"Replace everything by {source.name} ({_conversations(found)})?", quiet=json)
    with Workbench.open() as workbench, interruptible() as cancel:
        task = store_backup.restore(workbench.paths.database, source)
        done = follow(task, _tell, name="restore", as_json=json, cancel=cancel)
    if json:
        output.emit({"restored": _as_json(done.found), "kept": str(done.kept)})
        return
    output.out.print(f"Restored: {_conversations(done.found)}.")
    output.out.print(f"What was there before is kept in {done.kept}", markup=False, soft_wrap=True)


@app.command(name="erase")
def erase_all(
    models: Annotated[bool, typer.Option("--models", help="The models that this program fetched, too.")] = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete conversations, votes, settings, caches, logs, keys and the access token; models only with --models."""
    paths = resolve()
    refuse_while_open(paths)
    kinds = [kind for kind in Kind if models or kind is not Kind.MODELS]
    if not yes:
        _ask_twice(paths, kinds, quiet=json)
    token_problem = _forget_token(paths)
    with interruptible() as cancel:
        done = follow(erase(paths, kinds), _tell_erasing, name="erase", as_json=json, cancel=cancel)
    if json:
        output.emit({"erased": [kind.value for kind in kinds], "files": done.file_count, "size_bytes": done.size_bytes,
                     "left": [str(path) for path in done.left], "foreign": [str(path) for path in done.foreign],
                     "token_problem": token_problem})  # fmt: skip
    else:
        _say_erased(done, token_problem)
    raise typer.Exit(1 if done.left or token_problem else 0)


# --- within ----------------------------------------------------------------------------------


def _forget_token(paths: Paths) -> str | None:
    """Why the access token is still there; None when it is not.  The database need not be sound for this."""
    try:
        Tokens().forget(settings.load(paths.settings).hub_endpoint)
    except WorkbenchError as error:
        return error.message
    return None


def _say_erased(done: Erased, token_problem: str | None) -> None:
    output.out.print(f"Deleted: {done.file_count} files, {human_bytes(done.size_bytes)}.")
    for path in done.left:
        output.err.print(f"{path} could not be deleted.", style="yellow", markup=False, soft_wrap=True)
    for path in done.foreign:
        output.err.print(f"{path} is not of this program, and was left.", style="dim", markup=False, soft_wrap=True)
    if token_problem is not None:
        output.err.print(token_problem, style="yellow", markup=False, soft_wrap=True)


def _ask(question: str, *, quiet: bool) -> None:
    """Raises Cancelled for a no, and UsageError where nobody can answer."""
    _need_somebody(quiet=quiet)
    if not typer.confirm(question, default=False, err=True):
        raise Cancelled


def _ask_twice(paths: Paths, kinds: list[Kind], *, quiet: bool) -> None:
    _need_somebody(quiet=quiet)
    for one in holdings(paths):
        if one.kind in kinds:
            output.err.print(f"  {WORDS[one.kind]}: {human_bytes(one.size_bytes)}", markup=False)
    if typer.prompt(f"This cannot be undone. Type “{CONFIRMATION}”", err=True).strip().casefold() != CONFIRMATION:
        raise Cancelled


def _need_somebody(*, quiet: bool) -> None:
    if quiet or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("Nobody is here to be asked.", hint="Say --yes to do it without a question.")


def _tell(event: store_backup.Copying) -> Told:
    words = _PHASES[event.phase]
    values = {"phase": event.phase.value, "done_pages": event.done, "total_pages": event.total}
    return Told(words, event.done, event.total or None, event=values)


def _tell_erasing(event: Erasing) -> Told:
    return Told(f"deleting {event.path}", event={"path": str(event.path)})


def _conversations(found: Inspected) -> str:
    count = found.rows.get("conversation", 0)
    return "1 conversation" if count == 1 else f"{count} conversations"


def _as_json(found: Inspected) -> dict[str, Any]:
    return {"path": str(found.path), "schema": found.schema, "size_bytes": found.size_bytes, "rows": dict(found.rows)}
