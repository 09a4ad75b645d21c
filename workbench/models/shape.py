"""The numbers of a model that decide how much memory it takes, read from its metadata and tensor list."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models import architectures as known
from workbench.models.blocks import essential
from workbench.models.header import Header
from workbench.models.keys import Keys
from workbench.models.layers import LayerCache, Layers
from workbench.models.recurrent import recurrence_of
from workbench.models.sketch import Sketch
from workbench.models.windows import windows_of
from workbench.words import said

__all__ = ["LayerCache", "Shape", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes in elements; ``window`` in tokens, 0 without one.

    ``caches`` has one entry for each layer, draft layers (``n_draft``, the last ones; they are not loaded)
    included.  ``sketch`` is what the work area follows from.  ``confident`` is False where the memory of the
    architecture is not modelled; ``notes`` say in plain words what is not exact.
    """

    architecture: str
    n_embd: int
    n_head: int
    n_vocab: int
    n_merges: int
    n_ctx_train: int
    window: int
    caches: tuple[LayerCache, ...]
    sketch: Sketch
    notes: tuple[str, ...]
    n_draft: int = 0
    confident: bool = True

    @property
    def n_layer(self) -> int:
        return len(self.caches)


def shape_of(header: Header) -> Shape:
    """Never raises: what the file leaves out counts as 0 and is said in ``notes``."""
    keys = Keys(header)
    n_layer = keys.number("block_count")
    n_draft = min(keys.number("nextn_predict_layers"), n_layer)
    window, windowed = windows_of(keys, n_layer - n_draft)
    layers = Layers(keys, n_layer - n_draft, windowed)
    n_vocab = header.count("tokenizer.ggml.tokens") or keys.number("vocab_size")
    return Shape(
        architecture=keys.architecture,
        n_embd=keys.number("embedding_length"),
        n_head=max(layers.heads, default=0),
        n_vocab=n_vocab,
        n_merges=header.count("tokenizer.ggml.merges"),
        n_ctx_train=keys.number("context_length"),
        window=window,
        caches=(*layers.caches(), *[LayerCache(0, 0)] * n_draft),
        sketch=_sketch(keys, layers, n_vocab, has_window=window > 0),
        notes=_notes(keys, n_layer),
        n_draft=n_draft,
        confident=keys.architecture in known.KNOWN - known.OTHER_CACHES,
    )


def _sketch(keys: Keys, layers: Layers, n_vocab: int, *, has_window: bool) -> Sketch:
    architecture = keys.architecture
    blocks = tuple(layers.blocks())
    rope = keys.number("rope.dimension_count")
    plain, windowed = layers.all_lengths
    recurrent = next((block for block in blocks if block.recurrent), None)
    return Sketch(
        n_embd=keys.number("embedding_length"),
        n_vocab=n_vocab,
        blocks=essential(blocks),
        n_layer=layers.n_layer,
        lengths=(plain, windowed),
        widest_v=max((block.v for block in blocks), default=0),
        scaled=architecture in known.SCALED_EMBEDDINGS or keys.real("embedding_scale") != 0.0,
        late_rows=_late_rows(architecture),
        capped_attention=keys.real("attn_logit_softcapping") != 0.0,
        capped_logits=keys.real("final_logit_softcapping") != 0.0,
        window_order=has_window,
        positions=4 if architecture in known.FOUR_POSITIONS else 1,
        per_layer=keys.number("embedding_length_per_layer_input"),
        normed_weights=_norms_experts(keys),
        scaled_weights=keys.real("expert_weights_scale") not in (0.0, 1.0),
        softmax_weights=architecture == "gpt-oss",
        normed_values=architecture == "gemma4",
        scaled_queries=architecture in known.SCALED_QUERIES,
        gated_attention=architecture in known.GATED_ATTENTION,
        residual_first=architecture in known.RESIDUAL_FIRST,
        norm_first=architecture in known.NORM_FIRST,
        latent=keys.number("attention.kv_lora_rank"),
        rope=rope,
        nope=max(0, keys.number("attention.key_length_mla", plain[0]) - rope),
        value=keys.number("attention.value_length_mla", plain[1]),
        turned=architecture not in known.WITHOUT_POSITIONS,
        recurrence=recurrence_of(keys, max(layers.heads, default=0), recurrent.traits) if recurrent else None,
        biased_output=any(tensor.name == "output_norm.bias" for tensor in keys.header.tensors),
    )


def _late_rows(architecture: str) -> str:
    if architecture in known.ROWS_BEFORE_NORM:
        return "raw"
    return "normed" if architecture in known.ROWS_AFTER_NORM else ""


def _norms_experts(keys: Keys) -> bool:
    if keys.architecture in known.EXPERTS_NORMED_BY_FILE:
        return keys.header.flag(f"{keys.architecture}.expert_weights_norm")
    return keys.architecture not in known.UNNORMED_EXPERTS


def _notes(keys: Keys, n_layer: int) -> tuple[str, ...]:
    notes = []
    if not n_layer or not keys.has("attention.head_count"):
        notes.append(said("The file does not say how many layers or heads it has: the estimate is incomplete"))
    if keys.architecture in known.OTHER_CACHES:
        notes.append(said("This model's special attention cache is not modelled: the estimate may be too high"))
    elif keys.architecture not in known.KNOWN:
        name = ascii(keys.architecture[:32]) if keys.architecture else "without a name"
        notes.append(said("The architecture {name} is not modelled: the estimate is rough", name=name))
    return tuple(notes)
