"""What is read of a model's metadata: windows, shared and latent caches, recurrent layers, nonsense."""

from __future__ import annotations

import pytest

from tests.unit.models.metadata import GIB, header_of, kv, shape
from workbench.models.compute import compute_bytes
from workbench.models.header import Array, Value
from workbench.models.memory import cache_bytes
from workbench.models.params import RunParams
from workbench.models.shape import shape_of


def test_gemma_4_has_own_sizes_for_windows_and_no_cache_for_shared_layers() -> None:
    pattern = Array(7, 35, tuple(layer % 5 != 4 for layer in range(35)))
    of = shape(
        "gemma4", 35, 1536, 8, 1, 512, attention__key_length_swa=256, attention__value_length_swa=256,
        attention__sliding_window=512, attention__sliding_window_pattern=pattern, attention__shared_kv_layers=20,
    )  # fmt: skip
    assert sum(cache.k_elements > 0 for cache in of.caches) == 15
    assert kv(of, 131_072) / GIB == pytest.approx(0.76, abs=0.005)  # Gemma 4 E2B


def test_latent_attention_keeps_one_compressed_row_and_no_v() -> None:
    of = shape("deepseek2", 61, 7168, 128, 1, 576, attention__key_length_mla=192)  # Mistral Large 3
    assert kv(of, 1024) == 70_272 * 1024


def test_older_files_of_the_same_architecture_keep_every_heads_k_and_v() -> None:
    of = shape("deepseek2", 27, 2048, 16, 16, 192, attention__value_length=128, attention__kv_lora_rank=512)
    assert {(cache.k_elements, cache.v_elements) for cache in of.caches} == {(16 * 192, 16 * 128)}


def test_layers_may_each_have_their_own_number_of_heads() -> None:
    heads = Array(4, 3, (8, 4, 2))
    of = shape_of(
        header_of(
            "llama",
            {
                "block_count": 3,
                "embedding_length": 512,
                "attention.head_count": 8,
                "attention.head_count_kv": heads,
            },
        )
    )
    assert [cache.k_elements for cache in of.caches] == [512, 256, 128]


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("gemma3", [True] * 5 + [False, True, True]),
        ("gpt-oss", [True, False] * 4),
        ("smallthinker", [False, True, True, True] * 2),
        ("llama", [False] * 8),  # Mistral 7B v0.1 has a window that llama.cpp ignores
        ("phi3", [False] * 8),
        ("exaone4", [False] * 8),  # windows in the model of 64 layers alone
    ],
)
def test_each_architecture_has_its_own_pattern_of_windows(architecture: str, expected: list[bool]) -> None:
    of = shape(architecture, 8, 512, 8, 4, 64, attention__sliding_window=128)
    assert [cache.windowed for cache in of.caches] == expected
    assert of.window == (0 if not any(expected) else 4096 if architecture == "smallthinker" else 128)


def test_recurrent_layers_keep_a_state_that_does_not_grow() -> None:
    of = shape(
        "qwen35", 32, 4096, 16, 4, 256, full_attention_interval=4, ssm__conv_kernel=4, ssm__inner_size=4096,
        ssm__state_size=128, ssm__group_count=16,
    )  # fmt: skip
    recurrent = [cache for cache in of.caches if cache.state_bytes]
    assert len(recurrent) == 24
    assert sum(cache.state_bytes for cache in recurrent) == int(50.25 * (1 << 20))
    assert all(not cache.k_elements for cache in recurrent)
    assert of.confident


STATES: list[tuple[str, dict[str, Value], int]] = [
    ("mamba", {"ssm__conv_kernel": 4, "ssm__inner_size": 8192, "ssm__state_size": 16}, 3 * 8192 + 16 * 8192),
    ("rwkv7", {"wkv__head_size": 64}, 2 * 4096 + 64 * 4096),
    ("rwkv6qwen2", {"wkv__head_size": 64, "token_shift_count": 1}, 4096 + 64 * 4096),
    ("lfm2", {"shortconv__l_cache": 3, "attention__head_count_kv": 0}, 2 * 4096),
    (
        "kimi-linear",
        {"kda__head_dim": 128, "ssm__conv_kernel": 4, "attention__head_count_kv": 0},
        3 * 3 * 32 * 128 + 128 * 128 * 32,
    ),
]


@pytest.mark.parametrize(("architecture", "sizes", "elements"), STATES)
def test_a_state_has_the_size_its_architecture_gives_it(
    architecture: str, sizes: dict[str, Value], elements: int
) -> None:
    of = shape(architecture, 2, 4096, 32, 8, 128, **sizes)
    assert [cache.state_bytes for cache in of.caches] == [4 * elements] * 2
    assert kv(of, 1024) == kv(of, 65_536) == 8 * elements
    assert kv(of, 1024, n_seq_max=3) == 3 * 8 * elements


def test_falcon_h1_attends_and_keeps_a_state_in_every_layer() -> None:
    of = shape(
        "falcon-h1", 4, 3072, 12, 2, 128, ssm__conv_kernel=4, ssm__inner_size=3072, ssm__state_size=256,
        ssm__group_count=1,
    )  # fmt: skip
    assert all(cache.k_elements == 256 and cache.state_bytes for cache in of.caches)


def test_draft_layers_are_neither_loaded_nor_kept_in_the_cache() -> None:
    of = shape("glm4moe", 47, 4096, 96, 8, 128, nextn_predict_layers=1)
    assert (of.n_layer, of.n_draft) == (47, 1)
    assert [cache.k_elements for cache in of.caches[-2:]] == [1024, 0]


def test_models_that_answer_all_at_once_keep_nothing() -> None:
    assert kv(shape("bert", 12, 768, 12, 12, 64), 512) == 0


def test_an_architecture_that_is_not_modelled_is_estimated_without_confidence() -> None:
    assert shape("llama", 2, 64, 4, 2, 16).confident
    for architecture, word in (("martian", "'martian'"), ("deepseek4", "special attention cache")):
        of = shape(architecture, 2, 64, 4, 2, 16)
        assert not of.confident
        assert any(word in note for note in of.notes)


def test_a_file_that_says_nothing_of_its_shape_is_said_to_be_incomplete() -> None:
    of = shape_of(header_of("martian", {}))
    assert of.caches == ()
    assert any("incomplete" in note for note in of.notes)


NONSENSE: list[dict[str, Value]] = [
    {"block_count": 4, "attention.head_count": 0, "embedding_length": 64},
    {"block_count": 4, "attention.head_count": Array(4, 1, (3,)), "attention.head_count_kv": Array(6, 1, (1e300,))},
    {"block_count": 4, "attention.head_count": -5, "attention.sliding_window_pattern": -3},
    {"block_count": 4, "attention.head_count": "many", "attention.sliding_window": float("nan")},
    {"block_count": 4, "attention.head_count_kv": Array(6, 2, (float("nan"), float("inf")))},
    {"block_count": 4, "expert_count": 1 << 40, "expert_used_count": 1 << 40, "attention.head_count": 3},
    {"block_count": 2, "nextn_predict_layers": 9, "full_attention_interval": 0, "attention.key_length": 1 << 60},
    {"block_count": 500, "feed_forward_length": Array(4, 500, tuple(range(500)))},
    {"block_count": 3, "attention.kv_lora_rank": -1, "rope.dimension_count": 1 << 50, "expert_weights_scale": 1e400},
    {"block_count": 3, "wkv.head_size": 7, "shortconv.l_cache": 0, "ssm.conv_kernel": 0, "kda.head_dim": 1},
]


@pytest.mark.parametrize("sizes", NONSENSE)
@pytest.mark.parametrize("architecture", ["llama", "gemma3", "gemma4", "deepseek2", "qwen35", "lfm2", "rwkv6", "mamba"])
def test_nonsense_in_the_metadata_gives_numbers_not_crashes(architecture: str, sizes: dict[str, Value]) -> None:
    of = shape_of(header_of(architecture, sizes))
    assert sum(cache_bytes(of, RunParams())) >= 0
    assert compute_bytes(of, RunParams()) >= 0
