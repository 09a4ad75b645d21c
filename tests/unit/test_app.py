"""The rooms joined: what is learnt reaches the fits, and everything that was opened is closed."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.models.gguf_files import write_model
from tests.unit.models.receipt_examples import MIB, receipt, run
from workbench.app import Workbench
from workbench.engine.fake import FakeBackend, fake_model, say
from workbench.errors import (
    OfflineError,
)
from workbench.hardware.examples import RTX_4070
from workbench.hardware.facts import EngineBuild, Survey
from workbench.jobs import Cancelled, CancelToken, JobRunner
from workbench.jobs import run as run_task
from workbench.models.breakdown import RAM
from workbench.models.describe import describe
from workbench.models.exact import Breakdown, Buffer
from workbench.models.params import RunParams


@pytest.fixture
def asked() -> list[str]:
    """How often llama.cpp was asked for its devices."""
    return []


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]) -> Iterator[Workbench]:
    """Without a survey of llama.cpp's devices, which takes a child process and a second."""

    def survey() -> Survey:
        asked.append("once")
        return Survey(EngineBuild("test", ("CPU",), ()), ())

    monkeypatch.setattr("workbench.engine.child.survey", survey)
    with Workbench.open(data_dir=tmp_path, backend=FakeBackend(say(["x"]))) as opened:
        yield opened


def answering(bench: Workbench, answers: list[Breakdown]) -> None:
    """Put a probe in place that gives these answers, whatever it is asked."""

    class Told:
        def __init__(self) -> None:
            self.asked: set[RunParams] = set()

        def __call__(self, heads, sha256, wanted, cancel):
            self.asked.update(wanted)
            return tuple(replace(answers[0], params=params) for params in wanted)

        def known(self, heads, sha256, params):
            return replace(answers[0], params=params) if params in self.asked else None

    bench._probe = Told()


def test_a_fit_takes_its_context_from_the_parameters_or_the_setting(bench: Workbench) -> None:
    model = fake_model("m", n_ctx_train=32_768)
    assert bench.fit(model).context == bench.settings.context
    assert bench.fit(model, params=RunParams(n_ctx=1024)).context == 1024
    assert bench.fit(model, n_ctx=2048, params=RunParams(n_ctx=1024, type_k="q8_0")).params.type_k == "q8_0"
    assert bench.fit(model, n_ctx=2048, params=RunParams(n_ctx=1024)).context == 2048


def test_a_fit_can_be_asked_for_another_machine(bench: Workbench) -> None:
    assert {share.device for share in bench.fit(fake_model("m"), machine=RTX_4070).shares} == {"CUDA0", RAM}


def test_what_past_loads_took_is_kept_free_for_the_next(bench: Workbench) -> None:
    model, machine = fake_model("m"), bench.machine()
    card = replace(RTX_4070, cpu=machine.cpu)
    before = bench.fit(model, machine=card)
    taught = receipt(on_gpu_mib=500, gpu_fell_mib=500 + 1900)
    bench._receipts.keep(replace(taught, device_keys=(("CUDA0", card.devices[0].key), (RAM, card.cpu.key))))
    assert bench.learnt().reserves == {}, "computed once, until something new is written down"
    bench._learn_again()
    assert bench.learnt().reserves[card.devices[0].key].size_bytes == 1900 * MIB
    after = bench.fit(model, machine=card)
    assert after.shares[0].margin_bytes < before.shares[0].margin_bytes


def test_speeds_are_learnt_from_past_runs(bench: Workbench) -> None:
    model = fake_model("m")
    bench._runs.keep(run(device=bench.machine().cpu.key, megabytes=800))
    found = bench.fit(model)
    assert found.speed.basis == "learnt from 1 run"


def test_a_measured_bandwidth_is_part_of_the_machine(bench: Workbench) -> None:
    assert bench.machine().memory.bandwidth_bytes_per_s is None
    bench._bandwidths.keep(bench.machine().cpu.key, 21e9)
    assert bench.machine().memory.bandwidth_bytes_per_s == 21e9


def test_llama_cpp_s_devices_are_asked_for_once(bench: Workbench, asked: list[str]) -> None:
    assert [bench.machine().build.version for _ in range(3)] == ["test"] * 3
    assert asked == ["once"]


def test_an_exact_fit_carries_llama_cpp_s_own_numbers(bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"x")
    model = replace(fake_model("m"), path=file)
    answering(bench, [Breakdown(RunParams(), 4096, (Buffer("CPU", RAM, 111, 22, 3),))])
    found = run_task(bench.exact(model, n_ctx=1024))
    assert found.basis == "exact"
    (ram,) = found.shares
    assert (ram.weights_bytes, ram.kv_bytes, ram.compute_bytes) == (111, 22, 3)


def test_a_load_that_llama_cpp_was_asked_about_is_held_against_its_answer(bench: Workbench, tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"x")
    model = replace(fake_model("m"), path=file)
    answering(bench, [Breakdown(RunParams(), 4096, (Buffer("CPU", RAM, 111, 22, 3),))])
    estimated = bench.fit(model, n_ctx=1024)
    assert bench._predicted(model, estimated) is estimated
    run_task(bench.exact(model, n_ctx=1024))
    predicted = bench._predicted(model, estimated)
    assert predicted.basis == "exact"
    assert sum(share.total_bytes - share.overhead_bytes for share in predicted.shares) == 136
    assert sum(share.overhead_bytes for share in predicted.shares) == sum(
        share.overhead_bytes for share in estimated.shares
    )
    other = bench.fit(model, n_ctx=2048)
    assert bench._predicted(model, other) is other, "other parameters were not asked about"


def test_where_llama_cpp_cannot_be_asked_the_estimate_and_the_reason_are_given(bench: Workbench) -> None:
    found = run_task(bench.exact(fake_model("gone")))
    assert found.basis == "estimate"
    assert any("gone" in reason for reason in found.reasons)


def test_an_exact_fit_can_be_stopped(bench: Workbench) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run_task(bench.exact(fake_model("m")), cancel=cancel)


def test_a_ladder_takes_the_context_as_a_fit_does(bench: Workbench) -> None:
    files = [fake_model("m-Q4_K_M"), fake_model("m-Q8_0", quantisation="Q8_0", size_bytes=1_500_000_000)]
    ladder = bench.ladder(files, params=RunParams(n_ctx=1024), machine=RTX_4070)
    assert {rung.fit.context for rung in ladder.rungs} == {1024}
    assert len(ladder.rungs) == 2


def test_taking_turns_is_priced_by_what_past_loads_took(bench: Workbench) -> None:
    models = [fake_model("a", size_bytes=9 * 10**9), fake_model("b", size_bytes=9 * 10**9)]
    small = replace(bench.machine(), memory=replace(bench.machine().memory, available_bytes=12 * 10**9), devices=())
    fits = [bench.fit(model, machine=small) for model in models]
    assert not bench.together(fits, machine=small).fits
    assert bench.together(fits, machine=small).swap_s is None, "nothing was ever loaded here"
    bench._receipts.keep(receipt(header=models[0].header.sha256, load_ms=4000))
    assert bench.together(fits, machine=small).swap_s[1] >= 4


def test_offline_means_offline(tmp_path: Path) -> None:
    with (
        Workbench.open(data_dir=tmp_path, backend=FakeBackend(), flags={"offline": True}) as bench,
        pytest.raises(OfflineError),
    ):
        run_task(bench.remote("somebody/some-model"))


def test_receipts_are_told_newest_first(bench: Workbench) -> None:
    kept = [bench._receipts.keep(receipt(header=f"h{number}")) for number in range(3)]
    assert bench.receipts(2) == (kept[2], kept[1])


def test_a_comparison_judges_with_what_was_learnt(bench: Workbench) -> None:
    bench._runs.keep(run(device=bench.machine().cpu.key, megabytes=800))
    messages: queue.SimpleQueue = queue.SimpleQueue()
    runner = JobRunner(messages.put)
    comparison = bench.comparison(runner)
    pane = comparison.add_pane()
    comparison.choose(pane, fake_model("m"))
    comparison.ask("Hello")
    while comparison.busy:
        comparison.deliver(messages.get(timeout=60))
    assert pane.fit.speed.basis == "learnt from 1 run"
    assert bench.receipts() == (), "the scripted engine leaves none"
    comparison.close()
    runner.close()


def test_closing_ends_the_probe_s_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    monkeypatch.setattr("workbench.engine.probe.Probe.close", lambda probe: closed.append(probe))
    bench = Workbench.open(data_dir=tmp_path, backend=FakeBackend())
    probe = bench._probe
    assert closed == []
    bench.close()
    assert closed == [probe]


def test_a_publisher_s_sampling_comes_from_the_file_before_the_catalogue(bench: Workbench, tmp_path: Path) -> None:
    entry = next(one for one in bench.catalogue.entries if one.recommended and one.recommended.temperature)
    plain = describe(write_model(tmp_path / "a.gguf", text={"general.name": entry.title}))
    header = replace(plain.header, metadata={**plain.header.metadata, "general.sampling.temp": 0.25})
    from_catalogue, from_file = bench.advice(plain), bench.advice(replace(plain, header=header))
    assert from_catalogue is not None
    assert from_file is not None
    assert from_catalogue.sampling.temperature == entry.recommended.temperature
    assert entry.title in from_catalogue.source
    assert (from_file.sampling.temperature, from_file.source) == (0.25, "the file itself")
    nobodys = describe(write_model(tmp_path / "c.gguf", text={"general.name": "Nobody's"}))
    assert bench.advice(nobodys) is None
