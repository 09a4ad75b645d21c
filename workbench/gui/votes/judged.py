"""What the Votes page shows, worked out away from the window's thread."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from workbench.chat.history import History
from workbench.chat.votes.ballots import Contender, Filter, Vote
from workbench.chat.votes.listing import Place
from workbench.chat.votes.ratings import Ratings, between_families, next_ballot, rate
from workbench.gui.votes.vote_table import VoteRow
from workbench.jobs import CancelToken, Task


@dataclass(frozen=True, slots=True)
class NextPair:
    """The two whose next vote teaches most; ``place`` is a prompt both answered already, unjudged."""

    first: Contender
    second: Contender
    place: Place | None


@dataclass(frozen=True, slots=True)
class Listing:
    """``rows`` are all votes there ever were that the filter takes, newest first; ``any`` is whether there are votes at
    all, whatever the filter says."""

    rows: tuple[VoteRow, ...]
    tags: tuple[str, ...]
    family_names: tuple[str, ...]
    raters: tuple[str, ...]
    any: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """``ratings`` None without votes between two."""

    listing: Listing
    ratings: Ratings | None
    families: Ratings | None
    next_pair: NextPair | None


def judging(history: History, wanted: Filter) -> Task[Listing, Judged]:
    """The list is told at once; a ranking of thousands of votes takes its time."""

    def task(cancel: CancelToken) -> Generator[Listing, None, Judged]:
        listing = listed(history, wanted)
        yield listing
        cancel.raise_if_cancelled()
        return judged(history, listing)

    return task


def listed(history: History, wanted: Filter) -> Listing:
    every = history.ballots.all()
    prompts = history.vote_listing.prompts()
    taken = [vote for vote in every if wanted.takes(vote)]
    return Listing(
        rows=tuple(VoteRow(vote, prompts.get(vote.id, "")) for vote in reversed(taken)),
        tags=_tags(every),
        family_names=tuple(sorted({side.contender.family for vote in every for side in (vote.left, vote.right)})),
        raters=tuple(sorted({vote.rater for vote in every})),
        any=bool(every),
    )


def judged(history: History, listing: Listing) -> Judged:
    counted = [row.vote for row in reversed(listing.rows) if row.counts]
    return Judged(
        listing=listing,
        ratings=rate(counted),
        families=between_families(counted),
        next_pair=_next(history, counted),
    )


def _tags(votes: tuple[Vote, ...]) -> tuple[str, ...]:
    return tuple(sorted({tag for vote in votes for tag in vote.tags}))


def _next(history: History, votes: list[Vote]) -> NextPair | None:
    known = {side.contender.name: side.contender for vote in votes for side in (vote.left, vote.right)}
    found = next_ballot(votes, list(known.values()))
    if found is None:
        return None
    first, second = found
    return NextPair(first, second, history.vote_listing.unjudged(first, second))
