"""The arithmetic of weights, cache and work area, on shapes whose numbers are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from workbench.models.header import Array, Header, Tensor, Value
from workbench.models.memory import cache_bytes, compute_bytes, host_overhead_bytes, padded_context, weights_of
from workbench.models.params import RunParams
from workbench.models.shape import Shape, shape_of

GIB = 1 << 30


def header_of(architecture: str, sizes: Mapping[str, Value], tensors: tuple[Tensor, ...] = ()) -> Header:
    metadata: dict[str, Value] = {"general.architecture": architecture, "tokenizer.ggml.tokens": Array(8, 32_000)}
    metadata |= {f"{architecture}.{key}": value for key, value in sizes.items()}
    return Header(3, metadata, tensors, 32, 0, 0, "")


def shape(architecture: str, layers: int, width: int, heads: int, heads_kv: int, length: int, **more: Value) -> Shape:
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
    return sum(cache_bytes(of, RunParams(n_ctx=n_ctx, **choices)))  # type: ignore[arg-type]  # names of the test


GEMMA_3_12B = shape("gemma3", 48, 3840, 16, 8, 256, attention__sliding_window=1024, feed_forward_length=15_360)


@pytest.mark.parametrize(
    ("of", "n_ctx", "gib"),
    [
        (shape("llama", 32, 4096, 32, 8, 128), 32_768, 4.00),  # Llama 3.1 8B
        (shape("llama", 16, 2048, 32, 8, 64), 8192, 0.25),  # Llama 3.2 1B
        (shape("llama", 32, 4096, 32, 8, 128, attention__sliding_window=4096), 131_072, 16.0),  # Mistral 7B
        (GEMMA_3_12B, 32_768, 2.47),
        (GEMMA_3_12B, 131_072, 8.47),
        (shape("gemma2", 42, 3584, 16, 8, 256, attention__sliding_window=4096), 32_768, 5.99),  # Gemma 2 9B
        (shape("gemma3", 18, 640, 4, 1, 256, attention__sliding_window=512), 131_072, 0.39),  # Gemma 3 270M
        (shape("llama4", 48, 5120, 40, 8, 128), 131_072, 7.20),  # Llama 4 Scout
    ],
)
def test_the_cache_has_the_published_size(of: Shape, n_ctx: int, gib: float) -> None:
    assert kv(of, n_ctx) / GIB == pytest.approx(gib, abs=0.005)


def test_a_full_window_cache_costs_what_the_window_saves() -> None:
    assert kv(GEMMA_3_12B, 32_768, swa_full=True) / GIB == pytest.approx(12.0)


def test_gemma_4_has_own_sizes_for_windows_and_no_cache_for_shared_layers() -> None:
    pattern = Array(7, 35, tuple(layer % 5 != 4 for layer in range(35)))
    of = shape_of(
        header_of(
            "gemma4",
            {
                "block_count": 35,
                "embedding_length": 1536,
                "attention.head_count": 8,
                "attention.head_count_kv": 1,
                "attention.key_length": 512,
                "attention.value_length": 512,
                "attention.key_length_swa": 256,
                "attention.value_length_swa": 256,
                "attention.sliding_window": 512,
                "attention.sliding_window_pattern": pattern,
                "attention.shared_kv_layers": 20,
            },
        )
    )
    assert sum(cache.k_elements > 0 for cache in of.caches) == 15
    assert kv(of, 131_072) / GIB == pytest.approx(0.76, abs=0.005)  # Gemma 4 E2B


def test_latent_attention_keeps_one_compressed_row_and_no_v() -> None:
    of = shape("deepseek2", 61, 7168, 128, 1, 576, attention__key_length_mla=192)  # Mistral Large 3
    assert kv(of, 1024) == 70_272 * 1024


def test_layers_may_each_have_their_own_number_of_heads() -> None:
    of = shape_of(
        header_of(
            "llama",
            {
                "block_count": 3,
                "embedding_length": 512,
                "attention.head_count": 8,
                "attention.head_count_kv": Array(4, 3, (8, 4, 2)),
            },
        )
    )
    assert [cache.k_elements for cache in of.caches] == [512, 256, 128]


def test_recurrent_layers_keep_a_state_that_does_not_grow() -> None:
    of = shape(
        "qwen35", 32, 4096, 16, 4, 256, full_attention_interval=4, ssm__conv_kernel=4, ssm__inner_size=4096,
        ssm__state_size=128, ssm__group_count=16,
    )  # fmt: skip
    recurrent = [cache for cache in of.caches if cache.state_bytes]
    assert len(recurrent) == 24
    assert sum(cache.state_bytes for cache in recurrent) == int(50.25 * (1 << 20))
    assert any("recurrent" in note for note in of.notes)


def test_a_quantised_cache_is_smaller_by_its_block_sizes() -> None:
    of = shape("llama", 32, 4096, 32, 8, 128)
    assert kv(of, 8192, type_k="q8_0", type_v="q8_0") * 32 == kv(of, 8192) * 17


def test_the_context_is_padded_as_llama_cpp_pads_it() -> None:
    of = shape("llama", 32, 4096, 32, 8, 128)
    assert [padded_context(n) for n in (1, 256, 257, 8200)] == [256, 256, 512, 8448]
    assert kv(of, 8200, n_seq_max=4) == kv(of, 4 * 2304)


LLAMA_8B = replace(shape("llama", 32, 4096, 32, 8, 128, feed_forward_length=14_336), n_vocab=128_256)
GEMMA_12B = replace(GEMMA_3_12B, n_vocab=262_144)


@pytest.mark.parametrize(
    ("of", "params", "measured_mib"),
    [
        (LLAMA_8B, RunParams(n_ctx=8192), 124.0),
        (LLAMA_8B, RunParams(n_ctx=8192, n_outputs_max=512), 266.5),
        (LLAMA_8B, RunParams(n_ctx=32_768), 148.0),
        (LLAMA_8B, RunParams(n_ctx=131_072), 244.0),
        (LLAMA_8B, RunParams(n_ctx=8192, n_outputs_max=512, flash_attn="off"), 572),
        (LLAMA_8B, RunParams(n_ctx=32_768, n_outputs_max=512, flash_attn="off"), 2156),
        (LLAMA_8B, RunParams(n_ctx=8192, n_batch=2048, n_ubatch=2048), 496),
        (GEMMA_12B, RunParams(swa_full=True, n_ctx=8192), 136.5),
        (GEMMA_12B, RunParams(swa_full=True, n_ctx=8192, n_outputs_max=512), 527.0),
        (GEMMA_12B, RunParams(swa_full=True, n_ctx=32_768), 184.5),
        (GEMMA_12B, RunParams(swa_full=True, n_ctx=131_072), 376.5),
    ],
)
def test_the_work_area_is_never_less_than_llama_cpp_measured_and_not_much_more(
    of: Shape, params: RunParams, measured_mib: float
) -> None:
    assert 1.0 <= compute_bytes(of, params) / (1 << 20) / measured_mib <= 1.15


def test_the_overhead_follows_the_vocabulary() -> None:
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": Array(8, 1000),
        "tokenizer.ggml.merges": Array(8, 500),
    }
    small = shape_of(Header(3, metadata | {"tokenizer.ggml.merges": Array(8, 0)}, (), 32, 0, 0, ""))
    merged = shape_of(Header(3, metadata, (), 32, 0, 0, ""))
    assert host_overhead_bytes(merged, RunParams()) - host_overhead_bytes(small, RunParams()) == 147 * 500


def test_weights_are_sorted_by_where_they_go() -> None:
    tensors = tuple(
        Tensor(name, (8,), 0, 0, size)
        for name, size in {
            "token_embd.weight": 1000,
            "rope_freqs.weight": 1,
            "blk.0.attn_q.weight": 10,
            "blk.0.ffn_up.weight": 20,
            "blk.1.attn_q.weight": 30,
            "blk.7.attn_q.weight": 5,
            "output_norm.weight": 2,
        }.items()
    )
    header = header_of("llama", {"block_count": 2, "attention.head_count": 1}, tensors)
    weights = weights_of(header, shape_of(header))
    assert (weights.input_bytes, weights.layer_bytes, weights.output_bytes) == (1006, (30, 30), 2)
    assert (weights.tied_bytes, weights.total_bytes) == (1000, 1068)
    untied = header_of("llama", {"block_count": 2}, (*tensors, Tensor("output.weight", (8,), 0, 0, 900)))
    assert weights_of(untied, shape_of(untied)).tied_bytes == 0


def test_a_file_that_says_nothing_of_its_shape_is_said_to_be_incomplete() -> None:
    of = shape_of(header_of("martian", {}))
    assert of.caches == ()
    assert any("incomplete" in note for note in of.notes)


@pytest.mark.parametrize(
    "sizes",
    [
        {"block_count": 4, "attention.head_count": 0, "embedding_length": 64},
        {"block_count": 4, "attention.head_count": Array(4, 1, (3,)), "attention.head_count_kv": Array(6, 1, (1e300,))},
        {"block_count": 4, "attention.head_count": -5, "attention.sliding_window_pattern": -3},
        {"block_count": 4, "attention.head_count": "many", "attention.sliding_window": float("nan")},
        {"block_count": 4, "attention.head_count_kv": Array(6, 2, (float("nan"), float("inf")))},
    ],
)
@pytest.mark.parametrize("architecture", ["llama", "gemma3", "gemma4"])
def test_nonsense_in_the_metadata_gives_numbers_not_crashes(architecture: str, sizes: dict[str, Value]) -> None:
    of = shape_of(header_of(architecture, sizes))
    assert sum(cache_bytes(of, RunParams())) >= 0
    assert compute_bytes(of, RunParams()) >= 0
