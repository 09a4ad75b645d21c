"""The state of a sequence as bytes, out of a context and into it."""

from __future__ import annotations

import ctypes

from workbench.engine.native import SEQUENCE, Context, Weights, api

ALL_CELLS = -1  # as a sequence: also the cells that a window has left behind


def has_recurrent_state(weights: Weights) -> bool:
    """Whether some layers keep a state that cannot forget its last tokens."""
    library = api()
    return bool(library.llama_model_is_recurrent(weights.model) or library.llama_model_is_hybrid(weights.model))


def read_state(context: Context, *, partial: bool, sequence: int = SEQUENCE) -> bytearray | None:
    """``partial`` leaves out the layers that can forget their last tokens by themselves; None when it fails."""
    library, flags = api(), _flags(partial)
    size = library.llama_state_seq_get_size_ext(context.pointer, sequence, flags)
    data = bytearray(size)
    if not size:
        return None
    view = (ctypes.c_uint8 * size).from_buffer(data)
    written = library.llama_state_seq_get_data_ext(context.pointer, view, size, sequence, flags)
    return data if written == size else None


def write_state(context: Context, data: bytearray, *, partial: bool) -> bool:
    """Put back what ``read_state`` gave, in place of what was there; False when it does not fit.

    llama.cpp trusts what it reads: only bytes that this program has made.
    """
    view = (ctypes.c_uint8 * len(data)).from_buffer(data)
    read = api().llama_state_seq_set_data_ext(context.pointer, view, len(data), SEQUENCE, _flags(partial))
    return bool(read == len(data))


def _flags(partial: bool) -> int:
    return int(api().LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY) if partial else 0
