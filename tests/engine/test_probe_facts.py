"""What an opened engine says of its own memory: llama.cpp's buffers, and what the process grew by."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.engine.conftest import SMALL, Open, answer, load_request, request
from tests.unit.models.gguf_files import split_model
from workbench.engine.base import StopReason
from workbench.engine.llama import LlamaBackend
from workbench.engine.loading import Shelf, identity
from workbench.engine.native_params import Placement
from workbench.engine.probe import Probe
from workbench.errors import BadGgufError
from workbench.jobs import CancelToken, run
from workbench.models.breakdown import RAM
from workbench.models.exact import Head
from workbench.models.header import read_header
from workbench.models.params import RunParams
from workbench.store.database import Database

LONG = "The history of the river valley is long, and many people have written about it. " * 20


@pytest.mark.parametrize("name", ["smollm2_path", "gemma_path", "mistral_path"])
def test_the_buffers_of_an_opened_engine_are_what_the_probe_said(
    name: str, open_model: Open, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    facts = open_model(path).facts
    database = Database(tmp_path / "probe.sqlite3")
    probe = Probe(database, devices=tuple)
    head = Head(path, path.name, path.stat().st_size)
    (predicted,) = probe((head,), read_header(path).sha256, (SMALL,), CancelToken())
    probe.close()
    database.close()
    reported = tuple(
        sum(getattr(buffer, kind) for buffer in facts.buffers)
        for kind in ("weights_bytes", "kv_bytes", "compute_bytes")
    )
    assert reported == predicted.on(RAM)
    assert reported == (facts.weights_bytes, facts.kv_bytes, facts.compute_bytes)
    assert facts.n_ctx == predicted.n_ctx


def test_a_mapped_file_is_counted_once_for_each_tensor(gemma_path: Path, open_model: Open) -> None:
    header = read_header(gemma_path)
    tensor_bytes = sum(tensor.size_bytes for tensor in header.tensors)
    by_name = {buffer.name: buffer.weights_bytes for buffer in open_model(gemma_path).facts.buffers}
    repacked_bytes = sum(size for name, size in by_name.items() if name != "CPU_Mapped")
    assert by_name["CPU_Mapped"] == pytest.approx(tensor_bytes - repacked_bytes, abs=64 * len(header.tensors))


def test_the_process_grows_by_what_was_opened_and_once_more_at_the_first_answer(
    smollm2_path: Path, open_model: Open
) -> None:
    engine = open_model(smollm2_path)
    opened = engine.facts
    answer(engine, request(LONG, max_tokens=4))
    answered = engine.facts
    answer(engine, request("Hi", max_tokens=2))
    held_bytes = sum(buffer.weights_bytes + buffer.kv_bytes for buffer in opened.buffers)
    assert opened.growth is not None
    assert answered.growth is not None
    assert opened.growth.process_bytes is not None
    assert answered.growth.process_bytes is not None
    # Memory freed by earlier tests may be used again: then less is new.
    assert 0.5 * held_bytes < opened.growth.process_bytes < 2 * held_bytes
    assert answered.growth.process_bytes >= opened.growth.process_bytes
    assert (opened.warm, answered.warm) == (False, True)
    assert opened.growth.alone
    assert answered.growth.alone
    assert engine.facts is answered, "later answers change nothing"


def test_an_answer_that_was_cancelled_does_not_complete_the_growth(mistral_path: Path, open_model: Open) -> None:
    engine, cancel = open_model(mistral_path), CancelToken()
    cancel.cancel()
    assert answer(engine, "Hello", cancel).stop_reason is StopReason.CANCELLED
    assert not engine.facts.warm
    answer(engine, "Hello")
    assert engine.facts.warm


def test_weights_that_were_there_already_are_no_growth(smollm2_path: Path, open_model: Open) -> None:
    first, second = open_model(smollm2_path).facts, open_model(smollm2_path).facts
    assert (first.weights_shared, second.weights_shared) == (False, True)
    assert first.buffers == second.buffers
    assert second.growth is not None
    assert second.growth.process_bytes is not None
    assert second.growth.process_bytes < 0.7 * sum(buffer.weights_bytes for buffer in second.buffers)


def test_a_load_beside_an_answer_is_not_alone(mistral_path: Path, smollm2_path: Path, open_model: Open) -> None:
    busy = open_model(mistral_path)
    stream = busy.stream(request("Go on.", max_tokens=500), CancelToken())
    list(itertools.islice(stream, 2))
    loaded = open_model(smollm2_path)
    stream.close()
    assert loaded.facts.growth is not None
    assert not loaded.facts.growth.alone
    answer(loaded, request("Hi", max_tokens=2))
    assert loaded.facts.growth is not None
    assert not loaded.facts.growth.alone, "what the load could not tell, the answer cannot make good"


def test_sequences_that_share_a_cache_are_given_one(mistral_path: Path, open_model: Open) -> None:
    apart, shared = (
        open_model(mistral_path, params=RunParams(n_ctx=1024, n_seq_max=4, kv_unified=unified)).facts
        for unified in (False, True)
    )
    assert (apart.n_ctx, shared.n_ctx) == (1024, 1024)
    assert apart.kv_bytes == shared.kv_bytes
    assert apart.compute_bytes != shared.compute_bytes, "the mask spans the whole cache, or a quarter of it"


# --- what counts as the same weights ---------------------------------------------------------


def test_another_placement_is_another_load(mistral_path: Path, backend: LlamaBackend) -> None:
    engines = [
        run(lambda cancel, p=params: backend.open(load_request(mistral_path, params=p), cancel))
        for params in (
            SMALL,
            RunParams(n_ctx=512, n_batch=256, n_ubatch=256),
            RunParams(n_ctx=512, n_gpu_layers=0),
            RunParams(n_ctx=512, n_cpu_moe=2),
        )
    ]
    loaded = backend.loaded_count
    texts = {answer(engine, request("Go on.", max_tokens=8)).text for engine in engines}
    for engine in engines:
        engine.close()
    assert loaded == 3
    assert len(texts) == 1
    assert backend.loaded_count == 0


def test_a_split_model_is_the_same_only_with_all_its_parts(smollm2_path: Path, tmp_path: Path) -> None:
    count = len(read_header(smollm2_path).tensors)
    files = split_model(smollm2_path, tmp_path, (count // 2, count - count // 2))
    everywhere = Placement(-1)
    before = identity(files, everywhere)
    shelf = Shelf()
    first = run(lambda token: shelf.take(files, everywhere, token))
    second = run(lambda token: shelf.take(files, everywhere, token))
    assert (first.shared, second.shared, shelf.count) == (False, True, 1)
    first.release()
    second.release()
    files[1].write_bytes(files[1].read_bytes() + b"more")
    assert identity(files, everywhere) != before
    files[1].unlink()
    with pytest.raises(BadGgufError, match="gone"):
        identity(files, everywhere)
