"""How much memory a model needs for its weights, its cache and its work: arithmetic over the header.

The formulas follow llama.cpp's allocations in the pinned engine (llama-kv-cache.cpp, llama-context.cpp).
Weights, cache, state and logits are exact; the work area is llama.cpp's own allocation played through; what is
beside llama.cpp's buffers is a fit to measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.cells import CONTEXT_STEP, cells_of, outputs_of, padded_context, streams_of, window_cells_of
from workbench.models.compute import compute_bytes, input_compute_bytes
from workbench.models.ggml_types import BY_NAME
from workbench.models.header import Header
from workbench.models.params import RunParams
from workbench.models.shape import Shape
from workbench.models.weights import REARRANGED_USUALLY, Weights, weights_of

__all__ = [
    "CONTEXT_STEP",
    "Need",
    "Weights",
    "cache_bytes",
    "compute_bytes",
    "host_overhead_bytes",
    "input_compute_bytes",
    "kv_bytes",
    "need",
    "output_bytes",
    "padded_context",
    "state_bytes",
    "vocabulary_bytes",
    "weights_of",
    "work_bytes",
]

# Measured on seven tokenizers, within 6 %: what llama.cpp's tables take beyond the file's own bytes.
_VOCABULARY_BYTES_PER_TOKEN = 205
_VOCABULARY_BYTES_PER_MERGE = 147
# Positions and sequence sets of the cache: 52 bytes a cell, and about 90 more once it is used.
_BYTES_PER_CELL = 142
_GGML_WORK_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Need:
    """What a model needs with everything in main memory."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int
    overhead_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.weights_bytes + self.kv_bytes + self.compute_bytes + self.overhead_bytes


def need(header: Header, shape: Shape, params: RunParams, *, rearranged: frozenset[str] = REARRANGED_USUALLY) -> Need:
    """Everything in RAM; each tensor once, though mapped and rearranged copies may both be resident.

    Tied embeddings of a type that the processor ``rearranged`` are needed in both orders.
    """
    weights = weights_of(header, shape)
    return Need(
        weights_bytes=weights.total_bytes + weights.again_bytes(rearranged),
        kv_bytes=sum(cache_bytes(shape, params)),
        compute_bytes=compute_bytes(shape, params),
        overhead_bytes=host_overhead_bytes(shape, params),
    )


def cache_bytes(shape: Shape, params: RunParams) -> tuple[int, ...]:
    """K, V and recurrent state of each layer, exactly."""
    return tuple(kv + state for kv, state in zip(kv_bytes(shape, params), state_bytes(shape, params), strict=True))


def kv_bytes(shape: Shape, params: RunParams) -> tuple[int, ...]:
    """K and V of each layer, exactly (llama-kv-cache.cpp, llama-kv-cache-iswa.cpp)."""
    streams = streams_of(params)
    cells, window_cells = cells_of(params) * streams, window_cells_of(shape.window, params) * streams
    # Without flash attention V lies transposed and every layer gets the widest row.
    transposed = params.flash_attn == "off"
    widest_v = max((cache.v_elements for cache in shape.caches), default=0)
    rows: dict[tuple[int, int], int] = {}
    sizes = []
    for cache in shape.caches:
        elements = (cache.k_elements, widest_v if transposed and cache.v_elements else cache.v_elements)
        if elements not in rows:
            rows[elements] = _row_bytes(params.type_k, elements[0]) + _row_bytes(params.type_v, elements[1])
        sizes.append((window_cells if cache.windowed else cells) * rows[elements])
    return tuple(sizes)


def state_bytes(shape: Shape, params: RunParams) -> tuple[int, ...]:
    """The recurrent state of each layer, for all sequences (llama-memory-recurrent.cpp)."""
    return tuple(cache.state_bytes * max(1, params.n_seq_max) for cache in shape.caches)


def output_bytes(shape: Shape, params: RunParams) -> int:
    """The rows of logits that a decode hands out, at most (llama_context::output_reserve)."""
    return 4 * shape.n_vocab * outputs_of(params)


def vocabulary_bytes(shape: Shape) -> int:
    return _VOCABULARY_BYTES_PER_TOKEN * shape.n_vocab + _VOCABULARY_BYTES_PER_MERGE * shape.n_merges


def work_bytes(shape: Shape, params: RunParams) -> int:
    """Tables of the cache's cells, and the area the processor's kernels work in."""
    cells = cells_of(params) + (window_cells_of(shape.window, params) if shape.window else 0)
    return cells * streams_of(params) * _BYTES_PER_CELL + _GGML_WORK_BYTES


def host_overhead_bytes(shape: Shape, params: RunParams) -> int:
    """Main memory beside llama.cpp's reported buffers: vocabulary, logits, cell tables, work area."""
    return vocabulary_bytes(shape) + output_bytes(shape, params) + work_bytes(shape, params)


def _row_bytes(type_name: str, elements: int) -> int:
    kind = BY_NAME[type_name]
    return -(-elements // kind.block_elements) * kind.block_bytes
