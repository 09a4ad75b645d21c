"""Thinking told apart from the answer, whatever pieces it comes in."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.template_references import FIXTURES
from workbench.engine.thinking import Splitter, Thinking

QWEN = "{{ messages }}<think>{% if x %}</think>{% endif %}"


class Words:
    """A vocabulary of letters (their code points) and of control tokens (from 1,000,000 on)."""

    def __init__(self, *controls: str) -> None:
        self._controls = controls

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        for index, control in enumerate(self._controls):
            if special and control in text:
                before, _, after = text.partition(control)
                return [*self.tokenize(before, special=True), 1_000_000 + index, *self.tokenize(after, special=True)]
        return [ord(letter) for letter in text]

    def text_of(self, token: int) -> str:
        return self._controls[token - 1_000_000] if token >= 1_000_000 else chr(token)

    def is_control(self, token: int) -> bool:
        return token >= 1_000_000


def template(name: str) -> str:
    return Path(FIXTURES / "templates" / f"{name}.jinja").read_text(encoding="utf-8")


def split(text: str, thinking: Thinking | None, words: Words, *, tail: str = "", size: int = 1) -> tuple[str, str]:
    """The thinking and the answer of a text that comes as tokens, or where ``words`` has none in pieces of letters."""
    splitter = Splitter(thinking, words, tail=tail)
    parts = []
    held = ""
    for token in words.tokenize(text, special=True):
        held += "" if words.is_control(token) else chr(token)
        if words.is_control(token) or len(held) >= size:
            if held:
                parts += splitter.feed(ord(held[-1]), held)
            if words.is_control(token):
                parts += splitter.feed(token, "")
            held = ""
    parts += [*splitter.feed(0, held), *splitter.finish()] if held else splitter.finish()
    assert all(piece for piece, _ in parts)
    return "".join(p for p, thinks in parts if thinks), "".join(p for p, thinks in parts if not thinks)


@settings(max_examples=60)
@given(size=st.integers(1, 40), thought=st.text("ab<>/think \n", max_size=30), answer=st.text("ab<>/ \n", max_size=20))
def test_marks_are_found_however_the_text_is_cut(size: int, thought: str, answer: str) -> None:
    if "</think>" in thought:
        return
    thinking = Thinking.of(QWEN, Words())
    found = split(f"<think>{thought}</think>{answer}", thinking, Words(), size=size)
    assert found == (thought.lstrip(), answer.lstrip())


@settings(max_examples=60)
@given(size=st.integers(1, 9), answer=st.text("ab<>/think \n", max_size=30))
def test_an_answer_without_thinking_is_left_as_it_is(size: int, answer: str) -> None:
    if answer.strip().startswith("<think>"):
        return
    assert split(answer, Thinking.of(QWEN, Words()), Words(), size=size) == ("", answer)


def test_an_answer_that_writes_about_the_marks_is_no_thinking() -> None:
    text = "Models write <think> and </think>."
    assert split(text, Thinking.of(QWEN, Words()), Words()) == ("", text)


def test_blanks_before_the_thinking_are_no_answer() -> None:
    assert split("\n<think>a</think>\n\nb", Thinking.of(QWEN, Words()), Words()) == ("a", "b")


def test_thinking_that_never_ends_stays_thinking() -> None:
    assert split("<think>\nand so", Thinking.of(QWEN, Words()), Words()) == ("and so", "")
    assert split("<think>\nand so</thi", Thinking.of(QWEN, Words()), Words()) == ("and so</thi", "")


def test_a_template_may_have_begun_the_thinking_itself() -> None:
    thinking = Thinking.of(QWEN, Words())
    assert split("a</think>b", thinking, Words(), tail="<|im_start|>assistant\n<think>\n") == ("a", "b")
    assert split("a</think>b", thinking, Words(), tail="<think>\n\n</think>\n\n") == ("", "a</think>b")


def test_marks_that_are_control_tokens_are_known_by_the_token_and_not_by_the_text() -> None:
    words = Words("[THINK]", "[/THINK]")
    thinking = Thinking.of(template("mistralai-Ministral-3-14B-Reasoning-2512"), words)
    assert split("[THINK]a\n[/THINK]b", thinking, words) == ("a\n", "b")
    splitter = Splitter(thinking, words)
    spelt = [part for letter in "x [THINK] y" for part in splitter.feed(ord(letter), letter)] + splitter.finish()
    assert ("".join(text for text, thinks in spelt if not thinks)).startswith("x ")


def test_gemma_4s_thought_channel_is_thinking_also_a_second_time() -> None:
    words = Words("<|channel>", "<channel|>")
    thinking = Thinking.of(template("google-gemma-4-31B-it"), words)
    text = "<|channel>thought\na<channel|>b<|channel>thought\nc<channel|>d"
    assert split(text, thinking, words) == ("ac", "bd")
    assert split("<|channel>other", thinking, words) == ("", "other")


def test_gemma_4s_empty_thought_in_the_prompt_begins_no_thinking() -> None:
    words = Words("<|channel>", "<channel|>")
    thinking = Thinking.of(template("google-gemma-4-31B-it"), words)
    assert split("a", thinking, words, tail="<|turn>model\n<|channel>thought\n<channel|>") == ("", "a")


def test_gpt_oss_analysis_is_thinking_and_its_channels_are_not_shown() -> None:
    words = Words("<|channel|>", "<|message|>", "<|end|>", "<|start|>", "<|return|>")
    thinking = Thinking.of(template("openai-gpt-oss-120b"), words)
    text = "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b"
    assert split(text, thinking, words) == ("a", "b")


@pytest.mark.parametrize("name", ["mistralai-Mistral-Nemo-Instruct-2407", "microsoft-Phi-3.5-mini-instruct"])
def test_a_model_that_does_not_think_has_no_marks(name: str) -> None:
    assert Thinking.of(template(name), Words("<|end|>", "<|assistant|>")) is None


def test_a_vocabulary_with_tokens_for_thinking_is_enough() -> None:
    assert Thinking.of("plain", Words()) is None
    found = Thinking.of("plain", Words("[THINK]", "[/THINK]"))
    assert found is not None
    assert found.certain


def test_a_model_that_is_completed_raw_has_no_thinking() -> None:
    assert Thinking.of(None, Words("[THINK]", "[/THINK]")) is None
    assert split("<think>a", None, Words()) == ("", "<think>a")
