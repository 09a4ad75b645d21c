"""Shapes of models that keep a state instead of a cache, in all of their layers or in some."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.engine.sparse_gguf import Setting, Sketch, Weights, attention_settings


def _whole(
    architecture: str,
    n_vocab: int,
    width: int,
    layers: Iterable[tuple[Weights, ...]],
    settings: dict[str, Setting],
    others: tuple[Weights, ...] = (),
) -> Sketch:
    each = list(layers)
    settings = {
        "context_length": 131_072,
        "embedding_length": width,
        "block_count": len(each),
        "attention.layer_norm_rms_epsilon": 1e-6,
        **settings,
    }
    weights: list[Weights] = [("token_embd.weight", (width, n_vocab), "q4_k"), *others]
    if not any(name.startswith(("output_norm", "token_embd_norm")) for name, _, _ in others):
        weights.append(("output_norm.weight", (width,), "f32"))
    for layer, own in enumerate(each):
        for name, extents, kind in own:
            full = name if name.endswith((".bias", "ssm_a", "ssm_d", "ffn_norm!")) else f"{name}.weight"
            weights.append((f"blk.{layer}.{full.rstrip('!')}", extents, kind))
    return Sketch(architecture, n_vocab, settings, tuple(weights))


def _norms(width: int, *names: str) -> tuple[Weights, ...]:
    return tuple((name, (width,), "f32") for name in names)


def _attention(width: int, q: int, kv: int, out: int) -> tuple[Weights, ...]:
    return (
        ("attn_q", (width, q), "q4_k"),
        ("attn_k", (width, kv), "q4_k"),
        ("attn_v", (width, kv), "q6_k"),
        ("attn_output", (out, width), "q4_k"),
    )


def _feed_forward(width: int, n_ff: int) -> tuple[Weights, ...]:
    return (
        ("ffn_gate", (width, n_ff), "q4_k"),
        ("ffn_up", (width, n_ff), "q4_k"),
        ("ffn_down", (n_ff, width), "q6_k"),
    )


def _qwen35_9b(*, draft_layers: int = 0) -> Sketch:
    """Three gated delta nets, then an attention layer; ``draft_layers`` more are not loaded by default."""
    width, heads, heads_kv, length, n_ff, n_vocab = 4096, 16, 4, 256, 12_288, 248_320
    kernel, state, ranks, groups = 4, 128, 32, 16
    inner, convolved = state * ranks, state * (ranks + 2 * groups)
    norms = _norms(width, "attn_norm", "post_attention_norm")
    attention = (
        *norms,
        *_attention(width, 2 * heads * length, heads_kv * length, heads * length),
        *_norms(length, "attn_q_norm", "attn_k_norm"),
        *_feed_forward(width, n_ff),
    )
    recurrent: tuple[Weights, ...] = (
        *norms,
        ("attn_qkv", (width, convolved), "q4_k"),
        ("attn_gate", (width, inner), "q4_k"),
        ("ssm_conv1d", (kernel, convolved), "f32"),
        ("ssm_dt.bias", (ranks,), "f32"),
        ("ssm_a", (ranks,), "f32"),
        ("ssm_beta", (width, ranks), "q8_0"),
        ("ssm_alpha", (width, ranks), "q8_0"),
        ("ssm_norm", (state,), "f32"),
        ("ssm_out", (inner, width), "q4_k"),
        *_feed_forward(width, n_ff),
    )
    draft: tuple[Weights, ...] = (
        *attention,
        ("nextn.eh_proj", (2 * width, width), "q8_0"),
        *_norms(width, "nextn.enorm", "nextn.hnorm", "nextn.shared_head_norm"),
    )
    settings: dict[str, Setting] = {
        "feed_forward_length": n_ff,
        "attention.head_count": heads,
        "attention.head_count_kv": heads_kv,
        "attention.key_length": length,
        "attention.value_length": length,
        "rope.dimension_count": 64,
        "rope.dimension_sections": [11, 11, 10, 0],
        "rope.freq_base": 1e7,
        "full_attention_interval": 4,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": ranks,
        "ssm.group_count": groups,
    }
    if draft_layers:
        settings["nextn_predict_layers"] = draft_layers
    layers = [attention if layer % 4 == 3 else recurrent for layer in range(32)] + [draft] * draft_layers
    return _whole("qwen35", n_vocab, width, layers, settings, (("output.weight", (width, n_vocab), "q6_k"),))


def _mamba_7b() -> Sketch:
    width, kernel, state, rank = 4096, 4, 16, 256
    inner = 2 * width
    layer: tuple[Weights, ...] = (
        *_norms(width, "attn_norm"),
        ("ssm_in", (width, 2 * inner), "q4_k"),
        ("ssm_conv1d", (kernel, inner), "f32"),
        ("ssm_conv1d.bias", (inner,), "f32"),
        ("ssm_x", (inner, rank + 2 * state), "q4_k"),
        ("ssm_dt", (rank, inner), "q4_k"),
        ("ssm_dt.bias", (inner,), "f32"),
        ("ssm_a", (state, inner), "f32"),
        ("ssm_d", (inner,), "f32"),
        ("ssm_out", (inner, width), "q4_k"),
    )
    settings: dict[str, Setting] = {
        "feed_forward_length": 0,
        "attention.head_count": 0,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": rank,
        "ssm.dt_b_c_rms": True,
    }
    return _whole("mamba", 65_024, width, [layer] * 64, settings)


def _mamba2(width: int, kernel: int, inner: int, state: int, groups: int, heads: int) -> tuple[Weights, ...]:
    convolved = inner + 2 * groups * state
    return (
        ("ssm_in", (width, inner + convolved + heads), "q4_k"),
        ("ssm_conv1d", (kernel, convolved), "f32"),
        ("ssm_conv1d.bias", (convolved,), "f32"),
        ("ssm_dt.bias", (heads,), "f32"),
        ("ssm_a", (1, heads), "f32"),
        ("ssm_d", (1, heads), "f32"),
        ("ssm_norm", (inner // groups, groups), "f32"),
        ("ssm_out", (inner, width), "q4_k"),
    )


def _falcon_h1_7b() -> Sketch:
    """Attention and a state in every layer."""
    width, heads, heads_kv, length, n_ff = 3072, 12, 2, 128, 12_288
    kernel, inner, state, groups, state_heads = 4, 3072, 256, 1, 24
    layer = (
        *_norms(width, "attn_norm", "ffn_norm!"),
        *_mamba2(width, kernel, inner, state, groups, state_heads),
        *_attention(width, heads * length, heads_kv * length, heads * length),
        *_feed_forward(width, n_ff),
    )
    settings: dict[str, Setting] = {
        "feed_forward_length": n_ff,
        "attention.head_count": heads,
        "attention.head_count_kv": heads_kv,
        "attention.key_length": length,
        "attention.value_length": length,
        "rope.dimension_count": length,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": inner,
        "ssm.state_size": state,
        "ssm.time_step_rank": state_heads,
        "ssm.group_count": groups,
    }
    others: tuple[Weights, ...] = (("output.weight", (width, 130_048), "q6_k"),)
    return _whole("falcon-h1", 130_048, width, [layer] * 44, settings, others)


def _granite4_tiny() -> Sketch:
    """Nine of ten layers recurrent, experts in all."""
    width, layers, heads, heads_kv, length, n_ff, experts, shared = 1536, 40, 12, 4, 128, 512, 64, 1024
    kernel, state, groups, state_heads = 4, 128, 1, 48
    with_attention = {5, 15, 25, 35}
    feed_forward: tuple[Weights, ...] = (
        *_norms(width, "attn_norm", "ffn_norm"),
        ("ffn_gate_inp", (width, experts), "f32"),
        ("ffn_gate_exps", (width, n_ff, experts), "q4_k"),
        ("ffn_up_exps", (width, n_ff, experts), "q4_k"),
        ("ffn_down_exps", (n_ff, width, experts), "q6_k"),
        ("ffn_gate_shexp", (width, shared), "q4_k"),
        ("ffn_up_shexp", (width, shared), "q4_k"),
        ("ffn_down_shexp", (shared, width), "q6_k"),
    )
    attention = _attention(width, heads * length, heads_kv * length, heads * length)
    recurrent = _mamba2(width, kernel, 2 * width, state, groups, state_heads)
    settings: dict[str, Setting] = {
        "feed_forward_length": n_ff,
        "attention.head_count": heads,
        "attention.head_count_kv": [heads_kv if layer in with_attention else 0 for layer in range(layers)],
        "attention.key_length": length,
        "attention.value_length": length,
        "rope.dimension_count": length,
        "expert_count": experts,
        "expert_used_count": 6,
        "expert_shared_feed_forward_length": shared,
        "ssm.conv_kernel": kernel,
        "ssm.inner_size": 2 * width,
        "ssm.state_size": state,
        "ssm.time_step_rank": state_heads,
        "ssm.group_count": groups,
    }
    each = [(*(attention if layer in with_attention else recurrent), *feed_forward) for layer in range(layers)]
    return _whole("granitehybrid", 100_352, width, each, settings)


def _lfm2_2b() -> Sketch:
    width, layers, heads, heads_kv, n_ff, kernel = 2048, 30, 32, 8, 10_752, 3
    with_attention = {2, 6, 10, 14, 18, 21, 24, 27}
    attention = (
        *_attention(width, width, heads_kv * 64, width),
        *_norms(64, "attn_q_norm", "attn_k_norm"),
    )
    convolution: tuple[Weights, ...] = (
        ("shortconv.conv", (kernel, width), "f32"),
        ("shortconv.in_proj", (width, 3 * width), "q4_k"),
        ("shortconv.out_proj", (width, width), "q4_k"),
    )
    settings: dict[str, Setting] = {
        "feed_forward_length": n_ff,
        "attention.head_count": heads,
        "attention.head_count_kv": [heads_kv if layer in with_attention else 0 for layer in range(layers)],
        "rope.freq_base": 1e6,
        "shortconv.l_cache": kernel,
        "vocab_size": 65_536,
    }
    both = (*_norms(width, "attn_norm", "ffn_norm"), *_feed_forward(width, n_ff))
    each = [(*both, *(attention if layer in with_attention else convolution)) for layer in range(layers)]
    return _whole("lfm2", 65_536, width, each, settings, (("token_embd_norm.weight", (width,), "f32"),))


def _expert_settings(experts: int, used: int, n_ff: int, *, shared: int) -> dict[str, Setting]:
    return {
        "expert_count": experts,
        "expert_used_count": used,
        "expert_shared_count": shared,
        "expert_feed_forward_length": n_ff,
    }


def _kimi_linear_48b() -> Sketch:
    """Delta attention in three of four layers, latent attention in the others."""
    width, layers, heads, length, n_ff, n_ff_expert, experts, used = 2304, 27, 32, 128, 9216, 1024, 256, 8
    kernel, rank, rope, nope, n_vocab = 4, 512, 64, 128, 163_840
    latent = {3, 7, 11, 15, 19, 23, 26}
    inner = heads * length
    delta: tuple[Weights, ...] = (
        *((f"ssm_conv1d_{part}", (kernel, 1, inner), "f32") for part in "qkv"),
        *_attention(width, inner, inner, inner),
        ("ssm_f_a", (width, length), "q4_k"),
        ("ssm_f_b", (length, inner), "q8_0"),
        ("ssm_beta", (width, heads), "q4_k"),
        ("ssm_a", (1, heads), "f32"),
        ("ssm_dt.bias", (inner,), "f32"),
        ("ssm_g_a", (width, length), "q4_k"),
        ("ssm_g_b", (length, inner), "q8_0"),
        ("ssm_norm", (length,), "f32"),
    )
    attention: tuple[Weights, ...] = (
        *_norms(rank, "attn_kv_a_norm"),
        ("attn_q", (width, heads * (nope + rope)), "q4_k"),
        ("attn_kv_a_mqa", (width, rank + rope), "q4_k"),
        ("attn_k_b", (nope, rank, heads), "q8_0"),
        ("attn_v_b", (rank, length, heads), "q8_0"),
        ("attn_output", (heads * length, width), "q4_k"),
    )
    expert: tuple[Weights, ...] = (
        ("ffn_gate_inp", (width, experts), "f32"),
        *((f"{name}_exps", (*extents, experts), kind) for name, extents, kind in _feed_forward(width, n_ff_expert)),
        ("exp_probs_b.bias", (experts,), "f32"),
        *((f"{name}_shexp", extents, kind) for name, extents, kind in _feed_forward(width, n_ff_expert)),
    )
    settings: dict[str, Setting] = {
        "feed_forward_length": n_ff,
        **attention_settings(heads, [int(layer in latent) for layer in range(layers)], rank + rope, rank, rope),
        "attention.key_length_mla": nope + rope,
        "attention.value_length_mla": length,
        "attention.kv_lora_rank": rank,
        "ssm.conv_kernel": kernel,
        "kda.head_dim": length,
        **_expert_settings(experts, used, n_ff_expert, shared=1),
        "expert_gating_func": 2,
        "leading_dense_block_count": 1,
    }
    norms, dense = _norms(width, "attn_norm", "ffn_norm"), _feed_forward(width, n_ff)
    each = [
        (*norms, *(attention if layer in latent else delta), *(expert if layer else dense)) for layer in range(layers)
    ]
    return _whole("kimi-linear", n_vocab, width, each, settings, (("output.weight", (width, n_vocab), "q6_k"),))


def _rwkv7_3b() -> Sketch:
    width, layers, n_ff, head, decay, rate, residual, gate = 2560, 32, 10_240, 64, 96, 96, 64, 320
    n_vocab = 65_536

    def layer_weights(layer: int) -> tuple[Weights, ...]:
        mixed = residual if layer else rate
        names = ("attn_norm", "attn_norm_2", "time_mix_ln")
        vectors = ("w0", "a0", "v0", "k_k", "k_a", "r_k")
        return (
            *_norms(width, *names, *(f"{name}.bias" for name in names)),
            *_norms(width, *(f"time_mix_{name}" for name in vectors)),
            ("time_mix_w1", (width, decay), "f16"),
            ("time_mix_w2", (decay, width), "f16"),
            ("time_mix_a1", (width, rate), "f16"),
            ("time_mix_a2", (rate, width), "f16"),
            ("time_mix_v1", (width, mixed), "f16"),
            ("time_mix_v2", (mixed, width), "f16"),
            ("time_mix_g1", (width, gate), "f16"),
            ("time_mix_g2", (gate, width), "f16"),
            ("time_mix_lerp_fused", (width, 1, 1, 6), "f32"),
            ("channel_mix_lerp_k", (width, 1, 1), "f32"),
            *((f"time_mix_{name}", (width, width), "q4_k") for name in ("key", "value", "receptance", "output")),
            ("channel_mix_key", (width, n_ff), "q4_k"),
            ("channel_mix_value", (n_ff, width), "q6_k"),
        )

    settings: dict[str, Setting] = {
        "feed_forward_length": n_ff,
        "attention.head_count": 0,
        "attention.layer_norm_epsilon": 1e-5,
        "attention.decay_lora_rank": decay,
        "attention.iclr_lora_rank": rate,
        "attention.value_residual_mix_lora_rank": residual,
        "attention.gate_lora_rank": gate,
        "wkv.head_size": head,
        "token_shift_count": 2,
    }
    others: tuple[Weights, ...] = (
        ("token_embd_norm.weight", (width,), "f32"),
        ("token_embd_norm.bias", (width,), "f32"),
        ("output_norm.weight", (width,), "f32"),
        ("output_norm.bias", (width,), "f32"),
        ("output.weight", (width, n_vocab), "q6_k"),
    )
    return _whole("rwkv7", n_vocab, width, map(layer_weights, range(layers)), settings, others)


SKETCHES: dict[str, Callable[[], Sketch]] = {
    "qwen3.5-9b": _qwen35_9b,
    "qwen3.5-9b-draft": lambda: _qwen35_9b(draft_layers=1),
    "mamba-7b": _mamba_7b,
    "falcon-h1-7b": _falcon_h1_7b,
    "granite4-tiny": _granite4_tiny,
    "lfm2-2.6b": _lfm2_2b,
    "kimi-linear-48b": _kimi_linear_48b,
    "rwkv7-3b": _rwkv7_3b,
}
