"""How large the weights are and where llama.cpp puts them, from the tensor list: exact to the byte."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.models.architectures import ALWAYS_TWICE
from workbench.models.ggml_types import TENSOR_TYPES
from workbench.models.header import Header, Tensor
from workbench.models.shape import Shape

_LAYER_NAME = re.compile(r"blk\.(\d{1,4})\.")
# The tensors that "keep experts in main memory" means (llama.cpp, --n-cpu-moe).
_EXPERTS = re.compile(r"\.ffn_(?:up|down|gate|gate_up)_(?:ch|)exps")
# What multiplies the last layer's rows, under the names of llm_tensor_names.
_OUTPUT_NAMES = ("output", "dense_2.", "dense_3.", "cls.")
_ROWS_TOGETHER = 8  # a repacked tensor's rows are interleaved by eight

# Processor features under which a build of llama.cpp keeps weights of these types in an order of its own
# (ggml-cpu/repack.cpp, amx.cpp).
_REARRANGED_X86 = {"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}
_REARRANGED_ARM = {"Q4_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4", "Q8_0", "Q1_0"}
_REARRANGED_AMX = {"Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS", "F16"}
REARRANGED_USUALLY = frozenset(_REARRANGED_X86)


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the weights by where llama.cpp puts them: the input side always in RAM, the output side
    with the last layers.

    ``tied_bytes`` are the embeddings that also serve as output (in ``input_bytes`` already), of which a GPU needs
    its own copy, and the processor one where it rearranges ``tied_type``.  ``listed_twice_bytes`` are those of
    which llama.cpp keeps two copies anyway.  ``expert_bytes`` are the experts' part of ``layer_bytes``, and
    ``largest_bytes`` each layer's largest tensor.  Draft layers are not loaded and count 0.
    """

    input_bytes: int
    layer_bytes: tuple[int, ...]
    output_bytes: int
    tied_bytes: int
    tied_type: str = ""
    listed_twice_bytes: int = 0
    expert_bytes: tuple[int, ...] = ()
    largest_bytes: tuple[int, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Each tensor once."""
        return self.input_bytes + sum(self.layer_bytes) + self.output_bytes

    def again_bytes(self, rearranged: frozenset[str]) -> int:
        """What a processor that computes the output needs of tied embeddings a second time."""
        return self.tied_bytes if self.tied_type in rearranged else self.listed_twice_bytes


def weights_of(header: Header, shape: Shape) -> Weights:
    """From the tensor list, as llama_model_loader::create_tensor places them."""
    loaded = shape.n_layer - shape.n_draft
    layers, experts, largest = ([0] * shape.n_layer for _ in range(3))
    input_bytes = output_bytes = 0
    embedding: Tensor | None = None
    tied = True
    for tensor in header.tensors:
        match = _LAYER_NAME.match(tensor.name)
        if match and int(match[1]) < shape.n_layer:
            layer = int(match[1])
            if layer < loaded:
                layers[layer] += tensor.size_bytes
                if len(tensor.shape) > 1:  # what is multiplied with, not norms and biases
                    largest[layer] = max(largest[layer], tensor.size_bytes)
                experts[layer] += tensor.size_bytes if _EXPERTS.search(tensor.name) else 0
        elif tensor.name.startswith(_OUTPUT_NAMES):
            output_bytes += tensor.size_bytes
            tied = tied and tensor.name != "output.weight"
        else:
            input_bytes += tensor.size_bytes
            embedding = tensor if tensor.name == "token_embd.weight" else embedding
    tied_bytes = embedding.size_bytes if tied and embedding is not None else 0
    return Weights(
        input_bytes,
        tuple(layers),
        output_bytes,
        tied_bytes,
        _rearrangeable(embedding) if tied_bytes and embedding is not None else "",
        tied_bytes if shape.architecture in ALWAYS_TWICE else 0,
        tuple(experts),
        tuple(largest),
    )


def rearranged_types(machine: str, cpu_features: tuple[str, ...] | None) -> frozenset[str]:
    """The types a build for this processor rearranges; ``cpu_features`` is None where no build was asked."""
    arm = machine.lower().startswith(("arm", "aarch"))
    if cpu_features is None:
        return frozenset(_REARRANGED_ARM if arm else _REARRANGED_X86)
    features = set(cpu_features)
    types: set[str] = set()
    if "REPACK" in features:
        types |= _REARRANGED_ARM if arm else _REARRANGED_X86
        types |= {"Q2_K"} if "AVX512" in features else set()
    if "AMX_INT8" in features:
        types |= _REARRANGED_AMX
    return frozenset(types)


def _rearrangeable(tensor: Tensor) -> str:
    rows = tensor.shape[1] if len(tensor.shape) > 1 else 0
    return TENSOR_TYPES[tensor.type_id].name if rows and rows % _ROWS_TOGETHER == 0 else ""
