"""JSON schemas (draft 2020-12) as grammars: every answer that ends by itself is valid.

Whatever a grammar cannot promise is refused by name, nothing is passed over.  Not every valid document can be
written: properties come in the schema's order, an object that lists properties has no others unless the schema says
so, and what JSON leaves unbounded is bounded (``json_forms``).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal

from workbench.engine import grammar, json_forms, patterns
from workbench.engine.gbnf import EMPTY, NEVER, Node, Ref, choice, pruned, render, repeat, seq
from workbench.engine.gbnf import Text as Literal
from workbench.engine.schema_cases import OF_TYPE, Case, Cases, type_of, types_of
from workbench.engine.schema_text import TYPES, Schema, read, unusable
from workbench.errors import GrammarError
from workbench.words import said

MAX_RULES = 3000
MAX_GBNF_BYTES = 1024 * 1024
MAX_PROPERTIES = 200


def to_gbnf(text: str) -> str:
    """The grammar of one JSON document, without blanks around it.  Raises SchemaError."""
    return written(rules(text))


def rules(text: str, root: str = grammar.ROOT) -> dict[str, Node]:
    """The rules that a schema comes to; ``root`` is the document's.  Raises SchemaError."""
    document = read(text)
    try:
        compiled = _Compiler(document).rules(root)
    except RecursionError as error:
        raise unusable("", said("its references and combinations go too deep")) from error
    kept = pruned(compiled, root)
    if root not in kept:
        raise unusable("", said("no document can be valid"))
    return kept


def written(compiled: dict[str, Node]) -> str:
    """GBNF that llama.cpp can use.  Raises SchemaError where a schema asks for too much."""
    try:
        grammar.judge(compiled)
    except GrammarError as error:
        raise unusable("", said("as a grammar it is too much: {message}", message=error.message)) from error
    gbnf = render(compiled)
    if len(gbnf) > MAX_GBNF_BYTES:
        raise unusable("", said("as a grammar it is longer than 1 MiB"))
    return gbnf


class _Compiler:
    def __init__(self, document: Schema) -> None:
        self._document = document
        self._cases = Cases(document)
        self._rules = json_forms.shared_rules()
        self._names: dict[str, str] = {}

    def rules(self, root: str) -> dict[str, Node]:
        document = self._rule(self._document, "")
        return {root: document, **self._rules}

    def _rule(self, schema: Schema, where: str) -> Node:
        """A reference to the schema's rule; equal schemas share one, which is how recursion ends."""
        if schema is True:
            return json_forms.any_value()
        key = json.dumps(schema)
        if key not in self._names:
            name = self._names[key] = f"value-{len(self._names) + 1}"
            self._check_room(where)
            self._rules[name] = choice(*(self._case(case, where) for case in self._cases.of(schema, where)))
        return Ref(self._names[key])

    def _check_room(self, where: str) -> None:
        if len(self._rules) > MAX_RULES:
            raise unusable(where, said("it comes to more than {max_rules:,} rules", max_rules=MAX_RULES))

    def _case(self, case: Case, where: str) -> Node:
        if "enum" in case:
            return self._enum(case, where)
        kinds: dict[str, Callable[[Case, str], Node]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": _integer,
            "number": _number,
        }
        return choice(*(kinds[kind](case, where) if kind in kinds else Ref(kind) for kind in _types(case)))

    def _enum(self, case: Case, where: str) -> Node:
        allowed = case.get("type", TYPES)
        values = [
            value
            for value in case["enum"]
            if type_of(value) in allowed or (type_of(value) == "integer" and "number" in allowed)
        ]
        for value in values:
            kind = "number" if type_of(value) == "integer" else type_of(value)
            if more := OF_TYPE.get(kind, set()) & case.keys():
                raise unusable(where, said("{more} beside enum or const cannot be promised", more=min(more)))
        return choice(*map(json_forms.constant, values))

    def _string(self, case: Case, where: str) -> Node:
        told = OF_TYPE["string"] & case.keys()
        for alone in ("pattern", "format"):
            if alone in told and len(told) > 1:
                raise unusable(
                    where, said("{alone} beside {other} cannot be promised", alone=alone, other=min(told - {alone}))
                )
        if "pattern" in told:
            return seq(json_forms.QUOTE, patterns.text_matching(case["pattern"]), json_forms.QUOTE)
        if "format" in told:
            known = json_forms.formats()
            if case["format"] not in known:
                raise unusable(
                    where,
                    said(
                        "of formats, only {known} can be promised, not {format}",
                        known=", ".join(known),
                        format=case["format"],
                    ),
                )
            return seq(json_forms.QUOTE, known[case["format"]], json_forms.QUOTE)
        least, most = _counts(case, "Length", where)
        return json_forms.string(least, most) if told else Ref("string")

    def _array(self, case: Case, where: str) -> Node:
        least, most = _counts(case, "Items", where)
        item = self._rule(case.get("items", True), f"{where}/items")
        first = [self._rule(inner, f"{where}/prefixItems") for inner in case.get("prefixItems", [])]
        if not first:
            return json_forms.array(item, least, most)
        limit = math.inf if most is None else most
        open_end = None if most is None else max(0, most - len(first))
        more = repeat(seq(json_forms.SEPARATOR, item), max(0, least - len(first)), open_end)
        following = more if limit >= len(first) else NEVER
        for index in range(len(first) - 1, -1, -1):
            lead = json_forms.SEPARATOR if index else Ref("ws")
            goes_on = seq(lead, first[index], following) if limit > index else NEVER
            stops = (EMPTY if index else Ref("ws")) if least <= index else NEVER
            following = self._keep(choice(stops, seq(goes_on, Ref("ws")) if not index else goes_on))
        return seq(Literal("["), following, Literal("]"))

    def _object(self, case: Case, where: str) -> Node:
        listed = case.get("properties", {})
        required = case.get("required", [])
        additional = case.get("additionalProperties", not listed)
        unlisted = {name: case.get("additionalProperties", True) for name in required if name not in listed}
        properties = {**listed, **unlisted}
        if len(properties) > MAX_PROPERTIES:
            raise unusable(
                where, said("an object may list at most {max_properties} properties", max_properties=MAX_PROPERTIES)
            )
        more: Node = NEVER
        if additional is not False:
            name = json_forms.other_names(properties, self._rules)
            more = seq(name, json_forms.COLON, self._rule(additional, f"{where}/additionalProperties"))
        tail = repeat(seq(json_forms.SEPARATOR, more), 0, None)
        head = seq(Ref("ws"), more, tail, Ref("ws"))
        # From the last to the first: what may follow a property (tail), and what when none was written yet (head).
        for name, schema in reversed(properties.items()):
            value = self._rule(schema, f"{where}/properties/{name}")
            pair = seq(json_forms.name_of(name), json_forms.COLON, value)
            starts = seq(Ref("ws"), pair, tail, Ref("ws"))
            follows = seq(json_forms.SEPARATOR, pair, tail)
            head = self._keep(starts if name in required else choice(starts, head))
            tail = self._keep(follows if name in required else choice(follows, tail))
        empty = Ref("ws") if not required else NEVER
        return seq(Literal("{"), choice(empty, head), Literal("}"))

    def _keep(self, node: Node) -> Node:
        """As a rule of its own, so that what is used twice is written once."""
        name = f"part-{len(self._rules)}"
        self._rules[name] = node
        return Ref(name)


def _integer(case: Case, _: str) -> Node:
    if not OF_TYPE["number"] & case.keys():
        return Ref("integer")
    return json_forms.integers(*_bounds(case))


def _number(case: Case, where: str) -> Node:
    if not OF_TYPE["number"] & case.keys():
        return Ref("number")
    low, high = _bounds(case, json_forms.MILLION)
    if max(abs(low or 0), abs(high or 0)) > json_forms.LARGEST_MILLIONTHS:
        raise unusable(where, said("a number's bounds must be below a billion; an integer's may be larger"))
    return json_forms.decimals(low, high)


def _bounds(case: Case, scale: int = 1) -> tuple[int | None, int | None]:
    """The nearest whole numbers within the bounds, after scaling."""
    bounds = {key: Decimal(str(case[key])) * scale for key in OF_TYPE["number"] & case.keys()}
    low = [math.ceil(bounds["minimum"])] if "minimum" in bounds else []
    low += [math.floor(bounds["exclusiveMinimum"]) + 1] if "exclusiveMinimum" in bounds else []
    high = [math.floor(bounds["maximum"])] if "maximum" in bounds else []
    high += [math.ceil(bounds["exclusiveMaximum"]) - 1] if "exclusiveMaximum" in bounds else []
    return max(low, default=None), min(high, default=None)


def _types(case: Case) -> list[str]:
    """The types that a case asks for; where it does not say, those that its keywords speak of."""
    if "type" in case:
        return types_of(case)
    spoken = [kind for kind, keywords in OF_TYPE.items() if keywords & case.keys()]
    return spoken or ["object", "array", "string", "number", "boolean", "null"]


def _counts(case: Case, of: str, where: str) -> tuple[int, int | None]:
    least, most = int(case.get(f"min{of}", 0)), case.get(f"max{of}")
    if max(least, most or 0) > grammar.MAX_REPETITION:
        raise unusable(
            where, said("llama.cpp counts to {max_repetition:,} at most", max_repetition=grammar.MAX_REPETITION)
        )
    return least, None if most is None else int(most)
