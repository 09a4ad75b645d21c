"""Expected speeds: bytes by bandwidth, always a range, always with its source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.described_models import GIB, model, with_gpu, with_ram
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.models.fit import Verdict, fit
from workbench.models.learnt import DeviceSpeed, Learnt, SpeedRun
from workbench.models.params import RunParams
from workbench.models.shape import shape_of
from workbench.models.speed import Range, SpeedSource
from workbench.models.speeds import bytes_per_token, operations_per_token, refit

MIB = 1 << 20


def read(subject, *, position: int = 0, params: RunParams | None = None) -> int:
    return bytes_per_token(subject, shape_of(subject.header), params or RunParams(), position)


def decode(found) -> Range:
    assert found.speed is not None
    assert found.speed.decode_tokens_per_s is not None
    return found.speed.decode_tokens_per_s


def run(bytes_read: float, seconds: float, **more: object) -> SpeedRun:
    known = {
        "ran_at": "2026-03-01T00:00:00Z", "device_key": "cpu:x:4", "engine": "llama.cpp 0", "architecture": "llama",
        "header_sha256": "h", "n_threads": 4, "bytes_per_token": int(bytes_read), "decode_tokens": 100,
        "decode_ms": seconds * 100 * 1000, "operations_per_token": 2e9, "prefill_tokens": 0, "prefill_ms": 0.0,
    } | more  # fmt: skip
    return SpeedRun(**known)  # type: ignore[arg-type]  # the table above has every field's type


# --- what a token reads ----------------------------------------------------------------------


def test_the_embedding_table_is_looked_up_not_read() -> None:
    assert read(model(4)) == pytest.approx(4 * GIB - 256 * MIB, abs=64)


def test_tied_embeddings_are_read_as_the_output() -> None:
    assert read(model(4, tied=True)) == pytest.approx(4 * GIB, abs=64)


def test_of_experts_only_those_in_use_are_read() -> None:
    whole, ends = 4 * GIB, 2 * 256 * MIB
    layers = whole - ends
    expected = 256 * MIB + layers * 0.1 + layers * 0.9 * 8 / 64
    assert read(model(4, experts=64, used=8)) == pytest.approx(expected, rel=1e-6)


def test_every_earlier_token_of_the_cache_is_read() -> None:
    assert read(model(), position=1000) - read(model()) == 1000 * 128 * 1024
    smaller = RunParams(type_k="q8_0", type_v="q8_0")
    assert read(model(), position=1000, params=smaller) - read(model()) == 1000 * 128 * 1024 * 34 // 64


def test_window_layers_read_their_window_at_most() -> None:
    windowed = model(architecture="gemma3", metadata={"gemma3.attention.sliding_window": 512})
    near, far = (read(windowed, position=at) - read(windowed) for at in (512, 10_512))
    full_layers = 32 // 6
    assert near == 512 * 128 * 1024
    assert far - near == 10_000 * full_layers * 4096


def test_operations_are_two_for_each_weight_in_use() -> None:
    subject = model(4)
    shape = shape_of(subject.header)
    layers = sum(tensor.element_count for tensor in subject.header.tensors if tensor.name.startswith("blk."))
    assert operations_per_token(subject, shape, RunParams()) == 2 * layers
    every_logit = operations_per_token(subject, shape, RunParams(n_outputs_max=0))
    assert every_logit == 2 * (layers + 256 * MIB)
    assert operations_per_token(subject, shape, RunParams(), 1000) > 2 * layers


# --- what is expected ------------------------------------------------------------------------


def test_a_specification_gives_a_wide_range_that_holds_the_measured_speeds() -> None:
    """Llama 3.1 8B Q4_K_M was measured at about 109 tokens a second on a card with 800 GB/s."""
    card = with_gpu(19, bandwidth_bytes_per_s=800e9)
    found = fit(model(4.58), card)
    assert decode(found).low < 109 < decode(found).high
    assert found.speed is not None
    assert (found.speed.source, found.speed.basis) == (SpeedSource.SPECIFICATION, "from specification")


def test_less_to_read_is_faster() -> None:
    small, large = (decode(fit(model(size), RTX_4070)) for size in (2.0, 6.0))
    assert small.low > large.low
    assert small.high > large.high


def test_layers_in_ram_slow_the_whole_down() -> None:
    all_of_it, part = fit(model(8), with_gpu(11)), fit(model(8), with_gpu(6))
    assert part.verdict is Verdict.SPLIT
    assert decode(part).high < decode(all_of_it).low
    slower_ram = replace(with_gpu(6), memory=replace(with_gpu(6).memory, bandwidth_bytes_per_s=20e9))
    assert decode(fit(model(8), slower_ram)).high < decode(part).high


def test_experts_in_ram_cost_less_than_layers_in_ram() -> None:
    machine = with_gpu(7)
    experts, dense = fit(model(14, experts=64, used=4), machine), fit(model(14), machine)
    assert experts.verdict is dense.verdict is Verdict.SPLIT
    assert decode(experts).low > decode(dense).high


def test_a_machine_that_was_measured_says_so() -> None:
    machine = replace(with_ram(20), described=False)
    found = fit(model(), machine)
    assert found.speed is not None
    assert found.speed.source is SpeedSource.MEASURED
    assert decode(found).high <= 51.2e9 / (4 * GIB - 256 * MIB)


def test_runs_narrow_the_range_and_are_counted() -> None:
    key = LAPTOP_WITHOUT_GPU.cpu.key
    known = DeviceSpeed(40e9, 1e-3, 300e9, runs=7, spread=0.1)
    found = fit(model(), LAPTOP_WITHOUT_GPU, learnt=Learnt(speeds={key: known}))
    assert found.speed is not None
    assert found.speed.basis == "learnt from 7 runs"
    expected = 1 / (read(model()) / 40e9 + 1e-3)
    assert decode(found).low < expected < decode(found).high
    before = decode(fit(model(), LAPTOP_WITHOUT_GPU))
    assert decode(found).high / decode(found).low < before.high / before.low


def test_prefill_is_known_from_runs_alone() -> None:
    key = LAPTOP_WITHOUT_GPU.cpu.key
    known = DeviceSpeed(40e9, 1e-3, 300e9, runs=7, spread=0.1)
    subject = model()
    found = fit(subject, LAPTOP_WITHOUT_GPU, learnt=Learnt(speeds={key: known}))
    assert found.speed is not None
    prefill = found.speed.prefill_tokens_per_s
    assert prefill is not None
    expected = 300e9 / operations_per_token(subject, shape_of(subject.header), RunParams())
    assert prefill.low < expected < prefill.high
    plain = fit(model(), LAPTOP_WITHOUT_GPU).speed
    assert plain is not None
    assert plain.prefill_tokens_per_s is None


def test_runs_of_tiny_models_say_nothing_about_a_large_one() -> None:
    key = LAPTOP_WITHOUT_GPU.cpu.key
    tiny = DeviceSpeed(3e9, 0.0, None, runs=5, spread=0.1, smallest_bytes=90 * MIB, largest_bytes=200 * MIB)
    found = fit(model(), LAPTOP_WITHOUT_GPU, learnt=Learnt(speeds={key: tiny}))
    assert found.speed is not None
    assert found.speed.source is SpeedSource.SPECIFICATION
    near = fit(model(0.3, layers=4), LAPTOP_WITHOUT_GPU, learnt=Learnt(speeds={key: tiny}))
    assert near.speed is not None
    assert near.speed.source is SpeedSource.LEARNT


# --- learning --------------------------------------------------------------------------------


def test_two_parameters_are_found_again() -> None:
    found = refit([run(size * 1e9, size * 1e9 / 50e9 + 2e-3) for size in (0.5, 1, 2, 4, 8)])
    assert found is not None
    assert found.bandwidth_bytes_per_s == pytest.approx(50e9)
    assert found.overhead_s == pytest.approx(2e-3)
    assert (found.runs, found.spread) == (5, 0.1)
    assert (found.smallest_bytes, found.largest_bytes) == (500_000_000, 8_000_000_000)


def test_neither_parameter_goes_below_zero() -> None:
    falling = refit([run(1e9, 0.005), run(4e9, 0.030), run(8e9, 0.090)])
    assert falling is not None
    assert falling.overhead_s == 0
    assert falling.bandwidth_bytes_per_s > 0
    upside_down = refit([run(1e9, 0.05), run(8e9, 0.02)])
    assert upside_down is not None
    assert upside_down.bandwidth_bytes_per_s > 0
    assert upside_down.spread > 0.1


def test_runs_of_one_size_give_all_the_time_to_the_bandwidth() -> None:
    found = refit([run(4e9, 0.1), run(4.1e9, 0.104), run(4e9, 0.098)])
    assert found is not None
    assert found.overhead_s == 0
    assert found.bandwidth_bytes_per_s == pytest.approx(40e9, rel=0.02)


def test_the_spread_is_the_largest_error_seen() -> None:
    found = refit([run(4e9, 0.1), run(4e9, 0.2)])
    assert found is not None
    assert found.spread > 0.2


def test_prefill_operations_are_the_middle_of_what_was_seen() -> None:
    runs = [run(4e9, 0.1, prefill_tokens=100, prefill_ms=ms) for ms in (900.0, 1000.0, 5000.0)]
    found = refit(runs)
    assert found is not None
    assert found.operations_per_s == pytest.approx(2e9 * 100 / 1.0)


def test_nothing_is_learnt_from_nothing() -> None:
    assert refit([]) is None
    assert refit([run(4e9, 0.1, decode_tokens=0)]) is None
