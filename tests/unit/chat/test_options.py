"""What all panes share: whose sampling counts, and what of it outlives the program."""

from __future__ import annotations

import datetime
import json
from dataclasses import replace

import pytest

from workbench.chat.options import Advice, Options, SamplingMode
from workbench.chat.plan import RunMode
from workbench.engine.base import ContextPolicy, Grammar, JsonSchema, Mode, Sampling, Tool
from workbench.engine.fake import FakeBackend, fake_model, say

SHARED = Sampling(temperature=0.1, top_k=5, seed=7)
GEMMA = Advice(Sampling(temperature=1.0, top_k=64, top_p=0.95, min_p=0.0), "the catalogue")


def test_the_same_sampling_for_all_whatever_is_recommended():
    assert Options(sampling=SHARED).sampling_for(GEMMA) == (SHARED, "the same for all")


def test_a_vendor_s_sampling_with_the_shared_seed():
    options = Options(sampling=SHARED, sampling_mode=SamplingMode.VENDOR)
    assert options.sampling_for(GEMMA) == (replace(GEMMA.sampling, seed=7), "as recommended (the catalogue)")


def test_a_model_about_which_nobody_says_anything_gets_the_shared_one_and_says_so():
    sampling, said = Options(sampling=SHARED, sampling_mode=SamplingMode.VENDOR).sampling_for(None)
    assert sampling == SHARED
    assert "no recommendation is known" in said


@pytest.mark.parametrize("constraint", [None, Grammar('root ::= "a"'), JsonSchema('{"type": "string"}')])
def test_everything_comes_back_from_json(constraint):
    options = Options(
        system="Be brief.",
        sampling=SHARED,
        max_tokens=9,
        stop=("\n", "END"),
        mode=RunMode.SWAP,
        sampling_mode=SamplingMode.VENDOR,
        policy=ContextPolicy.MIDDLE_OUT,
        constraint=constraint,
        tools=(Tool("time", "tells the time", "{}"),),
        tool_choice="required",
        alternatives=5,
        exactness=Mode.THROUGHPUT,
        date="2026-07-26",
        thinking=False,
    )
    record = json.loads(json.dumps(options.as_json()))
    assert Options.from_json("Be brief.", record, Options()) == options


def test_an_old_record_has_defaults_for_what_came_later():
    default = Options(policy=ContextPolicy.DROP_OLDEST)
    assert Options.from_json("", {"temperature": 0.3}, default) == replace(default, sampling=Sampling(temperature=0.3))


def test_a_comparison_asks_each_model_as_its_publisher_recommends(drive):
    backend = FakeBackend(say(["yes"]))
    driven = drive(backend, advise=lambda model: GEMMA if model.name == "gemma" else None)
    comparison = driven.comparison
    for name in ("gemma", "other"):
        comparison.choose(comparison.add_pane(), fake_model(name))
    comparison.options = Options(sampling=SHARED, sampling_mode=SamplingMode.VENDOR, policy=ContextPolicy.DROP_OLDEST)
    comparison.ask("Hello")
    driven.until_quiet()
    assert {request.sampling for request in backend.requests} == {replace(GEMMA.sampling, seed=7), SHARED}
    assert all(request.policy is ContextPolicy.DROP_OLDEST for request in backend.requests)
    advised = [pane.exchanges[-1].answer.footing.sampling for pane in comparison.panes]
    assert advised == ["as recommended (the catalogue)", "the shared one: no recommendation is known for this model"]


def test_all_models_are_told_the_day_of_the_question_or_the_one_that_was_given(drive):
    backend = FakeBackend(say(["yes"]))
    driven = drive(backend, panes=2)
    for date in (None, "2025-12-24"):
        driven.comparison.options = Options(date=date, thinking=True)
        driven.comparison.ask("Hello")
        driven.until_quiet()
    days = [request.date for request in backend.requests]
    assert days[0] == days[1]
    assert datetime.date.fromisoformat(days[0]) >= datetime.date(2026, 1, 1)
    assert days[2:] == ["2025-12-24"] * 2
    assert all(request.enable_thinking for request in backend.requests)
