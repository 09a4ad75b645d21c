"""Ratings in words: the win probability first, and what is not decided said as such."""

from __future__ import annotations

import math

from workbench.chat.votes.ratings import Ratings, Standing
from workbench.stats.interval import Interval


def percent(rate: Interval) -> str:
    """``64 % (41–82 %)``; without trials that nothing is known."""
    if math.isnan(rate.estimate):
        return "not known"
    return f"{rate.estimate:.0%} ({rate.low * 100:.0f}–{rate.high:.0%})".replace("%", " %")


def elo(strength: Interval) -> str:
    """``+35 ±110``, 0 being the mean of all that are compared."""
    return f"{strength.estimate:+.0f} ±{(strength.high - strength.low) / 2:.0f}"


def beats(standing: Standing, below: Standing) -> str:
    """How a contender stands to the one below it, as a sentence."""
    assert standing.beats_next is not None
    return (
        f"{standing.contender.name} is preferred to {below.contender.name} in {percent(standing.beats_next)} "
        f"of the votes that prefer one. {more_votes(standing.votes_to_decide)}."
    )


def more_votes(votes_to_decide: int | None) -> str:
    if votes_to_decide == 0:
        return "Decided"
    if votes_to_decide is None:
        return "Not decided: the two stand level so far"
    return f"Not decided: about {votes_to_decide:,} more {'vote' if votes_to_decide == 1 else 'votes'} between the two"


def verdicts(ratings: Ratings) -> tuple[str, ...]:
    """What the ranking says, from the first place down."""
    said = [
        beats(first, second)
        for island in ratings.islands
        for first, second in zip(island.standings, island.standings[1:], strict=False)
    ]
    if not ratings.comparable:
        groups = "; ".join(", ".join(island.names) for island in ratings.islands)
        said.insert(0, f"No votes connect these groups, so nothing is known of one against the other: {groups}.")
    return tuple(said)


def cautions(ratings: Ratings) -> tuple[str, ...]:
    """What a reader must know before believing the ranking."""
    said = []
    if 0.5 not in ratings.left_share:
        said.append(
            f"The answer on the left won {percent(ratings.left_share)} of the votes that prefer one: side counts."
        )
    if 0.0 not in ratings.length_effect:
        longer = "longer" if ratings.length_effect.estimate > 0 else "shorter"
        chance = 1 / (1 + math.exp(-abs(ratings.length_effect.estimate) * math.log(2)))
        said.append(
            f"The {longer} answer tends to win: of two equal models, one twice as long as the other "
            f"{'wins' if longer == 'longer' else 'loses'} {chance:.0%} of the time.".replace("%", " %")
        )
    if ratings.fragile is not None:
        votes = "1 vote" if ratings.fragile == 1 else f"{ratings.fragile} votes"
        said.append(f"Without {votes} of {ratings.votes:,}, another would lead.")
    if ratings.consistency is not None:
        said.append(f"Asked again with the sides exchanged, the same was said in {percent(ratings.consistency)}.")
    if ratings.imported:
        said.append(f"{ratings.imported:,} of the {ratings.votes:,} votes come out of files.")
    if ratings.blind < ratings.votes:
        said.append(
            f"{ratings.votes - ratings.blind:,} of the {ratings.votes:,} votes were given with the names known."
        )
    return tuple(said)
