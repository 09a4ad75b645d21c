"""Tools given to a real model's template: calls that are forced, calls that it begins itself, and how they are read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from tests.engine.conftest import GREEDY, SMALL, Open, answer, request
from workbench.engine import native
from workbench.engine.base import Completion, Engine, JsonSchema, Message, Mode, Request, Sampling, StopReason, Tool
from workbench.engine.grammar import Judged
from workbench.engine.sampling import Sampler
from workbench.errors import SchemaError, TemplateError, UsageError
from workbench.jobs import run

PLACE = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = Tool("weather", "The weather of a place.", json.dumps(PLACE))
LAX = Tool("weather", "The weather.", '{"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}}')
HERMES = """{%- if tools %}<tools>{{ tools | tojson }}</tools>{% endif -%}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
{# A call is <tool_call>{"name": ..., "arguments": ...}</tool_call>. #}"""


@pytest.fixture
def engine(smollm2_path: Path, open_model: Open, tmp_path: Path) -> Engine:
    template = tmp_path / "hermes.jinja"
    template.write_text(HERMES)
    return open_model(smollm2_path, template=str(template))


@pytest.fixture(scope="module")
def weights(smollm2_path: Path) -> Iterator[native.Weights]:
    with native.Weights(smollm2_path, n_gpu_layers=0) as loaded:
        yield loaded


def required(text: str, seed: int) -> Request:
    wild = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, seed=seed)
    asked = request(text, sampling=wild, max_tokens=400)
    return replace(asked, tools=(WEATHER,), tool_choice="required")


def begun(marked: str, tool: Tool = WEATHER) -> Request:
    """A conversation in which every answer so far was this one, so that the next is too."""
    said = [Message("user", "Weather?"), Message("assistant", marked)] * 4
    return Request((*said, Message("user", "Weather?")), GREEDY, 80, tools=(tool,))


def whole(engine: Engine, requests: list[Request]) -> tuple[Completion, ...]:
    return run(lambda cancel: engine.stream_many(requests, cancel, slots=4))


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.THROUGHPUT])
def test_a_required_answer_is_one_call_that_its_schema_allows_whatever_is_drawn(engine: Engine, mode: Mode) -> None:
    seeds = range(2) if mode is Mode.AUDIT else range(8)
    for completion in whole(engine, [replace(required("Tell me a story.", seed), mode=mode) for seed in seeds]):
        assert '"name": "weather"' in completion.prompt.text
        assert completion.stop_reason is StopReason.END
        (call,) = completion.tool_calls
        assert call.name == "weather"
        jsonschema.validate(json.loads(call.arguments), PLACE)


UNREADABLE = "Sure: <tool_call>weather(Rome)</tool_call>"


def test_a_call_that_the_model_begins_is_held_from_its_mark_on(engine: Engine) -> None:
    asked = begun(UNREADABLE)
    assert answer(engine, replace(asked, tools=())).text == UNREADABLE
    held = answer(engine, asked)
    assert held.text.startswith("Sure: <tool_call>\n")
    assert held.stop_reason is StopReason.END
    (call,) = held.tool_calls
    jsonschema.validate(json.loads(call.arguments), PLACE)


def test_a_token_that_ends_the_mark_and_goes_on_is_not_taken(engine: Engine, weights: native.Weights) -> None:
    said = "<tool_call></tool_call>"
    assert b"></" in map(weights.piece, weights.tokenize(said, special=True))
    assert answer(engine, replace(begun(said), tools=())).text == said
    held = answer(engine, begun(said))
    assert held.text.startswith('<tool_call>\n{"name": "weather"')
    assert len(held.tool_calls) == 1


def test_a_tool_whose_schema_cannot_be_promised_is_called_with_any_object_but_cannot_be_required(
    engine: Engine,
) -> None:
    asked = begun('<tool_call>{"name": "wind", "arguments": {"city": "Rome"}}</tool_call>', LAX)
    (call,) = answer(engine, asked).tool_calls
    assert isinstance(json.loads(call.arguments), dict)
    with pytest.raises(SchemaError, match="uniqueItems"):
        answer(engine, replace(asked, tool_choice="required"))


def test_waiting_for_a_mark_changes_no_draw(smollm2_path: Path, weights: native.Weights) -> None:
    prompt = weights.tokenize("Once upon a time", special=False)
    sampling = Sampling(temperature=0.9, repetition_penalty=1.2, seed=3)
    texts = []
    for form in (None, Judged('root ::= "a"', "<tool_call>")):
        context, tokens = native.Context(weights, SMALL), list(prompt)
        with contextlib.closing(context), Sampler(weights, sampling, 3, prompt, form) as sampler:
            context.prefill(tokens, 0, lambda: False, output=True)
            for _ in range(12):
                tokens.append(sampler.next(context))
                context.step(tokens[-1], len(tokens) - 1)
        texts.append(tokens)
    assert texts[0] == texts[1]


def test_what_cannot_be_required_is_refused_with_its_reason(engine: Engine) -> None:
    asked = required("Weather?", 1)
    with pytest.raises(UsageError, match="no tool to call"):
        answer(engine, replace(asked, tools=()))
    with pytest.raises(UsageError, match="not both"):
        answer(engine, replace(asked, constraint=JsonSchema("true")))
    (completion,) = whole(engine, [replace(asked, tools=(), mode=Mode.THROUGHPUT)])
    assert completion.failure is not None
    assert "no tool to call" in completion.failure.message


def test_a_model_whose_template_knows_no_tools_is_refused_them(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    with pytest.raises(TemplateError, match="tools"):
        answer(engine, replace(request("Weather?"), tools=(WEATHER,)))
    assert answer(engine, request("Weather?", max_tokens=2)).tool_calls == ()
