"""How far several raters agree beyond chance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

from workbench.stats.clusters import Groups, rate
from workbench.stats.interval import LEVEL, Interval


def krippendorff_alpha(
    units: Sequence[Sequence[Hashable]], groups: Groups | None = None, level: float = LEVEL
) -> Interval:
    """Krippendorff's alpha for nominal values (Computing Krippendorff's Alpha-Reliability, 2011): 1 is agreement, 0
    what chance makes, NaN where everybody always said the same one thing or nothing was judged twice.

    ``units`` has what was said of each, by however many; ``groups`` a number for each unit, those of the same number
    hang together.  The interval is that of the disagreement, a rate, set against what chance makes of these values.
    """
    numbers = groups if groups is not None else np.arange(len(units), dtype=int)
    pairs = [(unit, int(group)) for unit, group in zip(units, numbers, strict=True) if len(unit) > 1]
    often = Counter(value for unit, _ in pairs for value in unit)
    total = often.total()
    chance = total**2 - sum(count**2 for count in often.values())
    if not chance:
        return Interval(math.nan, -1.0, 1.0, level)
    expected = chance / (total * (total - 1))
    # A rating's own share of disagreement with the others of its unit, so that units of many ratings count for more.
    apart = [(_apart(unit), group) for unit, group in pairs for _ in unit]
    observed = rate([share for share, _ in apart], np.array([group for _, group in apart], dtype=int), level=level)
    alpha, low, high = (1 - one / expected for one in (observed.estimate, observed.high, observed.low))
    return Interval(alpha, max(-1.0, low), high, level)


def _apart(unit: Sequence[Hashable]) -> float:
    """How many of the pairs of ratings of a unit differ, as a share."""
    same = sum(count * (count - 1) for count in Counter(unit).values())
    return 1 - same / (len(unit) * (len(unit) - 1))
