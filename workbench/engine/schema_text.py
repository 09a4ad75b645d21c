"""A JSON schema read and checked: which keywords it uses, and that each has the value it must have."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from workbench.errors import SchemaError
from workbench.words import said

Schema: TypeAlias = bool | dict[str, Any]

MAX_BYTES = 64 * 1024
MAX_NESTING = 64

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")

# What says nothing about which documents are valid.
_DESCRIBING = ("title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly")
_NAMED = ("$schema", "$id", "$comment", "$defs", "definitions", "contentEncoding", "contentMediaType")
ANNOTATIONS = frozenset((*_DESCRIBING, *_NAMED))

_COMPARING = ("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "uniqueItems")
_COUNTING = ("multipleOf", "contains", "minContains", "maxContains", "minProperties", "maxProperties")
_NAMING = ("patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "contentSchema")
_PLACING = ("$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary")
REFUSED = {
    **dict.fromkeys((*_COMPARING, *_COUNTING, *_NAMING), said("a grammar cannot express it")),
    **dict.fromkeys(_PLACING, said("only paths such as #/$defs/item are followed")),
    "additionalItems": said("it belongs to an older draft: write items beside prefixItems"),
    "nullable": said('it belongs to OpenAPI: write "type": [..., "null"]'),
}

_HINT = said("docs/structured-output.md lists what a schema may ask for.")


def unusable(where: str, reason: str) -> SchemaError:
    return SchemaError(
        said("The schema cannot be used: {where}: {reason}.", where=where or said("at its top"), reason=reason),
        hint=_HINT,
    )


def read(text: str) -> Schema:
    """The schema as a value; every keyword in it is one that has a meaning here.  Raises SchemaError."""
    if len(text.encode("utf-8", errors="replace")) > MAX_BYTES:
        raise unusable("", said("it is longer than {max_bytes} KiB", max_bytes=MAX_BYTES // 1024))
    try:
        schema = json.loads(text, object_pairs_hook=_members, parse_constant=_no_number)
        json.dumps(schema, ensure_ascii=False).encode()
    except RecursionError as error:
        raise unusable("", said("it is nested more than {max_nesting} deep", max_nesting=MAX_NESTING)) from error
    except ValueError as error:
        raise SchemaError(
            said("The schema is not JSON: {error}.", error=error), hint=said("Check its brackets, quotes and commas.")
        ) from error
    if not isinstance(schema, (bool, dict)):
        raise unusable("", said("a schema is an object, true or false"))
    check(schema, "", 0)
    return schema


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(said("a name occurs twice in one object"))
    return members


def _no_number(text: str) -> None:
    raise ValueError(said("{text} is not a number of JSON", text=text))


def check(schema: object, where: str, depth: int) -> None:
    """The keywords of this schema and of all below it."""
    if depth > MAX_NESTING:
        raise unusable(where, said("it is nested more than {max_nesting} deep", max_nesting=MAX_NESTING))
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise unusable(where, said("a schema is an object, true or false"))
    for keyword, value in schema.items():
        place = f"{where}/{keyword}"
        if keyword in REFUSED:
            raise unusable(
                place, said("{keyword} cannot be promised: {refused}", keyword=keyword, refused=REFUSED[keyword])
            )
        if keyword == "$id" and where:
            raise unusable(place, said("a schema inside another may not have an address of its own"))
        if keyword in _VALUES:
            _VALUES[keyword](value, place, depth + 1)
        elif keyword not in ANNOTATIONS:
            raise unusable(place, said("{keyword} is no keyword of JSON Schema 2020-12", keyword=keyword))


def _is(kind: type | tuple[type, ...], words: str) -> Callable[[Any, str, int], None]:
    def look(value: Any, where: str, _: int) -> None:
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise unusable(where, said("{words} is expected", words=words))

    return look


def _count(value: Any, where: str, _: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0 or value != int(value):
        raise unusable(where, said("a whole number from 0 on is expected"))


def _finite(value: Any, where: str, _: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e30:
        raise unusable(where, said("a number of at most thirty digits is expected"))


def _types(value: Any, where: str, _: int) -> None:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in TYPES for name in names):
        raise unusable(where, said("a type is one of {types}, or a list of them", types=", ".join(TYPES)))


def _names(value: Any, where: str, _: int) -> None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise unusable(where, said("a list of names is expected"))


def _values(value: Any, where: str, _: int) -> None:
    if not isinstance(value, list) or not value:
        raise unusable(where, said("a list of values is expected, and at least one"))


def _schemas(value: Any, where: str, depth: int) -> None:
    if not isinstance(value, list) or not value:
        raise unusable(where, said("a list of schemas is expected, and at least one"))
    for index, inner in enumerate(value):
        check(inner, f"{where}/{index}", depth)


def _named_schemas(value: Any, where: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise unusable(where, said("an object of schemas is expected"))
    for name, inner in value.items():
        check(inner, f"{where}/{name}", depth)


_VALUES: dict[str, Callable[[Any, str, int], None]] = {
    "type": _types,
    "enum": _values,
    "const": lambda *_: None,
    "$ref": _is(str, "a text"),
    **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), _schemas),
    **dict.fromkeys(("properties", "$defs", "definitions"), _named_schemas),
    **dict.fromkeys(("items", "additionalProperties"), check),
    "required": _names,
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _count),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _finite),
    **dict.fromkeys(("pattern", "format"), _is(str, "a text")),
}
