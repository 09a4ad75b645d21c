"""Ratings in words: the win probability first, and what is not decided said as such."""

from __future__ import annotations

import math

from workbench.chat.votes.ratings import Ratings, Standing
from workbench.stats.interval import Interval
from workbench.words import counted, said


def percent(rate: Interval) -> str:
    """``64 % (41–82 %)``; without trials that nothing is known."""
    if math.isnan(rate.estimate):
        return said("not known")
    return f"{rate.estimate:.0%} ({rate.low * 100:.0f}–{rate.high:.0%})".replace("%", " %")


def elo(strength: Interval) -> str:
    """``+35 ±110``, 0 being the mean of all that are compared."""
    return f"{strength.estimate:+.0f} ±{(strength.high - strength.low) / 2:.0f}"


def beats(standing: Standing, below: Standing) -> str:
    """How a contender stands to the one below it, as a sentence."""
    assert standing.beats_next is not None
    return said(
        "{better} is preferred to {other} in {share} of the votes that prefer one. {more}.",
        better=standing.contender.name,
        other=below.contender.name,
        share=percent(standing.beats_next),
        more=more_votes(standing),
    )


def more_votes(standing: Standing) -> str:
    votes = standing.votes_to_decide
    if votes == 0:
        return said("Decided")
    if standing.too_few:
        prompts = counted(max(1, standing.prompts or 0), "prompt")
        if votes is None:
            return said("Too few prompts to tell, {prompts} so far", prompts=prompts)
        return said("Too few prompts to tell, {prompts} so far: about {votes} between the two, on new prompts",
                    prompts=prompts, votes=_more(votes))  # fmt: skip
    if votes is None:
        return said("Not decided: the two stand level so far")
    return said("Not decided: about {votes} between the two, on new prompts", votes=_more(votes))


def _more(votes: int) -> str:
    return counted(votes, "more vote")


def verdicts(ratings: Ratings) -> tuple[str, ...]:
    """What the ranking says, from the first place down."""
    told = [
        beats(first, second)
        for island in ratings.islands
        for first, second in zip(island.standings, island.standings[1:], strict=False)
    ]
    if not ratings.comparable:
        groups = "; ".join(", ".join(island.names) for island in ratings.islands)
        told.insert(
            0,
            said(
                "No votes connect these groups, so nothing is known of one against the other: {groups}.", groups=groups
            ),
        )
    return tuple(told)


def cautions(ratings: Ratings) -> tuple[str, ...]:
    """What a reader must know before believing the ranking."""
    told = []
    if 0.0 not in ratings.side_effect:
        told.append(said("Side counts: of two equal models, the one on the left wins {share} of the votes that prefer "
                         "one.", share=percent(side_chance(ratings))))  # fmt: skip
    if 0.0 not in ratings.length_effect:
        told.append(_length_told(ratings.length_effect))
    if ratings.fragile is not None:
        votes = counted(ratings.fragile, "vote")
        told.append(said("Without {votes} of {all:,}, another would lead.", votes=votes, all=ratings.votes))
    prompts = ratings.islands[0].fragile_prompts
    if prompts is not None and ratings.prompts < ratings.votes:
        told.append(said("So it would without {prompts} of {all:,} with all their votes.",
                         prompts=counted(prompts, "prompt"), all=ratings.prompts + ratings.unplaced))  # fmt: skip
    if ratings.consistency is not None:
        told.append(
            said(
                "Asked again with the sides exchanged, the same was said in {share}.",
                share=percent(ratings.consistency),
            )
        )
    told += raters_told(ratings)
    if ratings.unplaced:
        told.append(
            said(
                "Of {unplaced:,} of the {votes:,} votes nobody knows the prompt: each counts as a prompt of its own.",
                unplaced=ratings.unplaced,
                votes=ratings.votes,
            )
        )
    if ratings.imported:
        told.append(
            said(
                "{imported:,} of the {votes:,} votes come out of files.", imported=ratings.imported, votes=ratings.votes
            )
        )
    if ratings.blind < ratings.votes:
        told.append(
            said(
                "{n:,} of the {all:,} votes were given with the names known.",
                n=ratings.votes - ratings.blind,
                all=ratings.votes,
            )
        )
    return tuple(told)


def _length_told(effect: Interval) -> str:
    chance = 1 / (1 + math.exp(-abs(effect.estimate) * math.log(2)))
    share = f"{chance:.0%}".replace("%", " %")
    if effect.estimate > 0:
        return said(
            "The longer answer tends to win: of two equal models, one twice as long as the other wins {share} of the "
            "time.",
            share=share,
        )
    return said(
        "The shorter answer tends to win: of two equal models, one twice as long as the other loses {share} of the "
        "time.",
        share=share,
    )


def side_chance(ratings: Ratings) -> Interval:
    """How often the left one of two equal models wins, where one of the two does."""
    effect = ratings.side_effect
    low, at, high = (1 / (1 + math.exp(-one)) for one in (effect.low, effect.estimate, effect.high))
    return Interval(at, low, high, effect.level)


def raters_told(ratings: Ratings) -> list[str]:
    """Who judged and how far they agree; nothing where it is one."""
    told = []
    if ratings.few_raters:
        told.append(
            said(
                "{raters} raters gave these votes: the ranges speak of what they prefer, not of what others would.",
                raters=len(ratings.raters),
            )
        )
    found = ratings.agreement
    if found is not None:
        told.append(
            said(
                "{ballots} by more than one rater, who said the same in {share}; Krippendorff's alpha {alpha}.",
                ballots=counted(found.shared, "pair of answers was judged", "pairs of answers were judged"),
                share=percent(found.same),
                alpha=alpha(found.alpha),
            )
        )
    return told


def alpha(found: Interval) -> str:
    """``0.74 (0.52 to 0.90)``: 1 is agreement, 0 what chance makes."""
    if math.isnan(found.estimate):
        return said("not known")
    return said("{alpha} ({low} to {high})", alpha=f"{found.estimate:.2f}", low=f"{found.low:.2f}",
                high=f"{found.high:.2f}")  # fmt: skip
