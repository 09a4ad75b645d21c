"""From tokens to text: thinking and answer apart, candidates where their text begins."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.engine.reply import check_numbers
from workbench.engine.thinking import Splitter, Thinking
from workbench.engine.transcript import Transcript
from workbench.errors import GenerationError

PIECES = [b"", b"So", b" it", b" is", b" 4", b"<", b"think>", b"</think>", b"\xf0\x9f", b"\x99\x82", b"\xff"]
END_OF_TURN = 0
EVEN = np.zeros(len(PIECES), np.float32)


class Vocabulary:
    """The token 0 is a control token."""

    def piece(self, token: int) -> bytes:
        return PIECES[token]

    def text_of(self, token: int) -> str:
        return "<|call|>" if token == END_OF_TURN else PIECES[token].decode(errors="replace")

    def is_control(self, token: int) -> bool:
        return token == END_OF_TURN

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        return [1, 2]


def transcript(*stop: str, thinks: bool = False) -> Transcript:
    vocabulary = Vocabulary()
    thinking = Thinking.of("<think></think>", vocabulary) if thinks else None
    return Transcript(vocabulary, stop, Splitter(thinking, vocabulary))


def test_thinking_is_told_from_the_answer_and_counted() -> None:
    written = transcript(thinks=True)
    parts = [part for token in (5, 6, 1, 2, 7, 3, 4) for part in written.add(token)] + written.finish()
    assert (written.thinking, written.text) == ("So it", "is 4")
    assert "".join(text for text, thinking in parts if thinking) == "So it"
    assert 3 <= written.thinking_tokens <= 5


def test_each_choice_says_where_its_text_begins() -> None:
    written = transcript()
    for token in (1, 2, 8, 9, 3):
        written.add(token, EVEN, 3)
    assert written.text == "So it🙂 is"
    assert [written.text[choice.start :][:3] for choice in written.choices] == ["So ", " it", "🙂 i", "🙂 i", " is"]


def test_a_choice_names_the_others_likeliest_first_without_the_one_taken() -> None:
    row = np.log(np.array([0.5, 0.2, 0.3] + [1e-9] * (len(PIECES) - 3), np.float32))
    written = transcript()
    written.add(2, row, 3)
    (choice,) = written.choices
    assert choice.taken.logprob == pytest.approx(np.log(0.3), abs=1e-6)
    assert [other.text for other in choice.others] == ["<|call|>", "So"]


def test_without_alternatives_nothing_is_recorded() -> None:
    written = transcript()
    written.add(1, EVEN, 0)
    written.add(2)
    assert written.choices == ()


def test_a_stop_string_over_tokens_ends_the_text_and_bytes_that_are_no_text_do_no_harm() -> None:
    written = transcript("t i")
    for token in (10, 1, 2, 3):
        written.add(token)
    assert (written.stopped, written.text) == (True, "\ufffdSo i")
    assert written.finish() == []


def test_what_was_written_has_the_control_tokens_that_the_text_has_not() -> None:
    written = transcript()
    for token in (1, END_OF_TURN, 4):
        written.add(token)
    assert (written.text, written.written) == ("So 4", "So<|call|> 4")


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [-np.inf, -np.inf]])
def test_rows_without_numbers_are_called_a_broken_file(bad: list[float]) -> None:
    with pytest.raises(GenerationError, match="NaN"):
        check_numbers(np.array(bad, np.float32))


def test_a_forbidden_token_is_no_fault() -> None:
    row = np.array([-np.inf, 1.0], np.float32)
    check_numbers(row)
    assert np.isneginf(row[0])
