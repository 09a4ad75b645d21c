"""A saved state taken apart and put together: cells by position, in the places a cold run has them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engine.state_cells import Cells, Tensor, UnknownStateError, compose, in_ring, parse

MAGIC = b"magi"
LAYERS, ROW_BYTES = 2, 6


def rows(positions: list[int], layer: int) -> np.ndarray:
    """Bytes that tell whose they are; never all zero."""
    return np.array([[layer + 1, *(position + 1).to_bytes(4, "little"), 7] for position in positions], np.uint8)


def cells(positions: list[int], *, transposed: bool = False, extra_bytes: int = 0, values: bool = True) -> Cells:
    keys = [Tensor(struct.pack("<iQ", 1, ROW_BYTES), rows(positions, layer)) for layer in range(LAYERS)]
    if transposed:
        head = struct.pack("<iII", 1, 2, 3)
        others = [Tensor(head, rows(positions, layer).reshape(3, -1, 2)) for layer in range(LAYERS)]
    else:
        others = keys
    extras = np.full((len(positions), extra_bytes), 9, np.uint8)
    tensors = tuple(keys + (others if values else []))
    return Cells(np.array(positions, np.int32), extras, transposed, LAYERS, tensors)


@pytest.mark.parametrize("extra_bytes", [0, 12])
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("values", [True, False])
def test_what_was_composed_is_parsed(extra_bytes: int, transposed: bool, values: bool) -> None:
    whole = cells([3, 1, 2], transposed=transposed, extra_bytes=extra_bytes, values=values)
    state = compose((whole, whole), MAGIC)
    assert len(parse(state)) == 2
    assert compose(parse(state), MAGIC) == state


def test_a_state_that_is_cut_short_or_of_another_sequence_is_refused() -> None:
    state = compose((cells([0, 1]),), MAGIC)
    other = bytearray(state)
    other[16 + 12 - 4] = 1  # the first cell's sequence
    for bad in (state[:-1], state + b"\0", other, bytearray(3)):
        with pytest.raises(UnknownStateError):
            parse(bad)


def test_a_span_has_its_positions_in_order_wherever_they_lay() -> None:
    found = cells([4, 5, 1, 2, 3]).span(2, 5)
    assert found.positions.tolist() == [2, 3, 4]
    assert (found.tensors[0].rows == rows([2, 3, 4], 0)).all()


def test_a_span_with_a_missing_position_is_refused() -> None:
    with pytest.raises(UnknownStateError, match="not in the cache"):
        cells([0, 1, 3]).span(0, 4)


@given(length=st.integers(1, 60), ring=st.integers(5, 16), window=st.integers(1, 4))
def test_each_cell_of_the_window_lies_at_its_position_s_place_in_the_ring(length: int, ring: int, window: int) -> None:
    start = max(0, length - window)
    placed = in_ring(cells(list(range(start, length))), length, ring, start)
    positions = placed.positions.tolist()
    assert len(positions) == min(length, ring)
    for position in range(start, length):
        place = position % ring
        assert positions[place] == position
        assert (placed.tensors[0].rows[place] == rows([position], 0)[0]).all()
    # llama.cpp goes on in the one place that the caller frees again.
    assert [place for place, one in enumerate(positions) if one == length] == (
        [length % ring] if length >= ring else []
    )
    zeros = [place for place in range(len(positions)) if not placed.tensors[0].rows[place].any()]
    assert all(positions[place] < start or positions[place] == length for place in zeros)
