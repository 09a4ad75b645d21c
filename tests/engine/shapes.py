"""Real models' shapes as sparse files of a few megabytes: the ground truth of the estimate runs on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from tests.engine import shapes_recurrent
from tests.engine.sparse_gguf import Setting, Sketch, Weights, attention_settings, write_sparse

_PARTS = 3

MoE = tuple[int, int, int]
"""Experts, experts used for each token, and their feed-forward width."""


def write(name: str, folder: Path) -> Path:
    """The file of one of ``NAMES``, written unless the folder has it; of a split model the first part's path.

    Raises KeyError for another name.
    """
    parts = _PARTS if name.endswith("-split") else 1
    path = folder / (f"{name}-00001-of-{parts:05}.gguf" if parts > 1 else f"{name}.gguf")
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_sparse(sketch(name), folder / f"{name}.gguf", parts=parts)
    return path


def sketch(name: str) -> Sketch:
    """What one of ``NAMES`` says of itself."""
    return _SKETCHES[name]()


def transformer(
    architecture: str,
    *,
    layers: int,
    width: int,
    heads: int,
    heads_kv: int,
    length: int,
    n_ff: int,
    n_vocab: int,
    kind: str = "q4_k",
    tied: bool = False,
    moe: MoE | None = None,
    norms: Iterable[tuple[str, int]] = (),
    more: Mapping[str, Setting] | None = None,
) -> Sketch:
    """A decoder of attention and feed-forward layers, in the mix of types that a Q4_K_M has."""
    better = kind if kind == "q4_0" else "q6_k"
    settings: dict[str, Setting] = {
        "context_length": 131_072,
        "embedding_length": width,
        "block_count": layers,
        "feed_forward_length": n_ff,
        "attention.layer_norm_rms_epsilon": 1e-5,
        **attention_settings(heads, heads_kv, length, length, length),
        "rope.freq_base": 500_000.0,
    }
    if moe:
        settings |= {"expert_count": moe[0], "expert_used_count": moe[1], "expert_feed_forward_length": moe[2]}

    def weights() -> Iterator[Weights]:
        yield "token_embd.weight", (width, n_vocab), better if tied else kind
        yield "output_norm.weight", (width,), "f32"
        if not tied:
            yield "output.weight", (width, n_vocab), better
        for layer in range(layers):
            own = [("attn_norm", width), ("ffn_norm", width), *norms]
            yield from ((f"blk.{layer}.{name}.weight", (extent,), "f32") for name, extent in own)
            for name, extents, own_kind in (
                ("attn_q", (width, heads * length), kind),
                ("attn_k", (width, heads_kv * length), kind),
                ("attn_v", (width, heads_kv * length), better),
                ("attn_output", (heads * length, width), kind),
                *(_experts(width, moe, kind, better) if moe else _feed_forward(width, n_ff, kind, better)),
            ):
                yield f"blk.{layer}.{name}.weight", extents, own_kind

    return Sketch(architecture, n_vocab, settings | dict(more or {}), tuple(weights()))


def _feed_forward(width: int, n_ff: int, kind: str, better: str) -> tuple[Weights, ...]:
    return (("ffn_gate", (width, n_ff), kind), ("ffn_up", (width, n_ff), kind), ("ffn_down", (n_ff, width), better))


def _experts(width: int, moe: MoE, kind: str, better: str) -> tuple[Weights, ...]:
    count, _, n_ff = moe
    return (
        ("ffn_gate_inp", (width, count), "f32"),
        ("ffn_gate_exps", (width, n_ff, count), kind),
        ("ffn_up_exps", (width, n_ff, count), kind),
        ("ffn_down_exps", (n_ff, width, count), better if n_ff % 256 == 0 else "q8_0"),
    )


def _llama3_8b() -> Sketch:
    return transformer("llama", layers=32, width=4096, heads=32, heads_kv=8, length=128, n_ff=14_336, n_vocab=128_256)


def _llama3_3b(kind: str = "q4_k") -> Sketch:
    return transformer(
        "llama", layers=28, width=3072, heads=24, heads_kv=8, length=128, n_ff=8192, n_vocab=128_256, tied=True,
        kind=kind,
    )  # fmt: skip


def _mistral(n_ff: int) -> Sketch:
    return transformer("llama", layers=40, width=5120, heads=32, heads_kv=8, length=128, n_ff=n_ff, n_vocab=131_072)


def _mixtral_8x7b() -> Sketch:
    return transformer(
        "llama", layers=32, width=4096, heads=32, heads_kv=8, length=128, n_ff=14_336, n_vocab=32_000,
        moe=(8, 2, 14_336),
    )  # fmt: skip


def _qwen2_7b() -> Sketch:
    whole = transformer("qwen2", layers=28, width=3584, heads=28, heads_kv=4, length=128, n_ff=18_944, n_vocab=152_064)
    biases = [(f"blk.{layer}.attn_{name}.bias", (extent,), "f32") for layer in range(28)
              for name, extent in (("q", 3584), ("k", 512), ("v", 512))]  # fmt: skip
    return Sketch(whole.architecture, whole.n_vocab, whole.settings, (*whole.weights, *biases))


def _qwen3_8b() -> Sketch:
    return transformer(
        "qwen3", layers=36, width=4096, heads=32, heads_kv=8, length=128, n_ff=12_288, n_vocab=151_936,
        norms=(("attn_q_norm", 128), ("attn_k_norm", 128)),
    )  # fmt: skip


def _qwen3_30b_a3b() -> Sketch:
    return transformer(
        "qwen3moe", layers=48, width=2048, heads=32, heads_kv=4, length=128, n_ff=6144, n_vocab=151_936,
        moe=(128, 8, 768), norms=(("attn_q_norm", 128), ("attn_k_norm", 128)),
    )  # fmt: skip


def _gemma2_9b() -> Sketch:
    return transformer(
        "gemma2", layers=42, width=3584, heads=16, heads_kv=8, length=256, n_ff=14_336, n_vocab=256_000, tied=True,
        norms=(("post_attention_norm", 3584), ("post_ffw_norm", 3584)),
        more={
            "attention.sliding_window": 4096,
            "attn_logit_softcapping": 50.0,
            "final_logit_softcapping": 30.0,
        },
    )  # fmt: skip


def _gemma3(layers: int, width: int, heads: int, heads_kv: int, n_ff: int) -> Sketch:
    return transformer(
        "gemma3", layers=layers, width=width, heads=heads, heads_kv=heads_kv, length=256, n_ff=n_ff, n_vocab=262_144,
        tied=True, more={"attention.sliding_window": 1024},
        norms=(("attn_q_norm", 256), ("attn_k_norm", 256), ("post_attention_norm", width), ("post_ffw_norm", width)),
    )  # fmt: skip


def _gpt_oss_20b() -> Sketch:
    width, experts, heads, heads_kv, length, layers, n_vocab = 2880, 32, 64, 8, 64, 24, 201_088
    whole = transformer(
        "gpt-oss", layers=layers, width=width, heads=heads, heads_kv=heads_kv, length=length, n_ff=width,
        n_vocab=n_vocab, moe=(experts, 4, width), kind="q8_0", more={"attention.sliding_window": 128},
    )  # fmt: skip
    weights: list[Weights] = []
    for name, extents, kind in whole.weights:
        is_expert = name.endswith("_exps.weight")
        renamed = name.replace("ffn_norm", "post_attention_norm")
        weights.append((renamed, extents, "mxfp4" if is_expert else "q8_0" if len(extents) == 2 else kind))
        if name.startswith("blk.") and len(extents) > 1:
            weights.append((name.replace(".weight", ".bias"), extents[1:], "f32"))
    weights = [(name, extents, "f32" if "gate_inp" in name else kind) for name, extents, kind in weights]
    weights += [(f"blk.{layer}.attn_sinks.weight", (heads,), "f32") for layer in range(layers)]
    return Sketch(whole.architecture, n_vocab, whole.settings, tuple(weights))


def _decompressing(latent: bool, heads: int, rank: int, nope: int, value: int) -> tuple[Weights, ...]:
    if not latent:
        return (("attn_kv_b", (rank, heads * (nope + value)), "q8_0"),)
    return (("attn_k_b", (nope, rank, heads), "q8_0"), ("attn_v_b", (rank, value, heads), "q8_0"))


def _deepseek2_lite(*, latent: bool) -> Sketch:
    """With ``latent`` as files are written now; without as they were before llama.cpp kept the latent row."""
    layers, width, heads, n_ff, n_vocab, rank, rope, nope, length_v = 27, 2048, 16, 10_944, 102_400, 512, 64, 128, 128
    experts, used, n_ff_expert, shared = 64, 6, 1408, 2
    settings: dict[str, Setting] = {
        "context_length": 163_840,
        "embedding_length": width,
        "block_count": layers,
        "feed_forward_length": n_ff,
        "attention.kv_lora_rank": rank,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.freq_base": 10_000.0,
        "leading_dense_block_count": 1,
        "expert_count": experts,
        "expert_used_count": used,
        "expert_shared_count": shared,
        "expert_feed_forward_length": n_ff_expert,
        "expert_weights_scale": 1.0,
        "vocab_size": n_vocab,
    }
    if latent:
        settings |= attention_settings(heads, 1, rank + rope, rank, rope)
        settings |= {"attention.key_length_mla": nope + rope, "attention.value_length_mla": length_v}
    else:
        settings |= attention_settings(heads, heads, nope + rope, length_v, rope)

    def layer_weights(layer: int) -> tuple[Weights, ...]:
        attention: tuple[Weights, ...] = (
            ("attn_norm", (width,), "f32"),
            ("attn_kv_a_norm", (rank,), "f32"),
            ("attn_q", (width, heads * (nope + rope)), "q4_k"),
            ("attn_kv_a_mqa", (width, rank + rope), "q4_k"),
            *_decompressing(latent, heads, rank, nope, length_v),
            ("attn_output", (heads * length_v, width), "q4_k"),
            ("ffn_norm", (width,), "f32"),
        )
        if layer == 0:
            return (*attention, *_feed_forward(width, n_ff, "q8_0", "q8_0"))
        together = _feed_forward(width, n_ff_expert * shared, "q4_k", "q4_k")
        return (
            *attention,
            *_experts(width, (experts, used, n_ff_expert), "q4_k", "q6_k"),
            *((f"{name}_shexp", extents, kind) for name, extents, kind in together),
        )

    weights: list[Weights] = [("token_embd.weight", (width, n_vocab), "q4_k"), ("output_norm.weight", (width,), "f32")]
    weights.append(("output.weight", (width, n_vocab), "q6_k"))
    for layer in range(layers):
        weights += [(f"blk.{layer}.{name}.weight", extents, kind) for name, extents, kind in layer_weights(layer)]
    return Sketch("deepseek2", n_vocab, settings, tuple(weights))


def _gemma4_e2b() -> Sketch:
    """Windows with their own head size, later layers that share a cache, and embeddings for each layer."""
    layers, width, heads, n_vocab, per_layer, shared = 35, 1536, 8, 262_144, 256, 20
    windowed = [layer % 5 != 4 for layer in range(layers)]
    n_ff = [6144 if layer < layers - shared else 12_288 for layer in range(layers)]
    settings: dict[str, Setting] = {
        "context_length": 131_072,
        "embedding_length": width,
        "embedding_length_per_layer_input": per_layer,
        "block_count": layers,
        "feed_forward_length": n_ff,
        **attention_settings(heads, 1, 512, 512, 512),
        "attention.key_length_swa": 256,
        "attention.value_length_swa": 256,
        "attention.sliding_window": 512,
        "attention.sliding_window_pattern": windowed,
        "attention.shared_kv_layers": shared,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "rope.dimension_count_swa": 256,
        "rope.freq_base": 1_000_000.0,
        "rope.freq_base_swa": 10_000.0,
        "final_logit_softcapping": 30.0,
    }
    weights: list[Weights] = [
        ("token_embd.weight", (width, n_vocab), "q6_k"),
        ("per_layer_token_embd.weight", (per_layer * layers, n_vocab), "q6_k"),
        ("per_layer_model_proj.weight", (width, per_layer * layers), "f16"),
        ("per_layer_proj_norm.weight", (per_layer,), "f32"),
        ("output_norm.weight", (width,), "f32"),
        ("rope_freqs.weight", (256,), "f32"),
    ]
    for layer in range(layers):
        length = 256 if windowed[layer] else 512
        norms = dict.fromkeys(("attn_norm", "ffn_norm", "post_attention_norm", "post_ffw_norm", "post_norm"), width)
        norms |= {"attn_q_norm": length, "attn_k_norm": length, "layer_output_scale": 1}
        own: list[Weights] = [(name, (extent,), "f32") for name, extent in norms.items()]
        own += [
            ("attn_q", (width, heads * length), "q4_k"),
            ("attn_k", (width, length), "q4_k"),
            ("attn_v", (width, length), "q6_k"),
            ("attn_output", (heads * length, width), "q4_k"),
            *_feed_forward(width, n_ff[layer], "q4_k", "q6_k"),
            ("inp_gate", (width, per_layer), "q4_k"),
            ("proj", (per_layer, width), "q4_k"),
        ]
        weights += [(f"blk.{layer}.{name}.weight", extents, kind) for name, extents, kind in own]
    return Sketch("gemma4", n_vocab, settings, tuple(weights))


_SKETCHES: dict[str, Callable[[], Sketch]] = {
    "llama3-8b": _llama3_8b,
    "llama3-8b-split": _llama3_8b,
    "llama3.2-3b": _llama3_3b,
    "llama3.2-3b-q4_0": lambda: _llama3_3b("q4_0"),
    "mistral-nemo-12b": lambda: _mistral(14_336),
    "mistral-small-24b": lambda: _mistral(32_768),
    "mixtral-8x7b": _mixtral_8x7b,
    "qwen2.5-7b": _qwen2_7b,
    "qwen3-8b": _qwen3_8b,
    "qwen3-30b-a3b": _qwen3_30b_a3b,
    "gemma2-9b": _gemma2_9b,
    "gemma3-4b": lambda: _gemma3(34, 2560, 8, 4, 10_240),
    "gemma3-12b": lambda: _gemma3(48, 3840, 16, 8, 15_360),
    "gemma4-e2b": _gemma4_e2b,
    "gpt-oss-20b": _gpt_oss_20b,
    "deepseek2-lite": lambda: _deepseek2_lite(latent=True),
    "deepseek2-lite-old": lambda: _deepseek2_lite(latent=False),
    **shapes_recurrent.SKETCHES,
}

NAMES = tuple(_SKETCHES)
