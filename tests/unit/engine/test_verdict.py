"""Verdicts on files: remembered, and raised again as the error they were."""

from __future__ import annotations

import pytest

from workbench.engine.refusal import refusal
from workbench.engine.verdict import RememberedVerdicts, Verdict
from workbench.errors import EngineCrashedError, ModelLoadError, UnsupportedArchitectureError


def test_a_good_verdict_raises_nothing() -> None:
    Verdict().raise_if_rejected()


def test_a_rejection_is_raised_as_it_was() -> None:
    with pytest.raises(EngineCrashedError) as error:
        Verdict("engine_crashed", "It crashed.", "Try another.").raise_if_rejected()
    assert (error.value.message, error.value.hint) == ("It crashed.", "Try another.")


def test_verdicts_are_found_under_their_key_only() -> None:
    known = RememberedVerdicts()
    known.put("a", Verdict("template", "bad"))
    assert known.get("a") == Verdict("template", "bad")
    assert known.get("b") is None


def test_an_unknown_architecture_is_named() -> None:
    error = refusal("x.gguf", ["llama_model_load: error loading model: unknown model architecture: 'abc'"])
    assert isinstance(error, UnsupportedArchitectureError)
    assert "'abc'" in error.message


def test_another_refusal_keeps_llama_cpps_reason() -> None:
    error = refusal("x.gguf", ["one", "llama_model_load: error loading model: missing tensor 'output.weight'", "last"])
    assert isinstance(error, ModelLoadError)
    assert error.message == "x.gguf could not be loaded: missing tensor 'output.weight'."


def test_a_refusal_without_a_word_is_still_an_error() -> None:
    assert isinstance(refusal("x.gguf", []), ModelLoadError)
