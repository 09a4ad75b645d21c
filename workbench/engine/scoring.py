"""How likely a model finds texts: ln p of every scored token, and perplexity as llama-perplexity counts it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.engine import native
from workbench.engine.logits import Floats, RowWorkers, Tokens, token_logprobs
from workbench.engine.native_rows import RowContext, Rows
from workbench.engine.passages import N_UBATCH, Passage, cuts, rows_at_once
from workbench.errors import Cancelled, EngineError, ModelLoadError
from workbench.jobs import CancelToken
from workbench.models.params import RunParams
from workbench.words import said


@dataclass(frozen=True, slots=True)
class Measured:
    """Tokens evaluated so far, of how many; ``so_far`` is the figure up to here, None before the first."""

    done_tokens: int
    total_tokens: int
    so_far: float | None = None


@dataclass(frozen=True, slots=True)
class TextLikelihood:
    """One text: ``nll`` is Σ −ln p of its scored tokens, which write ``n_bytes``."""

    text: str
    n_tokens: int
    n_bytes: int
    nll: float

    @property
    def perplexity(self) -> float:
        return math.exp(self.nll / self.n_tokens)

    @property
    def bits_per_byte(self) -> float:
        """Comparable between models with different vocabularies, which perplexity is not; NaN without bytes."""
        return self.nll / math.log(2) / self.n_bytes if self.n_bytes else math.nan


@dataclass(frozen=True, slots=True)
class Perplexity:
    """exp of the mean −ln p; ``error`` is llama-perplexity's ±: PPL · sd / √(n − 1), tokens taken as independent."""

    value: float
    error: float
    texts: tuple[TextLikelihood, ...]

    @property
    def n_tokens(self) -> int:
        return sum(text.n_tokens for text in self.texts)

    @property
    def bits_per_byte(self) -> float:
        """Of all texts together."""
        whole = TextLikelihood("", self.n_tokens, sum(t.n_bytes for t in self.texts), sum(t.nll for t in self.texts))
        return whole.bits_per_byte


class Scorer:
    """A model with a context of its own for scoring.  All calls on the thread that made it."""

    def __init__(self, name: str, weights: native.Weights, params: RunParams, *, n_threads: int = 1) -> None:
        """``params`` give the placement, the cache's types and flash attention; ``n_ctx`` the longest passage.

        Raises ModelLoadError when there is no room.
        """
        self.name = name
        self.weights = weights
        self.n_threads = n_threads
        self.rows_max = rows_at_once(weights.n_vocab)
        wanted = replace(params, n_batch=N_UBATCH, n_ubatch=N_UBATCH, n_outputs_max=self.rows_max)
        try:
            self.context = RowContext(weights, wanted, n_threads=n_threads)
        except native.LoadFailed as error:
            raise ModelLoadError(
                said("There is no room to score {n_ctx:,} tokens with {name}.", n_ctx=params.n_ctx, name=name),
                hint=said("Choose shorter texts, or close a pane."),
            ) from error

    def evaluated(self, passage: Passage, cancel: CancelToken) -> Iterator[tuple[Rows, Tokens, int]]:
        """Piece by piece: rows of logits, the token that followed each, and how many tokens were evaluated.

        The rows are valid until the next piece.  Raises Cancelled and EngineError.
        """
        self.context.clear()
        first_row, end = passage.first - 1, len(passage.tokens)
        for piece in cuts(passage, self.rows_max):
            cancel.raise_if_cancelled()
            n_outputs = max(0, piece.stop - max(first_row, piece.start))
            with self.failures():
                rows = self.context.rows(
                    passage.tokens[piece.start : piece.stop], piece.start, n_outputs, lambda: cancel.cancelled
                )
            first = piece.stop - n_outputs
            targets = np.array(passage.tokens[first + 1 : piece.stop + 1], np.int32)
            # The last token predicts nothing that is known; it is evaluated for the shape of the batch alone.
            yield rows[: end - 1 - first], targets, len(piece)

    @contextlib.contextmanager
    def failures(self) -> Iterator[None]:
        """llama.cpp's failures in the user's terms."""
        try:
            yield
        except native.Aborted as error:
            raise Cancelled from error
        except native.NativeError as error:
            raise EngineError(
                said("llama.cpp failed while it evaluated a text with {name}: {error}.", name=self.name, error=error),
                hint=said("Try again; if it fails again, the file may be damaged."),
            ) from error

    def check(self, numbers: npt.NDArray[np.floating[Any]]) -> None:
        """Raises EngineError where a row held NaN or infinity."""
        if not np.isfinite(numbers).all():
            raise EngineError(
                said("{name} computes values that are no numbers (NaN or infinite).", name=self.name),
                hint=said("The file or its quantisation is broken: verify it, or take another quantisation."),
            )

    def close(self) -> None:
        self.context.close()

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def perplexity(
    scorer: Scorer, passages: Sequence[Passage], cancel: CancelToken
) -> Generator[Measured, None, Perplexity]:
    """Raises EngineError, also for values that are no numbers; Cancelled."""
    done, total = 0, sum(len(passage.tokens) for passage in passages)
    nll, n_scored = 0.0, 0
    found: list[tuple[Passage, Floats]] = []
    yield Measured(0, total)
    with RowWorkers(scorer.n_threads) as workers:
        for passage in passages:
            parts: list[Floats] = []
            for rows, targets, n_tokens in scorer.evaluated(passage, cancel):
                parts.append(-token_logprobs(rows, targets, workers))
                scorer.check(parts[-1])
                done += n_tokens
            found.append((passage, np.concatenate(parts)))
            nll, n_scored = nll + float(found[-1][1].sum()), n_scored + passage.n_scored
            yield Measured(done, total, math.exp(nll / n_scored))
    return summed(scorer.weights, found)


def summed(weights: native.Weights, found: Sequence[tuple[Passage, Floats]]) -> Perplexity:
    """The perplexity of passages whose tokens' −ln p are known."""
    every = np.concatenate([values for _, values in found])
    count, mean = len(every), float(every.mean())
    variance = float((every * every).mean()) - mean * mean
    value = math.exp(mean)
    error = value * math.sqrt(variance / (count - 1)) if variance > 0 and count > 1 else 0.0
    names = dict.fromkeys(passage.text for passage, _ in found)
    texts = (_likelihood(weights, name, [one for one in found if one[0].text == name]) for name in names)
    return Perplexity(value, error, tuple(texts))


def _likelihood(weights: native.Weights, name: str, found: Sequence[tuple[Passage, Floats]]) -> TextLikelihood:
    n_bytes = sum(len(weights.piece(token)) for passage, _ in found for token in passage.scored)
    nll = sum(float(values.sum()) for _, values in found)
    return TextLikelihood(name, sum(passage.n_scored for passage, _ in found), n_bytes, nll)
