"""What goes over the pipe to an engine's process comes out as it went in."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from pathlib import Path

import pytest

from workbench.engine import base, wire
from workbench.engine.base import (
    Adapter,
    Completion,
    ContextPolicy,
    Dropped,
    EngineFacts,
    Grammar,
    LoadRequest,
    Message,
    Mode,
    Prefilling,
    RenderedPrompt,
    Request,
    Sampling,
    StopReason,
    TextDelta,
    Tool,
    ToolCall,
)
from workbench.engine.fake import fake_model
from workbench.engine.recorded import Candidate, Choice, Timings
from workbench.jobs import CancelToken
from workbench.models.exact import Buffer
from workbench.models.params import RunParams
from workbench.models.receipt import Growth
from workbench.words import Said, said

PROMPT = RenderedPrompt(
    "<s>Hi \udcff 🙂\n", "file", 4, ("a note",), (1, 2, 3, 4), "ab" * 32, "merged", "Be brief.", "2026-03-01", 2,
    Dropped(ContextPolicy.DROP_OLDEST, 2, 30),
)  # fmt: skip

VALUES = [
    Request(
        (Message("user", "Hi"),),
        Sampling(seed=None),
        None,
        ("stop",),
        2,
        ContextPolicy.MIDDLE_OUT,
        64,
        Grammar("root ::= [a-z]+"),
        (Tool("weather", "", "{}"),),
        3,
        Mode.THROUGHPUT,
    ),
    LoadRequest(fake_model("A"), RunParams(), "chatml", (Adapter(Path("/a/b.gguf"), 0.5),), isolated=True),
    Prefilling(0, 4, PROMPT),
    TextDelta("né", 1, thinking=True),
    Completion(
        "text", StopReason.END, PROMPT, Timings(None, 1.5, 4, 0, 2.0, 1), 7, "thought", ("top_k",),
        (Choice(Candidate(1, "a", -0.1), (Candidate(2, "b", -2.0),), 0),), (ToolCall("weather", "{}"),),
    ),
    EngineFacts(
        "llama.cpp", "1", "A", RunParams(), 256, "file", 1.0, 0.0, False, 1, None, 2, (Buffer("CPU", "RAM", 1, 2, 3),),
        Growth(None, (("CUDA0", 5),), alone=True), notes=("smaller",),
    ),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_of_the_protocol_come_back_equal(value: object) -> None:
    line = wire.dumps((7, "event", value))
    assert b"\n" not in line
    assert wire.loads(line) == (7, "event", value)


def test_what_equality_leaves_out_comes_back_too() -> None:
    model = fake_model("A")
    back = wire.loads(wire.dumps(model))
    assert back.header.metadata == model.header.metadata
    assert back.header.tensors == model.header.tensors


def test_a_probability_of_zero_comes_back() -> None:
    assert wire.loads(wire.dumps(Candidate(1, "a", -math.inf))).logprob == -math.inf


def test_a_sentence_remembers_how_it_was_made() -> None:
    sentence = said("{model} was not read: {why}", model="a.gguf", why=said("it is empty"))
    after = wire.loads(wire.dumps((1, "error", ("bad_gguf", sentence, None))))[2][1]
    assert isinstance(after, Said)
    assert (after, after.template) == (sentence, "{model} was not read: {why}")


def test_every_kind_of_the_contract_can_travel() -> None:
    kinds = {
        kind
        for kind in vars(base).values()
        if isinstance(kind, type) and (dataclasses.is_dataclass(kind) or issubclass(kind, enum.Enum))
    }
    assert kinds <= set(wire.KINDS.values()) | {enum.StrEnum}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b'{"": "Popen", "args": "ls"}',
        b'{"": "TextDelta", "words": "a"}',
        b'{"": "StopReason", "value": "bored"}',
        b'{"a": 1}',
        b"[" * 100_000,
        json.dumps({"": ["TextDelta"]}).encode(),
    ],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.loads(line)


def test_what_is_not_of_the_protocol_does_not_leave() -> None:
    with pytest.raises(TypeError, match="CancelToken"):
        wire.dumps(CancelToken())
