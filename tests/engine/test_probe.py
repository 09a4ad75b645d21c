"""What the probe says beside what real loads take: equal to the byte."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.engine import shapes
from workbench.engine import breakdown, child, native
from workbench.engine.probe import Probe
from workbench.errors import ProbeError
from workbench.hardware.facts import Device, DeviceKind
from workbench.jobs import CancelToken
from workbench.models.breakdown import RAM
from workbench.models.exact import Breakdown, Head
from workbench.models.header import read_header
from workbench.models.params import RunParams
from workbench.store.database import Database

MODELS = ("smollm2_path", "gemma_path", "mistral_path")
CHOICES: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("n_ctx", (512, 4096)),
    ("n_ubatch", (128, 512)),
    ("flash_attn", ("auto", "on", "off")),
    ("n_seq_max", (1, 4)),
    ("kv_type", ("f16", "q8_0")),
    ("swa_full", (False, True)),
    ("kv_unified", (False, True)),
    ("n_outputs_max", (1, 0)),
)
EVERY = 11  # of the whole matrix, so that every pair of values still occurs


def matrix() -> tuple[RunParams, ...]:
    """A slice of all combinations; a quantised V cache needs flash attention."""
    names = [name for name, _ in CHOICES]
    found = []
    for values in itertools.product(*(values for _, values in CHOICES)):
        named = dict(zip(names, values, strict=True))
        kv_type = named.pop("kv_type")
        if kv_type == "f16" or named["flash_attn"] != "off":
            found.append(RunParams(**named, n_batch=512, type_k=kv_type, type_v=kv_type))
    return tuple(found[::EVERY])


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "probe.sqlite3")
    yield database
    database.close()


@pytest.fixture
def probe(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Probe]:
    """A probe whose temporary folder is empty again when its test has ended."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    asked = Probe(db, devices=tuple)
    yield asked
    asked.close()
    assert list(temporary.iterdir()) == []


def whole(path: Path) -> tuple[Head, ...]:
    return (Head(path, path.name, path.stat().st_size),)


def parts_of(path: Path) -> tuple[Head, ...]:
    if "-00001-of-" not in path.name:
        return whole(path)
    stem = path.name.partition("-00001-of-")[0]
    return tuple(Head(part, part.name, part.stat().st_size) for part in sorted(path.parent.glob(f"{stem}-0*")))


def beheaded(heads: tuple[Head, ...], folder: Path) -> tuple[Head, ...]:
    """Only the headers' bytes, under other names, as a download of the first bytes leaves them."""
    found = []
    for number, head in enumerate(heads):
        with head.path.open("rb") as file:
            first_bytes = file.read(read_header(head.path).data_offset_bytes)
        path = folder / f"{number}.head"
        path.write_bytes(first_bytes)
        found.append(dataclasses.replace(head, path=path))
    return tuple(found)


def ask(probe: Probe, heads: tuple[Head, ...], *wanted: RunParams) -> tuple[Breakdown, ...]:
    return probe(heads, "sha256 of " + heads[0].name, wanted or (RunParams(),), CancelToken())


@pytest.mark.parametrize("name", MODELS)
def test_the_probe_equals_real_loads_to_the_byte(name: str, probe: Probe, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    wanted = matrix()
    answers = ask(probe, whole(path), *wanted)
    different = []
    with native.Weights(path, n_gpu_layers=-1) as weights:
        for params, answer in zip(wanted, answers, strict=True):
            context = native.Context(weights, params)
            try:
                real = breakdown.read(weights, context)
                if (real.total(), context.n_ctx) != (answer.on(RAM), answer.n_ctx) or real.source.value != "map":
                    different.append((params, real.total(), answer.on(RAM)))
            finally:
                context.close()
    assert len(answers) > 20
    assert [answer.params for answer in answers] == list(wanted)
    assert different == []


@pytest.mark.parametrize("name", MODELS)
def test_every_buffer_equals_that_of_a_load_that_reads_its_weights(
    name: str, probe: Probe, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(name)
    params = RunParams(n_ctx=1024)
    monkeypatch.setattr(native.api(), "LLAMA_LOAD_MODE_AUTO", native.api().LLAMA_LOAD_MODE_NONE)
    with native.Weights(path, n_gpu_layers=-1) as weights:
        context = native.Context(weights, params)
        real = breakdown.read(weights, context)
        context.close()
    assert ask(probe, whole(path), params)[0].buffers == real.buffers


@pytest.mark.parametrize(
    "name",
    [
        "llama3-8b",
        "llama3-8b-split",
        "gemma3-12b",
        "qwen3-30b-a3b",
        "deepseek2-lite",
        "qwen3.5-9b",
        "llama3.2-3b-q4_0",
    ],
)
def test_headers_alone_are_answered_like_the_files(name: str, probe: Probe, tmp_path: Path) -> None:
    heads = parts_of(shapes.write(name, tmp_path / "shapes"))
    contexts = [RunParams(n_ctx=n_ctx) for n_ctx in (2048, 8192)]
    there = ask(probe, heads, *contexts)
    remote = probe(beheaded(heads, tmp_path), "the same headers", contexts, CancelToken())
    assert [answer.buffers for answer in remote] == [answer.buffers for answer in there]
    weights_bytes, small_kv_bytes, _ = there[0].on(RAM)
    assert weights_bytes > 0.8 * sum(head.size_bytes for head in heads)
    assert 0 < small_kv_bytes < there[1].on(RAM)[1]


def test_a_split_model_takes_what_the_unsplit_one_takes(probe: Probe, tmp_path: Path) -> None:
    one, three = (parts_of(shapes.write(name, tmp_path)) for name in ("llama3-8b", "llama3-8b-split"))
    assert (len(one), len(three)) == (1, 3)
    assert ask(probe, one)[0].buffers == ask(probe, three)[0].buffers


def test_experts_kept_in_main_memory_are_asked_for_anew(probe: Probe, tmp_path: Path) -> None:
    heads = parts_of(shapes.write("qwen3-30b-a3b", tmp_path))
    plain, some, all_of_them = ask(probe, heads, *(RunParams(n_cpu_moe=count) for count in (0, 4, 48)))
    assert plain.buffers == some.buffers == all_of_them.buffers  # without a GPU they are there already


def test_a_second_question_is_answered_from_memory_and_by_another_probe_from_the_store(
    probe: Probe, db: Database, mistral_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(probe, whole(mistral_path))[0]
    monkeypatch.setattr(child, "command", lambda: ["no such program"])
    remembered = ask(probe, whole(mistral_path))[0]
    stored = ask(Probe(db, devices=tuple), whole(mistral_path))[0]
    assert not first.cached
    assert remembered == stored == dataclasses.replace(first, cached=True)


def test_another_header_size_build_parameter_or_device_is_another_question(
    db: Database, mistral_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices: list[Device] = []
    probe = Probe(db, devices=lambda: devices)
    heads = whole(mistral_path)
    ask(probe, heads)
    probe.close()
    monkeypatch.setattr(child, "command", lambda: ["no such program"])

    def known(heads: tuple[Head, ...], sha256: str, params: RunParams) -> bool:
        try:
            return probe(heads, sha256, (params,), CancelToken())[0].cached
        except ProbeError:
            return False

    same = ("sha256 of " + mistral_path.name, RunParams())
    assert known(heads, *same)
    assert not known(heads, "another header", RunParams())
    assert not known((dataclasses.replace(heads[0], size_bytes=heads[0].size_bytes + 1),), *same)
    assert not known(heads, same[0], RunParams(kv_unified=True))
    devices.append(Device("CUDA0", "A card", "CUDA", DeviceKind.GPU, 8 << 30, 8 << 30))
    assert not known(heads, *same)
    devices.clear()
    monkeypatch.setattr(native, "build_identity", lambda: "another build")
    assert not known(heads, *same)


def test_what_several_gpus_would_share_out_anew_is_not_remembered(db: Database, mistral_path: Path) -> None:
    cards = [Device(f"CUDA{n}", "A card", "CUDA", DeviceKind.GPU, 8 << 30, 8 << 30) for n in range(2)]
    probe = Probe(db, devices=lambda: cards)
    answers = [ask(probe, whole(mistral_path))[0] for _ in range(2)]
    probe.close()
    assert not any(answer.cached for answer in answers)
    assert answers[0] == answers[1]


def test_several_threads_may_ask_at_once(probe: Probe, mistral_path: Path, smollm2_path: Path) -> None:
    questions = [
        (whole(path), RunParams(n_ctx=n_ctx)) for path in (mistral_path, smollm2_path) for n_ctx in (512, 1024)
    ]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda question: ask(probe, question[0], question[1])[0], questions))
    for (heads, params), answer in zip(questions, answers, strict=True):
        assert answer == dataclasses.replace(ask(probe, heads, params)[0], cached=False)


def test_a_refused_context_says_why(probe: Probe, smollm2_path: Path) -> None:
    with pytest.raises(ProbeError, match=r"quantized V cache requires flash_attn") as error:
        ask(probe, whole(smollm2_path), RunParams(type_v="q8_0", flash_attn="off"))
    assert error.value.hint is not None
    assert ask(probe, whole(smollm2_path))[0].n_ctx == 4096


# --- where the breakdown cannot be read ------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("no_alloc", [False, True])
def test_the_log_stands_in_for_a_breakdown_that_cannot_be_read(
    name: str, no_alloc: bool, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    path: Path = request.getfixturevalue(name)
    with native.Weights(path, n_gpu_layers=-1, no_alloc=no_alloc) as weights:
        context = native.Context(weights, RunParams(n_ctx=1024))
        exact = breakdown.read(weights, context)
        monkeypatch.setattr(breakdown, "_GNU", "no_such_symbol")
        stand_in = breakdown.read(weights, context)
        context.close()
    assert (exact.source, stand_in.source) == (breakdown.Source.MAP, breakdown.Source.LOG)
    for read, printed in zip(exact.total(), stand_in.total(), strict=True):
        assert printed == pytest.approx(read, abs=0.02 * 2**20)
    assert {buffer.device for buffer in stand_in.buffers} == {RAM}


def test_reading_a_breakdown_a_thousand_times_leaks_nothing(mistral_path: Path) -> None:
    from workbench.engine.growth import process_bytes

    with native.Weights(mistral_path, n_gpu_layers=-1) as weights:
        context = native.Context(weights, RunParams(n_ctx=256))
        first = breakdown.read(weights, context)
        before = process_bytes()
        again = [breakdown.read(weights, context) for _ in range(1000)][-1]
        after = process_bytes()
        context.close()
    assert again == first
    assert before is not None
    assert after is not None
    assert after - before < 2 << 20
