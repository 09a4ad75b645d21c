"""Arithmetic on rows of logits: one pass at a time over one row, which the processor's cache holds."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.engine.native_rows import Rows

Floats = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.int32]


class RowWorkers:
    """Threads that share the rows of a chunk; NumPy computes outside Python's lock."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads
        self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="rows")

    def over(self, n_rows: int, work: Callable[[range], None]) -> None:
        """``work`` on all of ``range(n_rows)``, in stretches; each row is computed alone, whoever does it."""
        length = max(1, math.ceil(n_rows / self._n_threads))
        stretches = [range(first, min(first + length, n_rows)) for first in range(0, n_rows, length)]
        for future in [self._pool.submit(work, stretch) for stretch in stretches]:
            future.result()

    def __enter__(self) -> RowWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown()


def log_sum_exp(row: npt.NDArray[np.float32]) -> tuple[np.float32, float]:
    """The largest logit, and ln Σ exp(logit − largest); NaN where a logit is NaN."""
    largest = row.max()
    with np.errstate(invalid="ignore"):  # whoever asks looks for NaN in what comes out
        scratch = np.subtract(row, largest)
    np.exp(scratch, out=scratch)
    return largest, math.log(scratch.sum(dtype=np.float64))


def token_logprobs(rows: Rows, targets: Tokens, workers: RowWorkers) -> Floats:
    """ln p of each target in its row; in llama-perplexity's own precision, so that its digits come out."""
    found = np.empty(len(targets), np.float64)

    def work(stretch: range) -> None:
        for index in stretch:
            largest, log_sum = log_sum_exp(rows[index])
            found[index] = float(rows[index, targets[index]]) - float(largest) - log_sum

    workers.over(len(targets), work)
    return found


@dataclass(frozen=True, slots=True)
class TokenDivergences:
    """Two models on the same tokens: for each its negative ln p under both, their divergence, their favourites.

    ``kld`` is Σ p_base (ln p_base − ln p) over the whole vocabulary, in nats.
    """

    nll_base: npt.NDArray[np.floating[Any]]
    nll: npt.NDArray[np.floating[Any]]
    kld: Floats
    top_base: Tokens
    top: Tokens

    @classmethod
    def empty(cls, count: int, precision: type[np.floating[Any]] = np.float64) -> TokenDivergences:
        """To be filled; ``precision`` is that of the two models' own values."""
        nll_base, nll = np.empty((2, count), precision)
        top_base, top = np.empty((2, count), np.int32)
        return cls(nll_base, nll, np.empty(count, np.float64), top_base, top)

    @classmethod
    def joined(cls, parts: list[TokenDivergences]) -> TokenDivergences:
        names = ("nll_base", "nll", "kld", "top_base", "top")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def divergences(base: Rows, rows: Rows, targets: Tokens, workers: RowWorkers) -> TokenDivergences:
    """Row by row; KL = Σ p_base (a − b) − lse(a) + lse(b), exactly 0 for equal rows.

    Element by element in float32, sums in float64: within 1e-6 nats of float64 throughout.
    """
    found = TokenDivergences.empty(len(targets))

    def work(stretch: range) -> None:
        a, b, exps = np.empty((3, base.shape[1]), np.float32)
        for index in stretch:
            top_base, top = base[index].argmax(), rows[index].argmax()
            np.subtract(base[index], base[index, top_base], out=a)
            np.subtract(rows[index], rows[index, top], out=b)
            log_sum = math.log(np.exp(b, out=exps).sum(dtype=np.float64))
            total_base = float(np.exp(a, out=exps).sum(dtype=np.float64))
            log_sum_base = math.log(total_base)
            found.nll_base[index] = log_sum_base - float(a[targets[index]])
            found.nll[index] = log_sum - float(b[targets[index]])
            np.subtract(a, b, out=a)
            np.multiply(exps, a, out=exps)
            found.kld[index] = float(exps.sum(dtype=np.float64)) / total_base - log_sum_base + log_sum
            found.top_base[index], found.top[index] = top_base, top

    workers.over(len(targets), work)
    return found
