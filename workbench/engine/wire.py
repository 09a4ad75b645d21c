"""Requests and events as JSON: the dataclasses of the engine's protocol, and nothing else."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.engine import base, recorded
from workbench.models import exact, file, header, params, receipt
from workbench.words import Said, packed, unpacked

# The key of a JSON object that names a kind; no dataclass has a field of this name.
KIND = ""

_PATH, _MAPPING, _SAID = "path", "mapping", "said"


def _known() -> dict[str, type]:
    found = [kind for room in (base, recorded, exact, file, header, params, receipt) for kind in vars(room).values()]
    return {
        kind.__name__: kind
        for kind in found
        if isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, enum.Enum))
    }


KINDS = _known()


class WireError(Exception):
    """What came over the pipe is not of the protocol."""


def dumps(value: object) -> bytes:
    """One line.  Raises TypeError for what the protocol does not know: a mistake of ours."""
    return json.dumps(_plain(value), separators=(",", ":")).encode()


def loads(line: bytes) -> Any:
    """What ``dumps`` was given; sequences come back as tuples.  Only kinds of the protocol are ever made.

    Raises WireError.
    """
    try:
        return _value(json.loads(line))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise WireError(f"unreadable: {line[:80]!r}") from error


def _plain(value: object) -> object:
    if isinstance(value, enum.Enum):  # before str: some are texts too
        return {KIND: _name(value), "value": value.value}
    if isinstance(value, Said):
        return {KIND: _SAID, "value": packed(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
        return {KIND: _name(value), **fields}
    if isinstance(value, Path):
        return {KIND: _PATH, "value": str(value)}
    if isinstance(value, Mapping):
        return {KIND: _MAPPING, "value": [[key, _plain(one)] for key, one in value.items()]}
    raise TypeError(f"{type(value).__name__} is not of the protocol")


def _name(value: object) -> str:
    name = type(value).__name__
    if KINDS.get(name) is not type(value):
        raise TypeError(f"{name} is not of the protocol")
    return name


def _value(plain: object) -> object:
    if isinstance(plain, list):
        return tuple(_value(one) for one in plain)
    if not isinstance(plain, dict):
        return plain
    kind = plain.pop(KIND)
    if kind == _PATH:
        return Path(plain["value"])
    if kind == _SAID:
        return unpacked(plain["value"])
    if kind == _MAPPING:
        return {key: _value(one) for key, one in plain["value"]}
    made = KINDS[kind]
    if issubclass(made, enum.Enum):
        return made(plain["value"])
    return made(**{name: _value(one) for name, one in plain.items()})
