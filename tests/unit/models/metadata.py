"""Headers and shapes from a few numbers, as a file would state them."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.models.header import Array, Header, Tensor, Value
from workbench.models.memory import cache_bytes
from workbench.models.params import RunParams
from workbench.models.shape import Shape, shape_of

GIB = 1 << 30


def header_of(architecture: str, sizes: Mapping[str, Value], tensors: tuple[Tensor, ...] = ()) -> Header:
    metadata: dict[str, Value] = {"general.architecture": architecture, "tokenizer.ggml.tokens": Array(8, 32_000)}
    metadata |= {f"{architecture}.{key}": value for key, value in sizes.items()}
    return Header(3, metadata, tensors, 32, 0, 0, "")


def shape(architecture: str, layers: int, width: int, heads: int, heads_kv: int, length: int, **more: Value) -> Shape:
    """``more`` are further keys, with "__" for the dot."""
    sizes: dict[str, Value] = {
        "block_count": layers,
        "embedding_length": width,
        "attention.head_count": heads,
        "attention.head_count_kv": heads_kv,
        "attention.key_length": length,
        "attention.value_length": length,
        "feed_forward_length": 4 * width,
    }
    sizes |= {key.replace("__", "."): value for key, value in more.items()}
    return shape_of(header_of(architecture, sizes))


def kv(of: Shape, n_ctx: int, **choices: object) -> int:
    """Bytes of the whole cache."""
    return sum(cache_bytes(of, RunParams(n_ctx=n_ctx, **choices)))  # type: ignore[arg-type]  # names of the test


LLAMA_8B = shape("llama", 32, 4096, 32, 8, 128, feed_forward_length=14_336)
GEMMA_3_12B = shape("gemma3", 48, 3840, 16, 8, 256, attention__sliding_window=1024, feed_forward_length=15_360)
