"""Reading JSON documents that ship with the program or that a user brings; every mistake is named by its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from workbench.errors import CatalogueError

MAX_DOCUMENT_BYTES = 8 << 20
MAX_MISTAKES_SHOWN = 5

T = TypeVar("T")

_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_MISSING = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_WORDS = {
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "string_type": "should be text",
    "bool_type": "should be true or false",
    "tuple_type": "should be a list",
    "dict_type": "should be an object",
    "dataclass_type": "should be an object",
    "date_type": "should be a date like 2026-11-23",
    "date_from_datetime_parsing": "should be a date like 2026-11-23",
    "date_parsing": "should be a date like 2026-11-23",
}


def read(adapter: TypeAdapter[T], data: bytes, name: str, *, known_keys: Iterable[str] = ()) -> T:
    """The document in ``data``, checked; ``name`` is what the user knows it by.

    ``known_keys`` are offered where an unknown key is near one of them.  Raises CatalogueError, which says for
    each of the first mistakes the entry, the field and what is wrong with it.
    """
    written = parsed(data, name)
    try:
        return adapter.validate_json(data.removeprefix(b"\xef\xbb\xbf"), context={})
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=False)
        shown = [f"{name}: {_mistake(mistake, written)}" for mistake in mistakes[:MAX_MISTAKES_SHOWN]]
        if len(mistakes) > MAX_MISTAKES_SHOWN:
            shown.append(f"and {len(mistakes) - MAX_MISTAKES_SHOWN} mistakes more.")
        raise CatalogueError("\n".join(shown), hint=_hint(mistakes, sorted(set(known_keys)))) from error


def read_file(path: Path) -> bytes:
    """A document's bytes, no more than ``read`` takes.  Raises CatalogueError where the file cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise CatalogueError(
            f"{path.name} cannot be read ({error.strerror}).", hint=f"Check the permissions of {path}."
        ) from error


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in ``data``.  Raises CatalogueError for anything else, and for a key that comes twice."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise CatalogueError(
            f"{name} has {len(data) / 1e6:,.0f} MB; a catalogue has a few hundred kilobytes.",
            hint="Check that this is the file you meant.",
        )
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise CatalogueError(f"{name} is not UTF-8 text.", hint="Save it as UTF-8.") from error
    except json.JSONDecodeError as error:
        raise CatalogueError(
            f"{name} is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}.",
            hint="A page of a website in its place? Check the address, or the file in an editor.",
        ) from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise CatalogueError(f"{name} cannot be read: {reason}.", hint="Correct the file.") from error
    if not isinstance(value, dict):
        raise CatalogueError(f"{name} holds no JSON object.", hint="Its first character has to be {.")
    return value


def written(value: dict[str, Any]) -> bytes:
    """The object as a document that people can read too."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _without_repeats(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {repeated[:80]!a} comes twice in one object")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def _mistake(mistake: Any, written: dict[str, Any]) -> str:
    loc = list(mistake["loc"])
    place, rest = _item(loc, written)
    field = " › ".join(f"no. {step + 1}" if isinstance(step, int) else step[:80] for step in rest)
    subject = ", ".join(part for part in (place, f"field “{field}”" if field else "") if part)
    kind = mistake["type"]
    if kind in _UNKNOWN:
        return f"{subject} is not known."
    if kind in _MISSING:
        return f"{subject} is missing."
    # A validator of ours says it in our words already; pydantic puts its own before them.
    words = _WORDS.get(kind) or mistake["msg"].removeprefix("Value error, ").replace("Input should", "should")
    given = mistake["input"]
    shown = f", not {json.dumps(given)[:60]}" if isinstance(given, str | int | float | bool) else ""
    return f"{subject}: {words}{shown}." if subject else f"{words}."


def _item(loc: list[Any], written: dict[str, Any]) -> tuple[str, list[Any]]:
    """Which entry a mistake is in, and where in it."""
    if len(loc) < 2 or loc[0] not in ("entries", "quality", "sources"):
        return "", loc
    if loc[0] == "sources":
        return f"source {loc[1][:80]!a}".replace("'", "“", 1).replace("'", "”", 1), loc[2:]
    item = written[loc[0]][loc[1]] if isinstance(loc[1], int) else None
    name = (
        next((item[key] for key in ("id", "title", "model") if isinstance(item.get(key), str)), None)
        if (isinstance(item, dict))
        else None
    )
    kind = "entry" if loc[0] == "entries" else "quality table"
    return (f"{kind} “{name[:80]}”" if name else f"{kind} no. {loc[1] + 1}"), loc[2:]


def _hint(mistakes: Sequence[Any], known_keys: Sequence[str]) -> str:
    for mistake in mistakes[:MAX_MISTAKES_SHOWN]:
        if mistake["type"] in _UNKNOWN:
            near = difflib.get_close_matches(str(mistake["loc"][-1]), known_keys, n=1)
            if near:
                return f"Did you mean “{near[0]}”?"
    return "Correct the file and add it again; nothing of it was taken over."
