"""How many cells a cache has and how many tokens are computed at once: llama.cpp's own rounding."""

from __future__ import annotations

from workbench.models.params import RunParams

CONTEXT_STEP = 256  # llama.cpp pads a context to this many tokens


def padded_context(n_ctx: int) -> int:
    return max(1, -(-n_ctx // CONTEXT_STEP)) * CONTEXT_STEP


def streams_of(params: RunParams) -> int:
    """Caches side by side: one for each sequence, or one for all."""
    return 1 if params.kv_unified else max(1, params.n_seq_max)


def cells_of(params: RunParams) -> int:
    """Of each stream (llama-context.cpp, n_ctx_seq)."""
    return padded_context(padded_context(params.n_ctx) // streams_of(params))


def window_cells_of(window: int, params: RunParams) -> int:
    """Of each stream's window cache; the whole context with ``swa_full`` or without a window."""
    cells = cells_of(params)
    if params.swa_full or not window:
        return cells
    together = max(1, params.n_seq_max) if params.kv_unified else 1
    return padded_context(min(cells, window * together + batch_of(params)))


def batch_of(params: RunParams) -> int:
    """Tokens computed at once (n_ubatch)."""
    return min(max(1, params.n_ctx), params.n_batch, params.n_ubatch)


def padded_batch(params: RunParams) -> int:
    """As the graph is reserved: a multiple of the sequences."""
    sequences = max(1, params.n_seq_max)
    return -(-batch_of(params) // sequences) * sequences


def outputs_of(params: RunParams) -> int:
    """Rows of logits at once; llama.cpp needs one for each sequence at least."""
    return max(params.n_outputs_max or min(params.n_ctx, params.n_batch), params.n_seq_max)
