"""Where two answers differ: what is marked, what comes first, and that no pair of texts takes for ever."""

from __future__ import annotations

import math
import random
import re

import pytest

from workbench.chat import diff as diffing
from workbench.chat.answer import Answer
from workbench.chat.diff import Unit, diff, first_difference, parting
from workbench.engine.recorded import Candidate, Choice


def answer(text: str, *tokens: tuple[str, float, dict[str, float]]) -> Answer:
    """Each token with its share, and the shares of what else could have come."""
    choices, start = [], 0
    for piece, share, others in tokens:
        told = tuple(Candidate(hash(word) % 1000, word, math.log(part)) for word, part in others.items())
        choices.append(Choice(Candidate(hash(piece) % 1000, piece, math.log(share)), told, start))
        start += len(piece)
    return Answer("m", "/m.gguf", "llama", "Q4_0", False, text, "end", choices=tuple(choices))


def marked(left: str, right: str) -> list[tuple[str, str]]:
    return [
        (left[one.left_start : one.left_end].strip(), right[one.right_start : one.right_end].strip())
        for one in diff(left, right).changes
    ]


def test_the_words_that_differ_are_marked_and_no_others() -> None:
    assert marked("The sky is blue today.", "The sky is green today.") == [("blue", "green")]


def test_what_only_one_side_has_stands_against_nothing() -> None:
    assert marked("a b c d", "a c d e") == [("b", ""), ("", "e")]


def test_answers_that_are_the_same_have_no_differences() -> None:
    assert diff("Both say this.", "Both say this.").changes == ()
    assert parting(answer("Both say this."), answer("Both say this.")) is None


def test_white_space_alone_is_no_difference_of_words() -> None:
    assert diff("one two\nthree", "one  two three").changes == ()


def test_an_empty_answer_differs_in_all() -> None:
    assert marked("", "all of it") == [("", "all of it")]


def test_what_is_left_over_between_changes_is_the_same_on_both_sides() -> None:
    chance = random.Random(7)
    for _ in range(50):
        left, right = (" ".join(chance.choices(["a", "b", "c", "the", "."], k=chance.randrange(40))) for _ in "lr")
        kept = ["", ""]
        ends = [0, 0]
        for change in diff(left, right).changes:
            kept[0] += left[ends[0] : change.left_start]
            kept[1] += right[ends[1] : change.right_start]
            ends = [change.left_end, change.right_end]
        kept[0] += left[ends[0] :]
        kept[1] += right[ends[1] :]
        assert re.sub(r"\s", "", kept[0]) == re.sub(r"\s", "", kept[1])


def test_texts_that_repeat_themselves_are_compared_line_by_line() -> None:
    left, right = "a b c\n" * 2000 + "left\n", "c b a\n" * 1000 + "right\n"
    assert diff(left, right).unit is Unit.LINE


def test_no_pair_of_texts_takes_more_steps_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diffing, "MOST_STEPS", 1000)
    left = "same start " + "a\nb\n" * 500 + " same end"
    right = "same start " + "b\na\nb\n" * 400 + " same end"
    found = diff(left, right)
    assert found.unit is Unit.WHOLE
    (change,) = found.changes
    assert left[: change.left_start] == right[: change.right_start]
    assert left[change.left_end :] == right[change.right_end :]


@pytest.mark.parametrize(
    ("left", "right", "place"),
    [
        ("", "", None),
        ("a", "a", None),
        ("", "a", 0),
        ("abc", "abd", 2),
        ("ab", "abc", 2),
        ("x" * 9999 + "a", "x" * 9999 + "b", 9999),
    ],
)
def test_the_first_character_that_differs_is_found(left: str, right: str, place: int | None) -> None:
    assert first_difference(left, right) == place


def test_the_first_token_that_differs_is_told_with_both_shares() -> None:
    left = answer("The sky is blue", ("The", 1, {}), (" sky", 1, {}), (" is", 1, {}), (" blue", 0.41, {" green": 0.3}))
    right = answer("The sky is green", ("The", 1, {}), (" sky", 1, {}), (" is", 1, {}), (" green", 0.37, {}))
    found = parting(left, right)
    assert found is not None
    assert (found.word, found.left, found.right, found.by_token) == (4, " blue", " green", True)
    assert found.left_share == pytest.approx(0.41)
    assert found.right_share == pytest.approx(0.37)
    assert found.left_other == pytest.approx(0.3)
    assert found.right_other is None


def test_tokens_that_begin_elsewhere_are_no_rivals_and_the_word_is_told_instead() -> None:
    left = answer("It is blueish", ("It", 1, {}), (" is", 1, {}), (" blue", 1, {}), ("ish", 0.5, {}))
    right = answer("It is blue.", ("It", 1, {}), (" is blue", 1, {}), (".", 0.5, {}))
    found = parting(left, right)
    assert found is not None
    # The texts part behind "blue": there both have a token, and those are rivals.
    assert (found.word, found.left, found.right, found.by_token) == (3, "ish", ".", True)
    cut_otherwise = answer("It is blue.", ("It", 1, {}), (" is", 1, {}), (" blue.", 0.5, {}))
    found = parting(left, cut_otherwise)
    assert found is not None
    assert (found.left, found.right, found.by_token, found.recorded) == ("blueish", "blue.", False, True)


def test_without_recorded_tokens_the_words_are_told_without_shares() -> None:
    found = parting(answer("It is so."), answer("It was so."))
    assert found is not None
    assert (found.word, found.left, found.right, found.left_share, found.recorded) == (2, "is", "was", None, False)


def test_an_answer_that_ended_first_has_no_word_there() -> None:
    found = parting(answer("It is"), answer("It is so."))
    assert found is not None
    assert (found.word, found.left, found.right) == (3, "", "so.")
    inside = parting(answer("It is"), answer("It isn't"))
    assert inside is not None
    assert (inside.word, inside.left, inside.right) == (2, "is", "isn't")
