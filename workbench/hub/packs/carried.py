"""Which settings a pack may carry: those that shape answers, none that names a place, a person or a machine."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

from workbench.errors import PackError
from workbench.models.cursor import quoted
from workbench.words import said

NAMES = frozenset(
    {
        "context",
        "max_tokens",
        "min_p",
        "repetition_penalty",
        "run_mode",
        "temperature",
        "text_scale",
        "theme",
        "top_k",
        "top_p",
    }
)
_WORD = re.compile(r"[a-z_]{1,40}")


def written(settings: Mapping[str, object]) -> bytes:
    """Those of the settings that may go along, as settings.json; empty where none does."""
    kept = {name: value for name, value in sorted(settings.items()) if name in NAMES and value is not None}
    for name, value in kept.items():
        _check(name, value)
    return (json.dumps(kept, indent=2) + "\n").encode() if kept else b""


def read(data: bytes) -> dict[str, object]:
    """The settings of a pack.  Raises PackError for one that may not be in it, or cannot be."""
    try:
        settings = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PackError(said("The settings in the pack are not JSON."), hint=_ASK) from error
    if not isinstance(settings, dict):
        raise PackError(said("The settings in the pack are no list of names and values."), hint=_ASK)
    for name, value in settings.items():
        if name not in NAMES:
            raise PackError(
                said("The pack carries the setting {name}, which no pack may change.", name=quoted(name)), hint=_ASK
            )
        _check(name, value)
    return settings


def _check(name: str, value: object) -> None:
    number = isinstance(value, int | float) and math.isfinite(value)
    if not (number or (isinstance(value, str) and _WORD.fullmatch(value))):
        raise PackError(said("The setting {name} in the pack has a value that it cannot have.", name=name), hint=_ASK)


_ASK = said("Nothing was installed. Ask the sender of the pack for a new one, or for one without settings.")
