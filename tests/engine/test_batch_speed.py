"""What makes batches fast changes no token: greedy draws without llama.cpp's list, attention that is not fused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.engine.test_batched_logits import never_written
from workbench.engine import native
from workbench.engine.base import Sampling
from workbench.engine.batching import SCORES_BYTES_MAX, Source, batch_params
from workbench.engine.sampling import Sampler
from workbench.engine.slots import Queued
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=512, n_batch=128, n_ubatch=128, n_gpu_layers=0)


@pytest.fixture
def weights(smollm2_path: Path) -> Iterator[native.Weights]:
    with native.Weights(smollm2_path, n_gpu_layers=0) as loaded:
        yield loaded


@pytest.fixture
def context(weights: native.Weights) -> Iterator[native.Context]:
    made = native.Context(weights, PARAMS)
    try:
        made.prefill(weights.tokenize("The capital of France is", special=False), 0, lambda: False, output=True)
        yield made
    finally:
        made.close()


def by_llama_cpp(context: native.Context) -> int:
    greedy = native.api().llama_sampler_init_greedy()
    try:
        token: int = native.api().llama_sampler_sample(greedy, context.pointer, -1)
        return token
    finally:
        native.api().llama_sampler_free(greedy)


def drawn(weights: native.Weights, context: native.Context, sampling: Sampling) -> int:
    with Sampler(weights, sampling, 1, (), None) as sampler:
        return sampler.next(context)


def change(row: npt.NDArray[np.float32], name: str) -> None:
    """The context's own memory: both samplers read it."""
    best = float(row.max())
    if name == "tie":
        row[[40_000, 11, 700]] = best + 1
    elif name == "level":
        row[:] = best
    elif name == "forbidden":
        row[: len(row) // 2] = -np.inf


@pytest.mark.parametrize("name", ["as it is", "tie", "level", "forbidden"])
def test_a_greedy_draw_is_the_one_that_llama_cpp_makes(
    name: str, weights: native.Weights, context: native.Context
) -> None:
    change(context.row(), name)
    token = drawn(weights, context, Sampling(temperature=0))
    assert token == by_llama_cpp(context)


def test_of_equally_likely_tokens_the_lowest_is_drawn(weights: native.Weights, context: native.Context) -> None:
    change(context.row(), "tie")
    assert drawn(weights, context, Sampling(temperature=0)) == 11


def test_a_penalty_still_counts_when_draws_are_greedy(weights: native.Weights, context: native.Context) -> None:
    likeliest = int(context.row().argmax())
    held_back = Sampling(temperature=0, repetition_penalty=50.0)
    with Sampler(weights, held_back, 1, (likeliest,), None) as sampler:
        assert sampler.names == ("penalties", "greedy")
        assert sampler.next(context) != likeliest


def queued(tokens: int) -> list[Queued]:
    return [Queued(index, (index, *range(100, 99 + tokens)), 8) for index in range(4)]


def attention(weights: native.Weights, params: RunParams, *, tokens: int = 60) -> str:
    return batch_params(Source(weights, params, never_written, slots=4), queued(tokens))[0].flash_attn


def test_batches_on_the_processor_do_without_fused_attention(weights: native.Weights) -> None:
    assert attention(weights, PARAMS) == "off"


@pytest.mark.parametrize("asked", ["on", "off"])
def test_what_was_said_about_attention_is_kept(asked: str, weights: native.Weights) -> None:
    assert attention(weights, replace(PARAMS, flash_attn=asked)) == asked


def test_quantised_values_need_fused_attention(weights: native.Weights) -> None:
    assert attention(weights, replace(PARAMS, type_k="q8_0", type_v="q8_0")) == "auto"


def test_scores_that_would_take_much_memory_are_left_to_fused_attention(weights: native.Weights) -> None:
    cells = SCORES_BYTES_MAX // (4 * weights.n_head * PARAMS.n_batch)
    assert attention(weights, replace(PARAMS, n_ctx=cells), tokens=cells // 2) == "auto"
