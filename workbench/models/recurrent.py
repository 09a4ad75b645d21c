"""Layers that keep a state instead of a cache: which they are, and how large the state is."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models import architectures as known
from workbench.models.keys import Keys
from workbench.models.sketch import Recurrence

_F32 = 4


@dataclass(frozen=True, slots=True)
class State:
    """Elements of each sequence's state in one layer: what convolutions look back on, and the state proper."""

    convolution: int
    memory: int

    @property
    def size_bytes(self) -> int:
        return _F32 * (self.convolution + self.memory)


def recurrent_layers(keys: Keys, heads_kv: list[int], n_ff: list[int]) -> list[bool]:
    """For each layer whether it keeps a state (llama_hparams::is_recr)."""
    n_layer = len(heads_kv)
    architecture = keys.architecture
    if architecture in known.RECURRENT | known.RECURRENT_AND_ATTENDING:
        return [True] * n_layer
    if architecture in known.RECURRENT_BY_INTERVAL:
        if keys.array("attention.recurrent_layers") is not None:
            return [bool(flag) for flag in keys.per_layer("attention.recurrent_layers", n_layer)]
        interval = keys.number("full_attention_interval", known.RECURRENT_BY_INTERVAL[architecture])
        return [bool(interval) and (layer + 1) % interval != 0 for layer in range(n_layer)]
    if architecture.startswith("nemotron_h"):
        return [not heads and not width for heads, width in zip(heads_kv, n_ff, strict=True)]
    if architecture in known.RECURRENT_WITHOUT_HEADS:
        return [not heads for heads in heads_kv]
    return [False] * n_layer


def state_of(keys: Keys, n_head: int) -> State:
    """llama_hparams::n_embd_r and n_embd_s."""
    n_embd = keys.number("embedding_length")
    if head := keys.number("wkv.head_size"):
        return State(keys.number("token_shift_count", 2) * n_embd, n_embd * head)
    kernel = keys.number("ssm.conv_kernel")
    if head := keys.number("kda.head_dim"):
        looked_back = 3 * (kernel - 1 if kernel else 3) * n_head * head
        return State(looked_back, head * head * n_head)
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    if length := keys.number("shortconv.l_cache"):
        return State(n_embd * max(0, length - 1), state * inner)
    channels = inner + 2 * keys.number("ssm.group_count") * state
    return State(max(0, kernel - 1) * channels, state * inner)


def recurrence_of(keys: Keys, n_head: int, traits: frozenset[str]) -> Recurrence | None:
    """How the state is computed, from the tensors of a layer that has one; None where that is not modelled."""
    inner, head = keys.number("ssm.inner_size"), 0
    kernel, heads = keys.number("ssm.conv_kernel"), keys.number("ssm.time_step_rank")
    if keys.number("wkv.head_size"):
        kind, head = ("rwkv7" if "time_mix_lerp_fused.weight" in traits else ""), keys.number("wkv.head_size")
    elif head := keys.number("kda.head_dim"):
        kind, heads, inner = "kimi", n_head, n_head * head
    elif keys.number("shortconv.l_cache"):
        kind, kernel = "convolution", keys.number("shortconv.l_cache")
    elif keys.architecture in known.RECURRENT_BY_INTERVAL:
        kind = "delta"
    else:
        kind = "mamba" if "ssm_x.weight" in traits else "mamba2"
    if not kind:
        return None
    return Recurrence(
        kind=kind,
        kernel=max(1, kernel),
        inner=inner,
        state=keys.number("ssm.state_size"),
        groups=keys.number("ssm.group_count"),
        heads=heads,
        head=head,
        normed="ssm_norm.weight" in traits or keys.header.flag(f"{keys.architecture}.ssm.dt_b_c_rms"),
    )
