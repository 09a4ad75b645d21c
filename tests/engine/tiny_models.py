"""Random models with unusual memories, small enough to answer in no time: a state, a window, a cache beside a state."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np

from tests.engine.shapes import transformer
from tests.engine.sparse_gguf import Setting, Sketch, Weights, write_sparse
from workbench.models.header import read_header

_Shapes: TypeAlias = dict[str, tuple[int, ...]]

WINDOW = 64
WORDS = 320

_WIDTH, _KERNEL, _STATE, _RANK, _LAYERS = 64, 4, 8, 4, 2
_INNER = 2 * _WIDTH

_MAMBA_LAYER: tuple[Weights, ...] = (
    ("attn_norm.weight", (_WIDTH,), "f32"),
    ("ssm_in.weight", (_WIDTH, 2 * _INNER), "f32"),
    ("ssm_conv1d.weight", (_KERNEL, _INNER), "f32"),
    ("ssm_conv1d.bias", (_INNER,), "f32"),
    ("ssm_x.weight", (_INNER, _RANK + 2 * _STATE), "f32"),
    ("ssm_dt.weight", (_RANK, _INNER), "f32"),
    ("ssm_dt.bias", (_INNER,), "f32"),
    ("ssm_a", (_STATE, _INNER), "f32"),
    ("ssm_d", (_INNER,), "f32"),
    ("ssm_out.weight", (_INNER, _WIDTH), "f32"),
)

_MAMBA: dict[str, Setting] = {
    "context_length": 4096,
    "embedding_length": _WIDTH,
    "block_count": _LAYERS,
    "attention.layer_norm_rms_epsilon": 1e-6,
    "feed_forward_length": 0,
    "attention.head_count": 0,
    "ssm.conv_kernel": _KERNEL,
    "ssm.inner_size": _INNER,
    "ssm.state_size": _STATE,
    "ssm.time_step_rank": _RANK,
    "ssm.dt_b_c_rms": False,
}


def write_mamba(path: Path) -> Path:
    """Keeps a state instead of a cache."""
    weights = [("token_embd.weight", (_WIDTH, WORDS), "f32"), ("output_norm.weight", (_WIDTH,), "f32")]
    weights += [(f"blk.{layer}.{name}", shape, kind) for layer in range(_LAYERS) for name, shape, kind in _MAMBA_LAYER]
    return _write(Sketch("mamba", WORDS, _MAMBA, tuple(weights)), path)


def write_hybrid(path: Path) -> Path:
    """Keeps a cache in one layer and a state in the other."""
    width, length, kernel, n_ff = _WIDTH, 32, 3, 2 * _WIDTH
    attention: _Shapes = {"attn_q": (width, width), "attn_k": (width, length), "attn_v": (width, length),
                 "attn_output": (width, width), "attn_q_norm": (length,), "attn_k_norm": (length,)}  # fmt: skip
    convolution: _Shapes = {"shortconv.conv": (kernel, width), "shortconv.in_proj": (width, 3 * width),
                   "shortconv.out_proj": (width, width)}  # fmt: skip
    both: _Shapes = {"attn_norm": (width,), "ffn_norm": (width,), "ffn_gate": (width, n_ff), "ffn_up": (width, n_ff),
            "ffn_down": (n_ff, width)}  # fmt: skip
    weights: list[Weights] = [("token_embd.weight", (width, WORDS), "f32"), ("token_embd_norm.weight", (width,), "f32")]
    for layer, own in enumerate((convolution, attention)):
        weights += [(f"blk.{layer}.{name}.weight", shape, "f32") for name, shape in {**both, **own}.items()]
    settings: dict[str, Setting] = {
        "context_length": 4096,
        "embedding_length": width,
        "block_count": 2,
        "attention.layer_norm_rms_epsilon": 1e-6,
        "feed_forward_length": n_ff,
        "attention.head_count": 2,
        "attention.head_count_kv": [0, 1],
        "rope.freq_base": 1e6,
        "shortconv.l_cache": kernel,
        "vocab_size": WORDS,
    }
    return _write(Sketch("lfm2", WORDS, settings, tuple(weights)), path)


def write_windowed(path: Path) -> Path:
    """Of Gemma 3's shape: five layers of six look back over ``WINDOW`` tokens only."""
    length, width = 32, _WIDTH
    sketch = transformer(
        "gemma3", layers=6, width=width, heads=2, heads_kv=1, length=length, n_ff=2 * width, n_vocab=WORDS,
        tied=True, more={"attention.sliding_window": WINDOW},
        norms=(("attn_q_norm", length), ("attn_k_norm", length),
               ("post_attention_norm", width), ("post_ffw_norm", width)),
    )  # fmt: skip
    return _write(sketch, path)


def _write(sketch: Sketch, path: Path) -> Path:
    """The same numbers each time."""
    whole = tuple((name, shape, "f32") for name, shape, _ in sketch.weights)
    write_sparse(Sketch(sketch.architecture, sketch.n_vocab, sketch.settings, whole), path)
    header, draw = read_header(path), np.random.default_rng(7)
    with path.open("r+b") as file:
        for tensor in header.tensors:
            numbers = draw.normal(0, 0.3, tensor.element_count)
            if tensor.name.endswith("ssm_a"):  # the state fades
                numbers = -np.abs(numbers) - 0.1
            file.seek(header.data_offset_bytes + tensor.offset_bytes)
            file.write(numbers.astype(np.float32).tobytes())
    return path
