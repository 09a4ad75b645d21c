"""Strengths from votes between pairs: Bradley and Terry's model with Davidson's ties.

Of a ballot between ``left`` and ``right`` the outcomes left, tie and right have probabilities proportional to
``exp(d/2)``, ``exp(η)`` and ``exp(-d/2)``, where ``d = θ_left - θ_right + side + x·γ``; so among decided ballots
``P(left) = σ(d)`` (Bradley and Terry 1952; Davidson 1970, whose ν is exp(η)).

Utilities are linear in the parameters: the log-likelihood is concave, and with a normal prior on every
parameter strictly so.  Newton's method finds its only maximum; intervals come from the curvature there, and where
ballots are told to be of the same prompt, from how alike those are (``stats.clusters``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from workbench.stats.clusters import Grounds, Groups, grounds
from workbench.stats.interval import LEVEL, Interval, z_of
from workbench.stats.outcome import Outcome

Matrix = NDArray[np.float64]

PRIOR_SD = 2.0
"""Of each strength, in logits: two models of equal repute rarely differ by more than ±4, a 98 % win rate."""
EFFECT_SD = 1.0
"""Of the tie, side and covariate parameters, in logits."""
ELO_PER_LOGIT = 400 / math.log(10)
STEPS = 100
LARGEST_STEP = 2.0
CONVERGED = 1e-10


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
    the last two are 0 with no variance where they were not asked for.  Without ``grouped`` every ballot stands for
    itself.
    """

    models: int
    parameters: Matrix
    covariance: Matrix
    ballots: int
    grouped: Grouped | None = None

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

    def curvature(self, first: int, second: int) -> float:
        """The variance of θ_first - θ_second, were all ballots independent."""
        of = self.covariance
        return float(of[first, first] + of[second, second] - 2 * of[first, second])

    def grounds(self, first: int, second: int) -> Grounds | None:
        """What θ_first - θ_second rests upon, None where every ballot stands for itself."""
        contrast = np.zeros(len(self.parameters))
        contrast[first] += 1
        contrast[second] -= 1
        return self.grouped.grounds(self, contrast) if self.grouped is not None else None

    def _of(self, contrast: Matrix, level: float) -> Interval:
        estimate = float(contrast @ self.parameters)
        variance = max(0.0, float(contrast @ self.covariance @ contrast))
        half = z_of(level) * math.sqrt(variance)
        if self.grouped is not None:
            found = self.grouped.grounds(self, contrast)
            half = found.half_width(level, known=max(0.0, variance - found.independent))  # known: by the prior
        return Interval(estimate, estimate - half, estimate + half, level)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Ballots of which those with the same number of ``groups`` are about one prompt, with the same of ``others`` by
    one rater."""

    rows: Rows
    groups: Groups
    others: Groups | None = None

    def grounds(self, ranking: Ranking, contrast: Matrix) -> Grounds:
        influence, variance = self.rows.pulls(ranking, ranking.covariance @ contrast)
        places = np.asarray(self.rows.row_of, dtype=int)
        return grounds(influence[places], variance[places], self.groups, self.others)


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
    groups: Groups | None = None,
    others: Groups | None = None,
    side: bool = False,
    covariate: bool = False,
    prior_sd: float = PRIOR_SD,
    effect_sd: float = EFFECT_SD,
) -> Ranking:
    """The ranking of ``models`` models; ``side`` and ``covariate`` are fitted along where asked for.  ``groups`` has a
    number for each ballot: those of the same number hang together, and intervals allow for it; so has ``others``.

    Raises ValueError for a ballot about a model there is not, or about one model twice.
    """
    rows = Rows(models, ballots, side=side, covariate=covariate, prior_sd=prior_sd, effect_sd=effect_sd)
    ranking = rows.fit()
    return replace(ranking, grouped=Grouped(rows, groups, others)) if groups is not None and ballots else ranking


_Question = tuple[int, int, float]
"""Left, right and covariate; without a side's advantage the smaller number stands left."""


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
        asked = [_asked(ballot, side=side, covariate=covariate) for ballot in ballots]
        rows: dict[tuple[_Question, int], int] = {}
        self.row_of = tuple(rows.setdefault(one, len(rows)) for one in asked)
        self.counts: Matrix = np.bincount(self.row_of, minlength=len(rows)).astype(np.float64) if asked else np.zeros(0)
        questions: dict[_Question, int] = {}
        self._question = np.array([questions.setdefault(question, len(questions)) for question, _ in rows], dtype=int)
        self._chosen = np.array([outcome for _, outcome in rows], dtype=int)
        self._models = models
        self._free = np.ones(models + 3, dtype=bool)
        self._free[models + 1], self._free[models + 2] = side, covariate
        self._precision = np.full(models + 3, 1 / effect_sd**2)
        self._precision[:models] = 1 / prior_sd**2
        self._shapes = _Shapes(models, list(questions))

    def fit(self, counts: Matrix | None = None, start: Ranking | None = None) -> Ranking:
        """The ranking by as many ballots of each row as ``counts`` says, by all of them without it; found sooner from a
        ``start`` that is near."""
        models, free = self._models, self._free
        weights = self.counts if counts is None else counts
        said = np.zeros((self._shapes.count, 3))
        np.add.at(said, (self._question, self._chosen), weights)
        begin = np.zeros(models + 3) if start is None else start.parameters
        parameters, hessian = _maximum(self._shapes, said, self._precision, begin, free)
        found = np.zeros(models + 3)
        found[free] = parameters[free]
        covariance = np.zeros((models + 3, models + 3))
        covariance[np.ix_(free, free)] = np.linalg.inv(hessian)
        # Only differences of strengths mean something: their mean is fixed at 0.
        centring = np.eye(models + 3)
        centring[:models, :models] -= 1 / models
        return Ranking(models, centring @ found, centring @ covariance @ centring.T, round(float(weights.sum())))

    def pulls(self, ranking: Ranking, direction: Matrix) -> tuple[Matrix, Matrix]:
        """How much one ballot of each row adds along ``direction`` to first order, and the variance of that were its
        outcome drawn as the ranking says.  The direction of a contrast is the covariance times it."""
        chances = np.array(_chances(self._shapes, ranking.parameters))
        half = self._shapes.half(direction)
        values = np.array([half, np.full(self._shapes.count, direction[self._models]), -half])
        mean = (chances * values).sum(axis=0)
        variance = (chances * (values - mean) ** 2).sum(axis=0)
        said: Matrix = values[self._chosen, self._question] - mean[self._question]
        return said, variance[self._question]


class _Shapes:
    """How the parameters enter d/2 of each question: four of them, by ``places`` and ``factors`` of shape (4,
    questions).  Sums over questions go by place, since a matrix of all parameters would be almost all zeros."""

    def __init__(self, models: int, questions: Sequence[_Question]) -> None:
        told = np.array(questions, dtype=np.float64).reshape(len(questions), 3)
        self.count, self.tie, self.wide = len(questions), models, models + 3
        ones = np.ones(self.count)
        self.places = np.array([told[:, 0], told[:, 1], ones * (models + 1), ones * (models + 2)]).astype(int)
        self.factors: Matrix = np.array([ones, -ones, ones, told[:, 2]]) / 2

    def half(self, parameters: Matrix) -> Matrix:
        """d/2 of each question."""
        found: Matrix = (parameters[self.places] * self.factors).sum(axis=0)
        return found

    def spread(self, weights: Matrix) -> Matrix:
        """The sum over questions of weight times the gradient of d/2."""
        values = self.factors * weights
        return np.bincount(self.places.ravel(), values.ravel(), self.wide).astype(np.float64)

    def products(self, weights: Matrix) -> Matrix:
        """The sum over questions of weight times the outer product of that gradient with itself."""
        cells = self.places[:, None] * self.wide + self.places[None, :]
        values = self.factors[:, None] * self.factors[None, :] * weights
        sums = np.bincount(cells.ravel(), values.ravel(), self.wide**2).astype(np.float64)
        return sums.reshape(self.wide, self.wide)


def _asked(ballot: Ballot, *, side: bool, covariate: bool) -> tuple[_Question, int]:
    """What was asked and said, without what does not count."""
    outcome = Outcome.TIE if ballot.outcome is Outcome.BOTH_BAD else ballot.outcome
    longer = ballot.covariate if covariate else 0.0
    if side or ballot.left < ballot.right:
        return (ballot.left, ballot.right, longer), int(outcome)
    return (ballot.right, ballot.left, -longer), Outcome.RIGHT - outcome  # the same, seen from the other side


def _maximum(
    shapes: _Shapes, said: Matrix, precision: Matrix, parameters: Matrix, free: NDArray[np.bool_]
) -> tuple[Matrix, Matrix]:
    """The parameters of the greatest posterior, and of the free ones the negative Hessian there; ``said`` is how often
    each question had each outcome."""
    for _ in range(STEPS):
        gradient, hessian = _slopes(shapes, said, precision, parameters)
        step = np.zeros(shapes.wide)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        longest = float(np.abs(step).max(initial=0.0))
        parameters = parameters + step * min(1.0, LARGEST_STEP / longest if longest else 1.0)
        if longest < CONVERGED:
            break
    return parameters, _slopes(shapes, said, precision, parameters)[1][np.ix_(free, free)]


def _slopes(shapes: _Shapes, said: Matrix, precision: Matrix, parameters: Matrix) -> tuple[Matrix, Matrix]:
    """The gradient of the log posterior, and its negative Hessian."""
    left, tie, right = _chances(shapes, parameters)
    counts = said.sum(axis=1)
    gradient = shapes.spread(said[:, Outcome.LEFT] - said[:, Outcome.RIGHT] - counts * (left - right))
    gradient[shapes.tie] += (said[:, Outcome.TIE] - counts * tie).sum()
    hessian = shapes.products(counts * (left + right - (left - right) ** 2))
    across = shapes.spread(-counts * (left - right) * tie)
    hessian[shapes.tie] += across
    hessian[:, shapes.tie] += across
    hessian[shapes.tie, shapes.tie] += (counts * tie * (1 - tie)).sum()
    return gradient - precision * parameters, hessian + np.diag(precision)


def _chances(shapes: _Shapes, parameters: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """How likely left, tie and right are, for each question."""
    half = shapes.half(parameters)
    utilities = np.array([half, np.full(shapes.count, parameters[shapes.tie]), -half])
    weights = np.exp(utilities - utilities.max(axis=0))
    left, tie, right = weights / weights.sum(axis=0)
    return left, tie, right


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
