"""Hostile and damaged files, tried in a real child process: an error each, and this process lives."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.engine.conftest import load_request
from workbench.engine import child, child_process, vet
from workbench.engine.base import Vetting
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.errors import (
    BadGgufError,
    Cancelled,
    EngineCrashedError,
    ModelLoadError,
    TemplateError,
    UnsupportedArchitectureError,
)
from workbench.jobs import CancelToken, run


@pytest.fixture
def fresh() -> LlamaBackend:
    return LlamaBackend(Vetter(RememberedVerdicts()))


def damaged(source: Path, folder: Path, old: bytes, new: bytes) -> Path:
    """A copy with some bytes replaced by as many others."""
    assert len(old) == len(new)
    raw = source.read_bytes()
    assert old in raw
    file = folder / "damaged.gguf"
    file.write_bytes(raw.replace(old, new))
    return file


def opened(backend: LlamaBackend, path: Path, template: str | None = None) -> None:
    run(lambda cancel: backend.open(load_request(path, template=template), cancel)).close()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"<0x0B>", b"<0x0A>", r"llama-vocab\.cpp:\d+: GGML_ASSERT"),  # a token twice
        (b"<0x0A>", b"<0xZZ>", "unordered_map::at"),  # a byte without a token
    ],
)
def test_a_file_that_aborts_llama_cpp_is_an_error_and_is_not_tried_again(
    old: bytes, new: bytes, said: str, mistral_path: Path, tmp_path: Path, fresh: LlamaBackend
) -> None:
    file = damaged(mistral_path, tmp_path, old, new)
    with pytest.raises(EngineCrashedError, match=said) as first:
        opened(fresh, file)
    asked = load_request(file)
    with pytest.raises(EngineCrashedError) as second:
        next(fresh.open(asked, CancelToken()))  # without a Vetting event
    assert second.value.message == first.value.message
    assert fresh.loaded_count == 0


def test_an_unknown_architecture_is_named(mistral_path: Path, tmp_path: Path, fresh: LlamaBackend) -> None:
    with pytest.raises(UnsupportedArchitectureError, match="lxama"):
        opened(fresh, damaged(mistral_path, tmp_path, b"llama", b"lxama"))


def test_a_missing_tensor_is_a_load_error_with_llama_cpps_reason(
    mistral_path: Path, tmp_path: Path, fresh: LlamaBackend
) -> None:
    with pytest.raises(ModelLoadError, match=r"ffn_down\.weight"):
        opened(fresh, damaged(mistral_path, tmp_path, b"blk.1.ffn_down.weight", b"blk.1.ffn_dXwn.weight"))


def not_numbers(source: Path, folder: Path) -> Path:
    """A copy with a tensor that holds no numbers."""
    header = load_request(source).model.header
    tensor = next(tensor for tensor in header.tensors if tensor.name == "output_norm.weight")
    raw = bytearray(source.read_bytes())
    start = header.data_offset_bytes + tensor.offset_bytes
    raw[start : start + tensor.size_bytes] = b"\xff" * tensor.size_bytes  # NaN in every format
    file = folder / "nan.gguf"
    file.write_bytes(raw)
    return file


def test_weights_that_are_not_numbers_are_found_by_evaluating_them(
    mistral_path: Path, tmp_path: Path, fresh: LlamaBackend
) -> None:
    with pytest.raises(ModelLoadError, match="not numbers"):
        opened(fresh, not_numbers(mistral_path, tmp_path))


def test_weights_that_there_was_no_memory_to_try_are_told_of_and_tried_once_there_is(
    mistral_path: Path, tmp_path: Path, fresh: LlamaBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = load_request(not_numbers(mistral_path, tmp_path))
    with monkeypatch.context() as short:
        short.setattr(vet, "WHOLE_LOAD_FRACTION", 0.0)
        engine = run(lambda cancel: fresh.open(asked, cancel))
        assert engine.facts.notes == (vet.UNTRIED,)
        engine.close()
        again = fresh.open(asked, CancelToken())
        assert not isinstance(next(again), Vetting)  # what can be known for now is known
        again.close()
    with pytest.raises(ModelLoadError, match="not numbers"):
        run(lambda cancel: fresh.open(asked, cancel))
    monkeypatch.setattr(vet, "WHOLE_LOAD_FRACTION", 0.0)
    with pytest.raises(ModelLoadError, match="not numbers"):  # and that stays, whatever memory there is
        run(lambda cancel: fresh.open(asked, cancel))


def test_of_weights_that_were_tried_nothing_is_told(mistral_path: Path, fresh: LlamaBackend) -> None:
    engine = run(lambda cancel: fresh.open(load_request(mistral_path), cancel))
    assert engine.facts.notes == ()
    engine.close()


def test_a_truncated_file_does_not_get_as_far_as_llama_cpp(mistral_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "short.gguf"
    file.write_bytes(mistral_path.read_bytes()[:1_000_000])
    with pytest.raises(BadGgufError):
        load_request(file)


@pytest.mark.parametrize(
    "hostile",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'A' * 10**10 }}",
        "{{ '%5000000000d' | format(1) }}",
        "{% set ns = namespace(a='x') %}{% for i in range(64) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a }}",
    ],
)
def test_a_template_that_would_never_end_or_eat_all_memory_is_rejected(
    hostile: str, mistral_path: Path, tmp_path: Path, fresh: LlamaBackend
) -> None:
    file = tmp_path / "hostile.jinja"
    file.write_text(hostile)
    with pytest.raises(TemplateError):
        opened(fresh, mistral_path, template=str(file))
    assert fresh.loaded_count == 0
    opened(fresh, mistral_path)  # the file itself is not to blame


def test_a_file_that_changed_is_tried_again(mistral_path: Path, tmp_path: Path) -> None:
    vetter = Vetter(RememberedVerdicts())
    file = tmp_path / "model.gguf"
    file.write_bytes(mistral_path.read_bytes())
    backend = LlamaBackend(vetter)
    opened(backend, file)
    asked = load_request(file)
    known = asked.model.chat_template
    assert known is not None
    os.utime(file, ns=(1, 1))
    opening = backend.open(asked, CancelToken())
    assert type(next(opening)).__name__ == "Vetting"
    opening.close()


# --- the child itself ------------------------------------------------------------------------


def test_the_survey_names_the_engines_build_and_a_processor_backend() -> None:
    survey = child.survey()
    assert "CPU" in survey.build.backends
    assert survey.build.version
    assert survey.build.cpu_features


def test_a_child_gets_no_access_tokens_and_is_this_very_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("HF_TOKEN_PATH", "hf_canary")
    environment = child_process.environment()
    assert "hf_canary" not in environment.values()
    assert environment["GGML_NO_BACKTRACE"] == "1"
    assert child.command()[0] == sys.executable


def test_a_frozen_program_calls_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child.command() == [sys.executable, child.FLAG]


def test_a_child_that_ends_without_an_answer_is_a_crash_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os, sys; print('ggml.c:1: GGML_ASSERT(x) failed', file=sys.stderr, flush=True); os.abort()"
    monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", code])
    with pytest.raises(child.ChildCrashedError) as error:
        child.call("survey", {}, CancelToken())
    assert error.value.reason == "ggml.c:1: GGML_ASSERT(x) failed"


def test_a_child_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    code = 'import sys; print(\'{"id": 1, "stage": "slow"}\', flush=True); sys.stdin.buffer.read()'
    monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", code])
    with pytest.raises(child.ChildTimeoutError, match="slow"):
        child.call("survey", {}, CancelToken(), stage_s={"slow": 0.1})


def test_a_child_is_ended_when_its_work_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "command", lambda: [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"])
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        child.call("survey", {}, cancel)
