"""Strengths from votes: planted ones come back, intervals cover, and an independent fit agrees."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.stats.bradley_terry import EFFECT_SD, ELO_PER_LOGIT, PRIOR_SD, Ballot, fit, islands
from workbench.stats.outcome import Outcome
from workbench.stats.voting import mirrored

PLANTED = (0.6, 0.2, -0.2, -0.6)
TIE = 0.7


def votes(strengths: Sequence[float], count: int, seed: int, *, side: float = 0.0, effect: float = 0.0) -> list[Ballot]:
    """Drawn from the model itself, each pair in turn, sides at random."""
    draw = random.Random(seed)
    pairs = [(a, b) for a in range(len(strengths)) for b in range(a)]
    ballots = []
    for number in range(count):
        left, right = draw.sample(pairs[number % len(pairs)], 2)
        covariate = draw.gauss(0, 1) if effect else 0.0
        half = (strengths[left] - strengths[right] + side + effect * covariate) / 2
        weights = [math.exp(half), TIE, math.exp(-half)]
        outcome = draw.choices([Outcome.LEFT, Outcome.TIE, Outcome.RIGHT], weights)[0]
        ballots.append(Ballot(left, right, outcome, covariate))
    return ballots


def test_planted_strengths_are_recovered():
    ranking = fit(4, votes(PLANTED, 6000, seed=1))
    assert ranking.order == (0, 1, 2, 3)
    assert np.abs(ranking.strengths - PLANTED).max() < 0.1
    assert math.exp(ranking.parameters[4]) == pytest.approx(TIE, abs=0.05)


@pytest.mark.parametrize("count", [30, 120])
def test_intervals_cover_the_truth_as_often_as_they_say(count):
    covered = total = 0
    for seed in range(150):
        ranking = fit(4, votes(PLANTED, count, seed))
        for first, second in ((0, 1), (0, 3), (1, 2)):
            total += 1
            covered += PLANTED[first] - PLANTED[second] in ranking.difference(first, second)
    # 450 differences, correlated within a fit: 0.95 ± 0.03 holds with room to spare; a prior makes it no worse.
    assert 0.92 <= covered / total <= 0.995


def test_side_and_covariate_are_told_apart_from_strength():
    ballots = votes(PLANTED, 6000, seed=2, side=0.4, effect=-0.5)
    ranking = fit(4, ballots, side=True, covariate=True)
    assert 0.4 in ranking.side_advantage()
    assert -0.5 in ranking.covariate_effect()
    assert np.abs(ranking.strengths - PLANTED).max() < 0.12
    assert ranking.side_advantage().low > 0.2


def test_what_was_not_asked_for_has_no_effect_and_no_variance():
    ranking = fit(4, votes(PLANTED, 200, seed=3, side=0.4))
    assert (ranking.side_advantage().low, ranking.side_advantage().high) == (0.0, 0.0)


def posterior(parameters: Sequence[float], models: int, ballots: Sequence[Ballot]) -> float:
    """The log posterior written down from Davidson's own form, π and ν, one ballot after the other."""
    *thetas, eta = parameters
    total = -sum(theta**2 for theta in thetas) / (2 * PRIOR_SD**2) - eta**2 / (2 * EFFECT_SD**2)
    strengths, nu = [math.exp(theta) for theta in thetas], math.exp(eta)
    for ballot in ballots:
        left, right = strengths[ballot.left], strengths[ballot.right]
        tie = nu * math.sqrt(left * right)
        of = {Outcome.LEFT: left, Outcome.RIGHT: right}.get(ballot.outcome, tie)
        total += math.log(of / (left + right + tie))
    return total


def climb(models: int, ballots: Sequence[Ballot]) -> list[float]:
    """The maximum by coordinate search: slow, and nothing in common with Newton's method."""
    at, width = [0.0] * (models + 1), 1.0
    best = posterior(at, models, ballots)
    while width > 1e-7:
        improved = False
        for place in range(models + 1):
            for step in (width, -width):
                there = [*at[:place], at[place] + step, *at[place + 1 :]]
                value = posterior(there, models, ballots)
                if value > best:
                    at, best, improved = there, value, True
        width = width if improved else width / 2
    return at


def test_an_independent_fit_of_davidson_s_own_form_agrees():
    ballots = votes((0.8, 0.0, -0.8), 40, seed=4)
    *thetas, eta = climb(3, ballots)
    ranking = fit(3, ballots)
    centred = np.array(thetas) - np.mean(thetas)
    assert np.abs(ranking.strengths - centred).max() < 1e-5
    assert ranking.parameters[3] == pytest.approx(eta, abs=1e-5)


def test_the_standard_errors_are_those_of_the_curvature():
    ballots = votes((0.5, -0.5), 60, seed=5)
    ranking, step = fit(2, ballots), 1e-3
    at = list(climb(2, ballots))

    def value(*shifts: float) -> float:
        return posterior([place + shift * step for place, shift in zip(at, shifts, strict=True)], 2, ballots)

    unit = np.eye(3)
    hessian = np.array([[(value(*(a + b)) - value(*(a - b)) - value(*(b - a)) + value(*(-a - b))) / (4 * step * step)
                         for a in unit] for b in unit])  # fmt: skip
    contrast = np.array([1.0, -1.0, 0.0])
    variance = contrast @ np.linalg.inv(-hessian) @ contrast
    interval = ranking.difference(0, 1)
    assert (interval.high - interval.estimate) / 1.959964 == pytest.approx(math.sqrt(variance), rel=1e-3)


def test_without_votes_nothing_is_known():
    ranking = fit(3, [])
    chance = ranking.win_probability(0, 1)
    assert chance.estimate == 0.5
    assert chance.low < 0.01
    assert chance.high > 0.99


def test_a_model_that_wins_everything_has_a_finite_strength():
    ranking = fit(2, [Ballot(0, 1, Outcome.LEFT)] * 20)
    chance = ranking.win_probability(0, 1)
    assert 0.9 < chance.estimate < 1
    assert chance.low > 0.6


def test_both_bad_counts_as_a_tie():
    with_ties = [Ballot(0, 1, Outcome.LEFT), Ballot(0, 1, Outcome.TIE)]
    both_bad = [Ballot(0, 1, Outcome.LEFT), Ballot(0, 1, Outcome.BOTH_BAD)]
    assert (fit(2, with_ties).strengths == fit(2, both_bad).strengths).all()


def test_elo_is_the_strength_on_another_scale():
    ranking = fit(4, votes(PLANTED, 300, seed=6))
    assert ranking.elo(0).estimate == pytest.approx(ranking.strengths[0] * ELO_PER_LOGIT)


@given(st.integers(0, 10_000))
@settings(max_examples=30)
def test_exchanging_the_sides_of_every_ballot_changes_nothing(seed):
    ballots = votes(PLANTED, 40, seed)
    turned = [Ballot(one.right, one.left, mirrored(one.outcome)) for one in ballots]
    assert np.allclose(fit(4, ballots).parameters, fit(4, turned).parameters, atol=1e-8)


@pytest.mark.parametrize("ballot", [Ballot(0, 0, Outcome.TIE), Ballot(0, 4, Outcome.TIE), Ballot(-1, 0, Outcome.TIE)])
def test_a_ballot_about_no_pair_is_refused(ballot):
    with pytest.raises(ValueError, match="no ballot between two"):
        fit(4, [ballot])


# --- published values ----------------------------------------------------------------------

CITED = ((714, 730, 498, 221), (33, 425, 68, 17), (320, 813, 1072, 142), (284, 276, 325, 188))
"""How often Biometrika, Communications in Statistics, JASA and JRSS-B (rows) are cited by each other (columns),
1987-89; Stigler 1994, as Agresti, Categorical Data Analysis, fits them."""


def test_the_strengths_of_journals_are_those_that_were_published():
    ballots = [Ballot(cited, citing, Outcome.LEFT) for cited in range(4) for citing in range(4) if cited != citing
               for _ in range(CITED[cited][citing])]  # fmt: skip
    ranking = fit(4, ballots, prior_sd=1000.0, effect_sd=1000.0)
    # Coefficients and standard errors beside Biometrika, by R's BradleyTerry2 2.x.
    published = {1: (-2.94907, 0.10255), 2: (-0.47957, 0.06059), 3: (0.26895, 0.07083)}
    for journal, (coefficient, error) in published.items():
        found = ranking.difference(journal, 0)
        assert found.estimate == pytest.approx(coefficient, abs=2e-4)
        assert (found.high - found.low) / (2 * 1.959964) == pytest.approx(error, abs=2e-4)


# --- few votes, clean sweeps, islands ------------------------------------------------------


@pytest.mark.parametrize("count", [5, 12])
def test_with_very_few_votes_intervals_are_wide_rather_than_wrong(count):
    covered = total = 0
    for seed in range(150):
        ranking = fit(3, votes((0.8, 0.0, -0.8), count, seed))
        total += 2
        covered += (0.8 in ranking.difference(0, 1)) + (1.6 in ranking.difference(0, 2))
    assert covered / total >= 0.93


def test_one_vote_decides_nothing():
    chance = fit(2, [Ballot(0, 1, Outcome.LEFT)]).win_probability(0, 1)
    assert chance.low < 0.5 < chance.estimate < 0.9
    assert chance.high > 0.95


@pytest.mark.parametrize("wins", [3, 30, 300, 3000])
def test_a_model_that_wins_everything_against_everybody_stays_finite_and_first(wins):
    ballots = [Ballot(0, other, Outcome.LEFT) for other in (1, 2, 3) for _ in range(wins)]
    ballots += [Ballot(1, 2, Outcome.LEFT), Ballot(2, 1, Outcome.LEFT), Ballot(2, 3, Outcome.TIE)]
    ranking = fit(4, ballots)
    assert ranking.order[0] == 0
    assert all(math.isfinite(value) for value in ranking.parameters)
    chance = ranking.win_probability(0, 1)
    assert 0.5 < chance.low < chance.estimate < chance.high < 1.0 or wins == 3
    assert 0 not in ranking.difference(0, 1) or wins == 3


def test_models_that_no_votes_connect_are_islands():
    ballots = [Ballot(0, 2, Outcome.LEFT), Ballot(4, 2, Outcome.TIE), Ballot(1, 3, Outcome.BOTH_BAD)]
    assert islands(6, ballots) == ((0, 2, 4), (1, 3), (5,))
    assert islands(6, [*ballots, Ballot(3, 4, Outcome.RIGHT)]) == ((0, 1, 2, 3, 4), (5,))
    assert islands(2, []) == ((0,), (1,))


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_same_vote_many_times_is_that_many_votes(seed):
    ballots = votes(PLANTED, 30, seed)
    shuffled = random.Random(seed).sample(ballots * 3, 90)
    assert np.allclose(fit(4, ballots * 3).parameters, fit(4, shuffled).parameters, atol=1e-8)
    apart = [Ballot(one.left, one.right, one.outcome, 1e-9 * place) for place, one in enumerate(ballots * 3)]
    assert np.allclose(fit(4, ballots * 3).strengths, fit(4, apart, covariate=True).strengths, atol=1e-5)
