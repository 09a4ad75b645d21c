"""Estimates with their uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the interval that covers the truth in ``level`` of all repetitions."""

    estimate: float
    low: float
    high: float
    level: float = LEVEL

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def z_of(level: float) -> float:
    """How many standard errors a two-sided interval of this level reaches: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def wilson(successes: float, trials: float, level: float = LEVEL) -> Interval:
    """The score interval of a rate (Wilson 1927); without trials nothing is known: 0 to 1.

    ``successes`` may be fractional: a tie that counts as half.
    """
    return score_interval(successes / trials if trials > 0 else math.nan, trials, z_of(level), level)


def score_interval(rate: float, trials: float, z: float, level: float = LEVEL) -> Interval:
    """Wilson's, of a rate that is as good as that of ``trials`` independent trials, which may be fractional."""
    if trials <= 0:
        return Interval(math.nan, 0.0, 1.0, level)
    centre = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    low = 0.0 if rate <= 0 else max(0.0, centre - half)
    high = 1.0 if rate >= 1 else min(1.0, centre + half)
    return Interval(rate, low, high, level)
