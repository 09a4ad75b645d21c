"""Answers of real models: the same for the same question, streamed, and ended by what should end them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.engine.conftest import GREEDY, Open, answer, request
from workbench.engine.base import Message, Prefilling, Request, Sampling, StopReason, TextDelta
from workbench.errors import ContextOverflowError, GenerationError
from workbench.jobs import run
from workbench.models.params import RunParams

LONG = "The history of the river valley is long, and many people have written about it. " * 20
QUESTION = "Name three colours of the rainbow."


def test_a_real_model_answers_and_says_what_it_read(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    completion = answer(engine, request("What is 2+2?", max_tokens=48))
    assert completion.text.strip()
    assert completion.prompt.template_source == "file"
    assert "<|im_start|>user\nWhat is 2+2?<|im_end|>" in completion.prompt.text
    assert completion.prompt.token_count == engine.count_tokens([Message("user", "What is 2+2?")])


def test_greedy_answers_repeat_to_the_letter(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    assert answer(engine, QUESTION).text == answer(engine, QUESTION).text


def test_a_seed_repeats_its_answer_and_another_seed_does_not(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path)
    first, again, other = (
        answer(engine, request(QUESTION, sampling=Sampling(temperature=1, seed=seed))).text for seed in (7, 7, 8)
    )
    assert first == again
    assert first != other


def test_without_a_seed_a_fresh_one_is_drawn_and_reported(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path)
    drawn = answer(engine, request(QUESTION, sampling=Sampling(temperature=1)))
    repeated = answer(engine, request(QUESTION, sampling=Sampling(temperature=1, seed=drawn.seed)))
    assert repeated.text == drawn.text


@pytest.mark.parametrize("name", ["smollm2_path", "gemma_path", "mistral_path"])
def test_what_was_asked_before_does_not_change_an_answer(
    name: str, open_model: Open, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    used, fresh = open_model(path), open_model(path)
    turns = (Message("user", LONG), Message("assistant", "Yes."), Message("user", "Go on."))
    for messages in (turns[:1], turns, turns[:1]):
        answer(used, Request(messages, GREEDY, max_tokens=8))
    asked = Request((Message("user", LONG + "Why?"),), GREEDY, max_tokens=12)
    reused, whole = answer(used, asked), answer(fresh, asked)
    assert reused.timings.reused_tokens > 100
    assert whole.timings.reused_tokens == 0
    assert reused.text == whole.text


def test_the_streamed_text_is_the_answer(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    events: list[Prefilling | TextDelta] = []
    completion = run(lambda cancel: engine.stream(request(QUESTION), cancel), on_event=events.append)
    first, deltas = events[0], [event for event in events if isinstance(event, TextDelta)]
    assert isinstance(first, Prefilling)
    assert first.prompt == completion.prompt
    assert "".join(delta.text for delta in deltas) == completion.text
    assert deltas[-1].completion_tokens <= completion.timings.completion_tokens


def test_an_answer_ends_at_its_token_limit(mistral_path: Path, open_model: Open) -> None:
    completion = answer(open_model(mistral_path), request(QUESTION, max_tokens=5))
    assert (completion.stop_reason, completion.timings.completion_tokens) == (StopReason.MAX_TOKENS, 5)


def test_an_answer_ends_before_a_stop_string(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    whole = answer(engine, request(QUESTION, max_tokens=24)).text
    stop = whole[4:9]
    completion = answer(engine, request(QUESTION, max_tokens=24, stop=(stop,)))
    assert completion.stop_reason is StopReason.STOP_STRING
    assert completion.text == whole[: whole.index(stop)]


def test_an_answer_ends_by_itself(smollm2_path: Path, open_model: Open) -> None:
    completion = answer(open_model(smollm2_path), request("Say hello.", max_tokens=200))
    assert completion.stop_reason is StopReason.END


def test_an_answer_ends_where_the_context_is_full(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path, params=RunParams(n_ctx=256, n_batch=256, n_ubatch=256))
    completion = answer(engine, request(QUESTION, max_tokens=None))
    assert completion.stop_reason is StopReason.CONTEXT_FULL
    assert completion.prompt.token_count + completion.timings.completion_tokens == engine.facts.n_ctx + 1


def test_a_prompt_longer_than_the_context_is_refused_with_both_counts(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path, params=RunParams(n_ctx=256, n_batch=256, n_ubatch=256))
    count = engine.count_tokens([Message("user", LONG)])
    with pytest.raises(ContextOverflowError, match=f"The prompt is {count:,} tokens; the context holds 256."):
        answer(engine, LONG)
    assert answer(engine, QUESTION).text


def test_an_empty_prompt_without_bos_is_refused(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path, template="none")
    with pytest.raises(GenerationError, match="empty"):
        answer(engine, "")


def test_timings_count_what_was_evaluated(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path)
    first, again = answer(engine, LONG), answer(engine, LONG)
    for timings in (first.timings, again.timings):
        assert timings.prefill_tokens + timings.reused_tokens == first.prompt.token_count
        assert timings.completion_tokens == 16
        assert timings.ttft_ms is not None
        assert timings.ttft_ms >= timings.prefill_ms > 0
    assert again.timings.reused_tokens > first.timings.reused_tokens == 0


def test_a_repetition_penalty_changes_a_repetitive_answer(gemma_path: Path, open_model: Open) -> None:
    engine = open_model(gemma_path)
    penalised = dataclasses.replace(GREEDY, repetition_penalty=1.5)
    asked = "one two one two one two one two"
    plain = answer(engine, request(asked, max_tokens=8))
    assert answer(engine, request(asked, max_tokens=8, sampling=penalised)).text != plain.text
