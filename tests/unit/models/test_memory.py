"""The arithmetic of weights, cache and work area, on shapes whose numbers are published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.metadata import GEMMA_3_12B, GIB, LLAMA_8B, header_of, kv, shape
from workbench.models.header import Array, Header, Tensor, Value
from workbench.models.memory import (
    compute_bytes,
    host_overhead_bytes,
    need,
    output_bytes,
    padded_context,
    weights_of,
)
from workbench.models.params import RunParams
from workbench.models.shape import Shape, shape_of
from workbench.models.weights import rearranged_types


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


def test_a_quantised_cache_is_smaller_by_its_block_sizes() -> None:
    assert kv(LLAMA_8B, 8192, type_k="q8_0", type_v="q8_0") * 32 == kv(LLAMA_8B, 8192) * 17


def test_the_context_is_padded_as_llama_cpp_pads_it() -> None:
    assert [padded_context(n) for n in (1, 256, 257, 8200)] == [256, 256, 512, 8448]
    assert kv(LLAMA_8B, 8200, n_seq_max=4) == kv(LLAMA_8B, 4 * 2304)


def test_sequences_that_share_one_cache_have_one_window_together() -> None:
    own = kv(GEMMA_3_12B, 32_768, n_seq_max=4)
    shared = kv(GEMMA_3_12B, 32_768, n_seq_max=4, kv_unified=True)
    full, windowed, row = 8, 40, 2 * 2 * 8 * 256
    assert own == row * (full * 32_768 + windowed * 4 * 1536)
    assert shared == row * (full * 32_768 + windowed * (4 * 1024 + 512))


def test_without_flash_attention_every_layer_gets_the_widest_v() -> None:
    heads = Array(4, 3, (8, 4, 2))
    of = shape("llama", 3, 512, 8, 8, 64, attention__head_count_kv=heads)
    k, v = (512 + 256 + 128) * 2 * 256, (512 + 256 + 128) * 2 * 256
    assert kv(of, 256) == k + v
    assert kv(of, 256, flash_attn="off") == k + 3 * 512 * 2 * 256


LLAMA = replace(LLAMA_8B, sketch=replace(LLAMA_8B.sketch, n_vocab=128_256))


@pytest.mark.parametrize(
    ("params", "measured_mib"),
    [
        (RunParams(n_ctx=8192), 124.0),
        (RunParams(n_ctx=8192, n_outputs_max=512), 266.5),
        (RunParams(n_ctx=32_768), 148.0),
        (RunParams(n_ctx=131_072), 244.0),
        (RunParams(n_ctx=8192, n_outputs_max=512, flash_attn="off"), 572),
        (RunParams(n_ctx=32_768, n_outputs_max=512, flash_attn="off"), 2156),
        (RunParams(n_ctx=8192, n_batch=2048, n_ubatch=2048), 496),
    ],
)
def test_the_work_area_is_the_one_llama_cpp_reports(params: RunParams, measured_mib: float) -> None:
    assert compute_bytes(LLAMA, params) / (1 << 20) == pytest.approx(measured_mib, abs=0.1)


def test_an_architecture_that_was_not_tried_gets_a_margin() -> None:
    tried, other = (shape(name, 8, 512, 8, 4, 64) for name in ("llama", "olmo"))
    assert compute_bytes(other, RunParams()) == int(1.05 * compute_bytes(tried, RunParams()))


def test_at_least_one_row_of_logits_is_kept_for_each_sequence() -> None:
    rows = {(1, 1): 1, (1, 4): 4, (0, 1): 512, (8, 4): 8}
    for (outputs, sequences), expected in rows.items():
        params = RunParams(n_outputs_max=outputs, n_seq_max=sequences)
        assert output_bytes(LLAMA_8B, params) == 4 * 32_000 * expected


def test_the_overhead_follows_the_vocabulary() -> None:
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "tokenizer.ggml.tokens": Array(8, 1000),
        "tokenizer.ggml.merges": Array(8, 500),
    }
    small = shape_of(Header(3, metadata | {"tokenizer.ggml.merges": Array(8, 0)}, (), 32, 0, 0, ""))
    merged = shape_of(Header(3, metadata, (), 32, 0, 0, ""))
    assert host_overhead_bytes(merged, RunParams()) - host_overhead_bytes(small, RunParams()) == 147 * 500


# --- weights ---------------------------------------------------------------------------------


def tensors(sizes: dict[str, int], *, type_id: int = 0, shape: tuple[int, ...] = (8, 64)) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, shape, type_id, 0, size) for name, size in sizes.items())


PARTS = {
    "token_embd.weight": 1000,
    "rope_freqs.weight": 1,
    "blk.0.attn_q.weight": 10,
    "blk.0.ffn_up.weight": 20,
    "blk.1.attn_q.weight": 30,
    "blk.7.attn_q.weight": 5,
    "output_norm.weight": 2,
}


def test_weights_are_sorted_by_where_they_go() -> None:
    header = header_of("llama", {"block_count": 2, "attention.head_count": 1}, tensors(PARTS))
    weights = weights_of(header, shape_of(header))
    assert (weights.input_bytes, weights.layer_bytes, weights.output_bytes) == (1006, (30, 30), 2)
    assert (weights.tied_bytes, weights.total_bytes) == (1000, 1068)
    assert weights.largest_bytes == (20, 30)
    untied = header_of("llama", {"block_count": 2}, tensors(PARTS | {"output.weight": 900}))
    assert weights_of(untied, shape_of(untied)).tied_bytes == 0


def test_weights_of_draft_layers_are_not_loaded() -> None:
    header = header_of("glm4moe", {"block_count": 2, "nextn_predict_layers": 1}, tensors(PARTS))
    assert weights_of(header, shape_of(header)).layer_bytes == (30, 0)


@pytest.mark.parametrize(
    "name", ["ffn_up_exps", "ffn_gate_exps", "ffn_down_exps", "ffn_gate_up_exps", "ffn_down_chexps"]
)
def test_experts_are_told_by_their_names(name: str) -> None:
    sizes = {f"blk.0.{name}.weight": 70, f"blk.0.{name}.bias": 7, "blk.0.ffn_up_shexp.weight": 5}
    header = header_of("llama", {"block_count": 1}, tensors(sizes))
    assert weights_of(header, shape_of(header)).expert_bytes == (77,)


@pytest.mark.parametrize(
    ("type_id", "rows", "machine", "features", "twice"),
    [
        (2, 64, "x86_64", ("AVX2", "REPACK"), True),  # Q4_0
        (2, 63, "x86_64", ("AVX2", "REPACK"), False),  # not interleaved by eight
        (2, 64, "x86_64", ("AVX2",), False),
        (2, 64, "x86_64", None, True),  # a described machine
        (14, 64, "x86_64", ("AVX2", "REPACK"), False),  # Q6_K
        (14, 64, "arm64", ("NEON", "REPACK"), True),
        (14, 64, "x86_64", ("AMX_INT8",), True),
        (10, 64, "x86_64", ("AVX512", "REPACK"), True),  # Q2_K
    ],
)
def test_tied_embeddings_are_needed_twice_where_the_processor_rearranges_them(
    type_id: int, rows: int, machine: str, features: tuple[str, ...] | None, twice: bool
) -> None:
    header = header_of("llama", {"block_count": 2}, tensors(PARTS, type_id=type_id, shape=(256, rows)))
    found = need(header, shape_of(header), RunParams(), rearranged=rearranged_types(machine, features))
    assert found.weights_bytes == (2068 if twice else 1068)
