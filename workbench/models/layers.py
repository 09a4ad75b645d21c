"""A model's layers, one by one: what each keeps of a token, and what it computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from workbench.models import architectures as known
from workbench.models.blocks import Block, traits_of
from workbench.models.keys import Keys
from workbench.models.recurrent import State, recurrent_layers, state_of

_GEMMA3N_LAYERS_WITH_KV = 20
_MAX_EXPERTS = 1024  # LLAMA_MAX_EXPERTS of the pinned engine; one operation is drawn for each that is used


@dataclass(frozen=True, slots=True)
class LayerCache:
    """What one layer keeps of each token: elements of K and V, none where it shares another layer's.

    ``windowed`` layers keep a sliding window only.  ``state_bytes`` is a recurrent layer's state, of each
    sequence, the same for any context.
    """

    k_elements: int
    v_elements: int
    windowed: bool = False
    state_bytes: int = 0


class Layers:
    """The layers that are computed: ``n_layer`` without draft layers."""

    def __init__(self, keys: Keys, n_layer: int, windowed: list[bool]) -> None:
        self.keys = keys
        self.n_layer = n_layer
        self.windowed = windowed
        self.heads = keys.per_layer("attention.head_count", n_layer)
        self.heads_kv = keys.per_layer("attention.head_count_kv", n_layer)
        if not keys.has("attention.head_count_kv"):
            self.heads_kv = self.heads
        self.n_ff = keys.per_layer("feed_forward_length", n_layer)
        self.recurrent = recurrent_layers(keys, self.heads_kv, self.n_ff)
        self.state = state_of(keys, self.heads[0] if self.heads else 0) if any(self.recurrent) else State(0, 0)
        self.mla = keys.has("attention.key_length_mla")
        first = self.heads[0] if self.heads else 0
        default = keys.number("embedding_length") // first if first else 0
        k, v = (keys.number(f"attention.{part}_length", default) for part in ("key", "value"))
        self._lengths = {
            False: (k, v),
            True: (keys.number("attention.key_length_swa", k), keys.number("attention.value_length_swa", v)),
        }
        self._with_kv = self._layers_with_kv()

    def lengths(self, layer: int) -> tuple[int, int]:
        """A head's K and V, in elements."""
        return self._lengths[self.windowed[layer]]

    @property
    def all_lengths(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """A head's K and V, those of windows last."""
        return self._lengths[False], self._lengths[True]

    def attends(self, layer: int) -> bool:
        return not self.recurrent[layer] or self.keys.architecture in known.RECURRENT_AND_ATTENDING

    def caches(self) -> tuple[LayerCache, ...]:
        if self.keys.architecture in known.WITHOUT_CACHE:
            return (LayerCache(0, 0),) * self.n_layer
        return tuple(self._cache(layer) for layer in range(self.n_layer))

    def _cache(self, layer: int) -> LayerCache:
        state_bytes = self.state.size_bytes if self.recurrent[layer] else 0
        if layer >= self._with_kv or not self.attends(layer):
            return LayerCache(0, 0, state_bytes=state_bytes)
        k, v = self.lengths(layer)
        heads_kv = self.heads_kv[layer]
        # Latent attention (MLA) keeps one compressed row per token and no V.
        return LayerCache(heads_kv * k, 0 if self.mla else heads_kv * v, self.windowed[layer], state_bytes)

    def _layers_with_kv(self) -> int:
        """The later layers of Gemma 3n and 4 use the cache of earlier ones."""
        if self.keys.architecture == "gemma3n":
            return min(self.n_layer, _GEMMA3N_LAYERS_WITH_KV)
        return max(0, self.n_layer - self.keys.number("attention.shared_kv_layers"))

    def blocks(self) -> Iterator[Block]:
        traits = traits_of(self.keys.header, self.n_layer)
        for layer in range(self.n_layer):
            k, v = self.lengths(layer)
            heads, heads_kv = self.heads[layer], self.heads_kv[layer]
            block = Block(
                q=heads * k,
                k=heads_kv * k,
                v=heads_kv * v,
                out=heads * v,
                heads=heads,
                n_ff=self.n_ff[layer],
                windowed=self.windowed[layer],
                own_cache=layer < self._with_kv,
                attends=self.attends(layer),
                recurrent=self.recurrent[layer],
                traits=traits[layer],
                ranks=self._ranks(layer),
            )
            # A file without a tensor list is judged by its numbers alone.
            dense = layer < self.keys.number("leading_dense_block_count")
            has_experts = block.has("ffn_gate_inp") or (not self.keys.header.tensors and not dense)
            yield self._with_experts(block) if has_experts else block

    def _ranks(self, layer: int) -> tuple[tuple[str, int], ...]:
        if not self.keys.number("wkv.head_size"):
            return ()
        start = f"blk.{layer}.time_mix_"
        return tuple(
            (tensor.name[len(start) : -len(".weight")], tensor.shape[1])
            for tensor in self.keys.header.tensors
            if tensor.name.startswith(start) and tensor.name.endswith("1.weight") and len(tensor.shape) == 2
        )

    def _with_experts(self, block: Block) -> Block:
        keys, widest = self.keys, max(self.n_ff, default=0)
        if not (n_expert := keys.number("expert_count")):
            return block
        width = max(keys.per_layer("expert_feed_forward_length", 1, widest))
        shared = keys.number("expert_shared_feed_forward_length") or keys.number("expert_shared_count") * width
        return replace(
            block,
            n_expert=n_expert,
            n_used=min(max(keys.per_layer("expert_used_count", 1)), _MAX_EXPERTS),
            n_ff_expert=width,
            n_ff_shared=shared,
        )
