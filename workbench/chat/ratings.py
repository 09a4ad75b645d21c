"""What the votes say: a ranking with its uncertainty, and what the rater and the lengths have to do with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.chat.ballots import Contender, Vote
from workbench.stats import voting
from workbench.stats.bradley_terry import Ballot, Ranking, fit
from workbench.stats.interval import Interval


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender's place.  ``beats_next`` is how likely it is preferred to the one below, None for the last;
    ``votes_to_decide`` how many more votes between the two it would take: 0 decided, None more than can be told."""

    contender: Contender
    elo: Interval
    ballots: int
    beats_next: Interval | None
    votes_to_decide: int | None


@dataclass(frozen=True, slots=True)
class Ratings:
    """Strongest first.  ``left_share`` is how often the left answer won, ``length_effect`` what an answer e times as
    long is worth in logits, ``consistency`` how often the rater said the same again (None: never asked twice);
    ``fragile`` how few dropped votes change the leader, None where fifty do not."""

    standings: tuple[Standing, ...]
    ranking: Ranking
    left_share: Interval
    length_effect: Interval
    consistency: Interval | None
    fragile: int | None


def rate(votes: Sequence[Vote]) -> Ratings | None:
    """None without votes between two contenders.  A vote that repeats another is for the consistency alone."""
    asked = [vote for vote in votes if vote.repeats is None and vote.left.contender.name != vote.right.contender.name]
    if not asked:
        return None
    known = {side.contender.name: side.contender for vote in asked for side in (vote.left, vote.right)}
    names = sorted(known)
    ballots = [_ballot(vote, names) for vote in asked]
    ranking = fit(len(names), ballots)
    order = ranking.order
    standings = []
    for place, number in enumerate(order):
        below = order[place + 1] if place + 1 < len(order) else None
        standings.append(
            Standing(
                known[names[number]],
                ranking.elo(number),
                sum(number in (ballot.left, ballot.right) for ballot in ballots),
                ranking.win_probability(number, below) if below is not None else None,
                voting.votes_to_decide(ranking, number, below) if below is not None else None,
            )
        )
    fragile = voting.fragility(len(names), ballots)
    # Of answers nobody compared there is no side that was preferred.
    judged = [ballot for ballot, vote in zip(ballots, asked, strict=True) if not vote.automatic]
    return Ratings(
        tuple(standings),
        ranking,
        voting.left_share(judged),
        fit(len(names), judged, covariate=True).covariate_effect(),
        _consistency(votes),
        len(fragile.ballots) if fragile is not None else None,
    )


def _ballot(vote: Vote, names: Sequence[str]) -> Ballot:
    left, right = names.index(vote.left.contender.name), names.index(vote.right.contender.name)
    longer = math.log(max(1, vote.left.characters)) - math.log(max(1, vote.right.characters))
    return Ballot(left, right, vote.outcome, longer)


def _consistency(votes: Sequence[Vote]) -> Interval | None:
    by_id = {vote.id: vote for vote in votes}
    pairs = [(by_id[vote.repeats].outcome, voting.mirrored(vote.outcome)) for vote in votes
             if vote.repeats is not None and vote.repeats in by_id]  # fmt: skip
    return voting.consistency(pairs) if pairs else None
