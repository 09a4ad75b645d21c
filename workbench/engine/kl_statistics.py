"""llama-perplexity's statistics of two models on the same tokens, with its names and its formulas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[np.floating[Any]]

MIN_COUNT = 10  # llama-perplexity gives no ± for fewer
KLD_FRACTIONS = (1.0, 0.999, 0.99, 0.95, 0.9, 0.5, 0.1, 0.05, 0.01, 0.001, 0.0)
DP_FRACTIONS = (1.0, 0.999, 0.99, 0.95, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001, 0.0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its ±: one standard error, tokens taken as independent of each other unless said otherwise."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Percentile:
    fraction: float
    value: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """A model Q against a base, over ``n_tokens`` tokens; divergences in nats, probabilities from 0 to 1.

    ``correlation`` is between ln PPL(Q) and ln PPL(base), whose covariance is in the ± of the ratio and the
    difference.  Δp is p(Q) − p(base) of the token that came.
    """

    n_tokens: int
    perplexity: Estimate
    perplexity_base: Estimate
    correlation: float
    log_ratio: Estimate
    ratio: Estimate
    difference: Estimate
    mean_kld: Estimate
    kld: tuple[Percentile, ...]
    mean_dp: Estimate
    dp: tuple[Percentile, ...]
    rms_dp: Estimate
    same_top: Estimate


def statistics(nll_base: Values, nll: Values, kld: Values, dp: Values, same_top: npt.NDArray[np.bool_]) -> Statistics:
    """Of one value for each token.  Products are rounded as the arrays are, sums are float64."""
    count = len(nll)
    log_ppl, log_ppl_base = _mean(nll), _mean(nll_base)
    covariance = 0.0
    if count >= MIN_COUNT:
        covariance = (_sum(nll * nll_base) / count - log_ppl.value * log_ppl_base.value) / (count - 1)
    errors = log_ppl.error * log_ppl_base.error
    log_ratio = Estimate(log_ppl.value - log_ppl_base.value, _difference_error(log_ppl, log_ppl_base, covariance))
    ppl, ppl_base = _exp(log_ppl), _exp(log_ppl_base)
    squares = _mean(dp * dp)
    rms = math.sqrt(squares.value)
    top = float(same_top.mean())
    return Statistics(
        n_tokens=count,
        perplexity=ppl,
        perplexity_base=ppl_base,
        correlation=covariance / errors if errors > 0 else math.nan,
        log_ratio=log_ratio,
        ratio=_exp(log_ratio),
        difference=Estimate(
            ppl.value - ppl_base.value, _difference_error(ppl, ppl_base, ppl.value * ppl_base.value * covariance)
        ),
        mean_kld=_mean(kld),
        kld=percentiles(kld, KLD_FRACTIONS),
        mean_dp=_mean(dp),
        dp=percentiles(dp, DP_FRACTIONS),
        rms_dp=Estimate(rms, 0.5 / rms * squares.error if rms > 0 else 0.0),
        same_top=Estimate(top, math.sqrt(top * (1 - top) / (count - 1)) if count > 1 else 0.0),
    )


def percentiles(values: Values, fractions: Sequence[float]) -> tuple[Percentile, ...]:
    """Between neighbours in proportion, in float32 as llama-perplexity reckons, its median as it does."""
    ordered = np.sort(values.astype(np.float32))
    return tuple(Percentile(fraction, _percentile(ordered, fraction)) for fraction in fractions)


def clustered(values: Values, clusters: Sequence[int]) -> Estimate | None:
    """The mean, with a ± for values that belong together; ``clusters`` are the sizes of neighbouring groups.

    √(Σ_c (Σ_i deviation)² · C / (C − 1)) / n over C clusters: Miller, "Adding Error Bars to Evals", with the factor
    for few of them.  None with less than two.
    """
    count = len(clusters)
    if count < 2:
        return None
    mean = float(values.mean(dtype=np.float64))
    starts = np.cumsum([0, *clusters[:-1]])
    sums = np.add.reduceat(values.astype(np.float64) - mean, starts)
    return Estimate(mean, math.sqrt(float((sums * sums).sum()) * count / (count - 1)) / len(values))


def _sum(values: Values) -> float:
    return float(values.sum(dtype=np.float64))


def _mean(values: Values) -> Estimate:
    """llama-perplexity's mean_and_uncertainty."""
    count = len(values)
    mean = _sum(values) / count
    variance = _sum(values * values) / count - mean * mean
    return Estimate(mean, math.sqrt(variance / (count - 1)) if variance > 0 and count > MIN_COUNT else 0.0)


def _exp(estimate: Estimate) -> Estimate:
    value = math.exp(estimate.value)
    return Estimate(value, value * estimate.error)


def _difference_error(first: Estimate, second: Estimate, covariance: float) -> float:
    return math.sqrt(max(0.0, first.error**2 + second.error**2 - 2 * covariance))


def _percentile(ordered: npt.NDArray[np.float32], fraction: float) -> float:
    last = len(ordered) - 1
    if fraction == 0.5:
        return float(np.float32(0.5) * (ordered[last // 2] + ordered[(last + 1) // 2]))
    if fraction <= 0 or fraction >= 1:
        return float(ordered[0 if fraction <= 0 else last])
    at = np.float32(fraction) * np.float32(last)
    below = int(at)
    part = at - np.float32(below)
    return float((np.float32(1) - part) * ordered[below] + part * ordered[min(below + 1, last)])
