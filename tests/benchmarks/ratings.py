"""How far a ranking is to be trusted: planted strengths, drawn votes, and how often the intervals hold the truth.

``python -m tests.benchmarks.ratings [--repetitions N] [--json]``; with ``--prompts`` the same for votes of which those
about one prompt, or by one rater, are alike; with ``--speed`` how long a ranking takes instead.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tests.unit.stats.hanging import hanging
from tests.unit.stats.test_bradley_terry import votes
from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.chat.votes.ratings import rate
from workbench.stats.bradley_terry import fit
from workbench.stats.clusters import numbered
from workbench.stats.outcome import Outcome

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


PLANTED = CASES["apart"]
RHO = (0.0, 0.3, 0.6, 0.9)
SIZES = {
    "60 x 1": (1,) * 60, "40 x 6": (6,) * 40, "12 x 10": (10,) * 12, "8 x 10": (10,) * 8, "6 x 10": (10,) * 6,
    "4 x 10": (10,) * 4, "2 x 10": (10,) * 2, "1 x 60, 30 x 2": (60,) + (2,) * 30,
}  # fmt: skip
"""Prompts by the votes on each."""
RATERS = (1, 2, 4, 8, 12, 24)


@dataclass(frozen=True, slots=True)
class Hanging:
    """How many 95 % intervals hold the planted difference: as if independent, by prompt, and by prompt and rater."""

    prompts: str
    alike: float
    raters: int
    taste: float
    independent: float
    by_prompt: float
    by_both: float
    wider: float


def hanging_together(repetitions: int) -> Iterator[Hanging]:
    for (name, sizes), alike in itertools.product(SIZES.items(), RHO):
        yield _hanging(name, sizes, alike, 1, 0.0, repetitions)
    for raters in RATERS:
        yield _hanging("40 x 6", SIZES["40 x 6"], 0.3, raters, 0.3, repetitions)


def _hanging(name: str, sizes: Sequence[int], alike: float, raters: int, taste: float, repetitions: int) -> Hanging:
    held, widths, total = [0, 0, 0], [0.0, 0.0, 0.0], 0
    for seed in range(repetitions):
        ballots, about, by = hanging(PLANTED, sizes, alike, seed, raters=raters, taste=taste)
        prompts, judges = numbered(about), numbered(by)
        fits = (fit(4, ballots), fit(4, ballots, groups=prompts), fit(4, ballots, groups=prompts, others=judges))
        for first, second in itertools.combinations(range(4), 2):
            planted = PLANTED[first] - PLANTED[second]
            total += 1
            for place, ranking in enumerate(fits):
                found = ranking.difference(first, second)
                held[place] += planted in found
                widths[place] += found.high - found.low
    covered = [one / total for one in held]
    return Hanging(name, alike, raters, taste, covered[0], covered[1], covered[2], widths[2] / widths[0])


@dataclass(frozen=True, slots=True)
class Speed:
    """Of a whole rating: fit, length, and how few votes carry the first place; models of almost equal strength take
    longest."""

    models: int
    votes: int
    seconds: float


def speeds() -> Iterator[Speed]:
    for models, count in itertools.product((2, 4, 12, 40), (100, 1_000, 10_000)):
        given = _given(models, count)
        begin = time.perf_counter()
        rate(given)
        yield Speed(models, count, time.perf_counter() - begin)


def _given(models: int, count: int) -> list[Vote]:
    draw = random.Random(1)
    names = [f"model {number}" for number in range(models)]
    sides = [Contender(name, name, name, "") for name in names]
    strengths = [draw.gauss(0, 0.05) for _ in names]
    votes = []
    for number in range(count):
        left, right = draw.sample(range(models), 2)
        wins = 1 / (1 + math.exp(strengths[right] - strengths[left]))
        said = draw.choices([Outcome.LEFT, Outcome.RIGHT, Outcome.TIE], [0.8 * wins, 0.8 * (1 - wins), 0.2])[0]
        lengths = draw.randint(10, 3_000), draw.randint(10, 3_000)
        whose = Side(sides[left], lengths[0]), Side(sides[right], lengths[1])
        votes.append(Vote(*whose, said, seed=0, id=number + 1, about=str(number // 3), rater=str(number % 10)))
    return votes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--prompts", action="store_true")
    parser.add_argument("--speed", action="store_true")
    given = parser.parse_args()
    if given.speed:
        _show_speeds(as_json=given.json)
        return
    if given.prompts:
        _show_hanging(list(hanging_together(given.repetitions)), as_json=given.json)
        return
    found = list(measured(given.repetitions))
    if given.json:
        print(json.dumps([asdict(one) for one in found]))
        return
    print("| strengths | votes | intervals that hold the truth | either side, Elo | the best comes first |")
    print("|---|---:|---:|---:|---:|")
    for one in found:
        print(f"| {one.case} | {one.votes} | {one.covered:.1%} | ±{one.elo_either_side:.0f} | {one.first_right:.0%} |")


def _show_hanging(found: Sequence[Hanging], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(one) for one in found]))
        return
    print("| prompts x votes | alike | raters | their taste | as if independent | by prompt | and rater | wider |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for one in found:
        print(
            f"| {one.prompts} | {one.alike:.0%} | {one.raters} | {one.taste:.0%} | {one.independent:.1%} | "
            f"{one.by_prompt:.1%} | {one.by_both:.1%} | {one.wider:.1f} x |"
        )


def _show_speeds(*, as_json: bool) -> None:
    found = list(speeds())
    if as_json:
        print(json.dumps([asdict(one) for one in found]))
        return
    print("| models | votes | rated in |")
    print("|---:|---:|---:|")
    for one in found:
        print(f"| {one.models} | {one.votes:,} | {one.seconds:.2f} s |")


if __name__ == "__main__":
    main()
