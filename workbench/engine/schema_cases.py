"""A schema taken apart into plain cases: references followed, allOf merged, anyOf and oneOf spread out."""

from __future__ import annotations

import json
from typing import Any, TypeAlias, cast

from workbench.engine.schema_text import ANNOTATIONS, TYPES, Schema, unusable
from workbench.words import said

# One way to be valid: keywords that all hold together, none of them a reference or a combination.
Case: TypeAlias = dict[str, Any]

MAX_CASES = 64
MAX_MERGES = 200  # references followed one in the other

_COMBINED = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
_HIGHER = {"minimum", "exclusiveMinimum", "minLength", "minItems"}
_LOWER = {"maximum", "exclusiveMaximum", "maxLength", "maxItems"}
OF_TYPE = {
    "string": {"minLength", "maxLength", "pattern", "format"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "prefixItems", "minItems", "maxItems"},
}


class Cases:
    """Takes apart the schemas of one document."""

    def __init__(self, document: Schema) -> None:
        self._document = document

    def of(self, schema: Schema, where: str, followed: tuple[str, ...] = ()) -> list[Case]:
        """None of them when nothing is valid.  Raises SchemaError."""
        if isinstance(schema, bool):
            return [{}] if schema else []
        cases = [_plain(schema)]
        if "$ref" in schema:
            reference = schema["$ref"]
            if reference in followed or len(followed) > MAX_MERGES:
                raise unusable(
                    where, said("{reference} leads back to itself without a value in between", reference=reference)
                )
            cases = _both(cases, self.of(self.target(reference, where), reference, (*followed, reference)), where)
        for index, inner in enumerate(schema.get("allOf", [])):
            cases = _both(cases, self.of(inner, f"{where}/allOf/{index}", followed), where)
        if "anyOf" in schema:
            options = [case for inner in schema["anyOf"] for case in self.of(inner, f"{where}/anyOf", followed)]
            cases = _both(cases, options, where)
        if "oneOf" in schema:
            cases = _both(cases, self._one_of(schema["oneOf"], f"{where}/oneOf", followed), where)
        return cases

    def target(self, reference: str, where: str) -> Schema:
        """What a reference within the document points at (RFC 6901)."""
        if not reference.startswith("#"):
            raise unusable(
                where, said("{reference} lies outside the schema, and nothing is fetched for it", reference=reference)
            )
        if "%" in reference or (reference != "#" and not reference.startswith("#/")):
            raise unusable(
                where, said("only paths such as #/$defs/item are followed, not {reference}", reference=reference)
            )
        found: Any = self._document
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            elif isinstance(found, dict) and key in found:
                found = found[key]
            else:
                raise unusable(where, said("{reference} points at nothing", reference=reference))
        if not isinstance(found, (bool, dict)):
            raise unusable(where, said("{reference} points at no schema", reference=reference))
        return found

    def _one_of(self, options: list[Schema], where: str, followed: tuple[str, ...]) -> list[Case]:
        """As anyOf, where no document can be valid for two of them."""
        apart = [self.of(option, where, followed) for option in options]
        for index, left in enumerate(apart):
            for right in apart[index + 1 :]:
                if not all(self._disjoint(a, b, where, 0) for a in left for b in right):
                    raise unusable(
                        where, said("two of the schemas may hold together; write anyOf, or set them apart by a const")
                    )
        return [case for cases in apart for case in cases]

    def _disjoint(self, left: Case, right: Case, where: str, depth: int) -> bool:
        """Whether it is plain that no value is valid for both."""
        if "enum" in left and "enum" in right:
            return not {same(value) for value in left["enum"]} & {same(value) for value in right["enum"]}
        shared = set(types_of(left)) & set(types_of(right))
        if "integer" in types_of(left) + types_of(right) and "number" in types_of(left) + types_of(right):
            shared.add("number")
        if not shared:
            return True
        if shared != {"object"} or depth > 3:
            return False
        told = set(left.get("required", [])) & set(right.get("required", []))
        for name in told & set(left.get("properties", {})) & set(right.get("properties", {})):
            ours, theirs = (self.of(case["properties"][name], where) for case in (left, right))
            if all(self._disjoint(a, b, where, depth + 1) for a in ours for b in theirs):
                return True
        return False


def types_of(case: Case) -> list[str]:
    """The types a value of this case may have; without a word about it, those that its keywords speak of."""
    if "enum" in case:
        return [kind for kind in TYPES if any(kind == type_of(value) for value in case["enum"])]
    return cast(list[str], case.get("type", list(TYPES)))


def type_of(value: object) -> str:
    """A whole number is an integer however it is written."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if value == int(value) else "number"
    kinds: tuple[tuple[type, str], ...] = ((str, "string"), (list, "array"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "null")


def same(value: object) -> str:
    """Equal for values that JSON Schema holds to be equal: 1 and 1.0 are, 1 and true are not."""
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: object) -> object:
    if isinstance(value, float) and value == int(value):
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {name: _whole(item) for name, item in value.items()} if isinstance(value, dict) else value


def _plain(schema: dict[str, Any]) -> Case:
    """The keywords that are not combinations, each in one spelling."""
    case = {key: value for key, value in schema.items() if key not in _COMBINED and key not in ANNOTATIONS}
    if "type" in case:
        case["type"] = case["type"] if isinstance(case["type"], list) else [case["type"]]
    if "const" in case:
        constant = case.pop("const")
        kept = [value for value in case.get("enum", [constant]) if same(value) == same(constant)]
        case["enum"] = kept
    return case


def _both(lefts: list[Case], rights: list[Case], where: str) -> list[Case]:
    """Every way to be valid for one of each."""
    if len(lefts) * len(rights) > MAX_CASES:
        raise unusable(where, said("its combinations come to more than {max_cases} cases", max_cases=MAX_CASES))
    merged = (_merged(left, right, where) for left in lefts for right in rights)
    return [case for case in merged if case is not None]


def _merged(left: Case, right: Case, where: str) -> Case | None:
    """What holds when both hold; None when nothing does."""
    if not left or not right:
        return left or right
    case = {**left, **right}
    for keyword in left.keys() & right.keys():
        ours, theirs = left[keyword], right[keyword]
        if keyword in _HIGHER | _LOWER:
            case[keyword] = max(ours, theirs) if keyword in _HIGHER else min(ours, theirs)
        elif keyword == "type":
            case[keyword] = _shared_types(ours, theirs)
        elif keyword == "enum":
            kept = {same(value) for value in theirs}
            case[keyword] = [value for value in ours if same(value) in kept]
        elif keyword == "required":
            case[keyword] = list(dict.fromkeys((*ours, *theirs)))
        elif keyword in ("pattern", "format", "prefixItems") and ours != theirs:
            raise unusable(where, said("two different {keyword} cannot be promised together", keyword=keyword))
        elif keyword == "items":
            case[keyword] = _all(ours, theirs)
    if case.get("type") == [] or case.get("enum") == []:
        return None
    if any(
        "prefixItems" in one and "prefixItems" not in other and "items" in other for one, other in _orders(left, right)
    ):
        raise unusable(where, said("prefixItems beside another items cannot be promised"))
    if "properties" in case or "additionalProperties" in case:
        _merge_properties(case, left, right)
    return case


def _orders(left: Case, right: Case) -> tuple[tuple[Case, Case], tuple[Case, Case]]:
    return (left, right), (right, left)


def _merge_properties(case: Case, left: Case, right: Case) -> None:
    """A name that one side does not list is one of its additional properties."""
    ours, theirs = left.get("properties", {}), right.get("properties", {})
    rest_left, rest_right = left.get("additionalProperties", True), right.get("additionalProperties", True)
    merged = {name: _all(ours.get(name, rest_left), theirs.get(name, rest_right)) for name in (*ours, *theirs)}
    if merged:
        case["properties"] = merged
    if "additionalProperties" in left or "additionalProperties" in right:
        case["additionalProperties"] = _all(rest_left, rest_right)


def _all(left: Schema, right: Schema) -> Schema:
    if left is True or left == right:
        return right
    if right is True:
        return left
    return False if False in (left, right) else {"allOf": [left, right]}


def _shared_types(left: list[str], right: list[str]) -> list[str]:
    """An integer is a number too."""
    shared = [kind for kind in left if kind in right or (kind == "integer" and "number" in right)]
    return shared + [kind for kind in right if kind == "integer" and "number" in left and kind not in shared]
