"""What decides the graph that llama.cpp draws for a model, as plain values."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.blocks import Block


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How the layers that keep a state are computed: ``kind`` is "delta" (gated delta nets), "kimi" (delta
    attention), "mamba", "mamba2", "convolution" or "rwkv7".

    ``kernel`` is how far convolutions look, ``inner`` the width of what they look at, ``state`` the state's size for
    each of it, ``groups`` and ``heads`` how it is divided.  ``normed`` Mamba layers norm what controls them.
    """

    kind: str
    kernel: int
    inner: int
    state: int
    groups: int
    heads: int
    head: int
    normed: bool = False


@dataclass(frozen=True, slots=True)
class Sketch:
    """Of the model; of the parameters only whether attention is one operation (``flash``), and how wide the
    rotations of a quantised cache are, the window's last (0 without).

    ``lengths`` are a head's K and V, the window's last; ``widest_v`` is the widest V of any layer.
    ``scaled``: embeddings are multiplied by a number.  ``late_rows``: all tokens pass the last layer, and only
    then those are chosen whose logits are wanted: "raw" before the last norm, "normed" after it.
    ``capped_attention`` and ``capped_logits`` go through a tanh.  ``window_order``: K is drawn before V, as
    models with windows do.  ``positions`` for each token.  ``per_layer`` is the width of embeddings that each
    layer gets.  The weights of experts may be normed, scaled, or come from a softmax of the chosen alone.
    ``gated_attention``: half of the queries gate what attention gives.  ``latent``, ``rope``, ``nope`` and ``value``
    are the parts of latent attention's heads; ``turned`` whether positions turn them.
    """

    n_embd: int
    n_vocab: int
    blocks: tuple[Block, ...]
    n_layer: int
    lengths: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    widest_v: int = 0
    flash: bool = True
    k_rotations: tuple[int, int] = (0, 0)
    v_rotations: tuple[int, int] = (0, 0)
    scaled: bool = False
    late_rows: str = ""
    capped_attention: bool = False
    capped_logits: bool = False
    window_order: bool = False
    positions: int = 1
    per_layer: int = 0
    normed_weights: bool = False
    scaled_weights: bool = False
    softmax_weights: bool = False
    normed_values: bool = False
    scaled_queries: bool = False
    gated_attention: bool = False
    residual_first: bool = False
    norm_first: bool = False
    latent: int = 0
    rope: int = 0
    nope: int = 0
    value: int = 0
    turned: bool = True
    biased_output: bool = False
    recurrence: Recurrence | None = None
