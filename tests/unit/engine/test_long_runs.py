"""Texts that no language writes are cut where llama.cpp would end the process, all others are left whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.long_runs import LONGEST, pieces

MARKED = "!\u0300"


@pytest.mark.parametrize(
    "text",
    ["", "word " * 5_000, "one2" * 5_000, "中文，" * 5_000, "a" * (LONGEST - 1), ("x" * 2000 + "1") * 20],
)
def test_what_people_write_is_one_piece(text: str) -> None:
    assert pieces(text) == [text]


@pytest.mark.parametrize("run", ["a", "é", "中", "7", " ", "\n", "!", "🙂", MARKED, "a\u0300"])
def test_no_piece_has_a_run_that_is_too_long(run: str) -> None:
    text = f"Before {run * 50_000} after."
    assert "".join(pieces(text)) == text
    assert max(map(len, pieces(text))) <= LONGEST + len("Before . after")


def test_the_ends_of_a_run_stay_with_what_they_may_belong_to() -> None:
    first, *_, last = pieces("<|im_start|>" + "<" * 10_000 + "<|im_end|>")
    assert first.startswith("<|im_start|><")
    assert last.endswith("<<|im_end|>")
    assert len(last) > LONGEST // 2


@given(st.text(alphabet="ab1 !\n\u0300中", max_size=50), st.integers(0, 300))
def test_nothing_is_lost(text: str, times: int) -> None:
    assert "".join(pieces(text * times)) == text * times
