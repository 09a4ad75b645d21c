"""What past loads and runs teach, and which of them teach nothing."""

from __future__ import annotations

import pytest

from tests.unit.models.receipt_examples import CPU, GPU, MIB, receipt, run
from workbench.models.learning import PLAUSIBLE_BYTES, RUNS_COUNTED, family, learnt
from workbench.models.receipt import Receipt


def test_a_machine_without_a_past_has_learnt_nothing() -> None:
    assert learnt([], []).reserves == {}
    assert learnt([], []).speeds == {}


def test_a_gpu_s_reserve_is_what_its_free_memory_fell_by_beyond_the_report() -> None:
    found = learnt([receipt(on_gpu_mib=500, gpu_fell_mib=890)], []).reserves[GPU]
    assert (found.size_bytes, found.loads) == (390 * MIB, 1)


def test_main_memory_s_reserve_is_what_the_process_grew_by_beyond_the_prediction() -> None:
    found = learnt([receipt(predicted_mib=1000, process_mib=1130)], []).reserves[CPU]
    assert (found.size_bytes, found.loads) == (30 * MIB, 1)


def test_the_first_load_of_a_run_pays_for_the_device_and_sets_the_reserve() -> None:
    later = [receipt(on_gpu_mib=500, gpu_fell_mib=510)] * 40
    found = learnt([*later, receipt(on_gpu_mib=500, gpu_fell_mib=950)], []).reserves[GPU]
    assert (found.size_bytes, found.loads) == (450 * MIB, 41)


def test_a_run_whose_first_load_tells_nothing_is_left_out() -> None:
    later = receipt(on_gpu_mib=500, gpu_fell_mib=510)
    disturbed = receipt(on_gpu_mib=500, gpu_fell_mib=950, alone=False)
    assert GPU not in learnt([later, disturbed], []).reserves
    yesterday = receipt(on_gpu_mib=500, gpu_fell_mib=900, session="yesterday")
    assert learnt([later, disturbed, yesterday], []).reserves[GPU].size_bytes == 400 * MIB


def runs_of_the_program(*fell_mib: int) -> list[Receipt]:
    """One load on a GPU each, the first named the newest."""
    return [receipt(on_gpu_mib=500, gpu_fell_mib=500 + fell, session=f"{n}") for n, fell in enumerate(fell_mib)]


def test_of_a_few_runs_the_one_that_needed_most_counts() -> None:
    assert learnt(runs_of_the_program(300, 450, 310), []).reserves[GPU].size_bytes == 450 * MIB


def test_one_run_in_ten_may_have_had_another_program_beside_it() -> None:
    found = learnt(runs_of_the_program(300, 310, 1900, *[300] * 7), []).reserves[GPU]
    assert found.size_bytes == 310 * MIB


def test_only_the_newest_runs_count() -> None:
    found = learnt(runs_of_the_program(*[20] * RUNS_COUNTED, 1000, 1000), []).reserves[GPU]
    assert (found.size_bytes, found.loads) == (20 * MIB, RUNS_COUNTED)


@pytest.mark.parametrize(
    "odd",
    [
        receipt(on_gpu_mib=500, gpu_fell_mib=900, process_mib=None, alone=False),
        receipt(on_gpu_mib=500, gpu_fell_mib=900, process_mib=1900, weights_shared=True),
        receipt(on_gpu_mib=500, gpu_fell_mib=900, process_mib=None, engine="fake scripted"),
        receipt(on_gpu_mib=500, gpu_fell_mib=500 + PLAUSIBLE_BYTES // MIB + 1, process_mib=None),
        receipt(process_mib=None),
        receipt(on_gpu_mib=500, gpu_fell_mib=900, warm=False),
    ],
    ids=["not alone", "weights were there", "scripted", "another program's doing", "not measured", "nothing answered"],
)
def test_loads_that_tell_nothing_are_left_out(odd) -> None:
    assert learnt([odd], []).reserves == {}


def test_a_load_that_took_less_than_was_said_makes_no_reserve_below_zero() -> None:
    found = learnt([receipt(predicted_mib=1000, process_mib=900)], []).reserves[CPU]
    assert (found.size_bytes, found.loads) == (0, 1)


def test_a_device_whose_key_was_not_noted_is_left_out() -> None:
    from dataclasses import replace

    assert learnt([replace(receipt(), device_keys=())], []).reserves == {}


def test_two_parameters_are_found_again_from_runs_of_two_models() -> None:
    runs = [run(header="a", megabytes=500, overhead_s=2e-3), run(header="b", megabytes=4000, overhead_s=2e-3)]
    speed = learnt([], runs).speeds[CPU]
    assert speed.bandwidth_bytes_per_s == pytest.approx(20e9, rel=0.01)
    assert speed.overhead_s == pytest.approx(2e-3, rel=0.02)
    assert speed.operations_per_s == pytest.approx(1e12)
    assert (speed.runs, speed.spread) == (2, 0.25)
    assert learnt([], runs * 2).speeds[CPU].spread == 0.1, "the more runs, the surer"
    assert learnt([], runs[:1]).speeds[CPU].spread == 0.4


def test_one_model_alone_tells_a_bandwidth_and_nothing_else() -> None:
    speed = learnt([], [run(overhead_s=2e-3), run(overhead_s=2e-3, tokens=50)]).speeds[CPU]
    assert speed.overhead_s == 0
    assert speed.bandwidth_bytes_per_s == pytest.approx(1e9 / (1e9 / 20e9 + 2e-3))


def test_runs_that_scatter_widen_the_range() -> None:
    runs = [run(bandwidth=10e9), run(bandwidth=20e9)]
    assert learnt([], runs).speeds[CPU].spread > 0.2


def test_devices_are_learnt_apart() -> None:
    speeds = learnt([], [run(), run(device=GPU, bandwidth=400e9)]).speeds
    assert speeds[GPU].bandwidth_bytes_per_s == pytest.approx(20 * speeds[CPU].bandwidth_bytes_per_s)


@pytest.mark.parametrize(
    "odd",
    [run(tokens=15, bandwidth=1e9), run(threads=1, bandwidth=1e9), run(engine="llama.cpp 0.4.9", bandwidth=1e9),
     run(engine="fake scripted", bandwidth=1e9)],
    ids=["few tokens", "fewer threads", "an older engine", "scripted"],
)  # fmt: skip
def test_runs_that_cannot_be_compared_are_left_out(odd) -> None:
    speed = learnt([], [odd, run()]).speeds[CPU]
    assert speed.runs == 1
    assert speed.bandwidth_bytes_per_s == pytest.approx(20e9)


def test_a_prompt_of_a_few_tokens_says_nothing_about_prefill() -> None:
    speed = learnt([], [run(prefill_tokens=2, operations_per_s=1e9)]).speeds[CPU]
    assert speed.operations_per_s is None
    assert speed.bandwidth_bytes_per_s == pytest.approx(20e9)


def test_learning_twice_from_the_same_past_gives_the_same() -> None:
    past = [receipt(), receipt(process_mib=1200)], [run(), run(header="b", megabytes=9000)]
    assert learnt(*past) == learnt(*past)


@pytest.mark.parametrize(
    ("engine", "expected"),
    [("llama.cpp 0.5.0-dev (0c1e570)", "llama.cpp 0.5"), ("llama.cpp b7000", "llama.cpp b7000"), ("other", "other")],
)
def test_an_engine_s_family_is_its_name_and_version_without_the_build(engine: str, expected: str) -> None:
    assert family(engine) == expected
