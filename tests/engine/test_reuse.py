"""What is kept of earlier prompts: in audit bit for bit what a cold context gives, and only the new is evaluated."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.conftest import GREEDY, Open, answer
from tests.engine.tiny_models import WORDS, write_hybrid, write_mamba, write_windowed
from tests.engine.warm_and_cold import Bench, Tokens, blocks
from workbench.engine.base import Message, Mode, Request, Sampling
from workbench.engine.prefix import BLOCK
from workbench.models.params import RunParams

MODELS = ["smollm2_path", "gemma_path", "mistral_path"]


@pytest.fixture(params=MODELS)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.getfixturevalue(request.param))
    yield made
    made.close()


@pytest.fixture
def gemma(gemma_path: Path) -> Iterator[Bench]:
    """With 256 tokens at once the window of 512 lies in a ring of 768."""
    made = Bench(gemma_path)
    yield made
    made.close()


def test_next_turn_edit_regenerate_and_branch_equal_a_cold_run_and_evaluate_the_new_alone(bench: Bench) -> None:
    first = bench.tokens(210)
    _, answer_1 = bench.ask(first)
    second = first + answer_1 + bench.tokens(100)
    assert bench.equals_cold(second) == blocks(len(first))
    _, answer_2 = bench.ask(second)
    third = second + answer_2 + bench.tokens(80)
    bench.ask(third)
    assert bench.equals_cold(third) == blocks(len(third) - BLOCK)  # regenerate; other samplers see the same logits
    edited = third[:250] + bench.tokens(120)
    assert bench.equals_cold(edited) == blocks(250)
    branched = first + bench.tokens(90)  # two turns back
    assert bench.equals_cold(branched) == blocks(len(first))


def test_answers_on_both_sides_of_the_ring_s_seam_are_forgotten_in_order(gemma: Bench) -> None:
    prompt = gemma.tokens(740)
    _, written = gemma.ask(prompt, answered=60)  # 740 + 60 > 768
    assert gemma.equals_cold(prompt + written + gemma.tokens(70)) == blocks(740)


def test_a_window_that_moved_on_comes_back(gemma: Bench) -> None:
    prompt = gemma.tokens(900)
    _, written = gemma.ask(prompt, answered=2)
    further = prompt + written + gemma.tokens(500)
    gemma.ask(further, answered=40)
    assert gemma.equals_cold(prompt + gemma.tokens(100)) == blocks(900 - BLOCK)


def test_for_throughput_all_that_is_common_is_kept_and_two_tokens_are_evaluated_at_least(bench: Bench) -> None:
    first = bench.tokens(150)
    _, written = bench.ask(first, answered=5, mode=Mode.THROUGHPUT)
    second = first + written + bench.tokens(21)
    kept, _ = bench.ask(second, mode=Mode.THROUGHPUT)
    assert len(second) - kept == 21
    kept, _ = bench.ask(second, mode=Mode.THROUGHPUT)
    assert len(second) - kept == 2


def test_an_audit_keeps_nothing_that_was_evaluated_for_throughput_alone(bench: Bench) -> None:
    first = bench.tokens(150)
    _, written = bench.ask(first, answered=5, mode=Mode.THROUGHPUT)
    second = first + written + bench.tokens(100)
    bench.ask(second, mode=Mode.THROUGHPUT)
    assert bench.equals_cold(second + bench.tokens(70)) == blocks(len(first))


def test_an_answer_with_other_samplers_evaluates_the_last_blocks_alone(smollm2_path: Path, open_model: Open) -> None:
    used, fresh = open_model(smollm2_path), open_model(smollm2_path)
    question = Request((Message("user", "The river valley is long. " * 60),), GREEDY, max_tokens=12)
    answer(used, question)
    warmer = replace(question, sampling=Sampling(temperature=1, seed=5))
    reused, whole = answer(used, warmer), answer(fresh, warmer)
    assert (reused.text, reused.samplers) == (whole.text, whole.samplers)
    assert whole.timings.reused_tokens == 0
    assert BLOCK <= reused.timings.prefill_tokens < 2 * BLOCK < whole.timings.prefill_tokens


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("write", [write_windowed, write_mamba, write_hybrid])
def test_after_any_history_an_audit_equals_a_cold_run(write: Callable[[Path], Path], seed: int, tmp_path: Path) -> None:
    """Random walks over the turns of a conversation, on models small enough for many."""
    params = RunParams(n_ctx=2048, n_batch=128, n_ubatch=128, n_gpu_layers=0)
    with closing(Bench(write(tmp_path / "tiny.gguf"), params, lowest=3, highest=WORDS)) as bench:
        walk = bench.random = random.Random(seed)
        prompt: Tokens = bench.tokens(walk.randrange(1, 400))
        kept = 0
        for _ in range(12):
            _, written = bench.ask(prompt, answered=walk.randrange(400), mode=walk.choice(list(Mode)))
            stem = walk.choice(
                [prompt + written, prompt + written, prompt, prompt[: walk.randrange(1, len(prompt) + 1)]]
            )
            prompt = stem[:1200] + bench.tokens(walk.randrange(1, 200))
            kept += bench.equals_cold(prompt)
        assert kept > 0
