"""llama.cpp's samplers, chained in the order that ``Sampling`` documents."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from workbench.engine.base import Sampling
from workbench.engine.native import Context, Weights, api

SEEDS = 2**32 - 1  # llama.cpp takes 0xFFFFFFFF to mean "any", so it is not a seed


def chosen_seed(sampling: Sampling) -> int:
    """The seed asked for, within llama.cpp's range, or a fresh one."""
    return secrets.randbelow(SEEDS) if sampling.seed is None else sampling.seed % SEEDS


class Sampler:
    """Draws the next token.  ``prompt`` is what the repetition penalty already looks back on."""

    def __init__(self, weights: Weights, sampling: Sampling, seed: int, prompt: Sequence[int]) -> None:
        library = api()
        params = library.llama_sampler_chain_default_params()
        params.no_perf = True
        self._chain: Any = library.llama_sampler_chain_init(params)
        for link in _links(library, weights, sampling, seed):
            library.llama_sampler_chain_add(self._chain, link)
        self._sample = library.llama_sampler_sample
        if sampling.repetition_penalty != 1 and sampling.repeat_last_n > 0:
            for token in prompt[-sampling.repeat_last_n :]:
                library.llama_sampler_accept(self._chain, token)

    def next(self, context: Context) -> int:
        """From the logits of the last evaluated token; the draw is remembered for the penalty."""
        token: int = self._sample(self._chain, context.pointer, -1)
        return token

    def close(self) -> None:
        if self._chain:
            api().llama_sampler_free(self._chain)  # with all its links
            self._chain = None

    def __enter__(self) -> Sampler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


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
