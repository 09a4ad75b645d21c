"""A schema's grammar matches valid documents alone, and those that it promises to match."""

from __future__ import annotations

import datetime
import json
import random
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.engine.sentences import matches, sentence
from workbench.engine import grammar, schema
from workbench.errors import SchemaError

NODE = {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#"}}, "required": ["v"]}
NAMED = {"type": "object", "properties": {"ab": {"type": "integer"}, "abc": {"const": True}}}


def _rules(asked: object) -> Any:
    return schema.rules(json.dumps(asked))


def _valid(asked: Any) -> jsonschema.protocols.Validator:
    jsonschema.Draft202012Validator.check_schema(asked)
    return jsonschema.Draft202012Validator(asked, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    ("asked", "fits", "does_not"),
    [
        ({"type": "boolean"}, ["true", "false"], ["null", '"true"', " true"]),
        ({"enum": ["a", 1, None, [1, {"x": 2}]]}, ['"a"', "1", "null", '[1, {"x": 2}]', '[1,{"x":2}]'], ['"b"', "2"]),
        ({"type": ["string", "null"], "maxLength": 2}, ['""', '"é🙂"', '"\\n\\u00e9"', "null"], ['"abc"', "1"]),
        ({"type": "string", "minLength": 2}, ['"ab"', '"abc"'], ['"a"', '"a\nb"', '"\\ud800a"']),
        ({"type": "integer"}, ["0", "-12", "100"], ["01", "1.5", "-0", "1e3", "+1"]),
        ({"type": "integer", "minimum": -3, "maximum": 12}, ["-3", "0", "12"], ["-4", "13", "03"]),
        ({"type": "integer", "exclusiveMinimum": 9.5, "exclusiveMaximum": 101}, ["10", "99", "100"], ["9", "101"]),
        ({"type": "integer", "minimum": 10**17}, [str(10**17)], [str(10**17 - 1)]),
        ({"type": "number"}, ["0.5", "-1e10", "3", "2.5E-3"], [".5", "1.", "1e999", "NaN"]),
        ({"type": "number", "minimum": 0, "maximum": 1}, ["0", "0.5", "1", "1.0"], ["-1", "1.1", "2", "1e0"]),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 0.25}, ["0.25", "0.000001"], ["0", "0.0", "0.26"]),
        ({"type": "array", "items": {"type": "null"}, "minItems": 1, "maxItems": 2}, ["[null]"], ["[]", "[null,]"]),
        ({"type": "array", "items": False}, ["[]", "[ ]"], ["[1]"]),
        (
            {"prefixItems": [{"type": "null"}], "items": {"const": 1}, "minItems": 2},
            ["[null, 1, 1]"],
            ["[null]", "[1]"],
        ),
        (NODE, ['{"v": 1}', '{\n  "v": 1,\n  "next": {\n    "v": 2\n  }\n}'], ['{"next": {"v": 1}}', '{"v":1,}', "{}"]),
        (NAMED, ["{}", '{"ab": 1}', '{"abc": true}', '{"ab": 1, "abc": true}'], ['{"abc": true, "ab": 1}', '{"x": 1}']),
        (
            {**NAMED, "additionalProperties": {"type": "null"}},
            ['{"a": null}', '{"ab": 1, "abcd": null, "": null}'],
            ['{"ab": null}', '{"abc": null}', '{"\\u0061b": null}'],
        ),
        ({"type": "object", "required": ["a"]}, ['{"a": []}', '{"a": 1, "b": 2}'], ["{}"]),
        ({"type": "string", "pattern": "^[A-Z]{2}-\\d+$"}, ['"AB-1"'], ['"A-1"', '"AB-"', '"xAB-1"']),
        ({"type": "string", "pattern": "foo|^b.r$"}, ['"a foo b"', '"bar"'], ['"abar"', '"fo"']),
        ({"type": "string", "pattern": '^"\\\\\\n$'}, ['"\\"\\\\\\n"'], ['"x"']),
        (
            {"type": "string", "format": "date"},
            ['"2024-02-29"', '"1999-12-31"'],
            ['"2023-02-29"', '"2024-04-31"', '"0000-01-01"'],
        ),
        ({"type": "string", "format": "uuid"}, ['"123e4567-e89b-12d3-a456-426614174000"'], ['"123e4567"']),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, ["1", "null"], ["true"]),
        ({"oneOf": [{"type": "integer"}, {"const": "x"}]}, ["1", '"x"'], ['"y"']),
        ({"allOf": [{"minimum": 1}, {"type": "integer", "maximum": 2}]}, ["1", "2"], ["0", "3"]),
        ({"properties": {"a": {"$ref": "#/$defs/x~1y"}}, "$defs": {"x/y": {"const": 1}}}, ['{"a":1}'], ['{"a":2}']),
        ({}, ['{"a": [1, "b", null]}', "true", "[]"], ["", "{", "tru"]),
    ],
)
def test_a_schema_matches_what_it_says(asked: Any, fits: list[str], does_not: list[str]) -> None:
    rules, valid = _rules(asked), _valid(asked)
    for text in fits:
        assert valid.is_valid(json.loads(text))
    assert [matches(rules, text) for text in fits] == [True] * len(fits)
    assert [matches(rules, text) for text in does_not] == [False] * len(does_not)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"$ref": "https://example.org/schema.json"}, "lies outside the schema, and nothing is fetched"),
        ({"properties": {"a": {"$ref": "other.json#/x"}}}, "lies outside the schema"),
        ({"$ref": "#/$defs/none"}, "points at nothing"),
        ({"$ref": "#"}, "leads back to itself"),
        ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "leads back to itself"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems cannot be promised"),
        ({"type": "integer", "multipleOf": 3}, "multipleOf cannot be promised"),
        ({"not": {"type": "null"}}, "not cannot be promised"),
        ({"if": {}, "then": {}}, "if cannot be promised"),
        ({"type": "object", "patternProperties": {"^a": {}}}, "patternProperties cannot be promised"),
        ({"type": "string", "minLenght": 3}, "minLenght is no keyword"),
        ({"type": "string", "format": "email"}, "only date, time, date-time, uuid can be promised, not email"),
        ({"type": "string", "pattern": "^(?=a)b$"}, "look-around"),
        ({"type": "string", "pattern": "^(a*)*$"}, "may be empty is repeated"),
        ({"type": "string", "pattern": r"^\bfoo$"}, "not among what a grammar can promise"),
        ({"type": "string", "pattern": "^a+$", "maxLength": 3}, "pattern beside maxLength"),
        ({"enum": ["abc"], "maxLength": 2}, "maxLength beside enum"),
        ({"type": "string", "maxLength": 5000}, "counts to 2,000 at most"),
        ({"type": "text"}, "a type is one of"),
        ({"type": "integer", "minimum": "3"}, "a number"),
        ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "may hold together"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "no document can be valid"),
        ({"type": "integer", "minimum": 3, "maximum": 2}, "no document can be valid"),
        (False, "no document can be valid"),
        ({**NODE, "required": ["v", "next"]}, "no document can be valid"),
        ([], "a schema is an object"),
    ],
)
def test_what_cannot_be_promised_is_refused_by_name(asked: Any, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        _rules(asked)
    assert said in caught.value.message
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ('{"maximum": NaN}', "not a number of JSON"),
        ('{"type": "null", "type": "string"}', "twice"),
        ('{"items":' * 5000 + "true" + "}" * 5000, "deep"),
        ('{"const": "\\ud800"}', "not JSON"),
        ('{"title": "' + "x" * 70_000 + '"}', "longer than 64 KiB"),
    ],
)
def test_a_hostile_schema_is_refused(text: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        schema.to_gbnf(text)


def test_many_combinations_are_refused_and_not_spread_out() -> None:
    asked = {"allOf": [{"anyOf": [{"const": one}, {"const": one + 1}]} for one in range(40)]}
    two = {"allOf": [{"anyOf": [{"required": [f"a{one}"]}, {"required": [f"b{one}"]}]} for one in range(40)]}
    with pytest.raises(SchemaError, match="no document can be valid"):
        _rules(asked)
    with pytest.raises(SchemaError, match="more than 64 cases"):
        _rules(two)


def test_dates_and_times_are_read_by_the_standard_library() -> None:
    rules, rng = _rules({"type": "string", "format": "date-time"}), random.Random(7)
    for _ in range(200):
        text = json.loads(sentence(rules, rng))
        assert datetime.datetime.fromisoformat(text).tzinfo is not None


def test_what_allof_closes_stays_closed() -> None:
    closed = {"properties": {"a": {"const": 1}}, "additionalProperties": False}
    rules = _rules({"type": "object", "allOf": [closed, {"properties": {"b": {"const": 2}}}]})
    assert matches(rules, '{"a":1}')
    assert not matches(rules, '{"b":2}')


# --- any schema of the supported kind ----------------------------------------------------------

_NAMES = st.text('abé "\\', max_size=4)
_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-999, 999), st.text(max_size=4).filter(str.isprintable))


def _strings() -> st.SearchStrategy[Any]:
    lengths = st.tuples(st.integers(0, 4), st.integers(0, 4)).map(sorted)
    return lengths.map(lambda pair: {"type": "string", "minLength": pair[0], "maxLength": pair[1]})


def _numbers(kind: str) -> st.SearchStrategy[Any]:
    bound = st.integers(-2000, 2000) if kind == "integer" else st.integers(-9999, 9999).map(lambda n: n / 100)
    pairs = st.tuples(bound, bound).map(sorted)
    return pairs.map(lambda pair: {"type": kind, "minimum": pair[0], "maximum": pair[1]})


def _objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(_NAMES, inner, max_size=3)
    extra = st.sampled_from([{}, {"additionalProperties": False}, {"additionalProperties": {"type": "null"}}])
    return st.tuples(properties, st.randoms(use_true_random=False), extra).map(
        lambda three: {
            "type": "object",
            "properties": three[0],
            "required": [name for name in three[0] if three[1].random() < 0.5],
            **three[2],
        }
    )


def _arrays(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(inner, st.lists(inner, max_size=2), st.integers(0, 2)).map(
        lambda three: (
            {"type": "array", "items": three[0], "minItems": three[2], "maxItems": 3}
            | ({"prefixItems": three[1]} if three[1] else {})
        )
    )


SCHEMAS = st.recursive(
    st.one_of(
        st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")]),
        st.lists(_SCALARS, min_size=1, max_size=3).map(lambda values: {"enum": values}),
        _strings(),
        _numbers("integer"),
        _numbers("number"),
    ),
    lambda inner: st.one_of(
        _objects(inner), _arrays(inner), st.lists(inner, min_size=1, max_size=2).map(lambda some: {"anyOf": some})
    ),
    max_leaves=6,
)


def document(asked: Any, rng: random.Random) -> Any:
    """A valid document, made from the schema and not from its grammar."""
    if "anyOf" in asked:
        return document(rng.choice(asked["anyOf"]), rng)
    if "enum" in asked:
        return rng.choice(asked["enum"])
    match asked["type"]:
        case "string":
            count = rng.randint(asked.get("minLength", 0), asked.get("maxLength", 5))
            return "".join(rng.choice('ab"\\\n/é日🙂\x7f') for _ in range(count))
        case "integer":
            return rng.randint(asked.get("minimum", -(10**9)), asked.get("maximum", 10**9))
        case "number":
            low, high = asked.get("minimum", -500), asked.get("maximum", 500)
            return min(high, max(low, round(rng.uniform(low, high), 2)))
        case "array":
            first = asked.get("prefixItems", [])
            count = rng.randint(asked["minItems"], asked["maxItems"])
            return [document(first[at] if at < len(first) else asked["items"], rng) for at in range(count)]
        case "object":
            listed = asked["properties"]
            kept = [name for name in listed if name in asked["required"] or rng.random() < 0.5]
            found = {name: document(listed[name], rng) for name in kept}
            if asked.get("additionalProperties") and "zz" not in listed and rng.random() < 0.5:
                found["zz"] = None
            return found
    return {"boolean": rng.random() < 0.5, "null": None}[asked["type"]]


@settings(max_examples=80)
@given(SCHEMAS, st.randoms(use_true_random=False))
def test_every_valid_document_in_the_schemas_order_is_matched(asked: Any, rng: random.Random) -> None:
    rules, valid = _rules(asked), _valid(asked)
    for spacing in ({}, {"separators": (",", ":")}, {"indent": 2}):
        made = document(asked, rng)
        valid.validate(made)
        text = json.dumps(made, ensure_ascii=False, **spacing)
        assert matches(rules, text), text


@settings(max_examples=80)
@given(SCHEMAS, st.randoms(use_true_random=False))
def test_every_sentence_of_the_grammar_is_a_valid_document(asked: Any, rng: random.Random) -> None:
    rules, valid = _rules(asked), _valid(asked)
    read_again = grammar.check(schema.written(rules))
    for _ in range(5):
        text = sentence(rules, rng)
        valid.validate(json.loads(text))
        assert matches(read_again, text), text
