"""Weights computed from a model's published dimensions, beside the sizes of files published on the hub.

No weights are needed: llama-quantize's choice of a type for each tensor is applied to the tensor list that
the dimensions give, and the product's own arithmetic adds them up.  What a published file has beyond that
is its header (mostly the vocabulary), so the difference should be that and nothing else.

Sizes in bytes as listed by the publishers' repositories (bartowski, unsloth, mistralai, google) in 2026; dimensions
from the models' own configurations; the rules from llama.cpp, src/llama-quant.cpp.
Not here: files whose publisher chose types of its own (Gemma 4 E2B and E4B, "dynamic" quantisations).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.models import test_models
from workbench.models.ggml_types import TENSOR_TYPES
from workbench.models.header import Header, Tensor, read_header
from workbench.models.memory import weights_of
from workbench.models.shape import shape_of

# Rows that no block of 256 divides get a type with blocks of 32 (llama-quant.cpp, tensor_type_fallback).
_FALLBACK = {"Q2_K": "Q4_0", "Q3_K": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
_BASE = {"Q2_K": "Q2_K", "Q3_K_S": "Q3_K", "Q3_K_M": "Q3_K", "Q3_K_L": "Q3_K", "Q4_K_M": "Q4_K", "Q4_0": "Q4_0"}


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Of a dense or expert model; ``norms`` are one-dimensional tensors of the width in each layer.

    Where one layer in ``full_every`` attends to everything, it has ``full_head`` and ``full_heads_kv``, and takes
    its values from its keys.
    """

    layers: int
    width: int
    heads: int
    heads_kv: int
    head: int
    feed_forward: int
    vocabulary: int
    tied: bool = False
    norms: int = 2
    query_key_norms: bool = False
    rope_factors: int = 0
    is_70b: bool = False
    experts: int = 0
    expert_feed_forward: int = 0
    shared_feed_forward: int = 0
    full_every: int = 0
    full_head: int = 0
    full_heads_kv: int = 0
    scales: int = 0


@dataclass(frozen=True, slots=True)
class Published:
    name: str
    dimensions: Dimensions
    quantisation: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Row:
    """``difference_bytes`` is what the file has beyond the predicted weights."""

    name: str
    quantisation: str
    predicted_bytes: int
    published_bytes: int

    @property
    def difference_bytes(self) -> int:
        return self.published_bytes - self.predicted_bytes


_Tensor = tuple[str, str, int, tuple[int, ...]]  # role, name, layer, shape


def rows() -> list[Row]:
    return [
        Row(file.name, file.quantisation, predicted_bytes(file.dimensions, file.quantisation), file.size_bytes)
        for file in FILES
    ]


def predicted_bytes(of: Dimensions, quantisation: str) -> int:
    """The product's sum over the tensors that llama-quantize would write."""
    tensors: list[Tensor] = []
    numbers = {kind.name: number for number, kind in TENSOR_TYPES.items()}
    values = 0  # V tensors so far: some rules count them instead of layers
    for role, name, layer, shape in _tensors(of):
        type_id = numbers[_type(of, quantisation, role, layer, values, shape[0])]
        values += role == "v"
        tensors.append(Tensor(name, shape, type_id, 0, TENSOR_TYPES[type_id].row_bytes(math.prod(shape))))
    header = Header(3, {"general.architecture": "llama", "llama.block_count": of.layers}, tuple(tensors), 32, 0, 0, "")
    return weights_of(header, shape_of(header)).total_bytes


def _tensors(of: Dimensions) -> Iterator[_Tensor]:
    width, vocabulary = of.width, of.vocabulary
    yield ("output" if of.tied else "embedding", "token_embd.weight", 0, (width, vocabulary))
    if not of.tied:
        yield ("output", "output.weight", 0, (width, vocabulary))
    yield ("norm", "output_norm.weight", 0, (width,))
    if of.rope_factors:
        yield ("norm", "rope_freqs.weight", 0, (of.rope_factors,))
    for layer in range(of.layers):
        yield from ((role, f"blk.{layer}.{name}", layer, shape) for role, name, shape in _layer(of, layer))


def _layer(of: Dimensions, layer: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    width = of.width
    full = of.full_every > 0 and layer % of.full_every == of.full_every - 1
    head, heads_kv = (of.full_head, of.full_heads_kv) if full else (of.head, of.heads_kv)
    yield ("q", "attn_q.weight", (width, of.heads * head))
    yield ("k", "attn_k.weight", (width, heads_kv * head))
    if not full:
        yield ("v", "attn_v.weight", (width, heads_kv * head))
    yield ("attention", "attn_output.weight", (of.heads * head, width))
    for index in range(of.norms):
        yield ("norm", f"norm_{index}.weight", (width,))
    if of.query_key_norms:
        yield ("norm", "attn_q_norm.weight", (head,))
        yield ("norm", "attn_k_norm.weight", (head,))
    if of.scales:
        yield ("norm", "layer_output_scale.weight", (of.scales,))
    if of.experts:
        yield ("norm", "ffn_gate_inp.weight", (width, of.experts))
        for role, name in (("other", "gate"), ("other", "up")):
            yield (role, f"ffn_{name}_exps.weight", (width, of.expert_feed_forward, of.experts))
        yield ("down", "ffn_down_exps.weight", (of.expert_feed_forward, width, of.experts))
    dense = of.shared_feed_forward if of.experts else of.feed_forward
    if dense:
        yield ("other", "ffn_gate.weight", (width, dense))
        yield ("other", "ffn_up.weight", (width, dense))
        yield ("down", "ffn_down.weight", (dense, width))


# --- llama-quantize's rules --------------------------------------------------------------------


def _type(of: Dimensions, quantisation: str, role: str, layer: int, values: int, row: int) -> str:
    if role == "norm":
        return "F32"
    if quantisation == "BF16":
        return "BF16"
    chosen = _RULES.get(role, lambda *_: _BASE[quantisation])(of, quantisation, layer, values)
    return _FALLBACK.get(chosen, chosen) if row % 256 else chosen


def _output(_of: Dimensions, _quantisation: str, _layer: int, _values: int) -> str:
    return "Q6_K"


def _value(of: Dimensions, quantisation: str, _layer: int, values: int) -> str:
    chosen = _BASE[quantisation]
    if quantisation == "Q2_K":
        chosen = "Q4_K" if of.heads // of.heads_kv >= 4 else "Q3_K"
    elif quantisation == "Q3_K_M":
        chosen = "Q5_K" if values < 2 else "Q4_K"
    elif quantisation == "Q3_K_L":
        chosen = "Q5_K"
    elif quantisation == "Q4_K_M" and _more_bits(values, of.layers):
        chosen = "Q6_K"
    return "Q5_K" if of.is_70b and chosen in ("Q3_K", "Q4_K") else chosen


def _down(of: Dimensions, quantisation: str, layer: int, _values: int) -> str:
    if quantisation == "Q2_K":
        return "Q3_K"
    if quantisation == "Q3_K_M":
        return "Q5_K" if layer < of.layers // 16 else "Q4_K"
    if quantisation == "Q3_K_L":
        return "Q5_K"
    if quantisation == "Q4_K_M" and _more_bits(layer, of.layers):
        return "Q6_K"
    return _BASE[quantisation]


def _attention(_of: Dimensions, quantisation: str, _layer: int, _values: int) -> str:
    return {"Q2_K": "Q3_K", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K"}.get(quantisation, _BASE[quantisation])


def _more_bits(index: int, count: int) -> bool:
    return index < count // 8 or index >= 7 * count // 8 or (index - count // 8) % 3 == 2


_RULES: dict[str, Callable[[Dimensions, str, int, int], str]] = {
    "output": _output,
    "v": _value,
    "down": _down,
    "attention": _attention,
}


# --- what was published ------------------------------------------------------------------------

_LLAMA_1B = Dimensions(16, 2048, 32, 8, 64, 8192, 128_256, tied=True, rope_factors=32)
_LLAMA_3B = Dimensions(28, 3072, 24, 8, 128, 8192, 128_256, tied=True, rope_factors=64)
_LLAMA_8B = Dimensions(32, 4096, 32, 8, 128, 14_336, 128_256, rope_factors=64)
_LLAMA_3_8B = Dimensions(32, 4096, 32, 8, 128, 14_336, 128_256)
_LLAMA_70B = Dimensions(80, 8192, 64, 8, 128, 28_672, 128_256, is_70b=True, rope_factors=64)
_SCOUT = Dimensions(
    48, 5120, 40, 8, 128, 0, 202_048, experts=16, expert_feed_forward=8192, shared_feed_forward=8192, rope_factors=64
)
_GEMMA_4_12B = Dimensions(
    48, 3840, 16, 8, 256, 15_360, 262_144, tied=True, norms=4, query_key_norms=True, full_every=6, full_head=512,
    full_heads_kv=1, rope_factors=256, scales=1,
)  # fmt: skip


def _gemma3(layers: int, width: int, heads: int, heads_kv: int, head: int, feed_forward: int) -> Dimensions:
    return Dimensions(
        layers, width, heads, heads_kv, head, feed_forward, 262_144, tied=True, norms=4, query_key_norms=True
    )


FILES = (
    Published("Llama 3.2 1B", _LLAMA_1B, "Q4_K_M", 807_694_464),
    Published("Llama 3.2 3B", _LLAMA_3B, "Q4_K_M", 2_019_377_696),
    Published("Llama 3 8B", _LLAMA_3_8B, "BF16", 16_068_890_912),
    Published("Llama 3 8B", _LLAMA_3_8B, "Q2_K", 3_179_131_168),
    Published("Llama 3 8B", _LLAMA_3_8B, "Q3_K_S", 3_664_498_976),
    Published("Llama 3 8B", _LLAMA_3_8B, "Q3_K_M", 4_018_917_664),
    Published("Llama 3 8B", _LLAMA_3_8B, "Q3_K_L", 4_321_956_128),
    Published("Llama 3.1 8B", _LLAMA_8B, "Q4_K_M", 4_920_739_232),
    Published("Llama 3.3 70B", _LLAMA_70B, "Q4_K_M", 42_520_398_816),
    Published("Llama 4 Scout", _SCOUT, "Q3_K_S", 46_740_372_480),
    Published("Mistral 7B v0.3", Dimensions(32, 4096, 32, 8, 128, 14_336, 32_768), "Q4_K_M", 4_372_812_000),
    Published("Ministral 3 3B", Dimensions(26, 3072, 32, 8, 128, 9216, 131_072, tied=True), "Q4_K_M", 2_147_023_008),
    Published("Ministral 3 8B", Dimensions(34, 4096, 32, 8, 128, 14_336, 131_072), "Q4_K_M", 5_198_911_904),
    Published("Ministral 3 14B", Dimensions(40, 5120, 32, 8, 128, 16_384, 131_072), "Q4_K_M", 8_239_593_024),
    Published(
        "Gemma 2 2B", Dimensions(26, 2304, 8, 4, 256, 9216, 256_000, tied=True, norms=4), "Q4_K_M", 1_708_582_752
    ),
    Published(
        "Gemma 2 9B", Dimensions(42, 3584, 16, 8, 256, 14_336, 256_000, tied=True, norms=4), "Q4_K_M", 5_761_057_728
    ),
    Published("Gemma 3 1B", _gemma3(26, 1152, 4, 1, 256, 6912), "Q4_K_M", 806_058_496),
    Published("Gemma 3 4B", _gemma3(34, 2560, 8, 4, 256, 10_240), "Q4_K_M", 2_489_758_112),
    Published("Gemma 3 12B", _gemma3(48, 3840, 16, 8, 256, 15_360), "Q4_K_M", 7_300_575_264),
    Published("Gemma 4 12B", _GEMMA_4_12B, "Q4_0", 6_975_877_728),
)


def say(found: list[Row]) -> None:
    for row in found:
        print(
            f"  {row.name:16} {row.quantisation:7} predicted {row.predicted_bytes:>14,}, "
            f"published {row.published_bytes:>14,}: {row.difference_bytes:>10,} more "
            f"({row.difference_bytes / row.published_bytes:.2%})"
        )
    worst = max(found, key=lambda row: row.difference_bytes / row.published_bytes)
    print(f"  worst {worst.difference_bytes / worst.published_bytes:.2%} ({worst.name} {worst.quantisation})")
    # One model's files differ by their weights only: what is left must be the same for all of them.
    left = {row.difference_bytes for row in found if row.name == "Llama 3 8B"}
    print(f"  five quantisations of Llama 3 8B leave {len(left)} different remainder(s): {sorted(left)}")
    header = read_header(test_models().gemma)
    print(
        f"  a Gemma 3 header measured here (270M, {len(header.tensors)} tensors): {header.data_offset_bytes:,} bytes; "
        f"the remainders of Gemma 3: {[row.difference_bytes for row in found if row.name.startswith('Gemma 3')]}"
    )
