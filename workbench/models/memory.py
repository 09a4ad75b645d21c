"""How much memory a model needs for its weights, its cache and its work: arithmetic over the header.

The formulas follow llama.cpp's allocations in the pinned engine (llama-kv-cache.cpp, llama-context.cpp);
weights and cache are exact, the work area is a fit to measurements with a safety factor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.models.ggml_types import BY_NAME
from workbench.models.header import Header
from workbench.models.params import RunParams
from workbench.models.shape import Shape

CONTEXT_STEP = 256  # llama.cpp pads a context to this many tokens

# Measured on seven tokenizers, within 6 %: what llama.cpp's tables take beyond the file's own bytes.
_VOCABULARY_BYTES_PER_TOKEN = 205
_VOCABULARY_BYTES_PER_MERGE = 147
# Positions and sequence sets of the cache: 52 bytes a cell, and about 90 more once it is used.
_BYTES_PER_CELL = 142
_GGML_WORK_BYTES = 8 << 20

_COMPUTE_MARGIN = 1.10
# Expert models reserve more than the formula says: up to two fifths more was measured.
_EXPERT_COMPUTE_MARGIN = 1.70

_LAYER_NAME = re.compile(r"blk\.(\d{1,4})\.")


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the weights by where llama.cpp puts them: the input side always in RAM, the output side
    with the last layers.  ``tied_bytes`` are the embeddings that also serve as output (in
    ``input_bytes`` already), of which a GPU needs its own copy."""

    input_bytes: int
    layer_bytes: tuple[int, ...]
    output_bytes: int
    tied_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes


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


def need(header: Header, shape: Shape, params: RunParams) -> Need:
    """Everything in RAM; each tensor once, though mapped and rearranged copies may both be resident."""
    return Need(
        weights_bytes=weights_of(header, shape).total_bytes,
        kv_bytes=sum(cache_bytes(shape, params)),
        compute_bytes=compute_bytes(shape, params),
        overhead_bytes=host_overhead_bytes(shape, params),
    )


def padded_context(n_ctx: int) -> int:
    return max(1, -(-n_ctx // CONTEXT_STEP)) * CONTEXT_STEP


def weights_of(header: Header, shape: Shape) -> Weights:
    """From the tensor list; names as llama.cpp's llm_tensor_names."""
    layers = [0] * shape.n_layer
    input_bytes = output_bytes = embedding_bytes = 0
    tied = True
    for tensor in header.tensors:
        layer = _LAYER_NAME.match(tensor.name)
        if layer and int(layer[1]) < len(layers):
            layers[int(layer[1])] += tensor.size_bytes
        elif tensor.name.startswith("output"):
            output_bytes += tensor.size_bytes
            tied = tied and tensor.name != "output.weight"
        else:
            input_bytes += tensor.size_bytes
            if tensor.name == "token_embd.weight":
                embedding_bytes = tensor.size_bytes
    return Weights(input_bytes, tuple(layers), output_bytes, embedding_bytes if tied else 0)


def cache_bytes(shape: Shape, params: RunParams) -> tuple[int, ...]:
    """K, V and recurrent state of each layer, exactly (llama-kv-cache.cpp, llama-kv-cache-iswa.cpp)."""
    cells = _cells(params)
    window_cells = _window_cells(shape, params)
    # Without flash attention V lies transposed and every layer gets the widest row.
    widest_v = max((cache.v_elements for cache in shape.caches), default=0)
    sizes = []
    for cache in shape.caches:
        layer_cells = (window_cells if cache.windowed else cells) * params.n_seq_max
        v_elements = widest_v if params.flash_attn == "off" and cache.v_elements else cache.v_elements
        row = _row_bytes(params.type_k, cache.k_elements) + _row_bytes(params.type_v, v_elements)
        sizes.append(layer_cells * row + cache.state_bytes * params.n_seq_max)
    return tuple(sizes)


def compute_bytes(shape: Shape, params: RunParams) -> int:
    """The work area of the largest graph, for one device that computes all layers.

    The peak of three moments, fitted to 567 measured configurations: the logits of the outputs, a layer's
    feed-forward part, and its attention where flash attention is off.  ``n_ubatch`` tokens at a time.
    """
    batch = _batch(params)
    outputs = min(batch, params.n_outputs_max or params.n_batch)
    masks = mask_bytes(shape, params)
    logits = 4 * outputs * (shape.n_vocab + 3 * shape.n_embd) + (4 * batch * shape.n_embd if outputs < batch else 0)
    feed_forward = max(shape.n_ff, shape.n_expert_used * shape.n_ff_expert if shape.n_expert else 0)
    width = 3 * feed_forward + 4 * shape.n_embd
    if shape.n_expert:
        width = max(width, (2 * shape.n_expert_used + 6) * shape.n_embd)
    if shape.mla:
        width = max(width, 3 * shape.n_head * shape.head_k + 4 * shape.n_embd)
    peak = max(logits, 4 * batch * width + masks)
    if params.flash_attn == "off":
        peak = max(peak, 4 * batch * (shape.n_head * _cells(params) + 6 * shape.n_embd) + masks)
    few_outputs = outputs < batch
    margin = _EXPERT_COMPUTE_MARGIN if shape.n_expert and few_outputs else _COMPUTE_MARGIN
    return int(peak * margin)


def input_compute_bytes(shape: Shape, params: RunParams) -> int:
    """The inputs of a batch in main memory, when a GPU computes every layer."""
    return int((4 * _batch(params) * shape.n_embd + mask_bytes(shape, params)) * _COMPUTE_MARGIN)


def mask_bytes(shape: Shape, params: RunParams) -> int:
    """Attention masks: which token sees which; in F16 with flash attention, else F32."""
    columns = _cells(params) + (_window_cells(shape, params) if shape.window else 0)
    return columns * _batch(params) * (4 if params.flash_attn == "off" else 2)


def host_overhead_bytes(shape: Shape, params: RunParams) -> int:
    """Main memory beside llama.cpp's reported buffers: vocabulary, logits, cell tables, work area."""
    vocabulary = _VOCABULARY_BYTES_PER_TOKEN * shape.n_vocab + _VOCABULARY_BYTES_PER_MERGE * shape.n_merges
    logits = 4 * shape.n_vocab * params.n_seq_max
    cells = (_cells(params) + (_window_cells(shape, params) if shape.window else 0)) * params.n_seq_max
    return vocabulary + logits + cells * _BYTES_PER_CELL + _GGML_WORK_BYTES


def _cells(params: RunParams) -> int:
    """Of each sequence: contexts are not unified, so every sequence has its own part."""
    return padded_context(padded_context(params.n_ctx) // params.n_seq_max)


def _window_cells(shape: Shape, params: RunParams) -> int:
    cells = _cells(params)
    if params.swa_full or not shape.window:
        return cells
    return padded_context(min(cells, shape.window + _batch(params)))


def _batch(params: RunParams) -> int:
    return min(padded_context(params.n_ctx), params.n_batch, params.n_ubatch)


def _row_bytes(type_name: str, elements: int) -> int:
    kind = BY_NAME[type_name]
    return -(-elements // kind.block_elements) * kind.block_bytes
