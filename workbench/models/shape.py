"""The numbers of a model that decide how much memory it takes, read from its metadata."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.header import Array, Header

_GEMMA3N_LAYERS_WITH_KV = 20


@dataclass(frozen=True, slots=True)
class LayerCache:
    """What one layer keeps of each token: elements of K and V, none where it shares another layer's.

    ``windowed`` layers keep a sliding window only.  ``state_bytes`` is a recurrent layer's state, the
    same for any context.
    """

    k_elements: int
    v_elements: int
    windowed: bool = False
    state_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes in elements; ``window`` in tokens, 0 without one.  ``notes`` say in plain words what is not
    modelled exactly."""

    architecture: str
    n_embd: int
    n_head: int
    head_k: int
    n_ff: int
    n_expert: int
    n_expert_used: int
    n_ff_expert: int
    n_vocab: int
    n_merges: int
    n_ctx_train: int
    window: int
    mla: bool
    caches: tuple[LayerCache, ...]
    notes: tuple[str, ...]

    @property
    def n_layer(self) -> int:
        return len(self.caches)


@dataclass(frozen=True, slots=True)
class _WindowRule:
    """Every ``period``-th layer attends to everything, the others to a window: the last of each period, or
    the first (``dense_first``).  ``default`` stands where the file gives no window, ``fixed`` whatever it says."""

    period: int
    dense_first: bool = False
    default: int = 0
    fixed: int = 0


# llama.cpp, src/models/*.cpp of the pinned engine.  Other architectures attend to everything, also those
# whose files mention a window (Mistral 7B v0.1, Phi 3).
_WINDOW_RULES = {
    "afmoe": _WindowRule(4),
    "cohere2": _WindowRule(4),
    "cohere2moe": _WindowRule(4, dense_first=True),
    "exaone-moe": _WindowRule(4, default=128),
    "exaone4": _WindowRule(4, default=4096),
    "gemma-embedding": _WindowRule(6),
    "gemma2": _WindowRule(2, default=4096),
    "gemma3": _WindowRule(6),
    "gemma3n": _WindowRule(5),
    "gemma4": _WindowRule(6),
    "gpt-oss": _WindowRule(2),
    "laguna": _WindowRule(4, dense_first=True),
    "llama4": _WindowRule(4, fixed=8192),
    "mellum": _WindowRule(4),
    "muse-glimmer": _WindowRule(4),
    "olmo2": _WindowRule(4),
    "plamo3": _WindowRule(8),
    "smallthinker": _WindowRule(4, dense_first=True, fixed=4096),
}

# Caches of a kind that is not modelled here; counted as plain attention, which is too much, not too little.
_OTHER_CACHES = {"deepseek32", "deepseek4", "glm-dsa", "glm5-next", "hy-v4", "dots3note", "minimax-m3"}


class _Keys:
    """The metadata of one architecture, with every number at least 0."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.architecture = header.architecture or ""

    def number(self, key: str, default: int = 0) -> int:
        value = self.header.integer(f"{self.architecture}.{key}")
        return default if value is None else max(0, value)

    def has(self, key: str) -> bool:
        return f"{self.architecture}.{key}" in self.header.metadata

    def per_layer(self, key: str, n_layer: int, default: int = 0) -> list[int]:
        """One number for all layers, or one each; layers beyond a short list have the default."""
        value = self.header.metadata.get(f"{self.architecture}.{key}")
        if isinstance(value, Array) and value.values is not None:
            numbers = [max(0, int(number)) for number in value.values if number == number and abs(number) < 1 << 63]
            return (numbers + [default] * n_layer)[:n_layer]
        return [self.number(key, default)] * n_layer


def shape_of(header: Header) -> Shape:
    """Never raises: what the file leaves out counts as 0 and is said in ``notes``."""
    keys = _Keys(header)
    n_layer = keys.number("block_count")
    heads = keys.per_layer("attention.head_count", n_layer)
    n_embd, n_head = keys.number("embedding_length"), max(heads, default=0)
    head_default = n_embd // n_head if n_head else 0
    window, caches = _caches(keys, n_layer, heads, head_default)
    tokens = header.count("tokenizer.ggml.tokens")
    n_ff = max(keys.per_layer("feed_forward_length", n_layer), default=0)
    return Shape(
        architecture=keys.architecture,
        n_embd=n_embd,
        n_head=n_head,
        head_k=keys.number("attention.key_length", head_default),
        n_ff=n_ff,
        n_expert=keys.number("expert_count"),
        n_expert_used=keys.number("expert_used_count"),
        n_ff_expert=keys.number("expert_feed_forward_length", n_ff),
        n_vocab=tokens or keys.number("vocab_size"),
        n_merges=header.count("tokenizer.ggml.merges"),
        n_ctx_train=keys.number("context_length"),
        window=window,
        mla=keys.has("attention.key_length_mla"),
        caches=caches,
        notes=_notes(keys, n_layer),
    )


def _caches(keys: _Keys, n_layer: int, heads: list[int], head_default: int) -> tuple[int, tuple[LayerCache, ...]]:
    heads_kv = keys.per_layer("attention.head_count_kv", n_layer)
    if not keys.has("attention.head_count_kv"):
        heads_kv = heads
    head_k, head_v = (keys.number(f"attention.{part}_length", head_default) for part in ("key", "value"))
    head_k_window = keys.number("attention.key_length_swa", head_k)
    head_v_window = keys.number("attention.value_length_swa", head_v)
    mla = keys.has("attention.key_length_mla")
    window, windowed = _windows(keys, n_layer)
    recurrent = _recurrent(keys, n_layer, heads_kv)
    with_kv = _layers_with_kv(keys, n_layer)
    caches = []
    for layer in range(n_layer):
        k_length, v_length = (head_k_window, head_v_window) if windowed[layer] else (head_k, head_v)
        if layer >= with_kv:
            caches.append(LayerCache(0, 0))
        elif recurrent[layer]:
            caches.append(LayerCache(0, 0, state_bytes=_state_bytes(keys)))
        else:
            # Latent attention (MLA) keeps one compressed row per token and no V.
            v_elements = 0 if mla else heads_kv[layer] * v_length
            caches.append(LayerCache(heads_kv[layer] * k_length, v_elements, windowed[layer]))
    return window, tuple(caches)


def _windows(keys: _Keys, n_layer: int) -> tuple[int, list[bool]]:
    rule = _WINDOW_RULES.get(keys.architecture)
    dense = (0, [False] * n_layer)
    # EXAONE 4 has windows in its 32B model alone, which llama.cpp knows by its 64 layers.
    if rule is None or (keys.architecture == "exaone4" and n_layer != 64):
        return dense
    window = keys.number("attention.sliding_window", rule.default)
    if rule.fixed and (window or not keys.has("attention.sliding_window")):
        window = rule.fixed
    if not window:
        return dense
    key = "attention.sliding_window_pattern"
    if isinstance(keys.header.metadata.get(f"{keys.architecture}.{key}"), Array):
        return window, [bool(flag) for flag in keys.per_layer(key, n_layer)]
    period = keys.number(key, rule.period)
    if period == 0:
        return window, [True] * n_layer
    full = 0 if rule.dense_first else period - 1
    return window, [layer % period != full for layer in range(n_layer)]


def _layers_with_kv(keys: _Keys, n_layer: int) -> int:
    """The later layers of Gemma 3n and 4 use the cache of earlier ones; draft layers are not loaded."""
    if keys.architecture == "gemma3n":
        return min(n_layer, _GEMMA3N_LAYERS_WITH_KV)
    shared = keys.number("attention.shared_kv_layers") + keys.number("nextn_predict_layers")
    return max(0, n_layer - shared)


def _recurrent(keys: _Keys, n_layer: int, heads_kv: list[int]) -> list[bool]:
    if not _has_recurrent_layers(keys):
        return [False] * n_layer
    interval = keys.number("full_attention_interval")
    if interval:
        return [(layer + 1) % interval != 0 for layer in range(n_layer)]
    return [count == 0 for count in heads_kv]


def _has_recurrent_layers(keys: _Keys) -> bool:
    return any(keys.has(key) for key in ("ssm.state_size", "ssm.conv_kernel", "wkv.head_size", "shortconv.l_cache"))


def _state_bytes(keys: _Keys) -> int:
    """A Mamba-like layer's convolution and state rows in F32 (llama.cpp, n_embd_r and n_embd_s)."""
    inner, state = keys.number("ssm.inner_size"), keys.number("ssm.state_size")
    rows = max(0, keys.number("ssm.conv_kernel") - 1) * (inner + 2 * keys.number("ssm.group_count") * state)
    return 4 * (rows + state * inner)


def _notes(keys: _Keys, n_layer: int) -> tuple[str, ...]:
    notes = []
    if not n_layer or not keys.has("attention.head_count"):
        notes.append("The file does not say how many layers or heads it has: the estimate is incomplete")
    if _has_recurrent_layers(keys):
        notes.append("Part of this model is recurrent: the estimate of its memory is rough")
    if keys.architecture in _OTHER_CACHES:
        notes.append("This model's special attention cache is not modelled: the estimate may be too high")
    if keys.number("nextn_predict_layers"):
        notes.append("The file's draft layers are counted though they are not loaded")
    return tuple(notes)
