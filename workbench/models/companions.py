"""Which files accompany a model and cannot answer by themselves, told by their metadata and tensors."""

from __future__ import annotations

import re

from workbench.models.header import Header
from workbench.words import said

# general.type, as llama.cpp's own converters and tools write it.
_BY_TYPE = {
    "adapter": said("an adapter"),
    "mmproj": said("an image projector"),
    "projector": said("an image projector"),
    "imatrix": said("an importance matrix"),
    "vocab": said("a vocabulary"),
}
# general.architecture; the draft models read another model's hidden states, so they run beside it only.
_BY_ARCHITECTURE = {
    "controlvector": said("a control vector"),
    "imatrix": said("an importance matrix"),
    "eagle3": said("a draft model"),
    "dflash": said("a draft model"),
    "gemma4-assistant": said("a draft model"),
    "wavtokenizer-dec": said("a voice decoder"),
}
PROJECTORS_ARE_USED = False
"""Whether this version loads a projector beside its model: prompts are text, without pictures and sound."""

# Of a file or a download that lacks layers, or the way in.
INCOMPLETE = said("an incomplete model")

_LAYER = re.compile(r"(?:^|\.)blk\.(\d+)\.")
_INPUT = "token_embd.weight"
# Some of its layers are empty by design.
_WITH_EMPTY_LAYERS = frozenset({"deci"})


def companion_of(header: Header) -> str | None:
    """What the file is in plain words ("an image projector"), None for a model that answers or embeds by itself.

    The file's name is never asked.  Of one part of a split model only the metadata are judged; ``joined`` headers
    are judged like any other.
    """
    kind = (header.text("general.type") or "model").lower()
    if kind == "adapter" or header.text("adapter.type"):
        return said("a LoRA adapter") if header.text("adapter.type") in (None, "lora") else said("an adapter")
    if header.architecture == "clip" or kind in ("mmproj", "projector"):
        return _projector(header)
    by_metadata = _BY_TYPE.get(kind) or _BY_ARCHITECTURE.get(header.architecture or "")
    if by_metadata is not None or (header.integer("split.count") or 1) > 1:
        return by_metadata
    return _by_tensors(header)


def _projector(header: Header) -> str:
    if not header.flag("clip.has_audio_encoder"):
        return said("an image projector")
    return (
        said("an image and audio projector") if header.flag("clip.has_vision_encoder") else said("an audio projector")
    )


def _by_tensors(header: Header) -> str | None:
    if not header.tensors:
        has_words = header.count("tokenizer.ggml.tokens") or header.text("tokenizer.ggml.model")
        return said("a vocabulary") if has_words else said("a header without weights")
    names = [tensor.name for tensor in header.tensors]
    if all(".nextn." in f".{name}" for name in names):
        return said("multi-token-prediction weights")
    layer_count = header.integer(f"{header.architecture}.block_count") or 0
    extra = header.integer(f"{header.architecture}.nextn_predict_layers") or 0
    needed = set(range(layer_count - extra if 0 <= extra < layer_count else layer_count))
    present = {int(found[1]) for name in names if (found := _LAYER.search(name))}
    if extra and present and not present & needed:
        return said("multi-token-prediction weights")
    # Other programs' models have layers and inputs of other names: not a matter of parts.
    if not needed or not (present or _INPUT in names) or header.architecture in _WITH_EMPTY_LAYERS:
        return None
    return None if needed <= present and _INPUT in names else INCOMPLETE
