"""What is recorded beside a real model's answer: samplers, candidates, thinking; and what cannot be an answer."""

from __future__ import annotations

import math
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.engine.conftest import GREEDY, Open, answer, request
from tests.engine.tiny_models import WORDS, write_windowed
from workbench.engine import native
from workbench.engine.base import RenderedPrompt, Request, Sampling, StopReason
from workbench.engine.generation import Generation
from workbench.engine.kept import Memory
from workbench.engine.prompt import Prompt
from workbench.engine.reply import Reply
from workbench.errors import GenerationError
from workbench.jobs import run
from workbench.models.header import read_header
from workbench.models.params import RunParams

QUESTION = "Name three colours of the rainbow."


def test_alternatives_are_told_for_each_token_and_change_nothing(smollm2_path: Path, open_model: Open) -> None:
    engine = open_model(smollm2_path)
    plain = answer(engine, request(QUESTION, max_tokens=8))
    told = answer(engine, replace(request(QUESTION, max_tokens=8), alternatives=5))
    assert (told.text, plain.choices) == (plain.text, ())
    assert len(told.choices) == told.timings.completion_tokens == 8
    for choice in told.choices:
        assert told.text[choice.start :].startswith(choice.taken.text)
        assert len(choice.others) == 4  # the one taken is the fifth: greedy
        logprobs = [choice.taken.logprob, *(other.logprob for other in choice.others)]
        assert logprobs == sorted(logprobs, reverse=True)
        assert 0 < sum(map(math.exp, logprobs)) <= 1


def test_the_samplers_are_told_in_order(mistral_path: Path, open_model: Open) -> None:
    engine = open_model(mistral_path)
    sampling = Sampling(temperature=0.5, repetition_penalty=1.2)
    assert answer(engine, request(QUESTION, max_tokens=1, sampling=sampling)).samplers == (
        "penalties", "top-k", "top-p", "min-p", "temp", "dist",
    )  # fmt: skip
    assert answer(engine, request(QUESTION, max_tokens=1)).samplers == ("greedy",)


def test_no_token_is_no_answer_and_no_failure(mistral_path: Path, open_model: Open) -> None:
    completion = answer(open_model(mistral_path), request(QUESTION, max_tokens=0))
    assert (completion.text, completion.stop_reason) == ("", StopReason.MAX_TOKENS)
    assert completion.timings.completion_tokens == 0


def test_bytes_that_are_no_text_are_shown_as_replacements(mistral_path: Path, open_model: Open) -> None:
    """Random weights at a high temperature write the vocabulary's bytes in any order."""
    engine = open_model(mistral_path)
    wild = Sampling(temperature=50, top_k=0, top_p=1, min_p=0, seed=3)
    completion = answer(engine, request(QUESTION, max_tokens=600, sampling=wild))
    assert "\ufffd" in completion.text
    assert completion.text.encode().decode() == completion.text


def test_a_model_that_computes_nan_is_called_broken(tmp_path: Path) -> None:
    path = write_windowed(tmp_path / "tiny.gguf")
    header = read_header(path)
    norm = next(tensor for tensor in header.tensors if tensor.name == "output_norm.weight")
    with path.open("r+b") as file:
        file.seek(header.data_offset_bytes + norm.offset_bytes)
        file.write(np.full(norm.element_count, np.nan, np.float32).tobytes())
    params = RunParams(n_ctx=256, n_batch=64, n_ubatch=64, n_gpu_layers=0)
    prompt = Prompt(RenderedPrompt("", "none", 3), (5, 6, WORDS - 1))
    with native.Weights(path, n_gpu_layers=0) as weights, closing(native.Context(weights, params)) as context:
        memory = Memory.of(context, weights, params)
        reply = Reply(weights, Request((), GREEDY), prompt, n_ctx=256, sent=time.perf_counter())
        with reply, pytest.raises(GenerationError, match="NaN") as raised:
            run(Generation(memory, reply).events)
        assert raised.value.hint is not None
        assert memory.length == 0
