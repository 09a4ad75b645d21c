"""Strengths from votes between pairs: Bradley and Terry's model with Davidson's ties.

Of a ballot between ``left`` and ``right`` the outcomes left, tie and right have probabilities proportional to
``exp(d/2)``, ``exp(η)`` and ``exp(-d/2)``, where ``d = θ_left - θ_right + side + x·γ``; so among decided ballots
``P(left) = σ(d)`` (Bradley and Terry 1952; Davidson 1970, whose ν is exp(η)).

Utilities are linear in the parameters: the log-likelihood is concave, and with a normal prior on every
parameter strictly so.  Newton's method finds its only maximum; intervals come from the curvature there.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.stats.interval import LEVEL, Interval, z_of

Matrix = NDArray[np.float64]

PRIOR_SD = 2.0
"""Of each strength, in logits: two models of equal repute rarely differ by more than ±4, a 98 % win rate."""
EFFECT_SD = 1.0
"""Of the tie, side and covariate parameters, in logits."""
ELO_PER_LOGIT = 400 / math.log(10)
STEPS = 100
LARGEST_STEP = 2.0
CONVERGED = 1e-10


class Outcome(enum.IntEnum):
    """BOTH_BAD says as much about which is better as a tie does: nothing."""

    LEFT = 0
    TIE = 1
    RIGHT = 2
    BOTH_BAD = 3


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote; models are numbered from 0.  ``covariate`` is what the left answer has more of than the right one,
    such as the logarithm of the ratio of their lengths."""

    left: int
    right: int
    outcome: Outcome
    covariate: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Fitted strengths in logits, of mean 0, with the covariance of all parameters.

    The parameters are the ``models`` strengths, η of the ties, the side's advantage and the covariate's effect;
    the last two are 0 with no variance where they were not asked for.
    """

    models: int
    parameters: Matrix
    covariance: Matrix
    ballots: int

    @property
    def strengths(self) -> Matrix:
        """Shape (models,), in logits."""
        return self.parameters[: self.models]

    @property
    def order(self) -> tuple[int, ...]:
        """Strongest first."""
        return tuple(int(number) for number in np.argsort(-self.strengths, kind="stable"))

    def difference(self, first: int, second: int, level: float = LEVEL) -> Interval:
        """θ_first - θ_second in logits."""
        contrast = np.zeros(len(self.parameters))
        contrast[first] += 1
        contrast[second] -= 1
        return self._of(contrast, level)

    def win_probability(self, first: int, second: int, level: float = LEVEL) -> Interval:
        """How likely the first is preferred where one of the two is."""
        logits = self.difference(first, second, level)
        return Interval(_sigmoid(logits.estimate), _sigmoid(logits.low), _sigmoid(logits.high), level)

    def elo(self, model: int, level: float = LEVEL) -> Interval:
        """The strength on Elo's scale, 0 for the mean of all models."""
        contrast = np.zeros(len(self.parameters))
        contrast[: self.models] -= 1 / self.models
        contrast[model] += 1
        logits = self._of(contrast, level)
        low, high = logits.low * ELO_PER_LOGIT, logits.high * ELO_PER_LOGIT
        return Interval(logits.estimate * ELO_PER_LOGIT, low, high, level)

    def side_advantage(self, level: float = LEVEL) -> Interval:
        """What standing on the left is worth, in logits."""
        return self._of(np.eye(len(self.parameters))[self.models + 1], level)

    def covariate_effect(self, level: float = LEVEL) -> Interval:
        """What one unit of the covariate is worth, in logits."""
        return self._of(np.eye(len(self.parameters))[self.models + 2], level)

    def tie_probability(self, first: int, second: int) -> float:
        """How likely neither of the two is preferred."""
        half = float(self.strengths[first] - self.strengths[second]) / 2
        tie = math.exp(float(self.parameters[self.models]))
        return tie / (math.exp(half) + tie + math.exp(-half))

    def _of(self, contrast: Matrix, level: float) -> Interval:
        estimate = float(contrast @ self.parameters)
        half = z_of(level) * math.sqrt(max(0.0, float(contrast @ self.covariance @ contrast)))
        return Interval(estimate, estimate - half, estimate + half, level)


def islands(models: int, ballots: Sequence[Ballot]) -> tuple[tuple[int, ...], ...]:
    """The models that ballots connect, each group in order, the largest first: between two of different groups there is
    no common scale, and whatever a fit says of them is its prior."""
    home = list(range(models))
    for ballot in ballots:
        joined, left = home[ballot.right], home[ballot.left]
        if joined != left:
            home = [left if one == joined else one for one in home]
    groups = [tuple(model for model in range(models) if home[model] == one) for one in dict.fromkeys(home)]
    return tuple(sorted(groups, key=lambda group: (-len(group), group)))


def fit(
    models: int,
    ballots: Sequence[Ballot],
    *,
    side: bool = False,
    covariate: bool = False,
    prior_sd: float = PRIOR_SD,
    effect_sd: float = EFFECT_SD,
) -> Ranking:
    """The ranking of ``models`` models; ``side`` and ``covariate`` are fitted along where asked for.

    Raises ValueError for a ballot about a model there is not, or about one model twice.
    """
    return Rows(models, ballots, side=side, covariate=covariate, prior_sd=prior_sd, effect_sd=effect_sd).fit()


class Rows:
    """Ballots that are the same, as one row with their number: what is fitted, as often as asked with other numbers.

    Raises ValueError as ``fit``.
    """

    def __init__(
        self,
        models: int,
        ballots: Sequence[Ballot],
        *,
        side: bool = False,
        covariate: bool = False,
        prior_sd: float = PRIOR_SD,
        effect_sd: float = EFFECT_SD,
    ) -> None:
        if models < 1:
            raise ValueError("there is nothing to rank")
        for ballot in ballots:
            if not (0 <= ballot.left < models and 0 <= ballot.right < models) or ballot.left == ballot.right:
                raise ValueError(f"{ballot} is no ballot between two of {models} models")
        plain = [_plain(ballot, covariate=covariate) for ballot in ballots]
        place = {ballot: row for row, ballot in enumerate(dict.fromkeys(plain))}
        self.ballots = tuple(place)
        self.row_of = tuple(place[ballot] for ballot in plain)
        self.counts: Matrix = (
            np.bincount(self.row_of, minlength=len(place)).astype(np.float64) if plain else np.zeros(0)
        )
        self._models = models
        self._free = np.ones(models + 3, dtype=bool)
        self._free[models + 1], self._free[models + 2] = side, covariate
        self._precision = np.full(models + 3, 1 / effect_sd**2)
        self._precision[:models] = 1 / prior_sd**2
        self._features, self._chosen = _features(models, self.ballots)
        self._features = self._features[:, :, self._free]

    def fit(self, counts: Matrix | None = None, start: Ranking | None = None) -> Ranking:
        """The ranking by as many ballots of each row as ``counts`` says, by all of them without it; found sooner from a
        ``start`` that is near."""
        models, free = self._models, self._free
        weights = self.counts if counts is None else counts
        begin = np.zeros(int(free.sum())) if start is None else start.parameters[free]
        parameters, hessian = _maximum(self._features, self._chosen, weights, self._precision[free], begin)
        found = np.zeros(models + 3)
        found[free] = parameters
        covariance = np.zeros((models + 3, models + 3))
        covariance[np.ix_(free, free)] = np.linalg.inv(hessian)
        # Only differences of strengths mean something: their mean is fixed at 0.
        centring = np.eye(models + 3)
        centring[:models, :models] -= 1 / models
        return Ranking(models, centring @ found, centring @ covariance @ centring.T, round(float(weights.sum())))

    def influence(self, ranking: Ranking, first: int, second: int) -> Matrix:
        """How much one ballot of each row adds to θ_first - θ_second, to first order."""
        free, utilities = self._free, self._features @ ranking.parameters[self._free]
        weights = np.exp(utilities - utilities.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        seen = self._features[np.arange(len(self._chosen)), self._chosen]
        gradients = seen - np.einsum("bo,bop->bp", weights, self._features)
        contrast = (ranking.covariance[first] - ranking.covariance[second])[free]
        found: Matrix = gradients @ contrast
        return found


def _plain(ballot: Ballot, *, covariate: bool) -> Ballot:
    """Without what does not count."""
    outcome = Outcome.TIE if ballot.outcome is Outcome.BOTH_BAD else ballot.outcome
    return Ballot(ballot.left, ballot.right, outcome, ballot.covariate if covariate else 0.0)


def _features(models: int, ballots: Sequence[Ballot]) -> tuple[Matrix, NDArray[np.int64]]:
    """How each parameter enters each outcome's utility: shape (ballots, 3, models + 3); and which outcome it was."""
    features = np.zeros((len(ballots), 3, models + 3))
    chosen = np.zeros(len(ballots), dtype=np.int64)
    for row, ballot in enumerate(ballots):
        difference = np.zeros(models + 3)
        difference[ballot.left], difference[ballot.right] = 0.5, -0.5
        difference[models + 1] = 0.5
        difference[models + 2] = 0.5 * ballot.covariate
        features[row, Outcome.LEFT] = difference
        features[row, Outcome.RIGHT] = -difference
        features[row, Outcome.TIE, models] = 1
        chosen[row] = ballot.outcome
    return features, chosen


def _maximum(
    features: Matrix, chosen: NDArray[np.int64], counts: Matrix, precision: Matrix, parameters: Matrix
) -> tuple[Matrix, Matrix]:
    """The parameters of the greatest posterior, and the negative Hessian there."""
    observed = counts @ features[np.arange(len(chosen)), chosen]
    hessian = np.diag(precision)
    for _ in range(STEPS):
        gradient, hessian = _slopes(features, parameters, counts, observed, precision)
        step = np.linalg.solve(hessian, gradient)
        longest = float(np.abs(step).max(initial=0.0))
        parameters = parameters + step * min(1.0, LARGEST_STEP / longest if longest else 1.0)
        if longest < CONVERGED:
            break
    return parameters, _slopes(features, parameters, counts, observed, precision)[1]


def _slopes(
    features: Matrix, parameters: Matrix, counts: Matrix, observed: Matrix, precision: Matrix
) -> tuple[Matrix, Matrix]:
    """The gradient of the log posterior, and its negative Hessian."""
    utilities = features @ parameters
    utilities -= utilities.max(axis=1, keepdims=True)
    weights = np.exp(utilities)
    weights /= weights.sum(axis=1, keepdims=True)
    weighted = (weights * counts[:, None])[:, :, None] * features
    means = np.einsum("bo,bop->bp", weights, features)
    gradient = observed - counts @ means - precision * parameters
    wide = features.shape[2]
    hessian = weighted.reshape(-1, wide).T @ features.reshape(-1, wide)
    hessian += np.diag(precision) - (means * counts[:, None]).T @ means
    return gradient, hessian


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
