"""Votes that hang together: the sandwich beside its definition, and how often intervals hold the truth."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from tests.unit.stats.hanging import hanging
from tests.unit.stats.test_bradley_terry import PLANTED, climb, posterior, votes
from workbench.stats.bradley_terry import EFFECT_SD, PRIOR_SD, Ballot, Matrix, fit
from workbench.stats.clusters import FEWEST, equal_parts, grounds, numbered, rate, t_of
from workbench.stats.interval import wilson, z_of


@pytest.mark.parametrize(
    ("freedom", "two_sided_95"),
    [(1, 12.7062), (2, 4.30265), (3, 3.18245), (5, 2.57058), (10, 2.22814), (29, 2.04523), (120, 1.97993)],
)
def test_student_s_t_has_its_tabled_values(freedom: int, two_sided_95: float) -> None:
    assert t_of(0.95, freedom) == pytest.approx(two_sided_95, abs=6e-6 * two_sided_95)


def test_student_s_t_has_its_tabled_values_at_other_levels_and_becomes_the_normal() -> None:
    assert t_of(0.99, 4) == pytest.approx(4.60409, abs=1e-4)
    assert t_of(0.9, 7) == pytest.approx(1.89458, abs=1e-4)
    assert t_of(0.95, 1e5) == pytest.approx(z_of(0.95), abs=1e-4)
    assert t_of(0.95, 1e9) == z_of(0.95)
    assert t_of(0.95, 2) > t_of(0.95, 2.5) > t_of(0.95, 3), "also between whole numbers"


def test_equal_parts() -> None:
    assert equal_parts([3, 3, 3]) == pytest.approx(3)
    assert equal_parts([10, 1]) == pytest.approx(121 / 101)
    assert equal_parts([]) == 0


def by_definition(ballots: Sequence[Ballot], prompts: Sequence[int]) -> float:
    """The variance of θ_0 - θ_1: the inverse curvature around the gradients of each prompt, by differences of the log
    posterior written down from Davidson's own form."""
    at, step = np.array(climb(2, ballots)), 1e-4
    unit = np.eye(3) * step

    def prior_free(parameters: Matrix, of: Sequence[Ballot]) -> float:
        *thetas, eta = parameters
        prior = -sum(theta**2 for theta in thetas) / (2 * PRIOR_SD**2) - eta**2 / (2 * EFFECT_SD**2)
        return float(posterior(list(parameters), 2, of) - prior)

    def curved(a: Matrix, b: Matrix) -> float:
        told = [posterior(list(at + one), 2, ballots) for one in (a + b, a - b, b - a, -a - b)]
        return (told[0] - told[1] - told[2] + told[3]) / (4 * step**2)

    inverse = np.linalg.inv(-np.array([[curved(a, b) for b in unit] for a in unit]))
    meat = np.diag([1 / PRIOR_SD**2, 1 / PRIOR_SD**2, 1 / EFFECT_SD**2])
    known = sorted(set(prompts))
    for prompt in known:
        of = [one for one, about in zip(ballots, prompts, strict=True) if about == prompt]
        slope = np.array([(prior_free(at + a, of) - prior_free(at - a, of)) / (2 * step) for a in unit])
        meat += np.outer(slope, slope) * len(known) / (len(known) - 1)
    contrast = np.array([1.0, -1.0, 0.0])
    return float(contrast @ inverse @ meat @ inverse @ contrast)


def test_the_standard_error_is_the_sandwich_by_its_definition() -> None:
    ballots, prompts, _ = hanging((0.3, -0.3), [5] * 12, alike=0.8, seed=3)
    ranking = fit(2, ballots, groups=numbered(prompts))
    found = ranking.grounds(0, 1)
    assert found is not None
    assert found.count == pytest.approx(12)
    by_prior = ranking.curvature(0, 1) - found.independent
    assert found.variance * 12 / 11 + by_prior == pytest.approx(by_definition(ballots, prompts), rel=2e-3)


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_the_range_goes_by_the_prompts_and_where_they_hardly_differ_by_one_more(alike: float) -> None:
    ballots, prompts, _ = hanging((0.3, -0.3), [5] * 12, alike, seed=3)
    ranking = fit(2, ballots, groups=numbered(prompts))
    found, interval = ranking.grounds(0, 1), ranking.difference(0, 1)
    assert found is not None
    assert found.alike == pytest.approx(5 * found.independent, rel=0.05)
    shown = found.variance * 12 / 11
    assert (shown < found.independent) is (alike == 0)
    variance = shown if alike else (12 * shown + found.alike) / 13
    known = ranking.curvature(0, 1) - found.independent
    assert interval.high - interval.estimate == pytest.approx(t_of(0.95, 11) * math.sqrt(variance + known))


def test_prompts_that_all_say_the_same_are_not_believed_more_than_votes_of_their_number() -> None:
    covered = 0
    for seed in range(150):
        ballots, prompts, _ = hanging((0.6, -0.6), [10] * FEWEST, alike=0.95, seed=seed)
        covered += 1.2 in fit(2, ballots, groups=numbered(prompts)).difference(0, 1)
    assert covered / 150 >= 0.92


def test_votes_on_a_prompt_each_are_what_they_were() -> None:
    ballots = votes(PLANTED, 80, seed=2)
    alone, apart = fit(4, ballots), fit(4, ballots, groups=np.arange(80))
    for first, second in itertools.combinations(range(4), 2):
        assert apart.difference(first, second).low == pytest.approx(alone.difference(first, second).low)


def test_one_prompt_however_often_it_is_voted_on_is_about_one_vote() -> None:
    ballots, _, _ = hanging((0.5, -0.5), [100], alike=1.0, seed=1)
    found = fit(2, ballots, groups=np.zeros(100, dtype=int)).win_probability(0, 1)
    assert found.low < 0.4 < 0.6 < found.high
    assert fit(2, ballots).win_probability(0, 1).high - fit(2, ballots).win_probability(0, 1).low < 0.3


@pytest.mark.parametrize(
    ("prompts", "each", "alike"), [(FEWEST, 10, 0.5), (12, 10, 0.9), (20, 6, 0.3), (20, 6, 0.0), (30, 3, 0.9)]
)
def test_intervals_cover_the_truth_where_votes_on_a_prompt_are_alike(prompts: int, each: int, alike: float) -> None:
    covered = alone = total = 0
    for seed in range(80):
        ballots, about, _ = hanging(PLANTED, [each] * prompts, alike, seed)
        grouped, naive = fit(4, ballots, groups=numbered(about)), fit(4, ballots)
        for first, second in itertools.combinations(range(4), 2):
            planted = PLANTED[first] - PLANTED[second]
            total += 1
            covered += planted in grouped.difference(first, second)
            alone += planted in naive.difference(first, second)
    assert covered / total >= 0.925
    if alike >= 0.5:
        assert alone / total < covered / total - 0.03, "what they were before is too narrow"


def test_intervals_cover_other_raters_once_there_are_enough_of_them() -> None:
    covered = by_prompt = total = 0
    for seed in range(60):
        ballots, about, by = hanging(PLANTED, [6] * 30, 0.2, seed, raters=12, taste=0.3)
        both = fit(4, ballots, groups=numbered(about), others=numbered(by))
        prompts = fit(4, ballots, groups=numbered(about))
        for first, second in itertools.combinations(range(4), 2):
            planted = PLANTED[first] - PLANTED[second]
            total += 1
            covered += planted in both.difference(first, second)
            by_prompt += planted in prompts.difference(first, second)
    assert covered / total >= 0.925
    assert by_prompt / total < 0.9


def test_two_raters_say_nothing_of_others_and_stand_for_themselves() -> None:
    ballots, about, by = hanging(PLANTED, [6] * 30, 0.2, seed=1, raters=2, taste=0.3)
    both = fit(4, ballots, groups=numbered(about), others=numbered(by)).difference(0, 1)
    assert both == fit(4, ballots, groups=numbered(about)).difference(0, 1)


def test_a_rate_is_wilson_s_where_every_trial_is_a_group() -> None:
    found = rate([True] * 7 + [False] * 43, np.arange(50))
    known = wilson(7, 50)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))
    assert rate([], np.zeros(0, dtype=int)).high == 1.0


def test_a_rate_of_groups_that_are_all_alike_is_that_of_so_many_trials() -> None:
    told = [prompt % 2 == 0 for prompt in range(20) for _ in range(6)]
    found = rate(told, np.arange(120) // 6)
    assert found.high - found.low == pytest.approx(wilson(10, 20).high - wilson(10, 20).low, rel=0.1)
    sure = rate([True] * 120, np.arange(120) // 6)
    assert sure.low == pytest.approx(wilson(20, 20).low)


def test_a_rate_covers_the_truth_where_trials_of_a_prompt_are_alike() -> None:
    held = narrow = 0
    for seed in range(200):
        draw, told = random.Random(seed), []
        for _ in range(20):
            common = draw.random() < 0.3
            told += [common if draw.random() < 0.7 else draw.random() < 0.3 for _ in range(6)]
        held += 0.3 in rate(told, np.arange(120) // 6)
        narrow += 0.3 in wilson(sum(told), 120)
    assert held / 200 > 0.91
    assert narrow / 200 < 0.85


def test_the_mean_of_any_values_has_its_standard_error_by_groups() -> None:
    """As evaluations have it: √(Σ over groups of (Σ deviations)² · G / (G - 1)) / n."""
    values, groups = np.array([0.2, 0.4, 0.9, 1.0, 0.1, 0.3]), np.array([0, 0, 1, 1, 2, 2])
    deviations = values - values.mean()
    found = grounds(deviations / 6, np.full(6, deviations.var() / 36), groups)
    known = math.sqrt(sum(deviations[groups == one].sum() ** 2 for one in range(3))) / 6
    assert math.sqrt(found.variance) == pytest.approx(known)
    assert found.count == pytest.approx(3)
