"""The estimate beside what llama.cpp really allocates when it loads a model."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from tests.engine.grid import measure
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.models.describe import describe
from workbench.models.file import Family
from workbench.models.fit import Verdict, fit
from workbench.models.header import read_header
from workbench.models.memory import need
from workbench.models.params import RunParams
from workbench.models.shape import shape_of

LOADS = (
    RunParams(n_ctx=256),
    RunParams(n_ctx=2048),
    RunParams(n_ctx=4096, n_ubatch=128, flash_attn="off"),
    RunParams(n_ctx=4096, n_seq_max=2, n_outputs_max=0, type_k="q8_0", type_v="q8_0"),
)


@functools.lru_cache(maxsize=4)
def loaded(path: Path) -> list[dict[str, Any] | None]:
    """In a child process: what the program under test does with its own process is not disturbed."""
    return measure(path, LOADS, real=True)


@pytest.fixture(params=["smollm2_path", "gemma_path", "mistral_path"])
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("number", range(len(LOADS)))
def test_cache_and_work_area_are_those_of_a_real_load_to_the_byte(path: Path, number: int) -> None:
    header, real = read_header(path), loaded(path)[number]
    estimate = need(header, shape_of(header), LOADS[number])
    assert real is not None
    assert real["n_ctx"] == LOADS[number].n_ctx
    assert (estimate.kv_bytes, estimate.compute_bytes) == (real["kv"], real["compute"])


def test_weights_parameters_and_trained_context_are_exactly_those_llama_cpp_counts(path: Path) -> None:
    model, real = describe(path), loaded(path)[0]
    assert real is not None
    # Of the shared model, not of its buffers: a mapped file is listed whole beside what was rearranged.
    assert sum(tensor.size_bytes for tensor in model.header.tensors) == real["model"]["size_bytes"]
    assert model.parameter_count == real["model"]["parameter_count"]
    assert model.n_ctx_train == real["model"]["n_ctx_train"]


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
