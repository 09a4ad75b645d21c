"""``workbench export``: a comparison as Markdown, one HTML page, JSON or CSV."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from workbench.app import Workbench
from workbench.chat.exports import files as exports
from workbench.chat.exports.files import Audience, Format
from workbench.chat.votes.ratings import rate
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.errors import UsageError


def export(
    conversation: Annotated[str, typer.Argument(help="The number of the conversation, or last.")],
    form: Annotated[
        Format | None, typer.Option("--format", help="md, html, json or csv (as FILE ends; on the terminal md).")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="The file to write (the terminal).")] = None,
    audience: Annotated[
        Audience, typer.Option("--for", help="auditor: also hashes, settings, the rendered prompt and timings.")
    ] = Audience.READER,
    hide_names: Annotated[
        bool, typer.Option("--hide-names", help="Letters for names, and nothing that betrays them.")
    ] = False,
    ratings: Annotated[bool, typer.Option("--ratings", help="Also what all votes say of the models in it.")] = False,
    json: Json = False,
) -> None:
    """Write a comparison into a file to send round: one page, one table, or everything there is."""
    if json and to is None:
        raise UsageError("--json tells of a file.", hint="Name one with --to, or leave --json out.")
    with Workbench.open() as workbench:
        stored = workbench.conversations.load(_number(workbench, conversation))
        if stored is None:
            raise UsageError(f"There is no conversation {conversation}.", hint="workbench conversations list")
        votes = workbench.history.ballots.counted()
        turns = {turn.id for turn in stored.turns}
        between = [side.contender for vote in votes if vote.turn in turns for side in (vote.left, vote.right)]
        told = exports.of(
            stored,
            votes=votes,
            ratings=rate(votes, between) if ratings and between else None,
            hidden=hide_names,
            audience=audience,
        )
    if to is None:
        sys.stdout.write(exports.text_of(told, form or Format.MARKDOWN))
        return
    exports.save(told, to, form)
    if json:
        output.emit({"file": str(to), "conversation": stored.id, "turns": len(told.turns), "names": list(told.names)})
    else:
        output.out.print(f"Written: {to}", markup=False, soft_wrap=True)


def _number(workbench: Workbench, named: str) -> int:
    if named == "last":
        listed = workbench.conversations.listed()
        if not listed:
            raise UsageError("Nothing was compared yet.", hint="Ask something on the Compare page.")
        return listed[0].id
    # No more digits than a row's number has.
    if not named.isdecimal() or len(named) > 18:
        raise UsageError(f"{named} is no number of a conversation.", hint="workbench conversations list")
    return int(named)
