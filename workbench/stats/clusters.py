"""Observations that hang together: what an estimate is worth when those about one prompt are alike.

An estimate is told as what each observation adds to it (its influence, to first order) and how uncertain that was to be
(its variance, were all independent): of a mean of n values ``(value - mean) / n`` and ``variance / n²``, of a fit the
inverse of the curvature times the gradient.  Influences are added up within a group before they are squared: the
"sandwich" for groups (Liang and Zeger 1986), with G/(G-1) and Student's t for few groups (Cameron and Miller 2015),
where G is how many groups of equal weight would be worth as much (after Carter, Schnepel and Steigerwald 2017).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.stats.interval import LEVEL, Interval, score_interval, z_of

Values = NDArray[np.float64]
Groups = NDArray[np.int_]

FEWEST = 6
"""Groups below which nothing is called decided: with fewer, intervals hold the truth less often than they say."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an estimate rests upon.  ``count`` is how many groups of equal weight are worth as much; ``variance`` what
    the groups show, ``independent`` what it were without groups, ``alike`` what it were if a group said one thing."""

    count: float
    variance: float
    independent: float
    alike: float

    def half_width(self, level: float = LEVEL, *, known: float = 0.0) -> float:
        """Half an interval of this level.  ``known`` is variance besides, of which the groups say nothing.

        It is never narrower than for independent observations, and never wider than for one observation a group.
        """
        z, independent = z_of(level), self.independent + known
        if self.count <= 1 + 1e-9:
            grouped = math.inf
        else:
            shown = self.variance * self.count / (self.count - 1)
            if shown < self.independent:
                # Few groups that all say the same show too little: one more is thought of that says one thing only.
                shown = (shown * self.count + self.alike) / (self.count + 1)
            grouped = t_of(level, self.count - 1) * math.sqrt(shown + known)
        most = z * math.sqrt(max(self.alike, self.independent) + known)
        return max(z * math.sqrt(independent), min(grouped, most))


def numbered(groups: Sequence[Hashable]) -> Groups:
    """The groups as numbers from 0, in order of appearance: no number is left out."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(one, len(seen)) for one in groups], dtype=int)


def equal_parts(weights: Sequence[float]) -> float:
    """How many parts of equal weight are worth as much as these: (Σ w)² / Σ w²."""
    squares = sum(weight**2 for weight in weights)
    return sum(weights) ** 2 / squares if squares else 0.0


def grounds(influences: Values, variances: Values, groups: Groups, others: Groups | None = None) -> Grounds:
    """One influence, one variance and one group an observation, in the same order.

    ``others`` groups them another way as well, such as by who judged: what both show is added and what is counted twice
    taken off (Cameron, Gelbach and Miller 2011), as long as there are ``FEWEST`` of them: fewer stand for themselves.
    """
    independent = float(variances.sum())
    if independent <= 0:
        return Grounds(0.0, 0.0, 0.0, 0.0)
    first = _one_way(influences, variances, groups, independent)
    if others is None:
        return first
    second = _one_way(influences, variances, others, independent)
    if second.count < FEWEST:
        return first
    _, cells = np.unique(groups * (int(others.max()) + 1) + others, return_inverse=True)
    both = _one_way(influences, variances, cells, independent)
    return Grounds(
        min(first.count, second.count),
        max(first.variance + second.variance - both.variance, first.variance, second.variance),
        independent,
        first.alike + second.alike - both.alike,
    )


def _one_way(influences: Values, variances: Values, groups: Groups, independent: float) -> Grounds:
    shares = np.bincount(groups, variances)
    together = np.bincount(groups, influences)
    alike = np.bincount(groups, np.sqrt(variances))
    count = equal_parts(shares.tolist())
    return Grounds(count, float((together**2).sum()), independent, float((alike**2).sum()))


def rate(successes: Sequence[float], groups: Groups, others: Groups | None = None, level: float = LEVEL) -> Interval:
    """The share of successes (each 0 to 1) with a score interval (Wilson) of as many trials as they are worth: fewer
    than there are where groups are alike.  Without trials nothing is known: 0 to 1."""
    values, n = np.asarray(successes, dtype=np.float64), len(successes)
    if not n:
        return score_interval(math.nan, 0.0, z_of(level), level)
    share = float(values.mean())
    # With every trial alike there is no spread to measure; half a success either way leaves one.
    smoothed = (float(values.sum()) + 0.5) / (n + 1)
    found = grounds((values - share) / n, np.full(n, smoothed * (1 - smoothed) / n**2), groups, others)
    half = found.half_width(level)
    worth = n * found.independent * (z_of(level) / half) ** 2
    if 0 < share < 1 or found.count >= n:
        return score_interval(share, worth, z_of(level), level)
    # All the same: what the groups show is 0, and says nothing of how alike they are.
    return score_interval(share, found.count, z_of(level), level)


# --- Student's t ----------------------------------------------------------------------------------

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


def t_of(level: float, freedom: float) -> float:
    """How many standard errors a two-sided interval of this level reaches with so many degrees of freedom, at least 1.

    With t = √ν tan φ the probability within ±t is the integral of cos^(ν-1) φ from 0, times 2 / B(ν/2, 1/2).
    """
    freedom = max(1.0, freedom)
    if freedom > 1e6:
        return z_of(level)
    scale = 2 * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)

    def within(angle: float) -> float:
        return scale * angle / 2 * float(_WEIGHTS @ np.cos(angle * (_NODES + 1) / 2) ** (freedom - 1))

    low, high = 0.0, math.pi / 2 if freedom < 30 else math.atan(20 / math.sqrt(freedom))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < level else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)
