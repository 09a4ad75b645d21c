"""Calls are read as each family writes them, and a grammar makes nothing but such calls."""

from __future__ import annotations

import json
import random

import pytest

from tests.unit.engine.sentences import sentence
from workbench.engine import grammar, tool_calls
from workbench.engine.base import Tool, ToolCall
from workbench.engine.gbnf import Text, TokenIs
from workbench.engine.tool_calls import Family
from workbench.errors import SchemaError, TemplateError

WEATHER = Tool(
    "get_weather",
    "The weather in a city.",
    json.dumps(
        {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city"],
        }
    ),
)
CLOCK = Tool("clock", "The time.", '{"type": "object", "properties": {}, "additionalProperties": false}')


class NoMarkers:
    """A vocabulary in which markers are ordinary text."""

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        return [ord(character) for character in text]

    def is_control(self, token: int) -> bool:
        return False


class OneMarker(NoMarkers):
    def tokenize(self, text: str, *, special: bool) -> list[int]:
        return [7] if text == "[TOOL_CALLS]" else super().tokenize(text, special=special)

    def is_control(self, token: int) -> bool:
        return token == 7


F, G = '{"name": "f", "arguments": {}}', '{"name": "g", "arguments": {}}'


@pytest.mark.parametrize(
    ("family", "text", "calls"),
    [
        (Family.LLAMA3, '{"name": "f", "parameters": {"a": 1}}', [("f", {"a": 1})]),
        (Family.LLAMA3, f"<|python_tag|>{F}; {G}<|eom_id|>", [("f", {}), ("g", {})]),
        (Family.LLAMA3, f"I would call {F}", []),
        (Family.LLAMA3, '{"name": "f", "parameters": {"a"', []),
        (Family.MISTRAL, '[TOOL_CALLS][{"name": "f", "arguments": {"a": [1]}, "id": "x"}]', [("f", {"a": [1]})]),
        (Family.MISTRAL, f"[TOOL_CALLS] [{F}, {G}]", [("f", {}), ("g", {})]),
        (Family.MISTRAL, f"[{F}]", []),
        (Family.MISTRAL_ARGS, '[TOOL_CALLS]f[ARGS]{"a": "]"}[TOOL_CALLS]g[ARGS] {}', [("f", {"a": "]"}), ("g", {})]),
        (Family.MISTRAL_ARGS, "[TOOL_CALLS]f[CALL_ID]123456789[ARGS]{}", [("f", {})]),
        (Family.MISTRAL_ARGS, "Here: [TOOL_CALLS]f[ARGS]not json", []),
        (
            Family.HERMES,
            'Sure.\n<tool_call>\n{"name": "f", "arguments": {"a": "é"}}\n</tool_call>',
            [("f", {"a": "é"})],
        ),
        (Family.HERMES, '<tool_call>{"name": "f"}</tool_call><tool_call>{"arguments": {}}</tool_call>', []),
        (Family.GEMMA, '<|tool_call>call:f{city:<|"|>Köln, "x"<|"|>}<tool_call|>', [("f", {"city": 'Köln, "x"'})]),
        (
            Family.GEMMA,
            "<|tool_call>call:f{n:[1,-2.5,true],o:{k:None}}",
            [("f", {"n": [1, -2.5, True], "o": {"k": None}})],
        ),
        (
            Family.GEMMA,
            '<|tool_call>call:f{}<tool_call|><|tool_call>call:g{<|"|>a b<|"|>:1}',
            [("f", {}), ("g", {"a b": 1})],
        ),
        (Family.GEMMA, '<|tool_call>call:f{city:<|"|>Kö', []),
        (Family.GEMMA, "<|tool_call>call:f{" + "a:{" * 5000, []),
    ],
)
def test_calls_are_read_as_the_family_writes_them(family: Family, text: str, calls: list[tuple[str, object]]) -> None:
    found = tool_calls.parse(text, family)
    assert [(call.name, json.loads(call.arguments)) for call in found] == calls


@pytest.mark.parametrize("family", list(Family))
@pytest.mark.parametrize("text", ["", "Hello!", "[TOOL_CALLS]", "<tool_call>", "<|tool_call>call:", "{" * 20_000])
def test_what_is_no_call_is_text(family: Family, text: str) -> None:
    assert tool_calls.parse(text, family) == ()


@pytest.mark.parametrize(
    ("template", "family"),
    [
        ("{% if tools %}<tool_call>{% endif %}", Family.HERMES),
        ("{% if tools %}[TOOL_CALLS][{% endif %}", Family.MISTRAL),
        ("{% if tools %}[TOOL_CALLS]{{ name }}[ARGS]{% endif %}", Family.MISTRAL_ARGS),
        ("{% if tools %}<|tool_call>call:{% endif %}", Family.GEMMA),
        ('<|start_header_id|>{% if tools %}"parameters": {% endif %}', Family.LLAMA3),
        ("{% if tools %}<tool_call><function=f>{% endif %}", None),
        ("{{ messages }}", None),
        (None, None),
    ],
)
def test_a_family_is_told_by_its_template(template: str | None, family: Family | None) -> None:
    assert tool_calls.family_of(template) == family


def test_a_model_that_knows_no_tools_is_refused_with_a_reason() -> None:
    with pytest.raises(TemplateError, match="cannot be given any"):
        tool_calls.required_family("{{ messages }}")


@pytest.mark.parametrize(
    "tool", [Tool("f", "", "{"), Tool("f", "", "[]"), Tool("f", "", "{}"), Tool("a b", "", CLOCK.parameters)]
)
def test_a_tool_that_cannot_be_forced_is_refused(tool: Tool) -> None:
    with pytest.raises(SchemaError):
        tool_calls.tool_grammar([tool], Family.HERMES, NoMarkers())


@pytest.mark.parametrize("family", [Family.LLAMA3, Family.MISTRAL, Family.MISTRAL_ARGS, Family.HERMES])
def test_a_forced_call_is_always_read_again(family: Family) -> None:
    held = grammar.check(tool_calls.tool_grammar([WEATHER, CLOCK], family, NoMarkers()).gbnf)
    rng, seen = random.Random(5), set()
    for _ in range(100):
        text = sentence(held, rng)
        calls = tool_calls.parse(text, family)
        assert calls, text
        for call in calls:
            assert isinstance(call, ToolCall)
            assert call.name != "get_weather" or json.loads(call.arguments)["city"] is not None
        seen |= {call.name for call in calls}
    assert seen == {"get_weather", "clock"}


def test_a_marker_is_the_control_token_where_there_is_one() -> None:
    text = tool_calls.tool_grammar([CLOCK], Family.MISTRAL, OneMarker()).gbnf
    rules = grammar.check(text)
    assert "<[7]>" in text
    assert TokenIs("<[7]>") in getattr(rules["root"], "parts", ())
    assert Text("[TOOL_CALLS]") not in getattr(rules["root"], "parts", ())


def test_gemmas_own_notation_cannot_be_forced() -> None:
    with pytest.raises(TemplateError, match="notation of its own"):
        tool_calls.tool_grammar([CLOCK], Family.GEMMA, NoMarkers())


@pytest.mark.parametrize("family", [Family.LLAMA3, Family.MISTRAL, Family.MISTRAL_ARGS, Family.HERMES])
def test_a_call_that_was_begun_is_always_read_again(family: Family) -> None:
    rest = tool_calls.rest_grammar([WEATHER, CLOCK], family, NoMarkers())
    assert rest is not None
    held, rng = grammar.check(rest.gbnf), random.Random(7)
    for _ in range(50):
        text = "I look it up. " + tool_calls.opening_of(family) + sentence(held, rng)
        calls = tool_calls.parse(text, family)
        assert calls, text
        assert {call.name for call in calls} <= {"get_weather", "clock"}


@pytest.mark.parametrize("family", [Family.LLAMA3, Family.MISTRAL, Family.MISTRAL_ARGS, Family.HERMES])
def test_one_call_is_one_call(family: Family) -> None:
    held = grammar.check(tool_calls.tool_grammar([WEATHER, CLOCK], family, NoMarkers(), most=1).gbnf)
    rng = random.Random(3)
    assert {len(tool_calls.parse(sentence(held, rng), family)) for _ in range(50)} == {1}


def test_gemmas_calls_are_read_and_nothing_is_held() -> None:
    assert tool_calls.rest_grammar([CLOCK], Family.GEMMA, NoMarkers()) is None


def test_a_name_that_no_call_could_hold_is_refused_even_where_the_model_decides() -> None:
    with pytest.raises(SchemaError, match="letters, digits"):
        tool_calls.rest_grammar([Tool("a b", "", CLOCK.parameters)], Family.HERMES, NoMarkers())


def test_a_call_is_written_as_a_call() -> None:
    assert str(ToolCall("clock", '{"zone": "UTC"}')) == 'clock({"zone": "UTC"})'
