"""The sampling that a model's publisher recommends, and who says so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from workbench.engine.base import Sampling
from workbench.models.header import Header
from workbench.words import said

# What changes nothing: a publisher who gives one value has said nothing about the others.
NEUTRAL = Sampling(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repetition_penalty=1.0)

IN_FILE = "file"

_PREFIX = "general.sampling."

Number: TypeAlias = float | int


@dataclass(frozen=True, slots=True)
class _Field:
    """A value of ours, and what the publisher's must be to be one."""

    name: str
    least: float
    most: float
    whole: bool = False


# gguf.constants.Keys.General.SAMPLING_* of the pinned engine.
_FIELDS = {
    "temp": _Field("temperature", 0, 10),
    "top_k": _Field("top_k", 0, 1 << 20, whole=True),
    "top_p": _Field("top_p", 0, 1),
    "min_p": _Field("min_p", 0, 1),
    "penalty_repeat": _Field("repetition_penalty", 0.01, 10),
    "penalty_last_n": _Field("repeat_last_n", 0, 1 << 20, whole=True),
}
# The values of these that ask for nothing.
_OTHERS = {"sequence": (), "xtc_probability": (0.0,), "xtc_threshold": None, "mirostat": (0,)}
_WITH_MIROSTAT = ("mirostat_tau", "mirostat_eta")


@dataclass(frozen=True, slots=True)
class Recommendation:
    """``sampling`` with neutral values where the publisher gives none; ``stated`` names those it gives.

    ``source`` is ``file``, or whatever the caller knows.  ``unheeded`` says in plain words what is asked for
    and not done.
    """

    sampling: Sampling
    source: str
    stated: tuple[str, ...]
    unheeded: tuple[str, ...] = ()


def in_header(header: Header) -> Recommendation | None:
    """What the file's own ``general.sampling.*`` keys say; None where they say nothing that can be used."""
    found = {key.removeprefix(_PREFIX): value for key, value in header.metadata.items() if key.startswith(_PREFIX)}
    values: dict[str, Number] = {}
    unheeded: list[str] = []
    for key, value in found.items():
        known = _FIELDS.get(key)
        number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        if known is None:
            if key in _WITH_MIROSTAT or (number is not None and number in (_OTHERS.get(key) or ())):
                continue
            unheeded.append(f"{key} {value}" if isinstance(value, (int, float, str)) else key)
        elif number is None or not _can_be(known, number):
            unheeded.append(said("{key} is not a value that it can have", key=key))
        else:
            values[known.name] = round(number) if known.whole else _as_written(number)
    if not values:
        return None
    return Recommendation(_sampling(values), IN_FILE, tuple(values), tuple(unheeded))


def stated(
    source: str,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    repetition_penalty: float | None = None,
) -> Recommendation | None:
    """What somebody else knows, a catalogue for instance; ``source`` says who, in words for the user."""
    given: dict[str, Number | None] = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
    }
    values = {name: value for name, value in given.items() if value is not None}
    return Recommendation(_sampling(values), source, tuple(values)) if values else None


def recommended(header: Header, known: Recommendation | None = None) -> Recommendation | None:
    """The file's own word, for it belongs to these very weights; else what is ``known`` of the model."""
    return in_header(header) or known


def _can_be(field: _Field, number: Number) -> bool:
    return math.isfinite(number) and field.least <= number <= field.most and (not field.whole or number == int(number))


def _as_written(number: Number) -> float:
    """GGUF keeps 32 bits: 0.7 would come back as 0.699999988."""
    return float(f"{number:.7g}")


def _sampling(values: dict[str, Number]) -> Sampling:
    return Sampling(
        temperature=values.get("temperature", NEUTRAL.temperature),
        top_k=int(values.get("top_k", NEUTRAL.top_k)),
        top_p=values.get("top_p", NEUTRAL.top_p),
        min_p=values.get("min_p", NEUTRAL.min_p),
        repetition_penalty=values.get("repetition_penalty", NEUTRAL.repetition_penalty),
        repeat_last_n=int(values.get("repeat_last_n", NEUTRAL.repeat_last_n)),
    )
