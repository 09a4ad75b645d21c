"""The estimate beside what llama.cpp really allocates for the same file and parameters."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.models.describe import describe
from workbench.models.file import Family
from workbench.models.fit import Verdict, fit
from workbench.models.header import read_header
from workbench.models.memory import need
from workbench.models.params import RunParams
from workbench.models.shape import shape_of

MIB = 1 << 20
CONTEXTS = (256, 2048, 4096)


@functools.lru_cache(maxsize=4)
def loaded(path: Path) -> dict[str, Any]:
    """In a child process: what the program under test does with its own process is not disturbed."""
    program = Path(__file__).with_name("load_facts.py")
    words = [sys.executable, str(program), str(path), *map(str, CONTEXTS)]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    facts: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return facts


@pytest.fixture(params=["smollm2_path", "gemma_path", "mistral_path"])
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


def test_weights_and_parameters_are_exactly_those_llama_cpp_counts(path: Path) -> None:
    model, facts = describe(path), loaded(path)
    assert need(model.header, shape_of(model.header), RunParams()).weights_bytes == facts["weights_bytes"]
    assert model.parameter_count == facts["parameter_count"]
    assert model.n_ctx_train == facts["n_ctx_train"]


@pytest.mark.parametrize("n_ctx", CONTEXTS)
def test_the_cache_is_exact_and_the_whole_within_three_percent(path: Path, n_ctx: int) -> None:
    header, facts = read_header(path), loaded(path)
    real = facts[str(n_ctx)]
    params = RunParams(n_ctx=n_ctx)
    estimate = need(header, shape_of(header), params)
    assert real["n_ctx"] == n_ctx
    assert estimate.kv_bytes / MIB == pytest.approx(real["KV"], abs=0.011)  # it prints hundredths of a MiB
    predicted = estimate.weights_bytes + estimate.kv_bytes + estimate.compute_bytes
    actual = facts["weights_bytes"] + (real["KV"] + real["compute"]) * MIB
    # A work area of 6 MiB in a model of 17: one MiB more is over three percent there.
    assert 0.99 * actual <= predicted <= max(1.03 * actual, actual + 1.5 * MIB)


def test_a_vocabulary_of_262144_tokens_is_counted_without_being_read(gemma_path: Path) -> None:
    model = describe(gemma_path)
    assert model.header.count("tokenizer.ggml.tokens") == 262_144
    assert len(model.header.tensors) == 236
    assert model.header.data_offset_bytes == 6_525_120
    assert (model.family, model.architecture, model.quantisation) == (Family.GEMMA, "gemma3", "Q4_K_M")
    assert (model.n_ctx_train, model.parameter_count) == (32_768, 268_098_176)
    assert model.chat_template is None, "it is a base model"


def test_smollm2_has_the_llama_architecture_and_is_not_of_its_family(smollm2_path: Path) -> None:
    model = describe(smollm2_path)
    assert (model.family, model.architecture, model.quantisation) == (Family.OTHER, "llama", "Q4_1")
    assert model.licence == "apache-2.0"
    assert model.chat_template is not None
    assert "<|im_start|>" in model.chat_template
    assert not model.synthetic


def test_the_synthetic_model_is_of_the_mistral_family_and_marked(mistral_path: Path) -> None:
    model = describe(mistral_path)
    assert (model.family, model.synthetic) == (Family.MISTRAL, True)


def test_small_models_fit_an_ordinary_laptop_at_their_full_context(path: Path) -> None:
    model = describe(path)
    found = fit(model, LAPTOP_WITHOUT_GPU, n_ctx=model.n_ctx_train)
    assert (found.verdict, found.max_context) == (Verdict.CPU, model.n_ctx_train)
