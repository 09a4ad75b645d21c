"""``workbench conversations``: what was asked and answered: list, search, show, import, export, delete, restore."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from workbench.app import Workbench
from workbench.chat.imports import files as importing
from workbench.chat.snippets import BEGIN, END
from workbench.chat.stored import Hit, Listed, Query, StoredConversation, StoredTurn, TurnNode, Wanted
from workbench.cli import export, output
from workbench.cli.inputs import Json
from workbench.errors import UsageError

app = typer.Typer(help="Conversations: what was asked and answered.", no_args_is_help=True)
app.command("export")(export.export)

MOST_LISTED = 10_000
Number: TypeAlias = Annotated[int, typer.Argument(min=1, max=2**62, help="Its number, as in the list.")]
Numbers: TypeAlias = Annotated[list[int], typer.Argument(min=1, max=2**62, help="Their numbers, as in the list.")]
Folder: TypeAlias = Annotated[str | None, typer.Option("--folder", help='Only those in this folder; "": in none.')]
Tag: TypeAlias = Annotated[str | None, typer.Option("--tag", help="Only those with this tag.")]
Model: TypeAlias = Annotated[str | None, typer.Option("--model", help="Only what this model answered.")]
Day: TypeAlias = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day: YYYY-MM-DD.")]


@app.command("list")
def list_conversations(
    folder: Folder = None,
    tag: Tag = None,
    model: Model = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Those that were deleted, and can be restored.")] = False,
    json: Json = False,
) -> None:
    """List conversations, the newest first."""
    with Workbench.open() as workbench:
        found = workbench.conversations.listed(Wanted(folder=folder, tag=tag, model=model, deleted=deleted))
    if json:
        output.emit({"conversations": [_listed_json(one) for one in found]})
        return
    if not found:
        output.out.print("There is no conversation." if not deleted else "Nothing was deleted.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("number", "title", "changed", "folder", "tags", "models"):
        table.add_column(title, overflow="fold", justify="right" if title == "number" else "left")
    for one in found:
        pin = "★ " if one.pinned else ""
        cells = (
            str(one.id),
            pin + one.title,
            _when(one.changed_at),
            one.folder,
            ", ".join(one.tags),
            ", ".join(one.models),
        )
        table.add_row(*map(escape, cells))
    output.out.print(table)


@app.command()
def search(
    words: Annotated[list[str], typer.Argument(help='Words, or "several in quotes"; the last may be a beginning.')],
    folder: Folder = None,
    tag: Tag = None,
    model: Model = None,
    since: Day = None,
    until: Day = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST_LISTED, help="At most so many.")] = 20,
    json: Json = False,
) -> None:
    """Find words in prompts, answers and titles, best first."""
    # A quoted word of the shell holds blanks: it is a phrase.
    text = " ".join(f'"{word}"' if " " in word and '"' not in word else word for word in words)
    ends = until + timedelta(days=1) if until is not None else None
    with Workbench.open() as workbench:
        hits = workbench.conversations.search(Query(text, model, tag, folder, since, ends), limit)
    if json:
        output.emit({"hits": [_hit_json(hit) for hit in hits]})
        return
    if not hits:
        output.out.print("Nothing was found.")
    for hit in hits:
        who = hit.model or "prompt or title"
        output.out.print(
            f"[bold]{hit.conversation_id}[/] {escape(hit.title)} [dim]{escape(who)}, {_when(hit.asked_at)}[/]"
        )
        output.out.print(_marked(hit.snippet), soft_wrap=True)


@app.command()
def show(
    number: Number,
    turn: Annotated[int | None, typer.Option("--turn", help="Show the branch that ends with this turn.")] = None,
    tree: Annotated[bool, typer.Option("--tree", help="Show all prompts as a tree, without answers.")] = False,
    json: Json = False,
) -> None:
    """Show a conversation: the branch that was shown last, or another one."""
    with Workbench.open() as workbench:
        nodes = workbench.conversations.tree(number)
        if turn is not None and turn not in {node.id for node in nodes}:
            raise UsageError(f"Conversation {number} has no turn {turn}.", hint="Its turns: show --tree.")
        stored = workbench.conversations.load(number, turn)
        if stored is None:
            raise _missing(number)
        if json:
            output.emit(_stored_json(stored, nodes))
        elif tree:
            _say_tree(nodes, {one.id for one in stored.turns})
        else:
            _say(stored, nodes)


@app.command("import")
def import_conversations(
    files: Annotated[list[Path], typer.Argument(help="conversations.json of ChatGPT, ShareGPT, or lists of messages.")],
    folder: Annotated[str, typer.Option("--folder", help="The folder to put them into.")] = "",
    json: Json = False,
) -> None:
    """Import conversations of other programs, with their branches; those that are here already are not taken twice."""
    found = [one for file in files for one in importing.read(file.expanduser())]
    left_out = [one for one in found if not one.turns]
    with Workbench.open() as workbench:
        placed = workbench.conversations.import_all(found)
        added = [(one.conversation_id, one.imported) for one in placed if not one.known]
        known = [(one.conversation_id, one.imported) for one in placed if one.known]
        for number, _ in added if folder else ():
            workbench.conversations.set_folder(number, folder)
    if json:
        output.emit(
            {
                "imported": [
                    {"id": number, "title": one.title, "turns": len(one.turns), "source": one.source,
                     "problems": list(one.problems)} for number, one in added
                ],
                "known": [{"id": number, "title": one.title} for number, one in known],
                "left_out": [{"title": one.title, "problems": list(one.problems)} for one in left_out],
            }
        )  # fmt: skip
        return
    for number, one in added:
        prompts = "1 prompt" if len(one.turns) == 1 else f"{len(one.turns):,} prompts"
        output.out.print(f"{number} {one.title}: {prompts}.", markup=False, soft_wrap=True)
        for problem in one.problems:
            output.err.print(f"    {problem}", style="yellow", markup=False, soft_wrap=True)
    for number, one in known:
        output.out.print(f"{number} {one.title}: here already.", markup=False, soft_wrap=True)
    for one in left_out:
        output.err.print(
            f"{one.title} was left out: {'; '.join(one.problems)}.", style="yellow", markup=False, soft_wrap=True
        )


@app.command()
def delete(numbers: Numbers, json: Json = False) -> None:
    """Delete conversations; for 30 days they can be restored."""
    with Workbench.open() as workbench:
        _check(numbers, workbench.conversations.listed())
        for number in numbers:
            workbench.conversations.delete(number)
    if json:
        output.emit({"deleted": numbers})
    else:
        names = " ".join(map(str, numbers))
        output.out.print(f"Deleted. For 30 days, `workbench conversations restore {names}` brings it back.")


@app.command()
def restore(numbers: Numbers, json: Json = False) -> None:
    """Bring deleted conversations back."""
    with Workbench.open() as workbench:
        _check(
            numbers, workbench.conversations.listed(Wanted(deleted=True)), hint="workbench conversations list --deleted"
        )
        for number in numbers:
            workbench.conversations.restore(number)
    if json:
        output.emit({"restored": numbers})
    else:
        output.out.print("Restored.")


def _check(numbers: list[int], listed: tuple[Listed, ...], hint: str = "workbench conversations list") -> None:
    known = {one.id for one in listed}
    for number in numbers:
        if number not in known:
            raise _missing(number, hint)


def _missing(number: int, hint: str = "workbench conversations list") -> UsageError:
    return UsageError(f"There is no conversation {number}.", hint=hint)


# --- in words ------------------------------------------------------------------------------------


def _say(stored: StoredConversation, nodes: tuple[TurnNode, ...]) -> None:
    output.out.print(stored.title, style="bold", markup=False)
    if stored.source:
        output.out.print(f"from: {stored.source}", style="dim", markup=False)
    if stored.system_prompt:
        output.out.print(f"system: {stored.system_prompt}", style="dim", markup=False, soft_wrap=True)
    for turn in stored.turns:
        beside = f", {turn.siblings.index(turn.id) + 1} of {len(turn.siblings)} branches" if turn.siblings[1:] else ""
        output.out.print(f"\n[bold cyan]Prompt[/] [dim]{turn.id}, {_when(turn.asked_at)}{beside}[/]")
        output.out.print(turn.prompt, markup=False, soft_wrap=True)
        _say_answers(turn)
    hidden = len(nodes) - len(stored.turns)
    if hidden:
        more = "1 more prompt is" if hidden == 1 else f"{hidden} more prompts are"
        output.out.print(f"\n{more} on other branches: show {stored.id} --tree.", style="dim")


def _say_answers(turn: StoredTurn) -> None:
    for slot, answer in sorted(turn.answers.items()):
        attempts = turn.attempts.get(slot, ())
        again = f", attempt {attempts.index(turn.shown[slot]) + 1} of {len(attempts)}" if attempts[1:] else ""
        chips = "".join(f" [{chip}]" for chip in answer.chips)
        output.out.print(f"{answer.model}{again}{chips}", style="bold green", markup=False)
        said = answer.error.message if answer.error is not None else answer.text
        output.out.print(said, markup=False, soft_wrap=True)


def _say_tree(nodes: tuple[TurnNode, ...], shown: set[int]) -> None:
    """Indented only where the tree forks: a long line of turns stays at the left."""
    children: dict[int | None, list[TurnNode]] = {}
    for node in nodes:
        children.setdefault(node.parent_id, []).append(node)
    waiting = [(node, 0) for node in reversed(children.get(None, []))]
    while waiting:
        node, depth = waiting.pop()
        mark = "●" if node.id in shown else "○"
        line = " ".join(node.prompt.split())[:100]
        output.out.print(f"{'  ' * depth}{mark} {node.id} {line}", markup=False, soft_wrap=True)
        below = children.get(node.id, [])
        waiting += [(one, depth + (len(below) > 1)) for one in reversed(below)]


def _marked(snippet: str) -> Text:
    """What was found is bold."""
    before, *found = snippet.split(BEGIN)
    line = Text(f"    {before}")
    for part in found:
        words, _, after = part.partition(END)
        line.append(words, style="bold").append(after)
    return line


def _when(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")


# --- as JSON -------------------------------------------------------------------------------------


def _listed_json(one: Listed) -> dict[str, Any]:
    return {
        "id": one.id,
        "title": one.title,
        "changed_at": one.changed_at,
        "kind": one.kind,
        "folder": one.folder,
        "pinned": one.pinned,
        "tags": list(one.tags),
        "models": list(one.models),
        "source": one.source,
        "deleted_at": one.deleted_at,
    }


def _hit_json(hit: Hit) -> dict[str, Any]:
    return {
        "conversation": hit.conversation_id,
        "turn": hit.turn_id,
        "answer": hit.generation_id,
        "title": hit.title,
        "model": hit.model,
        "asked_at": hit.asked_at,
        "snippet": hit.snippet.replace(BEGIN, "").replace(END, ""),
        "found": [part.split(END)[0] for part in hit.snippet.split(BEGIN)[1:]],
    }


def _stored_json(stored: StoredConversation, nodes: tuple[TurnNode, ...]) -> dict[str, Any]:
    return {
        "id": stored.id,
        "title": stored.title,
        "kind": stored.kind,
        "source": stored.source,
        "folder": stored.folder,
        "tags": list(stored.tags),
        "system_prompt": stored.system_prompt,
        "sampling": stored.sampling,
        "turns": [_turn_json(turn) for turn in stored.turns],
        "tree": [{"id": node.id, "parent": node.parent_id, "prompt": node.prompt} for node in nodes],
    }


def _turn_json(turn: StoredTurn) -> dict[str, Any]:
    return {
        "id": turn.id,
        "parent": turn.parent_id,
        "asked_at": turn.asked_at,
        "prompt": turn.prompt,
        "siblings": list(turn.siblings),
        "answers": [
            {"id": turn.shown[slot], "pane": slot, "attempts": list(turn.attempts[slot])} | answer.as_json()
            for slot, answer in sorted(turn.answers.items())
        ],
    }
