"""How far a ranking is to be trusted: planted strengths, drawn votes, and how often the intervals hold the truth.

``python -m tests.benchmarks.ratings [--repetitions N] [--json]``
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tests.unit.stats.test_bradley_terry import votes
from workbench.stats.bradley_terry import fit

COUNTS = (6, 30, 60, 120, 240, 600)
CASES = {"close": (0.26, 0.09, -0.09, -0.26), "apart": (0.9, 0.3, -0.3, -0.9), "two": (0.2, -0.2)}
"""Strengths in logits; of "close" the first and the last are 90 Elo apart."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Of differences between two models: how many of their 95 % intervals hold the planted one, and their width either
    side in Elo; ``first_right`` is how often the strongest came first."""

    case: str
    votes: int
    covered: float
    elo_either_side: float
    first_right: float


def measured(repetitions: int) -> Iterator[Trust]:
    for (case, strengths), count in itertools.product(CASES.items(), COUNTS):
        yield _trust(case, strengths, count, repetitions)


def _trust(case: str, strengths: Sequence[float], count: int, repetitions: int) -> Trust:
    covered = right = total = 0
    width = 0.0
    for seed in range(repetitions):
        ranking = fit(len(strengths), votes(strengths, count, seed))
        right += ranking.order[0] == 0
        for first, second in itertools.combinations(range(len(strengths)), 2):
            found = ranking.difference(first, second)
            covered += strengths[first] - strengths[second] in found
            width += (found.high - found.low) / 2 * 173.7178
            total += 1
    return Trust(case, count, covered / total, width / total, right / repetitions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = list(measured(given.repetitions))
    if given.json:
        print(json.dumps([asdict(one) for one in found]))
        return
    print("| strengths | votes | intervals that hold the truth | either side, Elo | the best comes first |")
    print("|---|---:|---:|---:|---:|")
    for one in found:
        print(f"| {one.case} | {one.votes} | {one.covered:.1%} | ±{one.elo_either_side:.0f} | {one.first_right:.0%} |")


if __name__ == "__main__":
    main()
