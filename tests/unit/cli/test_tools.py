"""Tools from a file: how they are given to a model, what is shown of its calls, and which files are refused."""

from __future__ import annotations

import json

import pytest

from workbench.cli.tool_files import tools_of
from workbench.engine.base import Tool
from workbench.errors import SchemaError, UsageError

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "The weather.", "parameters": PARAMETERS}


@pytest.fixture
def written(tmp_path):
    def write(value):
        file = tmp_path / "tools.json"
        file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize("entry", [WEATHER, {"type": "function", "function": WEATHER}, {"type": "function", **WEATHER}])
def test_functions_are_read_bare_and_in_openais_form(written, entry):
    assert tools_of(written([entry]), "auto") == (Tool("weather", "The weather.", json.dumps(PARAMETERS)),)


def test_a_function_without_parameters_takes_none(written):
    (clock,) = tools_of(written([{"name": "clock", "strict": True}]), "required")
    assert (clock.name, clock.description, json.loads(clock.parameters)["properties"]) == ("clock", "", {})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ({"name": "f"}, "not a list with at least one tool"),
        ([], "not a list with at least one tool"),
        (["f"], "tool 1 is not an object"),
        ([WEATHER, {"type": "function", "function": "g"}], "tool 2 is not an object"),
        ([{"type": "web_search"}], "type 'web_search'"),
        ([{"description": "d"}], "has no name"),
        ([{"name": "f", "description": 3}], "description is not a text"),
        ([{"name": "f", "parameters": []}], "parameters are not a JSON schema"),
        ([{"name": "f", "input_schema": {}}], "what no function has: input_schema"),
        ([WEATHER, WEATHER], "two tools weather"),
    ],
)
def test_a_file_that_holds_no_tools_is_refused_with_the_place_and_the_shape(written, value, said):
    with pytest.raises(UsageError) as caught:
        tools_of(written(value), "auto")
    assert said in caught.value.message
    assert caught.value.hint


def test_a_name_that_no_call_could_hold_is_refused(written):
    with pytest.raises(SchemaError, match="letters, digits"):
        tools_of(written([{"name": "my tool"}]), "auto")


def test_parameters_that_no_grammar_can_promise_are_refused_only_where_a_call_is_required(written):
    list_of = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}}}
    file = written([{"name": "f", "parameters": list_of}])
    assert tools_of(file, "auto")[0].name == "f"
    with pytest.raises(SchemaError, match="uniqueItems"):
        tools_of(file, "required")


@pytest.mark.parametrize("command", ["chat", "compare"])
def test_calls_are_shown_after_the_answer_and_told_in_json(workbench, library, written, command):
    given = (command, "-m", "alpha", "--tools", written([WEATHER]), "--tool-choice", "required")
    shown = workbench(*given, "Hello")
    assert shown.status == 0
    assert "weather({})" in shown.out
    (answer,) = workbench(*given, "--json", "Hello").json["answers"]
    assert answer["tool_calls"] == [{"name": "weather", "arguments": "{}"}]
    free = workbench(command, "-m", "alpha", "--tools", written([WEATHER]), "--json", "Hello")
    assert free.json["answers"][0]["tool_calls"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tool-choice", "required"], "no tool to call"),
        (["--tools", "/no/such.json"], "tools file /no/such.json cannot be read"),
        (["--tool-choice", "maybe"], "maybe"),
    ],
)
def test_what_cannot_be_meant_is_refused(workbench, library, arguments, said):
    outcome = workbench("chat", "-m", "alpha", *arguments, "--json", "Hello")
    assert outcome.status == 2
    assert said in outcome.json["error"]["message"] + (outcome.json["error"]["hint"] or "")


def test_each_prompt_of_a_file_brings_tools_of_its_own(workbench, library, tmp_path):
    lines = [
        {"id": "a", "prompt": "Rain?", "tools": [WEATHER], "tool_choice": "required"},
        {"id": "b", "messages": [{"role": "user", "content": "Hi"}], "tools": [WEATHER]},
        {"id": "c", "prompt": "Hi"},
    ]
    (tmp_path / "prompts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    out = tmp_path / "answers.jsonl"
    assert workbench("ask", tmp_path / "prompts.jsonl", "-m", "alpha", "--out", out).status == 0
    answers = {one["id"]: one for one in map(json.loads, out.read_text().splitlines())}
    assert answers["a"]["tool_calls"] == [{"name": "weather", "arguments": "{}"}]
    assert answers["b"]["tool_calls"] == answers["c"]["tool_calls"] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"prompt": "Hi", "tools": []}, "line 1: its list of tools is not a list with at least one tool"),
        ({"prompt": "Hi", "tools": [WEATHER], "tool_choice": "none"}, '"tool_choice" is'),
        ({"prompt": "Hi", "tool_choice": "required"}, "no tool to call"),
    ],
)
def test_a_prompt_with_tools_that_cannot_be_meant_is_refused(workbench, library, tmp_path, line, said):
    (tmp_path / "prompts.jsonl").write_text(json.dumps(line))
    outcome = workbench("ask", tmp_path / "prompts.jsonl", "-m", "alpha", "--json")
    assert outcome.status == 2
    assert said in outcome.last["error"]["message"]


def test_an_answer_is_a_call_or_has_another_form(workbench, library, written, tmp_path):
    schema = tmp_path / "any.json"
    schema.write_text('{"type": "string"}')
    outcome = workbench("compare", "-m", "alpha", "--tools", written([WEATHER]), "--tool-choice", "required",
                        "--schema", schema, "--json", "Hello")  # fmt: skip
    assert outcome.status == 2
    assert "not both" in outcome.json["error"]["message"]
