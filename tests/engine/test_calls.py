"""Tools given to a real model's template, and the calls read out of what it wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.conftest import Open, answer, request
from workbench.engine import native, tool_calls
from workbench.engine.base import Tool
from workbench.engine.tool_calls import Family
from workbench.errors import TemplateError

WEATHER = Tool("weather", "The weather of a place.", '{"type": "object", "properties": {"days": {"type": "integer"}}}')
HERMES = """{%- if tools %}<tools>{{ tools | tojson }}</tools>{% endif -%}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
{# A call is <tool_call>{"name": ..., "arguments": ...}</tool_call>. #}"""


def test_a_call_that_was_held_to_the_tools_grammar_is_read(
    smollm2_path: Path, open_model: Open, tmp_path: Path
) -> None:
    template = tmp_path / "hermes.jinja"
    template.write_text(HERMES)
    engine = open_model(smollm2_path, template=str(template))
    with native.Weights(smollm2_path, n_gpu_layers=0, vocab_only=True) as vocabulary:
        constraint = tool_calls.tool_grammar((WEATHER,), Family.HERMES, vocabulary)
    asked = replace(request("Weather?", max_tokens=80), tools=(WEATHER,), constraint=constraint)
    completion = answer(engine, asked)
    assert '"name": "weather"' in completion.prompt.text
    (call,) = completion.tool_calls
    assert call.name == "weather"
    assert isinstance(json.loads(call.arguments), dict)


def test_a_model_whose_template_knows_no_tools_is_refused_them(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    with pytest.raises(TemplateError, match="tools"):
        answer(engine, replace(request("Weather?"), tools=(WEATHER,)))
    assert answer(engine, request("Weather?", max_tokens=2)).tool_calls == ()
