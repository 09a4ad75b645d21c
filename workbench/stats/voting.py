"""What a set of votes is worth: which to ask for next, how many more, and how easily it would turn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.stats.bradley_terry import Ballot, Matrix, Ranking, Rows
from workbench.stats.clusters import FEWEST, Groups, t_of
from workbench.stats.interval import LEVEL, Interval, wilson, z_of
from workbench.stats.outcome import Outcome

MOST_VOTES = 10_000
"""More than this nobody gives: two models that need more are as good as equal."""


def information(ranking: Ranking, first: int, second: int) -> float:
    """Fisher information on θ_first - θ_second in one more ballot between the two: the variance of half the
    difference between the outcomes "first" and "second"."""
    half = float(ranking.strengths[first] - ranking.strengths[second]) / 2
    tie = math.exp(float(ranking.parameters[ranking.models]))
    total = math.exp(half) + tie + math.exp(-half)
    won, lost = math.exp(half) / total, math.exp(-half) / total
    return (won + lost - (won - lost) ** 2) / 4


def next_pair(ranking: Ranking, *, allowed: Sequence[tuple[int, int]] | None = None) -> tuple[int, int]:
    """The pair whose next ballot teaches most: where ½ ln(1 + information x variance) is greatest.

    ``allowed`` limits the choice; without it every pair may be asked.  Raises ValueError where there is none.
    """
    pairs = list(allowed) if allowed is not None else list(itertools.combinations(range(ranking.models), 2))
    if not pairs:
        raise ValueError("there is no pair to ask about")
    return max(pairs, key=lambda pair: information(ranking, *pair) * _variance(ranking, *pair))


def decided(ranking: Ranking, first: int, second: int, level: float = LEVEL) -> bool:
    """Whether the interval of their difference leaves out 0 and rests upon as many prompts as it takes to say so."""
    return 0 not in ranking.difference(first, second, level) and not _missing(ranking, first, second)


def votes_to_decide(ranking: Ranking, first: int, second: int, level: float = LEVEL) -> int | None:
    """About how many more ballots between the two, each about another prompt, it takes until they are told apart, were
    the difference what it is now: 0 when they are, None when more than ``MOST_VOTES``.

    The interval has to become as narrow as the difference.  With I the information there is, were all ballots
    independent, and V the variance in fact, x more on independent ballots leave the variance (I² V + x) / (I + x)².
    """
    if decided(ranking, first, second, level):
        return 0
    interval, missing = ranking.difference(first, second, level), _missing(ranking, first, second)
    difference = abs(interval.estimate)
    if 0 not in interval:
        return missing
    if not difference:
        return None
    found = ranking.grounds(first, second)

    def reach(more: int) -> float:
        return z_of(level) if found is None else t_of(level, max(found.count, FEWEST) - 1 + more)

    known, variance = 1 / ranking.curvature(first, second), ((interval.high - interval.estimate) / reach(0)) ** 2
    votes = 0
    for _ in range(8):  # the more there are the less it takes, as t has it: from above, soon the same number again
        wanted = (reach(votes) / difference) ** 2
        rest = (wanted - 2 * known) ** 2 - 4 * known**2 * (1 - wanted * variance)
        more = (wanted - 2 * known + math.sqrt(max(0.0, rest))) / 2
        votes = math.ceil(max(0.0, more) / information(ranking, first, second))
    return max(1, missing, votes) if votes <= MOST_VOTES else None


def _missing(ranking: Ranking, first: int, second: int) -> int:
    """How many prompts fewer than ``clusters.FEWEST`` their difference rests upon."""
    found = ranking.grounds(first, second)
    return max(0, math.ceil(FEWEST - found.count - 1e-9)) if found is not None else 0


EQUAL = 1e-9
"""Strengths in logits that differ by less differ by rounding alone."""

HOPELESS = 1.5
"""The fewer votes are left, the harder each pulls: were all to pull so much harder, and it is still too little, no
search is needed."""


@dataclass(frozen=True, slots=True)
class Fragility:
    """Removing the ballots at these places makes ``leader`` lose the first place to ``follower``; no smaller set was
    found, though there may be one."""

    leader: int
    follower: int
    ballots: tuple[int, ...]


def fragility(models: int, ballots: Sequence[Ballot], *, most: int = 50) -> Fragility | None:
    """How few votes carry the first place: drops them greedily, for the leader's nearest follower first.

    None when ``most`` dropped votes do not change it, or there are fewer than two models.
    """
    if models < 2 or not ballots:
        return None
    rows = Rows(models, ballots)
    ranking = rows.fit()
    leader, *others = ranking.order
    best: Fragility | None = None
    for other in others:
        found = _toppled(rows, ranking, leader, other, most if best is None else len(best.ballots) - 1)
        best = found or best
    return best


def _toppled(rows: Rows, ranking: Ranking, leader: int, other: int, most: int) -> Fragility | None:
    """The votes to drop until ``other`` is ahead of ``leader``: each time those that speak most for the leader, by
    their influence at the present fit (inverse Hessian times their gradient)."""
    counts, dropped = rows.counts.copy(), list[int]()
    while True:
        if ranking.strengths[other] > ranking.strengths[leader] + EQUAL:
            return Fragility(leader, other, _places(rows, dropped))
        pull = np.where(
            counts > 0, rows.pulls(ranking, ranking.covariance[leader] - ranking.covariance[other])[0], -math.inf
        )
        strongest = _strongest(pull, counts, most - len(dropped))
        together = np.cumsum(pull[strongest])
        gap = float(ranking.strengths[leader] - ranking.strengths[other])
        if not strongest or HOPELESS * together[-1] < gap:
            return None
        # Half of what it seems to take, then another look: far from the end a look for each vote is too many.
        for row in strongest[: max(1, int(np.searchsorted(together, gap)) // 2)]:
            counts[row] -= 1
            dropped.append(row)
        ranking = rows.fit(counts, ranking)


def fragile_groups(models: int, ballots: Sequence[Ballot], groups: Groups, *, most: int = 50) -> int | None:
    """How few groups, such as prompts with all their votes, carry the first place, as ``fragility``: an upper bound.

    None when ``most`` dropped groups do not change it, or there are fewer than two models.
    """
    if models < 2 or not ballots:
        return None
    rows = Rows(models, ballots)
    ranking = rows.fit()
    leader, *others = ranking.order
    best: int | None = None
    for other in others:
        found = _toppled_by_groups(rows, ranking, leader, other, groups, most if best is None else best - 1)
        best = found if found is not None else best
    return best


def _toppled_by_groups(rows: Rows, ranking: Ranking, leader: int, other: int, groups: Groups, most: int) -> int | None:
    counts, dropped = rows.counts.copy(), 0
    row_of, kept = np.asarray(rows.row_of, dtype=int), np.ones(int(groups.max()) + 1, dtype=bool)
    while True:
        gap = float(ranking.strengths[leader] - ranking.strengths[other])
        if gap < -EQUAL:
            return dropped
        pull = rows.pulls(ranking, ranking.covariance[leader] - ranking.covariance[other])[0]
        by_group = np.where(kept, np.bincount(groups, pull[row_of]), -math.inf)
        strongest = [group for group in np.argsort(-by_group, kind="stable")[: most - dropped] if by_group[group] > 0]
        together = np.cumsum(by_group[strongest])
        if not strongest or HOPELESS * together[-1] < gap:
            return None
        taken = strongest[: max(1, int(np.searchsorted(together, gap)) // 2)]
        kept[taken] = False
        dropped += len(taken)
        counts = np.bincount(row_of[kept[groups]], minlength=len(counts)).astype(np.float64)
        ranking = rows.fit(counts, ranking)


def _strongest(pull: Matrix, counts: Matrix, most: int) -> list[int]:
    """The rows of the ``most`` ballots that pull hardest, those that pull at all."""
    found: list[int] = []
    for row in np.argsort(-pull, kind="stable"):
        if pull[row] <= 0 or len(found) >= most:
            break
        found += [int(row)] * min(int(counts[row]), most - len(found))
    return found


def _places(rows: Rows, dropped: Sequence[int]) -> tuple[int, ...]:
    """Of ballots in the rows that were dropped, one for each."""
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows.row_of):
        places.setdefault(row, []).append(place)
    return tuple(places[row].pop() for row in dropped)


def _variance(ranking: Ranking, first: int, second: int) -> float:
    half_width = ranking.difference(first, second).high - ranking.difference(first, second).estimate
    return float((half_width / z_of(LEVEL)) ** 2)


# --- the rater ------------------------------------------------------------------------------


def consistency(pairs: Sequence[tuple[Outcome, Outcome]], level: float = LEVEL) -> Interval:
    """How often a rater said the same of the same two answers; each pair is told as seen from one order.

    A tie and "both bad" count as the same.
    """
    same = sum(_side(first) is _side(second) for first, second in pairs)
    return wilson(same, len(pairs), level)


def mirrored(outcome: Outcome) -> Outcome:
    """The same vote with the sides exchanged."""
    return {Outcome.LEFT: Outcome.RIGHT, Outcome.RIGHT: Outcome.LEFT}.get(outcome, outcome)


def _side(outcome: Outcome) -> Outcome:
    return Outcome.TIE if outcome is Outcome.BOTH_BAD else outcome
