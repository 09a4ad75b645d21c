"""Text as it becomes visible: whole characters, and nothing of a stop string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.visible_text import VisibleText


def shown(pieces: list[bytes], *stop: str) -> tuple[list[str], VisibleText]:
    visible = VisibleText(stop)
    deltas = []
    for piece in pieces:
        deltas.append(visible.feed(piece))
        if visible.stopped:
            break
    deltas.append(visible.finish())
    return deltas, visible


def test_a_character_split_over_tokens_appears_when_it_is_whole() -> None:
    deltas, _ = shown([b"\xf0\x9f", b"\x99", b"\x82!"])
    assert deltas == ["", "", "🙂!", ""]


def test_a_broken_character_at_the_end_becomes_a_replacement() -> None:
    deltas, visible = shown([b"ok \xf0\x9f"])
    assert deltas == ["ok ", "\ufffd"]
    assert visible.text == "ok \ufffd"


def test_text_ends_before_a_stop_string_that_spans_tokens() -> None:
    deltas, visible = shown([b"one\n", b"Us", b"er: two"], "\nUser:")
    assert "".join(deltas) == "one"
    assert visible.stopped


def test_a_tail_that_only_looked_like_a_stop_string_is_shown_after_all() -> None:
    deltas, visible = shown([b"a###", b" b"], "####")
    assert deltas == ["a", "### b", ""]
    assert not visible.stopped


def test_a_held_back_tail_is_shown_when_the_answer_ends() -> None:
    deltas, visible = shown([b"cost: <"], "<end>")
    assert "".join(deltas) == "cost: <"
    assert not visible.stopped


def test_of_several_stop_strings_the_first_in_the_text_wins() -> None:
    _, visible = shown([b"one two three"], "three", "two")
    assert visible.text == "one "


def test_an_empty_stop_string_stops_nothing() -> None:
    _, visible = shown([b"all of it"], "")
    assert visible.text == "all of it"


@given(text=st.text(max_size=60), stop=st.lists(st.text(min_size=1, max_size=4), max_size=3), cut=st.integers(1, 5))
def test_however_the_bytes_are_cut_the_text_is_that_before_the_first_stop_string(
    text: str, stop: list[str], cut: int
) -> None:
    raw = text.encode()
    deltas, visible = shown([raw[at : at + cut] for at in range(0, len(raw), cut)], *stop)
    assert "".join(deltas) == visible.text
    assert text.startswith(visible.text)
    assert not any(word in visible.text for word in stop)
    assert visible.stopped == any(word in text for word in stop)
    if not visible.stopped:
        assert visible.text == text


@pytest.mark.parametrize("piece", [b"", b"\xff"])
def test_bytes_that_are_no_text_never_raise(piece: bytes) -> None:
    _, visible = shown([piece], "stop")
    assert visible.text in ("", "\ufffd")
