"""How far a model's predictions are from a reference's, token by token, on the same texts; nothing is stored."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.engine.kl_statistics import Estimate, Statistics, clustered, statistics
from workbench.engine.kld_file import BaseFile, packed_divergences
from workbench.engine.logits import RowWorkers, TokenDivergences, divergences
from workbench.engine.native import Weights
from workbench.engine.passages import Passage
from workbench.engine.scoring import Measured, Scorer
from workbench.errors import EngineError
from workbench.jobs import CancelToken
from workbench.words import said

PARTINGS = 10


@dataclass(frozen=True, slots=True)
class TextDivergence:
    """One text's share: mean KL divergence in nats, and how often both have the same favourite."""

    text: str
    n_tokens: int
    mean_kld: float
    same_top: float


@dataclass(frozen=True, slots=True)
class Parting:
    """A token before which the models part furthest: what came before, what came, and what each would have said."""

    text: str
    before: str
    token: str
    base_says: str
    model_says: str
    kld: float


@dataclass(frozen=True, slots=True)
class Divergence:
    """``by_text`` is the mean divergence with a ± that takes tokens of one text as belonging together; None for one
    text alone.  It is what a comparison should go by: tokens of a text are not independent."""

    statistics: Statistics
    by_text: Estimate | None
    texts: tuple[TextDivergence, ...]
    partings: tuple[Parting, ...]


def divergence(
    base: Scorer, model: Scorer, passages: Sequence[Passage], cancel: CancelToken
) -> Generator[Measured, None, Divergence]:
    """Both models piece by piece, in turns; memory for one piece's rows of each, whatever the length of the texts.

    Raises EngineError, also for different vocabularies and for values that are no numbers; Cancelled.
    """
    refuse_other_vocabulary(base, model)
    done, total = 0, 2 * sum(len(passage.tokens) for passage in passages)
    found: list[TokenDivergences] = []
    sum_kld, count = 0.0, 0
    yield Measured(0, total)
    with RowWorkers(max(base.n_threads, model.n_threads)) as workers:
        for passage in passages:
            both = zip(base.evaluated(passage, cancel), model.evaluated(passage, cancel), strict=True)
            for (base_rows, targets, n_tokens), (rows, _, _) in both:
                one = divergences(base_rows, rows, targets, workers)
                base.check(one.nll_base)
                model.check(one.nll)
                model.check(one.kld)
                found.append(one)
                sum_kld, count, done = sum_kld + float(one.kld.sum()), count + len(targets), done + 2 * n_tokens
            yield Measured(done, total, sum_kld / count)
    return summarised(model.weights, passages, TokenDivergences.joined(found))


def divergence_from(base: BaseFile, model: Scorer, cancel: CancelToken) -> Generator[Measured, None, Divergence]:
    """From a file of a base model's predictions, with the figures that llama-perplexity prints for it.

    Its predictions are rounded, which alone costs about 5e-4 nats.  Raises EngineError, Cancelled.
    """
    passages = base.passages(model)
    done, total = 0, sum(len(passage.tokens) for passage in passages)
    found: list[TokenDivergences] = []
    sum_kld, count = 0.0, 0
    yield Measured(0, total)
    with RowWorkers(model.n_threads) as workers:
        for window, passage in enumerate(passages):
            packed, used = base.rows(window), 0
            for rows, targets, n_tokens in model.evaluated(passage, cancel):
                one = packed_divergences(packed[used : used + len(targets)], rows, targets, workers)
                model.check(one.kld)
                used += len(targets)
                found.append(one)
                sum_kld, count, done = sum_kld + float(one.kld.sum()), count + len(targets), done + n_tokens
            yield Measured(done, total, sum_kld / count)
    return summarised(model.weights, passages, TokenDivergences.joined(found))


def summarised(weights: Weights, passages: Sequence[Passage], found: TokenDivergences) -> Divergence:
    """From the values of each scored token of the passages, in their order."""
    same = found.top == found.top_base
    dp = np.exp(-found.nll) - np.exp(-found.nll_base)
    names = list(dict.fromkeys(passage.text for passage in passages))
    of_text = np.repeat([names.index(passage.text) for passage in passages], [p.n_scored for p in passages])
    order = np.argsort(of_text, kind="stable")
    sizes = np.bincount(of_text, minlength=len(names)).tolist()
    texts = tuple(
        TextDivergence(name, size, float(found.kld[of_text == at].mean()), float(same[of_text == at].mean()))
        for at, (name, size) in enumerate(zip(names, sizes, strict=True))
    )
    return Divergence(
        statistics(found.nll_base, found.nll, found.kld, dp, same),
        clustered(found.kld[order], sizes),
        texts,
        _partings(weights, passages, found),
    )


def _partings(weights: Weights, passages: Sequence[Passage], found: TokenDivergences) -> tuple[Parting, ...]:
    starts = np.cumsum([0, *(passage.n_scored for passage in passages)])

    def parting(index: int) -> Parting:
        which = int(np.searchsorted(starts, index, side="right")) - 1
        passage = passages[which]
        at = passage.first + index - int(starts[which])
        return Parting(
            passage.text,
            _words(weights, passage.tokens[max(0, at - 12) : at]),
            _words(weights, passage.tokens[at : at + 1]),
            _words(weights, [int(found.top_base[index])]),
            _words(weights, [int(found.top[index])]),
            float(found.kld[index]),
        )

    worst = np.argsort(-found.kld, kind="stable")[:PARTINGS]
    return tuple(parting(int(index)) for index in worst if found.kld[index] > 0)


def _words(weights: Weights, tokens: Sequence[int]) -> str:
    """Control tokens by their names."""
    pieces = (weights.piece(token) or weights.text_of(token).encode() for token in tokens)
    return b"".join(pieces).decode("utf-8", errors="replace")


def refuse_other_vocabulary(base: Scorer, model: Scorer) -> None:
    """Raises EngineError: predictions of different tokens cannot be compared one by one."""
    why = vocabulary_difference(base.weights, model.weights)
    if why is not None:
        raise EngineError(
            said("{base} and {model} have different vocabularies: {why}.", base=base.name, model=model.name, why=why),
            hint=said("Compare files of the same model; between models, compare bits per byte (workbench perplexity)."),
        )


def vocabulary_difference(base: Weights, model: Weights) -> str | None:
    """In words; None where both write every token alike."""
    if base is model:
        return None
    if base.n_vocab != model.n_vocab:
        return said("{one:,} tokens and {other:,}", one=base.n_vocab, other=model.n_vocab)
    if (base.bos, base.adds_bos) != (model.bos, model.adds_bos):
        return said("they begin a text in different ways")
    for token in range(base.n_vocab):
        first, second = base.text_of(token), model.text_of(token)
        if first != second:
            return said(
                "token {token:,} is {one!r} in one and {other!r} in the other", token=token, one=first, other=second
            )
    return None
