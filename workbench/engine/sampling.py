"""llama.cpp's samplers, chained in the order that ``Sampling`` documents, held to a constraint where there is one."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from workbench.engine import grammar, schema
from workbench.engine.base import Constraint, Grammar, Sampling
from workbench.engine.grammar import Judged
from workbench.engine.native import Context, Weights, api
from workbench.engine.native_grammar import HeldToGrammar, Row

SEEDS = 2**32 - 1  # llama.cpp takes 0xFFFFFFFF to mean "any", so it is not a seed


def chosen_seed(sampling: Sampling) -> int:
    """The seed asked for, within llama.cpp's range, or a fresh one."""
    return secrets.randbelow(SEEDS) if sampling.seed is None else sampling.seed % SEEDS


@functools.lru_cache(maxsize=64)  # one suite asks hundreds of prompts under one schema
def gbnf_of(constraint: Constraint) -> str:
    """The grammar that a constraint comes to.  Raises GrammarError, SchemaError: before a model is asked."""
    if isinstance(constraint, Grammar):
        grammar.check(constraint.gbnf)
        return constraint.gbnf
    return schema.to_gbnf(constraint.text)


class Sampler:
    """Draws the next token.  ``prompt`` is what the repetition penalty already looks back on.

    ``names`` are llama.cpp's own, in order, as the samplers were set up; a grammar comes first.
    """

    def __init__(
        self,
        weights: Weights,
        sampling: Sampling,
        seed: int,
        prompt: Sequence[int],
        constraint: Constraint | Judged | None = None,
        opening: int | None = None,
    ) -> None:
        """``opening`` may come first in spite of the constraint: it begins the thinking, which is held to nothing.

        Raises GrammarError and SchemaError when the constraint cannot be used.
        """
        library = api()
        form = _form(constraint)
        held = None if form is None else HeldToGrammar(weights, form.gbnf)
        self._held, self._row = held, None if held is None else Row(weights.n_vocab)
        self._weights, self._opening = weights, opening
        self._mark = b"" if form is None else form.mark.encode()  # waited for; empty once it was written
        self._tail = b""
        params = library.llama_sampler_chain_default_params()
        params.no_perf = True
        self._chain: Any = library.llama_sampler_chain_init(params)
        names = [] if held is None else [held.name]
        for link in _links(library, weights, sampling, seed):
            library.llama_sampler_chain_add(self._chain, link)
            names.append(library.llama_sampler_name(link).decode())
        self.names: tuple[str, ...] = tuple(names)
        self._is_greedy = self.names == ("greedy",)
        self._sample = library.llama_sampler_sample
        if sampling.repetition_penalty != 1 and sampling.repeat_last_n > 0:
            for token in prompt[-sampling.repeat_last_n :]:
                library.llama_sampler_accept(self._chain, token)

    def next(self, context: Context, row: int = -1, *, free: bool = False) -> int:
        """From the logits of a row of the last batch, the last one unless said; the draw is remembered.

        ``free`` leaves the constraint aside: the token is none of the answer's.

        Raises GenerationError when the constraint leaves no token to choose from.
        """
        if self._is_greedy:
            # The first of the largest, as llama.cpp's own, which first writes a list of the whole vocabulary.
            return int(context.row(row).argmax())
        opening, self._opening = self._opening, None
        if free or self._held is None or self._row is None:
            self._tail = b""
            token: int = self._sample(self._chain, context.pointer, row)
            return token
        self._row.read(context, row)
        if self._mark:
            return self._watched(self._row, self._mark)
        token = self._held.choose(self._row, self._chain, opening)
        api().llama_sampler_accept(self._chain, token)
        if token != opening:
            self._held.accept(token)
        return token

    def _watched(self, row: Row, mark: bytes) -> int:
        """Any token, but none that writes the end of the mark and goes on: what follows the mark is held."""
        row.reset()
        while True:
            row.apply(self._chain)
            token = row.selected
            written = self._tail + (self._weights.piece(token) or self._weights.text_of(token).encode())
            if mark not in written or written.endswith(mark):
                break
            row.forbid(token)
            row.reset()
        api().llama_sampler_accept(self._chain, token)
        self._tail = written[-len(mark) :]
        if written.endswith(mark):
            self._mark = b""
        return token

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
        if self._chain:
            api().llama_sampler_free(self._chain)  # with all its links
            self._chain = None

    def __enter__(self) -> Sampler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _form(constraint: Constraint | Judged | None) -> Judged | None:
    return constraint if constraint is None or isinstance(constraint, Judged) else Judged(gbnf_of(constraint))


def _links(library: Any, weights: Weights, sampling: Sampling, seed: int) -> list[Any]:
    """Neutral samplers are left out: each costs a pass over the vocabulary."""
    links: list[Any] = []
    if sampling.repetition_penalty != 1 and sampling.repeat_last_n > 0:
        links.append(
            library.llama_sampler_init_penalties(
                weights.n_vocab, sampling.repeat_last_n, sampling.repetition_penalty, 0.0, 0.0
            )
        )
    if sampling.temperature <= 0:
        return [*links, library.llama_sampler_init_greedy()]
    if sampling.top_k > 0:
        links.append(library.llama_sampler_init_top_k(sampling.top_k))
    if sampling.top_p < 1:
        links.append(library.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        links.append(library.llama_sampler_init_min_p(sampling.min_p, 1))
    links.append(library.llama_sampler_init_temp(sampling.temperature))
    return [*links, library.llama_sampler_init_dist(seed)]
