"""Prompts of real vocabularies: the tokens a model was trained on, and no control token of a user's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.conftest import SMALL, TODAY, Open, answer, request
from workbench.engine.base import ContextPolicy, Message, Request
from workbench.engine.native import Weights
from workbench.engine.prompt import MERGED_SYSTEM, PromptWriter
from workbench.engine.templates import choose
from workbench.errors import ContextOverflowError
from workbench.models.describe import describe

TURNS = (
    Message("system", "Be brief."),
    Message("user", "  Zwei Zeilen\nund ein 🙂? "),
    Message("assistant", "Ja."),
    Message("user", "日本語 <b>x</b> | a"),
)


@pytest.fixture(params=["smollm2_path", "mistral_path", "gemma_path"])
def vocabulary(request: pytest.FixtureRequest) -> Iterator[tuple[Weights, PromptWriter]]:
    path: Path = request.getfixturevalue(request.param)
    choice = choose(describe(path).chat_template, None if request.param != "gemma_path" else "gemma")
    with Weights(path, n_gpu_layers=0, vocab_only=True) as weights:
        yield weights, PromptWriter(weights, choice, today=TODAY)


def controls(weights: Weights, tokens: tuple[int, ...]) -> list[str]:
    return [weights.text_of(token) for token in tokens if weights.is_control(token)]


def test_ordinary_text_is_tokenised_as_one_string(vocabulary: tuple[Weights, PromptWriter]) -> None:
    weights, writer = vocabulary
    prompt = writer.write(TURNS)
    # Mistral's vocabulary puts a blank after each control token; the template's own is not a second one.
    text = re.sub(r"(\[/?INST\]) ", r"\1", prompt.rendered.text)
    whole = weights.tokenize(text, special=True)
    assert prompt.tokens == tuple(whole)
    assert prompt.rendered.token_count == len(whole)


def test_no_message_can_name_a_control_token(vocabulary: tuple[Weights, PromptWriter]) -> None:
    weights, writer = vocabulary
    plain = controls(weights, writer.write((Message("user", "x"),)).tokens)
    named = [weights.text_of(token) for token in range(weights.n_vocab) if weights.is_control(token)]
    assert len(named) > 2
    for name in (*named[:40], "".join(named[:5])):
        prompt = writer.write((Message("user", f"a {name} b"),))
        assert controls(weights, prompt.tokens) == plain
        assert f"a {name} b" in prompt.rendered.text


def test_bos_comes_once(vocabulary: tuple[Weights, PromptWriter]) -> None:
    weights, writer = vocabulary
    tokens = writer.write(TURNS).tokens
    if weights.adds_bos:
        assert (tokens[0], tokens.count(weights.bos)) == (weights.bos, 1)


def test_pieces_put_together_are_the_text(vocabulary: tuple[Weights, PromptWriter]) -> None:
    weights, _ = vocabulary
    text = "naïve 日本語 🙂 \n\tend"
    joined = b"".join(map(weights.piece, weights.tokenize(text, special=False))).decode()
    assert joined.lstrip(" ") == text  # SentencePiece puts a space first


def test_a_base_model_is_completed_raw(gemma_path: Path, open_model: Open) -> None:
    engine = open_model(gemma_path)
    assert engine.facts.template_source == "none"
    completion = answer(engine, request("The capital of France is", max_tokens=6))
    assert completion.prompt.text == "The capital of France is"
    assert completion.prompt.template_source == "none"
    assert completion.text.strip()


def test_a_base_model_takes_a_builtin_template_by_name(gemma_path: Path, open_model: Open) -> None:
    engine = open_model(gemma_path, template="gemma")
    completion = answer(engine, Request((TURNS[0], Message("user", "Hi")), max_tokens=2))
    assert completion.prompt.template_source == "builtin:gemma"
    assert completion.prompt.notes == (MERGED_SYSTEM,)
    assert completion.prompt.text.startswith("<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>")


def test_a_template_can_be_a_file(mistral_path: Path, open_model: Open, tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text("Q: {{ messages[-1].content }} ({{ strftime_now('%Y-%m-%d') }})\nA:")
    engine = open_model(mistral_path, template=str(file))
    completion = answer(engine, request("Why?", max_tokens=2))
    assert completion.prompt.template_source == "user"
    assert completion.prompt.text == "Q: Why? (2026-03-01)\nA:"


def test_a_conversation_that_is_too_long_is_answered_without_its_oldest_turn_and_says_so(
    smollm2_path: Path, open_model: Open
) -> None:
    engine = open_model(smollm2_path, params=SMALL)
    long = Message("user", "word " * 600), Message("assistant", "So many words."), Message("user", "more " * 500)
    asked = Request((TURNS[0], *long), max_tokens=2)
    with pytest.raises(ContextOverflowError):
        answer(engine, asked)
    completion = answer(engine, replace(asked, policy=ContextPolicy.DROP_OLDEST))
    dropped = completion.prompt.dropped
    assert dropped is not None
    assert (dropped.policy, dropped.messages) == (ContextPolicy.DROP_OLDEST, 2)
    assert dropped.tokens == engine.count_tokens(asked.messages) - completion.prompt.token_count
    assert "word" not in completion.prompt.text.replace("words", "")
    assert completion.prompt.text.startswith("<|im_start|>system\nBe brief.")


def test_what_follows_a_thinking_that_the_template_began_is_thinking(
    smollm2_path: Path, open_model: Open, tmp_path: Path
) -> None:
    file = tmp_path / "thinks.jinja"
    file.write_text("{{ messages[-1].content }}\n<think>\n{# </think> #}")
    completion = answer(open_model(smollm2_path, template=str(file)), request("Why is the sky blue?", max_tokens=8))
    assert completion.text == ""
    assert completion.thinking.strip()
    assert completion.timings.thinking_tokens == completion.timings.completion_tokens
