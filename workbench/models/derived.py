"""What is worked out of a header once and asked for often: its shape, its weights, what its tensors are for."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from workbench.models.header import Header
from workbench.models.placement import Subject
from workbench.models.shape import shape_of

_REMEMBERED = 256  # headers; each is kept alive meanwhile

# Tables of which a token reads one row, by the beginnings of their names (llama.cpp, llm_tensor_names).
_LOOKED_UP = ("token_embd.", "per_layer_token_embd.", "position_embd.", "token_types.")
_LAYER_NAME = re.compile(r"blk\.(\d{1,4})\.")
_EXPERTS = "exps."


@dataclass(frozen=True, slots=True)
class TensorUse:
    """What a decoded token reads of the weights.

    ``looked_up_bytes`` are tables of which one row is read, ``embedding_bytes`` those that are the output too
    (part of the looked-up ones).  ``expert_bytes`` are each layer's experts, of which each token uses
    ``expert_share``.  The elements are what is multiplied: of all layers, of their experts, and of the output.
    ``head_k`` is the size of an attention head.
    """

    looked_up_bytes: int
    embedding_bytes: int
    n_expert: int
    expert_share: float
    head_k: int
    expert_bytes: tuple[int, ...]
    layer_elements: int
    expert_elements: int
    output_elements: int


class _Identity:
    """A header as a key: its own object, so that looking it up compares nothing of it."""

    __slots__ = ("header",)

    def __init__(self, header: Header) -> None:
        self.header = header

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.header is self.header

    def __hash__(self) -> int:
        return id(self.header)


def subject_of(header: Header) -> Subject:
    """What is placed: shape and weights of the model."""
    return _subject(_Identity(header))


def tensor_use(header: Header) -> TensorUse:
    """Never raises; tensors of layers the model does not have are left out, as llama.cpp leaves them."""
    return _tensor_use(_Identity(header))


@functools.lru_cache(maxsize=_REMEMBERED)
def _subject(key: _Identity) -> Subject:
    return Subject.of(key.header, shape_of(key.header))


@functools.lru_cache(maxsize=_REMEMBERED)
def _tensor_use(key: _Identity) -> TensorUse:
    header, shape = key.header, _subject(key).shape
    experts = [0] * shape.n_layer
    loaded = shape.n_layer - _number(header, "nextn_predict_layers")
    n_expert, n_used = _number(header, "expert_count"), _number(header, "expert_used_count")
    looked_up = embedding = layer_elements = expert_elements = output_elements = embedding_elements = 0
    tied = True
    for tensor in header.tensors:
        layer = _LAYER_NAME.match(tensor.name)
        if layer is not None:
            if int(layer[1]) >= loaded:
                continue
            layer_elements += tensor.element_count
            if _EXPERTS in tensor.name:
                experts[int(layer[1])] += tensor.size_bytes
                expert_elements += tensor.element_count
        elif tensor.name == "output.weight":
            tied, output_elements = False, tensor.element_count
        elif tensor.name.startswith(_LOOKED_UP):
            looked_up += tensor.size_bytes
            if tensor.name == "token_embd.weight":
                embedding, embedding_elements = tensor.size_bytes, tensor.element_count
    return TensorUse(
        looked_up_bytes=looked_up,
        embedding_bytes=embedding if tied else 0,
        n_expert=n_expert,
        expert_share=min(1.0, n_used / n_expert) if n_expert else 1.0,
        head_k=_number(header, "attention.key_length") or shape.n_embd // max(1, shape.n_head),
        expert_bytes=tuple(experts),
        layer_elements=layer_elements,
        expert_elements=expert_elements,
        output_elements=output_elements or embedding_elements,
    )


def _number(header: Header, key: str) -> int:
    return max(0, header.integer(f"{header.architecture}.{key}") or 0)
