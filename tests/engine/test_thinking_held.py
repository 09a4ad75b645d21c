"""Constraints and stop strings are the answer's: what a model thinks before it is held to nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.chain_gguf import CLOSE, END, LAST, OPEN, OPENED, THINKS, write_chain
from tests.engine.conftest import Open, request
from workbench.engine.base import Completion, Engine, Grammar, Mode, Request, StopReason
from workbench.jobs import run
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=256, n_batch=64, n_ubatch=64, n_gpu_layers=0)
THOUGHT = {LAST: OPEN, OPEN: b"a", b"a": CLOSE, CLOSE: b"b", b"b": END, b"c": END}
ONLY_C = Grammar('root ::= "c"')

Ask = Callable[[Engine, Request], Completion]


def alone(engine: Engine, asked: Request) -> Completion:
    return run(lambda cancel: engine.stream(asked, cancel))


def together(engine: Engine, asked: Request) -> Completion:
    many = [replace(asked, mode=Mode.THROUGHPUT)] * 2
    first, second = run(lambda cancel: engine.stream_many(many, cancel))
    assert (first.text, first.thinking) == (second.text, second.thinking)
    return first


@pytest.fixture(params=[alone, together])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@pytest.fixture(params=[THINKS, OPENED], ids=["the model begins it", "the template begins it"])
def engine(request: pytest.FixtureRequest, tmp_path: Path, open_model: Open) -> Engine:
    return open_model(write_chain(tmp_path / "chain.gguf", THOUGHT, template=request.param), params=PARAMS)


def test_a_constraint_begins_when_the_thinking_has_ended(engine: Engine, ask: Ask) -> None:
    free = ask(engine, request("Go"))
    held = ask(engine, replace(request("Go"), constraint=ONLY_C))
    assert (free.thinking, free.text) == ("a", "b")
    assert (held.thinking, held.text, held.stop_reason) == ("a", "c", StopReason.END)


def test_a_stop_string_in_the_thinking_stops_nothing(engine: Engine, ask: Ask) -> None:
    thought, answered = ask(engine, request("Go", stop=("a",))), ask(engine, request("Go", stop=("b",)))
    assert (thought.thinking, thought.text, thought.stop_reason) == ("a", "b", StopReason.END)
    assert (answered.thinking, answered.text, answered.stop_reason) == ("a", "", StopReason.STOP_STRING)


def test_a_model_told_not_to_think_is_held_from_its_first_token(tmp_path: Path, open_model: Open, ask: Ask) -> None:
    engine = open_model(write_chain(tmp_path / "chain.gguf", THOUGHT, template=THINKS), params=PARAMS)
    held = ask(engine, replace(request("Go"), constraint=ONLY_C, enable_thinking=False))
    assert (held.thinking, held.text) == ("", "c")


def test_an_answer_in_the_token_that_ends_the_thinking_is_refused_rather_than_let_through(
    tmp_path: Path, open_model: Open, ask: Ask
) -> None:
    """Marks spelt in letters: the token ``er`` after them would not be held to anything."""
    spelt = {OPEN: b"<0x3C>", b"<0x3C>": b"<0x2F>", b"<0x2F>": CLOSE, CLOSE: END}
    engine = open_model(write_chain(tmp_path / "chain.gguf", spelt, template=OPENED), params=PARAMS)
    held = ask(engine, replace(request("Go"), constraint=ONLY_C))
    assert (held.thinking, held.text) == ("</", "c")
