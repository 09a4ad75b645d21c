"""What is kept of an earlier prompt, and the pieces that the rest is evaluated in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.prefix import BLOCK, common_length, pieces, reusable


def test_the_common_length_ends_at_the_first_difference() -> None:
    assert common_length([1, 2, 3, 4], [1, 2, 9, 4]) == 2
    assert common_length([1, 2], [1, 2, 3]) == 2
    assert common_length([], [1]) == 0


def test_whole_blocks_are_kept_and_the_last_one_is_always_evaluated_again() -> None:
    assert reusable(range(200), range(200)) == 128
    assert reusable(range(200), range(192)) == 128
    assert reusable(range(200), range(191)) == 64
    assert reusable(range(130), range(1000)) == 128


def test_tokens_of_a_short_prompt_are_not_kept_because_another_kernel_made_them() -> None:
    assert reusable(range(63), range(300)) == 0
    assert reusable(range(64), range(300)) == 64


def test_a_prompt_that_starts_differently_keeps_nothing() -> None:
    assert reusable([9, *range(200)], range(200)) == 0


@given(blocks=st.integers(0, 10), length=st.integers(1, 3000), n_ubatch=st.sampled_from([128, 512, 2048]))
def test_pieces_cover_the_prompt_once_in_blocks_and_the_last_is_not_short(
    blocks: int, length: int, n_ubatch: int
) -> None:
    start = blocks * BLOCK
    parts = pieces(start, start + length, n_ubatch)
    assert [token for part in parts for token in part] == list(range(start, start + length))
    assert all(0 < len(part) <= n_ubatch and part.start % BLOCK == 0 for part in parts)
    assert len(parts[-1]) >= min(length, BLOCK)
