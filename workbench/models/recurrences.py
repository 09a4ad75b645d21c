"""The graphs of layers that keep a state, as llama.cpp draws them (models/*-base.cpp of the pinned engine)."""

from __future__ import annotations

from typing import Protocol

from workbench.models.blocks import Block
from workbench.models.replay import Graph, Size, Tensor, size_of
from workbench.models.sketch import Recurrence, Sketch

_F32 = 4


class Artist(Protocol):
    """Whoever draws the rest of the model."""

    sketch: Sketch
    graph: Graph
    sequences: Tensor
    first_value: Tensor | None

    def row(self, elements: int) -> Size: ...
    def norm(self, source: Tensor, *, biased: bool = False) -> Tensor: ...
    def chosen(self, stream: Tensor) -> Tensor: ...


def compute_state(artist: Artist, normed: Tensor) -> Tensor:
    """One layer's state brought forward by a batch, and what the layer gives; ``normed`` is its input."""
    recurrence = artist.sketch.recurrence
    if recurrence is None:
        artist.graph.expand(normed)
        return artist.graph.make(artist.row(artist.sketch.n_embd), normed)
    return _KINDS[recurrence.kind](artist, recurrence, normed)


def _loaded(artist: Artist, elements: int) -> Tensor:
    """The state of each sequence, fetched from the cache (build_rs)."""
    rows = artist.graph.make(size_of(sequences=_F32 * elements), artist.graph.view(artist.sequences))
    artist.graph.expand(rows)
    return artist.graph.view(rows)


def _stored(artist: Artist, tensor: Tensor) -> None:
    artist.graph.expand(artist.graph.store(artist.graph.view(tensor)))


def _looked_back(artist: Artist, past: Tensor, now: Tensor, channels: int, kernel: int) -> Tensor:
    """What a convolution over ``kernel`` tokens sees; its end is stored for the next batch."""
    size = size_of(tokens=_F32 * channels, sequences=_F32 * channels * (kernel - 1))
    both = artist.graph.make(size, past, artist.graph.view(now))
    _stored(artist, both)
    return both


def _scanned(artist: Artist, width: int, state: int, *sources: Tensor) -> tuple[Tensor, Tensor]:
    """An operation that gives ``width`` for each token and, behind it, the new state; and its first part."""
    both = artist.graph.make(size_of(tokens=_F32 * width, sequences=_F32 * state), *sources)
    return both, artist.graph.view(both, artist.row(width))


def _mamba2(artist: Artist, of: Recurrence, normed: Tensor) -> Tensor:
    """llm_build_mamba_base::build_mamba2_layer."""
    graph, row = artist.graph, artist.row
    channels = of.inner + 2 * of.groups * of.state
    past = _loaded(artist, (of.kernel - 1) * channels)
    whole = graph.view(graph.make(row(of.inner + channels + of.heads), normed))
    z, x, step = (graph.view(whole, row(width)) for width in (of.inner, channels, of.heads))
    seen = _looked_back(artist, past, graph.view(x), channels, of.kernel)
    x = graph.change(graph.change(graph.make(row(channels), seen, divided=True)))
    parts = [graph.view(x, row(width)) for width in (of.inner, of.groups * of.state, of.groups * of.state)]
    step = graph.change(graph.make(row(of.heads), step))
    both, y = _scanned(artist, of.inner, of.state * of.inner, parts[0], step, *parts[1:])
    graph.expand(both)
    _stored(artist, both)
    y = graph.change(y, graph.change(parts[0]))
    y = graph.make(row(of.inner), graph.make(row(of.inner), z), y)
    if of.normed:
        y = artist.norm(graph.view(y))
    return graph.make(row(artist.sketch.n_embd), graph.view(y))


def _mamba(artist: Artist, of: Recurrence, normed: Tensor) -> Tensor:
    """llm_build_mamba_base::build_mamba_layer."""
    graph, row = artist.graph, artist.row
    past = _loaded(artist, (of.kernel - 1) * of.inner)
    both = graph.make(row(2 * of.inner), graph.view(normed))
    x, z = (graph.view(both, row(of.inner)) for _ in range(2))
    seen = _looked_back(artist, past, graph.view(x), of.inner, of.kernel)
    x = graph.change(graph.change(graph.make(row(of.inner), seen, divided=True)))
    control = graph.make(row(of.heads + 2 * of.state), x)
    step, b, c = (graph.view(control, row(width)) for width in (of.heads, of.state, of.state))
    if of.normed:
        step, b, c = (graph.change(tensor) for tensor in (step, b, c))
    else:
        step = graph.make(row(of.heads), step)
    step = graph.change(graph.make(row(of.inner), step))
    scanned, y = _scanned(artist, of.inner, of.state * of.inner, graph.view(x), step, b, c)
    graph.expand(scanned)
    _stored(artist, scanned)
    y = graph.change(y, graph.change(x))
    y = graph.make(row(of.inner), graph.make(row(of.inner), z), y)
    return graph.view(graph.make(row(artist.sketch.n_embd), y), divided=False)


def _convolution(artist: Artist, of: Recurrence, normed: Tensor) -> Tensor:
    """llama_model_lfm2, build_shortconv_block."""
    graph, row, width = artist.graph, artist.row, artist.sketch.n_embd
    parts = graph.make(row(3 * width), graph.view(normed))
    b, c, x = (graph.view(parts, row(width)) for _ in range(3))
    x = graph.view(graph.change(b, x))
    past = _loaded(artist, (of.kernel - 1) * width)
    seen = _looked_back(artist, past, x, width, of.kernel)
    y = graph.change(c, graph.make(row(width), seen, divided=True))
    return graph.view(graph.make(row(width), y), divided=False)


def _delta(artist: Artist, of: Recurrence, normed: Tensor) -> Tensor:
    """llama_model_qwen35, build_layer_attn_linear."""
    graph, row = artist.graph, artist.row
    channels = of.inner + 2 * of.groups * of.state
    mixed = graph.view(graph.make(row(channels), normed))
    z = graph.make(row(of.inner), normed)
    beta = graph.change(graph.view(graph.make(row(of.heads), normed)))
    decay = graph.view(graph.make(row(of.heads), normed))
    decay = graph.view(graph.change(graph.change(graph.change(decay))))
    seen = _looked_back(artist, _loaded(artist, (of.kernel - 1) * channels), graph.view(mixed), channels, of.kernel)
    state = _loaded(artist, of.state * of.inner)
    mixed = graph.change(graph.make(row(channels), seen, divided=True))
    q, k, v = (graph.view(mixed, row(width)) for width in (of.groups * of.state, of.groups * of.state, of.inner))
    q, k = (graph.change(graph.change(tensor)) for tensor in (q, k))
    both, out = _scanned(artist, of.inner, of.state * of.inner, q, k, v, decay, beta, state)
    _stored(artist, both)
    gated = graph.change(artist.norm(out), graph.change(graph.view(z)))
    return graph.view(graph.make(row(artist.sketch.n_embd), graph.view(gated)), divided=False)


def _kimi(artist: Artist, of: Recurrence, normed: Tensor) -> Tensor:
    """llama_model_kimi_linear's delta attention."""
    graph, row = artist.graph, artist.row
    past = _loaded(artist, 3 * (of.kernel - 1) * of.inner)
    projected = []
    for _ in range(3):
        now = graph.view(graph.view(graph.make(row(of.inner), normed)))
        seen = _looked_back(artist, graph.view(past), now, of.inner, of.kernel)
        projected.append(graph.view(graph.change(graph.view(graph.make(row(of.inner), seen)))))
    decay = graph.make(row(of.inner), graph.make(row(of.head), normed))
    decay = graph.view(graph.change(graph.view(graph.change(graph.change(decay)))))
    beta = graph.change(graph.view(graph.make(row(of.heads), normed)))
    state = _loaded(artist, of.head * of.inner)
    q, k = (graph.change(graph.change(tensor)) for tensor in projected[:2])
    both, out = _scanned(artist, of.inner, of.head * of.inner, q, k, projected[2], decay, beta, state)
    out = graph.make(row(of.inner), out)
    _stored(artist, both)
    gate = graph.make(row(of.inner), graph.make(row(of.head), graph.view(graph.view(normed))))
    gated = graph.change(artist.norm(graph.view(out)), graph.change(graph.view(gate)))
    return graph.make(row(artist.sketch.n_embd), graph.make(row(of.inner), gated))


def shifted_layer(artist: Artist, block: Block, stream: Tensor, *, is_last: bool) -> Tensor:
    """A whole layer of RWKV 7 (llama_model_rwkv7, llm_build_rwkv7_base): each token is mixed with the one before."""
    graph, row, width = artist.graph, artist.row, artist.sketch.n_embd
    stream = graph.view(stream)
    shifts = _loaded(artist, 2 * width)
    time_shift, channel_shift = (graph.view(shifts, size_of(sequences=_F32 * width)) for _ in range(2))
    normed = artist.norm(stream, biased=True)
    before = graph.make(row(width), time_shift, graph.view(normed), divided=True)
    cur = _time_mix(artist, block, normed, before)
    mixed = graph.change(cur, stream)
    normed_again = artist.norm(mixed, biased=True)
    before = graph.make(row(width), channel_shift, graph.view(normed_again), divided=True)
    ends = (graph.view(tensor, size_of(sequences=_F32 * width)) for tensor in (normed, normed_again))
    _stored(artist, graph.make(size_of(sequences=2 * _F32 * width), *ends))
    rows = [graph.view(tensor, divided=False) for tensor in (mixed, normed_again, before)]
    mixed, cur, before = (artist.chosen(tensor) for tensor in rows) if is_last else rows
    turned = graph.change(graph.change(graph.change(before, cur)), cur)
    key = graph.make(artist.row(block.n_ff), turned)
    cur = graph.make(artist.row(width), graph.change(graph.change(key)))
    return graph.change(cur, mixed)


def _time_mix(artist: Artist, block: Block, cur: Tensor, before: Tensor) -> Tensor:
    graph, row, width = artist.graph, artist.row, artist.sketch.n_embd
    of = artist.sketch.recurrence
    head = of.head if of is not None else 1
    wide = row(6 * width)
    mixed = graph.change(graph.change(graph.make(wide, graph.change(before, cur), divided=True)), cur)
    for_r, for_w, for_k, for_v, for_a, for_g = (graph.view(mixed, row(width), divided=False) for _ in range(6))

    def low_rank(source: Tensor, name: str, *, bent: bool = False) -> Tensor:
        inner = graph.make(row(block.rank(name)), source)
        return graph.make(row(width), graph.change(inner) if bent else inner)

    r = graph.make(row(width), for_r)
    w = graph.change(low_rank(for_w, "w1", bent=True))
    w = graph.change(graph.change(graph.change(w)))
    k, v = graph.make(row(width), for_k), graph.make(row(width), for_v)
    if artist.first_value is None:
        artist.first_value = v
    else:
        gate = graph.change(graph.change(low_rank(for_v, "v1")))
        v = graph.change(v, graph.change(graph.change(artist.first_value, v), gate))
    g = low_rank(for_g, "g1", bent=True)
    a = graph.change(graph.change(low_rank(for_a, "a1")))
    kk = graph.make(row(width), graph.view(graph.change(k)), divided=True)
    ka = graph.change(k)
    k = graph.change(k, graph.change(graph.change(a, ka), ka))
    r, w, k, v, a = (graph.view(tensor) for tensor in (r, w, k, v, a))
    state = _loaded(artist, width * head)
    both, out = _scanned(artist, width, width * head, r, w, k, v, graph.change(kk), graph.change(kk, a), state)
    _stored(artist, both)
    out = graph.view(graph.make(row(width), graph.view(out), divided=True), divided=False)
    out = graph.change(graph.change(out))
    weight = graph.make(row(width // head), graph.change(graph.change(k, r)))
    out = graph.change(out, graph.view(graph.change(v, weight), divided=False))
    return graph.view(graph.make(row(width), graph.change(out, g)))


_KINDS = {"mamba2": _mamba2, "mamba": _mamba, "convolution": _convolution, "delta": _delta, "kimi": _kimi}
