"""Prompts that share a cache are computed as each would be alone, whatever kind of memory the model has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tests.engine.test_batches import COMMON, COUNTRIES, PARAMS
from tests.engine.tiny_models import WINDOW, write_hybrid, write_mamba, write_windowed
from workbench.engine import batching, native
from workbench.engine.base import Request
from workbench.engine.batching import Source
from workbench.engine.native_batch import BatchContext
from workbench.engine.prompt import Prompt
from workbench.engine.slots import SHARED, Queued, Schedule


def alone_logits(model: native.Weights, tokens: tuple[int, ...]) -> npt.NDArray[np.float64]:
    context = native.Context(model, replace(PARAMS, n_ctx=2048))
    try:
        for start in range(0, len(tokens), PARAMS.n_ubatch):
            piece = tokens[start : start + PARAMS.n_ubatch]
            context.prefill(piece, start, lambda: False, output=start + len(piece) == len(tokens))
        return np.array(context.row())
    finally:
        context.close()


def divergence(base: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float:
    a, b = (row - row.max() - np.log(np.exp(row - row.max()).sum()) for row in (base, other))
    return float((np.exp(a) * (a - b)).sum())


def batched_logits(
    model: native.Weights, prompts: Sequence[tuple[int, ...]], *, slots: int
) -> list[npt.NDArray[np.float64]]:
    """Of each prompt's last token, evaluated together as a run does."""
    queued = [Queued(index, tokens, 0) for index, tokens in enumerate(prompts)]
    source = Source(model, PARAMS, never_written, slots)
    params, slots = batching.batch_params(source, queued)
    schedule = Schedule(queued, slots=slots, cells=params.n_ctx, n_batch=params.n_batch)
    found: dict[int, npt.NDArray[np.float64]] = {}
    where: dict[int, int] = {}
    with BatchContext(model, params) as context:
        for batch in schedule.shared_batches():
            context.evaluate(batch)
        while schedule.busy:
            for admitted in schedule.admit():
                context.share(SHARED, admitted.slot)
                where[admitted.slot] = admitted.index
            batch = schedule.next_batch()
            context.evaluate(batch)
            for row, slot in batch.outputs:
                found[where[slot]] = context.row(row).astype(np.float64)
                schedule.release(slot)
                context.forget(slot)
    return [found[index] for index in range(len(prompts))]


def never_written(_request: Request) -> Prompt:
    raise AssertionError("written")


def prompts_of(model: native.Weights, *, repeats: int, own: int = 1) -> list[tuple[int, ...]]:
    common = model.tokenize(COMMON * repeats, special=False)
    return [
        (model.bos, *common, *model.tokenize(f"\nThe capital of {country} is" * own, special=False))
        for country in COUNTRIES[:4]
    ]


@pytest.mark.parametrize(("name", "repeats"), [("smollm2_path", 1), ("gemma_path", 2)])
def test_a_shared_beginning_leaves_the_model_of_the_same_opinion(
    name: str, repeats: int, request: pytest.FixtureRequest
) -> None:
    """In nats; not bit for bit, for rows of a batch are rounded in other ways than a prompt alone."""
    with native.Weights(request.getfixturevalue(name), n_gpu_layers=0) as model:
        prompts = prompts_of(model, repeats=repeats)[:3]
        together = batched_logits(model, prompts, slots=2)
        for prompt, row in zip(prompts, together, strict=True):
            assert divergence(alone_logits(model, prompt), row) < 0.1


def test_a_shared_beginning_longer_than_the_window_leaves_room_for_what_follows_it(tmp_path: Path) -> None:
    """Cells that several sequences share are not given up when the window moves on: llama.cpp would find no more."""
    common, own = (100 + at % 97 for at in range(900)), 300
    shared = tuple(common)
    prompts = [(*shared, *(20 + index + at % 31 for at in range(own))) for index in range(3)]
    with native.Weights(write_windowed(tmp_path / "windowed.gguf"), n_gpu_layers=0) as model:
        assert model.n_swa == WINDOW
        together = batched_logits(model, prompts, slots=2)
        for prompt, row in zip(prompts, together, strict=True):
            np.testing.assert_allclose(row, alone_logits(model, prompt), atol=1e-2)


@pytest.mark.parametrize("write", [write_mamba, write_hybrid])
def test_a_model_that_keeps_a_state_shares_the_beginning_too(write: Callable[[Path], Path], tmp_path: Path) -> None:
    common = tuple(range(10, 60))
    prompts = [(*common, *range(100 + index, 120 + 3 * index)) for index in range(4)]
    with native.Weights(write(tmp_path / "model.gguf"), n_gpu_layers=0) as model:
        together = batched_logits(model, prompts, slots=2)
        for prompt, row in zip(prompts, together, strict=True):
            np.testing.assert_allclose(row, alone_logits(model, prompt), atol=1e-3)
