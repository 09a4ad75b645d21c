"""Reading JSON documents that ship with the program or that a user brings; every mistake is named by its place."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from workbench.errors import CatalogueError
from workbench.words import listed, said

MAX_DOCUMENT_BYTES = 8 << 20
MAX_MISTAKES_SHOWN = 5

T = TypeVar("T")

_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
_MISSING = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})
_WORDS = {
    "int_type": said("should be a whole number"),
    "int_from_float": said("should be a whole number"),
    "float_type": said("should be a number"),
    "string_type": said("should be text"),
    "bool_type": said("should be true or false"),
    "tuple_type": said("should be a list"),
    "dict_type": said("should be an object"),
    "dataclass_type": said("should be an object"),
    "date_type": said("should be a date like 2026-11-23"),
    "date_from_datetime_parsing": said("should be a date like 2026-11-23"),
    "date_parsing": said("should be a date like 2026-11-23"),
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
        shown = [
            said("{file}: {mistake}", file=name, mistake=_mistake(mistake, written))
            for mistake in mistakes[:MAX_MISTAKES_SHOWN]
        ]
        if len(mistakes) > MAX_MISTAKES_SHOWN:
            shown.append(said("and {n} mistakes more.", n=len(mistakes) - MAX_MISTAKES_SHOWN))
        raise CatalogueError(listed(shown, "\n"), hint=_hint(mistakes, sorted(set(known_keys)))) from error


def read_file(path: Path) -> bytes:
    """A document's bytes, no more than ``read`` takes.  Raises CatalogueError where the file cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise CatalogueError(
            said("{file} cannot be read ({why}).", file=path.name, why=error.strerror),
            hint=said("Check the permissions of {path}.", path=path),
        ) from error


def parsed(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object in ``data``.  Raises CatalogueError for anything else, and for a key that comes twice."""
    if len(data) > MAX_DOCUMENT_BYTES:
        raise CatalogueError(
            said(
                "{name} has {size:,.0f} MB; a catalogue has a few hundred kilobytes.",
                name=name,
                size=len(data) / 1e6,
            ),
            hint=said("Check that this is the file you meant."),
        )
    try:
        value = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_without_repeats, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise CatalogueError(said("{file} is not UTF-8 text.", file=name), hint=said("Save it as UTF-8.")) from error
    except json.JSONDecodeError as error:
        raise CatalogueError(
            said(
                "{name} is not valid JSON: line {lineno}, column {colno}: {msg}.",
                name=name,
                lineno=error.lineno,
                colno=error.colno,
                msg=error.msg,
            ),
            hint=said("A page of a website in its place? Check the address, or the file in an editor."),
        ) from error
    except (ValueError, RecursionError) as error:
        reason = said("it is nested too deeply") if isinstance(error, RecursionError) else error
        raise CatalogueError(
            said("{file} cannot be read: {why}.", file=name, why=reason), hint=said("Correct the file.")
        ) from error
    if not isinstance(value, dict):
        raise CatalogueError(
            said("{name} holds no JSON object.", name=name), hint=said("Its first character has to be {.")
        )
    return value


def written(value: dict[str, Any]) -> bytes:
    """The object as a document that people can read too."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _without_repeats(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(said("the key {key!a} comes twice in one object", key=repeated[:80]))
    return found


def _no_constant(name: str) -> object:
    raise ValueError(said("{name} is no number of JSON", name=name))


def _mistake(mistake: Any, written: dict[str, Any]) -> str:
    loc = list(mistake["loc"])
    place, rest = _item(loc, written)
    field = " › ".join(f"no. {step + 1}" if isinstance(step, int) else step[:80] for step in rest)
    subject = listed(part for part in (place, said("field “{field}”", field=field) if field else "") if part)
    kind = mistake["type"]
    if kind in _UNKNOWN:
        return said("{subject} is not known.", subject=subject)
    if kind in _MISSING:
        return said("{what} is missing.", what=subject)
    # A validator of ours says it in our words already; pydantic puts its own before them.
    words = _WORDS.get(kind) or mistake["msg"].removeprefix("Value error, ").replace("Input should", "should")
    given = mistake["input"]
    if subject and isinstance(given, str | int | float | bool):
        return said("{subject}: {what}, not {given}.", subject=subject, what=words, given=json.dumps(given)[:60])
    return said("{subject}: {what}.", subject=subject, what=words) if subject else said("{what}.", what=words)


def _item(loc: list[Any], written: dict[str, Any]) -> tuple[str, list[Any]]:
    """Which entry a mistake is in, and where in it."""
    if len(loc) < 2 or loc[0] not in ("entries", "quality", "sources"):
        return "", loc
    if loc[0] == "sources":
        return said("source “{name}”", name=ascii(loc[1][:80])[1:-1]), loc[2:]
    item = written[loc[0]][loc[1]] if isinstance(loc[1], int) else None
    name = (
        next((item[key] for key in ("id", "title", "model") if isinstance(item.get(key), str)), None)
        if (isinstance(item, dict))
        else None
    )
    kind = said("entry") if loc[0] == "entries" else said("quality table")
    if name:
        return said("{kind} “{name}”", kind=kind, name=name[:80]), loc[2:]
    return said("{kind} no. {number}", kind=kind, number=loc[1] + 1), loc[2:]


def _hint(mistakes: Sequence[Any], known_keys: Sequence[str]) -> str:
    for mistake in mistakes[:MAX_MISTAKES_SHOWN]:
        if mistake["type"] in _UNKNOWN:
            near = difflib.get_close_matches(str(mistake["loc"][-1]), known_keys, n=1)
            if near:
                return said("Did you mean “{near}”?", near=near[0])
    return said("Correct the file and add it again; nothing of it was taken over.")
