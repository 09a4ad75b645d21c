"""The quantisations that llama.cpp makes, by the names people use."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import QuantiseError
from workbench.models.ggml_types import BY_NAME, FILE_TYPES
from workbench.models.quality import bits_by_quantisation
from workbench.words import said

ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}

# llama-quant.cpp, llama_ftype_get_default_type of the pinned engine, where the tensor type's name is not the name
# itself; a type that is not a tensor type, and not here, cannot be made by it (NVFP4).
_BASE = {
    "Q2_K_S": "Q2_K",
    "Q3_K_S": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_L": "Q3_K",
    "Q4_K_S": "Q4_K",
    "Q4_K_M": "Q4_K",
    "Q5_K_S": "Q5_K",
    "Q5_K_M": "Q5_K",
    "IQ2_S": "IQ2_XS",
    "IQ2_M": "IQ2_S",
    "IQ3_XS": "IQ3_S",
    "IQ3_M": "IQ3_S",
    "MXFP4_MOE": "MXFP4",
}
_NOT_MADE = ("NVFP4",)

# Those whose main tensor type llama-quant.cpp refuses without an importance matrix; a dry run tells of the rest.
_NEEDS_IMPORTANCE = {"Q2_K_S", "IQ3_XXS", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_M", "IQ1_S"}


@dataclass(frozen=True, slots=True)
class Quantisation:
    """``number`` is llama.cpp's file type; ``bits_per_weight`` that of a published 8B file (``measured``), else that
    of the type most tensors get."""

    name: str
    number: int
    bits_per_weight: float
    measured: bool
    needs_importance: bool


def quantisations() -> tuple[Quantisation, ...]:
    """All that can be made, the most bits first."""
    made = [_quantisation(number, name) for number, name in FILE_TYPES.items() if name not in _NOT_MADE]
    return tuple(sorted(made, key=lambda one: (-one.bits_per_weight, one.name)))


def quantisation(name: str) -> Quantisation:
    """By its name, in any case; Q4_K means Q4_K_M.  Raises QuantiseError for one that llama.cpp does not make."""
    wanted = ALIASES.get(name.upper(), name.upper())
    for one in quantisations():
        if one.name == wanted:
            return one
    raise QuantiseError(
        said("llama.cpp makes no quantisation {name!r}.", name=name),
        hint=said("`workbench quantize --types` lists those it makes."),
    )


def _quantisation(number: int, name: str) -> Quantisation:
    measured = bits_by_quantisation().get(name)
    kind = BY_NAME[_BASE.get(name, name).lower()]
    nominal = 8 * kind.block_bytes / kind.block_elements
    return Quantisation(name, number, measured or nominal, measured is not None, name in _NEEDS_IMPORTANCE)
