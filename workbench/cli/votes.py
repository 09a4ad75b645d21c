"""``workbench votes``: what people preferred, what that says, and votes as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from workbench.app import Workbench
from workbench.chat.exports.text import ratings_json
from workbench.chat.votes import files as vote_files
from workbench.chat.votes import words as rating_words
from workbench.chat.votes.ballots import Filter, Vote
from workbench.chat.votes.files import Saving, VoteForm
from workbench.chat.votes.lines import WINNERS
from workbench.chat.votes.meta import meta_of
from workbench.chat.votes.ratings import Ratings, between_families, by_family, by_tag, rate
from workbench.chat.votes.taking import Taking, taking_file
from workbench.cli import output
from workbench.cli.inputs import Json
from workbench.cli.progress import Told, follow, interruptible
from workbench.errors import UsageError

app = typer.Typer(help="What people preferred, what that says, and votes as files.", no_args_is_help=True)

Tag = Annotated[str | None, typer.Option("--tag", help="Only votes with this tag.")]
Family = Annotated[str | None, typer.Option("--family", help="Only votes between two models of this family.")]
Blind = Annotated[bool, typer.Option("--blind", help="Only votes given without knowing the names.")]
Imported = Annotated[
    bool | None, typer.Option("--imported/--own", help="Only votes out of files, or only those cast here.")
]

Rater = Annotated[str | None, typer.Option("--rater", help='Only votes of this rater; "" for those without a name.')]


@app.command()
def rank(
    tag: Tag = None,
    family: Family = None,
    blind: Blind = False,
    imported: Imported = None,
    rater: Rater = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Apart for each: tag, family; or families: against each other.")
    ] = None,
    json: Json = False,
) -> None:
    """Rank the models by their votes, with how sure that is."""
    if by not in (None, "tag", "family", "families"):
        raise UsageError(f"--by {by}: it is tag, family or families.")
    with Workbench.open() as workbench:
        votes = workbench.history.ballots.counted(Filter(tag, family, blind, imported, rater))
    found = _ranked(votes, by)
    if json:
        output.emit({"votes": len(votes), "rankings": [{"of": of, **ratings_json(one)} for of, one in found]})
    elif not found:
        output.out.print("No votes between two models yet. Vote on the Compare page, or bring some with "
                         "`workbench votes import FILE`.")  # fmt: skip
    else:
        for of, ratings in found:
            _show(of, ratings)


def _ranked(votes: Sequence[Vote], by: str | None) -> list[tuple[str | None, Ratings]]:
    if by == "tag":
        return list(by_tag(votes).items())
    if by == "family":
        return list(by_family(votes).items())
    ratings = between_families(votes) if by == "families" else rate(votes)
    return [(None, ratings)] if ratings is not None else []


def _show(of: str | None, ratings: Ratings) -> None:
    if of is not None:
        output.out.print(f"\n{of or '(no tag)'}", style="bold", markup=False)
    for line in rating_words.verdicts(ratings):
        output.out.print(line, markup=False, soft_wrap=True)
    for island in ratings.islands:
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("model", overflow="fold")
        for title in ("preferred to the next", "votes", "not both bad", "Elo"):
            table.add_column(title, justify="right")
        for one in island.standings:
            chance = rating_words.percent(one.beats_next) if one.beats_next is not None else ""
            acceptable = rating_words.percent(ratings.acceptable[one.contender.name])
            table.add_row(Text(one.contender.name), chance, str(one.ballots), acceptable, rating_words.elo(one.elo))
        output.out.print(table)
    for line in rating_words.cautions(ratings):
        output.out.print(line, style="dim", markup=False, soft_wrap=True)


@app.command("list")
def list_votes(
    tag: Tag = None,
    family: Family = None,
    blind: Blind = False,
    imported: Imported = None,
    rater: Rater = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were withdrawn.")] = False,
    json: Json = False,
) -> None:
    """List the votes, oldest first."""
    wanted = Filter(tag, family, blind, imported, rater)
    with Workbench.open() as workbench:
        votes = [vote for vote in workbench.history.ballots.all() if wanted.takes(vote)]
    votes = [vote for vote in votes if every or vote.withdrawn_at is None]
    if json:
        output.emit({"votes": [_as_json(vote) for vote in votes]})
        return
    if not votes:
        output.out.print("No votes.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("number", "left", "right", "vote", "given", "what else"):
        table.add_column(title, overflow="fold")
    for vote in votes:
        names = (vote.left.contender.name, vote.right.contender.name, _outcome(vote))
        table.add_row(str(vote.id), *map(Text, names), vote.voted_at[:16].replace("T", " "), Text(_else(vote)))
    output.out.print(table)


def _outcome(vote: Vote) -> str:
    return vote.outcome.name.lower().replace("_", " ")


def _else(vote: Vote) -> str:
    said = [
        "blind" if vote.blind else "names known",
        "the same answer" if vote.automatic else "",
        f"repeats {vote.repeats}" if vote.repeats is not None else "",
        f"from {vote.source}" if vote.source else "",
        "withdrawn" if vote.withdrawn_at is not None else "",
        f"by {vote.rater}" if vote.rater else "",
        *vote.tags,
        vote.comment,
    ]
    return ", ".join(filter(None, said))


def _as_json(vote: Vote) -> dict[str, Any]:
    return meta_of(vote) | {
        "winner": WINNERS[vote.outcome],
        "turn": vote.turn,
        "source": vote.source or None,
        "withdrawn_at": vote.withdrawn_at,
    }


@app.command()
def export(
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
    form: Annotated[
        VoteForm, typer.Option("--format", help="dpo: prompt, chosen, rejected; dpo-messages: the same as messages.")
    ] = VoteForm.DPO,
    tag: Tag = None,
    family: Family = None,
    blind: Blind = False,
    imported: Imported = None,
    rater: Rater = None,
    json: Json = False,
) -> None:
    """Write the votes that count into a file."""
    wanted = Filter(tag, family, blind, imported, rater)
    with Workbench.open() as workbench, interruptible() as cancel:
        work = vote_files.saving(workbench.history.ballots, wanted, to, form)
        done = follow(work, _saving, name="progress", as_json=json, cancel=cancel, items=True)
    if json:
        left_out = [{"why": why, "votes": count} for why, count in done.left_out]
        output.emit({"file": str(to), "format": form.value, "votes": done.votes, "left_out": left_out})
        return
    output.out.print(f"{to}: {_votes(done.votes)}.", markup=False, soft_wrap=True)
    for why, count in done.left_out:
        output.err.print(f"{_votes(count)} left out: {why}.", style="dim", markup=False, soft_wrap=True)


@app.command("import")
def import_votes(
    file: Annotated[Path, typer.Argument(help="Votes as JSONL or CSV, also of other programs.")], json: Json = False
) -> None:
    """Take in the votes of FILE, marked with its name; those that are here already are not taken twice."""
    with Workbench.open() as workbench, interruptible() as cancel:
        work = taking_file(workbench.history.ballots, file)
        taken = follow(work, _taking, name="progress", as_json=json, cancel=cancel, items=True)
    if json:
        output.emit({"file": str(file), "added": taken.added, "known": taken.known, "left_out": taken.left_out})
        return
    output.out.print(f"{_votes(taken.added)} taken in.")
    if taken.known:
        output.out.print(f"{_votes(taken.known)} were here already.")
    if taken.left_out:
        output.err.print(
            f"{_votes(taken.left_out)} left out: each repeats a vote that is not in the file.", style="dim"
        )


@app.command()
def withdraw(
    number: Annotated[int, typer.Argument(help="The number of the vote, as `votes list` shows it.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let it count again.")] = False,
    json: Json = False,
) -> None:
    """Let a vote count no more; it is kept, and can be put back."""
    with Workbench.open() as workbench:
        ballots = workbench.history.ballots
        done = ballots.put_back(number) if undo else ballots.withdraw(number)
    if not done:
        what = "withdrawn vote" if undo else "vote that counts"
        raise UsageError(f"There is no {what} with the number {number}.", hint="workbench votes list --all")
    if json:
        output.emit({"vote": number, "counts": undo})
    else:
        output.out.print(f"Vote {number} counts again." if undo else f"Vote {number} does not count any more.")


def _saving(event: Saving) -> Told:
    return Told("writing votes", event.done, event.total, event={"done": event.done, "total": event.total})


def _taking(event: Taking) -> Told:
    what = "reading" if event.total is None else "taking in"
    progress = {"step": what, "done": event.done, "total": event.total}
    return Told(f"{what} votes", event.done, event.total, event=progress)


def _votes(count: int) -> str:
    return "1 vote" if count == 1 else f"{count:,} votes"
