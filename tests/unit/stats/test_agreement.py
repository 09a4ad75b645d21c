"""Krippendorff's alpha, beside his own worked examples and the definition written down once more."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from workbench.stats.agreement import krippendorff_alpha
from workbench.stats.clusters import numbered

# Rows are observers, "." is a value that is missing (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability").
FOUR_OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
BEN_AND_GERRY = ("a a b b d c c c e d d a", "b a b b b c c c e d d d")
MEG_AND_OWEN = ("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0")


def units(observers: Sequence[str]) -> list[tuple[str, ...]]:
    rows = [row.split() for row in observers]
    return [tuple(value for value in column if value != ".") for column in zip(*rows, strict=True)]


def by_definition(told: Sequence[Sequence[str]]) -> float:
    """1 - observed / expected disagreement over pairs of values: within units, and over all of them."""
    kept = [unit for unit in told if len(unit) > 1]
    values = [value for unit in kept for value in unit]
    observed = sum(sum(a != b for a, b in itertools.permutations(unit, 2)) / (len(unit) - 1) for unit in kept)
    expected = sum(a != b for a, b in itertools.permutations(values, 2)) / (len(values) - 1)
    return 1 - observed / expected


@pytest.mark.parametrize(
    ("observers", "published"), [(FOUR_OBSERVERS, 0.743), (BEN_AND_GERRY, 0.692), (MEG_AND_OWEN, 0.095)]
)
def test_alpha_is_what_was_published(observers: Sequence[str], published: float) -> None:
    found = krippendorff_alpha(units(observers))
    assert found.estimate == pytest.approx(published, abs=5e-4)
    assert found.estimate == pytest.approx(by_definition(units(observers)))
    assert found.low < found.estimate < found.high <= 1


def test_alpha_is_its_definition_whatever_was_said() -> None:
    for seed in range(20):
        draw = random.Random(seed)
        told = [tuple(draw.choices("abc", (3, 2, 1), k=draw.randint(1, 4))) for _ in range(15)]
        assert krippendorff_alpha(told).estimate == pytest.approx(by_definition(told))


def test_perfect_agreement_is_1_and_its_interval_is_not_a_point() -> None:
    found = krippendorff_alpha([("a", "a"), ("b", "b"), ("a", "a"), ("b", "b")])
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low < 0.5, "four units do not show it"
    assert krippendorff_alpha([("a", "a"), ("b", "b")] * 100).low > 0.9


def test_where_nobody_could_have_disagreed_nothing_is_known() -> None:
    for told in ([], [("a",)], [("a", "a"), ("a", "a")]):
        found = krippendorff_alpha(told)
        assert math.isnan(found.estimate)
        assert (found.low, found.high) == (-1.0, 1.0)


@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_the_interval_holds_the_truth_also_where_units_of_one_prompt_are_alike(alike: float) -> None:
    """Two raters agree on a prompt or do not, and do so on all its units as far as these are alike: 80 %, alpha 0.6."""
    held = 0
    for seed in range(150):
        draw, told, prompts = random.Random(seed), [], []
        for prompt in range(25):
            together = draw.random() < 0.8
            for _ in range(4):
                same = together if draw.random() < alike else draw.random() < 0.8
                first = draw.choice("ab")
                told.append((first, first if same else "ab"[first == "a"]))
                prompts.append(prompt)
        held += 0.6 in krippendorff_alpha(told, numbered(prompts))
    assert held / 150 > 0.9
    if alike:
        narrow = krippendorff_alpha(told, np.arange(len(told)))
        wide = krippendorff_alpha(told, numbered(prompts))
        assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)
