"""Models quantised by llama.cpp in a child: whole or not at all, with their lineage in their own header."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest

from tests.engine.conftest import Open, answer, request
from tests.unit.models.gguf_files import split_model
from workbench.engine import native
from workbench.engine.importance import measure
from workbench.engine.lineage import lineage_of
from workbench.engine.quantisations import quantisation
from workbench.engine.requantise import FLOOR_BYTES, Hashed, Quantised, Quantising, Wish, requantise
from workbench.errors import Cancelled, EngineCrashedError, QuantiseError
from workbench.jobs import CancelToken, run
from workbench.models.describe import describe
from workbench.models.params import RunParams

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
SENTENCE = "The history of the river valley is long, and many people have written about it. "


def quantise(source: Path, target: Path, kind: str, **wishes: object) -> Quantised:
    return run(requantise(wish(source, target, kind, **wishes), now=lambda: NOW))


def wish(source: Path, target: Path, kind: str, **wishes: object) -> Wish:
    return dataclasses.replace(Wish(describe(source), target, quantisation(kind)), **wishes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def importance(mistral_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("importance")
    (folder / "own.txt").write_text(SENTENCE * 60)
    return run(measure(describe(mistral_path), [folder / "own.txt"], folder / "own.gguf", n_threads=1)).path


def perplexity(path: Path) -> float:
    """Of each token after the one before, in one sequence."""
    with native.Weights(path, n_gpu_layers=0) as weights:
        tokens = [weights.bos, *weights.tokenize(SENTENCE * 2, special=False)]
        context = native.Context(weights, RunParams(n_ctx=256, n_batch=64, n_ubatch=64, n_gpu_layers=0))
        losses = []
        try:
            for position, (token, following) in enumerate(itertools.pairwise(tokens)):
                context.prefill([token], position, lambda: False, output=True)
                logits = np.array(context.row(), np.float64)
                losses.append(np.logaddexp.reduce(logits) - logits[following])
        finally:
            context.close()
    return math.exp(float(np.mean(losses)))


# --- what comes of it ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_K_M", "IQ4_NL", "BF16"])
def test_the_new_file_is_smaller_loads_answers_and_is_hardly_worse(
    mistral_path: Path, tmp_path: Path, open_model: Open, kind: str
) -> None:
    done = quantise(mistral_path, tmp_path / "new.gguf", kind)
    assert done.size_bytes == (tmp_path / "new.gguf").stat().st_size <= mistral_path.stat().st_size + 4096
    assert describe(done.path).quantisation == kind
    assert answer(open_model(done.path), request("Hello", max_tokens=4)).timings.completion_tokens == 4
    assert perplexity(done.path) == pytest.approx(perplexity(mistral_path), rel=0.05)


def test_eight_bits_are_those_of_the_reference_library(mistral_path: Path, tmp_path: Path) -> None:
    path = quantise(mistral_path, tmp_path / "new.gguf", "Q8_0").path
    before = {tensor.name: tensor for tensor in gguf.GGUFReader(mistral_path).tensors}
    for tensor in gguf.GGUFReader(path).tensors:
        if tensor.tensor_type == gguf.GGMLQuantizationType.Q8_0:
            plain = before[tensor.name].data.astype(np.float32)
            reference = gguf.quants.quantize(plain, gguf.GGMLQuantizationType.Q8_0)
            assert np.mean(reference == tensor.data) > 0.999  # halves are rounded differently
    assert len(before) == 21


def test_the_lineage_is_in_the_files_own_header(mistral_path: Path, tmp_path: Path, importance: Path) -> None:
    done = quantise(mistral_path, tmp_path / "new.gguf", "IQ4_NL", importance=importance)
    header = describe(done.path).header
    assert lineage_of(header) == done.lineage
    assert done.lineage.source == mistral_path.name
    assert done.lineage.source_sha256 == hashlib.sha256(mistral_path.read_bytes()).hexdigest()
    assert done.lineage.importance_sha256 == hashlib.sha256(importance.read_bytes()).hexdigest()
    assert done.lineage.made_at == "2026-03-01T12:00:00+00:00"
    assert header.text("quantize.imatrix.file") == "own.gguf"
    assert header.integer("quantize.imatrix.entries_count") == 14
    assert lineage_of(describe(mistral_path).header) is None


def test_the_size_that_was_promised_is_the_size_it_gets(mistral_path: Path, tmp_path: Path) -> None:
    events: list[Hashed | Quantising] = []
    task = requantise(wish(mistral_path, tmp_path / "new.gguf", "Q4_K_M"), now=lambda: NOW)
    done = run(task, on_event=events.append)
    promised = {event.total_bytes for event in events if isinstance(event, Quantising) and event.total_bytes}
    assert len(promised) == 1
    assert 0 <= promised.pop() - done.size_bytes < 4096
    assert events[0] == Hashed(1 << 20, mistral_path.stat().st_size)
    assert done.fallback == "13 of 21 tensor(s)"  # 128 wide rows are no multiple of 256


def test_an_importance_matrix_changes_the_weights_and_allows_the_smallest_types(
    mistral_path: Path, tmp_path: Path, importance: Path
) -> None:
    plain = quantise(mistral_path, tmp_path / "plain.gguf", "IQ4_NL").path
    weighed = quantise(mistral_path, tmp_path / "weighed.gguf", "IQ4_NL", importance=importance).path
    one, two = (
        {tensor.name: tensor.data.tobytes() for tensor in gguf.GGUFReader(path).tensors} for path in (plain, weighed)
    )
    changed = {name for name in one if one[name] != two[name]}
    assert {f"blk.{layer}.attn_q.weight" for layer in (0, 1)} <= changed
    assert "token_embd.weight" not in changed  # nothing was measured of it
    assert perplexity(weighed) == pytest.approx(perplexity(mistral_path), rel=0.05)
    smallest = quantise(mistral_path, tmp_path / "smallest.gguf", "IQ2_XXS", importance=importance)
    assert perplexity(smallest.path) == pytest.approx(perplexity(mistral_path), rel=0.2)


def test_a_split_source_becomes_one_file(mistral_path: Path, tmp_path: Path) -> None:
    parts = split_model(mistral_path, tmp_path / "parts", [11, 10])
    joined = quantise(parts[0], tmp_path / "joined.gguf", "Q8_0").path
    whole = quantise(mistral_path, tmp_path / "whole.gguf", "Q8_0").path
    one, two = ({t.name: t.data.tobytes() for t in gguf.GGUFReader(path).tensors} for path in (joined, whole))
    assert one == two
    assert describe(joined).files == (joined,)


# --- refused ---------------------------------------------------------------------------------


def test_what_is_quantised_already_is_refused_unless_it_is_asked_for(smollm2_path: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantiseError, match=r"is quantised already \(Q4_1\)"):
        quantise(smollm2_path, tmp_path / "new.gguf", "Q8_0")
    done = quantise(smollm2_path, tmp_path / "new.gguf", "Q4_0", allow_requantise=True)
    assert describe(done.path).quantisation == "Q4_0"


def test_few_bits_without_an_importance_matrix_are_refused_before_anything_is_read(
    mistral_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(QuantiseError, match="needs an importance matrix"):
        quantise(mistral_path, tmp_path / "new.gguf", "IQ2_XXS")


def test_an_importance_matrix_of_another_model_is_refused(smollm2_path: Path, importance: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantiseError, match="belongs to another model"):
        quantise(smollm2_path, tmp_path / "new.gguf", "Q4_0", importance=importance, allow_requantise=True)


def test_an_existing_target_is_kept_unless_it_may_be_replaced(mistral_path: Path, tmp_path: Path) -> None:
    target = tmp_path / "new.gguf"
    target.write_bytes(b"precious")
    with pytest.raises(QuantiseError, match="is there already"):
        quantise(mistral_path, target, "Q8_0")
    assert target.read_bytes() == b"precious"
    assert quantise(mistral_path, target, "Q8_0", replace=True).size_bytes > 1000
    with pytest.raises(QuantiseError, match="the source itself"):
        quantise(target, target, "F16", replace=True, allow_requantise=True)


def test_targets_that_cannot_be_are_refused(mistral_path: Path, tmp_path: Path) -> None:
    for name, said in (("new.bin", "does not end in .gguf"), ("nowhere/new.gguf", "There is no folder")):
        with pytest.raises(QuantiseError, match=said):
            quantise(mistral_path, tmp_path / name, "Q8_0")


def test_a_full_disk_is_said_before_anything_is_written(mistral_path: Path, tmp_path: Path) -> None:
    events: list[object] = []
    task = requantise(
        wish(mistral_path, tmp_path / "new.gguf", "Q8_0"), now=lambda: NOW, free_bytes=lambda _: FLOOR_BYTES + 1000
    )
    with pytest.raises(QuantiseError, match=r"will take [0-9.]+ .+ are free in"):
        run(task, on_event=events.append)
    assert not any(isinstance(event, Quantising) and event.written_bytes for event in events)
    assert list(tmp_path.iterdir()) == []


# --- stopped ---------------------------------------------------------------------------------


def test_cancelling_leaves_no_file(mistral_path: Path, tmp_path: Path) -> None:
    cancel = CancelToken()
    task = requantise(wish(mistral_path, tmp_path / "new.gguf", "IQ4_NL"), now=lambda: NOW)

    def stop(event: Hashed | Quantising) -> None:
        if isinstance(event, Quantising) and event.total_bytes:
            cancel.cancel()

    with pytest.raises(Cancelled):
        run(task, cancel=cancel, on_event=stop)
    assert list(tmp_path.iterdir()) == []


def test_an_abandoned_quantisation_leaves_no_file_either(mistral_path: Path, tmp_path: Path) -> None:
    events = requantise(wish(mistral_path, tmp_path / "new.gguf", "IQ4_NL"), now=lambda: NOW)(CancelToken())
    assert any(isinstance(event, Quantising) and event.total_bytes for event in events if _closes(event, events.close))
    assert list(tmp_path.iterdir()) == []


def _closes(event: Hashed | Quantising, close: Callable[[], None]) -> bool:
    writing = isinstance(event, Quantising) and event.total_bytes > 0
    if writing:
        close()
    return writing


def test_a_source_that_crashes_llama_cpp_takes_only_the_child(mistral_path: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(mistral_path.read_bytes())
    model = describe(damaged)
    damaged.write_bytes(mistral_path.read_bytes()[:9_000_000])  # cut after it was looked at
    with pytest.raises((QuantiseError, EngineCrashedError), match=r"damaged\.gguf"):
        run(requantise(Wish(model, tmp_path / "new.gguf", quantisation("Q8_0")), now=lambda: NOW))
    assert [path.name for path in tmp_path.iterdir()] == ["damaged.gguf"]
