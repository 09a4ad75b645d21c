"""What is kept of an earlier prompt, and the pieces that the rest is evaluated in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.base import Mode
from workbench.engine.prefix import BLOCK, boundary, common_length, is_exact, pieces, reusable


def test_the_common_length_ends_at_the_first_difference() -> None:
    assert common_length([1, 2, 3, 4], [1, 2, 9, 4]) == 2
    assert common_length([1, 2], [1, 2, 3]) == 2
    assert common_length([], [1]) == 0


def test_an_audit_keeps_whole_blocks_and_evaluates_the_last_one_again() -> None:
    assert reusable(200, 200, 200, Mode.AUDIT) == 128
    assert reusable(192, 200, 192, Mode.AUDIT) == 128
    assert reusable(191, 200, 191, Mode.AUDIT) == 64
    assert reusable(130, 130, 1000, Mode.AUDIT) == 128


def test_tokens_of_a_short_prompt_are_not_kept_because_another_kernel_made_them() -> None:
    assert reusable(63, 63, 300, Mode.AUDIT) == 0
    assert reusable(64, 64, 300, Mode.AUDIT) == 64


def test_an_audit_keeps_only_what_a_cold_run_would_have_made() -> None:
    assert reusable(300, 150, 400, Mode.AUDIT) == 128


def test_for_throughput_all_but_two_tokens_may_be_kept() -> None:
    assert reusable(150, 0, 400, Mode.THROUGHPUT) == 150
    assert reusable(400, 0, 400, Mode.THROUGHPUT) == 398
    assert reusable(1, 0, 1, Mode.THROUGHPUT) == 0


def test_the_boundary_is_what_the_same_prompt_keeps() -> None:
    assert boundary(200) == reusable(200, 200, 200, Mode.AUDIT)
    assert boundary(40) == 0


def test_a_piece_is_exact_when_it_begins_at_a_block_that_was() -> None:
    assert is_exact(128, 150)
    assert not is_exact(150, 150)
    assert not is_exact(192, 150)


@given(cut=st.integers(1, 30), end=st.integers(1, 3000), n_ubatch=st.sampled_from([64, 100, 128, 512]))
def test_a_piece_ends_at_the_cut(cut: int, end: int, n_ubatch: int) -> None:
    at = cut * BLOCK
    parts = pieces(0, end, n_ubatch, at)
    assert [token for part in parts for token in part] == list(range(end))
    assert all(part.start % BLOCK == 0 for part in parts)
    assert at >= end or at in {part.stop for part in parts}


@given(blocks=st.integers(0, 10), length=st.integers(1, 3000), n_ubatch=st.sampled_from([128, 200, 512, 2048]))
def test_pieces_cover_the_prompt_once_in_blocks_and_the_last_is_not_short(
    blocks: int, length: int, n_ubatch: int
) -> None:
    start = blocks * BLOCK
    parts = pieces(start, start + length, n_ubatch)
    assert [token for part in parts for token in part] == list(range(start, start + length))
    assert all(0 < len(part) <= n_ubatch and part.start % BLOCK == 0 for part in parts)
    assert len(parts[-1]) >= min(length, BLOCK)
