"""Which panes fit side by side, what moves so that they do, and what taking turns costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.models.described_models import GIB, model, with_gpu, with_ram
from workbench.hardware.examples import EXAMPLES, LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.models.fit import Fit, Verdict, fit
from workbench.models.together import fit_together


def panes(machine, *names: str, size_gib: float = 4.0) -> list[Fit]:
    return [fit(model(size_gib, name=name), machine) for name in names]


def test_one_file_in_two_panes_has_its_weights_once() -> None:
    pane = fit(model(), LAPTOP_WITHOUT_GPU)
    once, twice = (fit_together([pane] * count, LAPTOP_WITHOUT_GPU) for count in (1, 2))
    assert once.total_bytes == pane.total_bytes
    assert pane.total_bytes + pane.shares[0].kv_bytes < twice.total_bytes
    assert twice.total_bytes <= 2 * pane.total_bytes - pane.shares[0].weights_bytes
    assert twice.fits
    assert twice.fits_all == (pane, pane)


def test_different_files_add_up_until_they_no_longer_fit() -> None:
    three = panes(LAPTOP_WITHOUT_GPU, "a", "b", "c")
    assert fit_together(three[:1], LAPTOP_WITHOUT_GPU).fits
    together = fit_together(three, LAPTOP_WITHOUT_GPU)
    assert not together.fits
    assert together.fits_all == ()
    assert together.total_bytes == sum(pane.total_bytes for pane in three)
    assert any(reason.startswith("Short by") and reason.endswith("of memory") for reason in together.reasons)


def test_a_gpu_shared_by_panes_pays_for_itself_once() -> None:
    two = panes(RTX_4070, "a", "b")
    together = fit_together(two, RTX_4070)
    assert together.fits
    assert together.total_bytes == sum(pane.total_bytes for pane in two) - (512 << 20)


def test_shared_memory_limits_panes_once() -> None:
    three = panes(M3_PRO, "a", "b", "c")
    assert fit_together(three[:2], M3_PRO).fits
    assert not fit_together(three, M3_PRO).fits


def test_the_smallest_model_moves_off_the_gpu_so_that_all_fit() -> None:
    machine = with_gpu(10)
    large, small = fit(model(6, name="large"), machine), fit(model(4, name="small"), machine)
    assert large.verdict is small.verdict is Verdict.GPU
    together = fit_together([large, small], machine)
    assert together.fits
    assert together.fits_all[0] is large
    moved = together.fits_all[1]
    assert moved.model is small.model
    assert moved.verdict in {Verdict.SPLIT, Verdict.CPU}
    assert any(reason.startswith("small runs") for reason in together.reasons)
    assert together.total_bytes <= together.available_bytes


def test_what_moved_fits_beside_what_stayed() -> None:
    machine = with_gpu(10, ram_gib=12)
    together = fit_together([fit(model(6, name=name), machine) for name in "ab"], machine)
    assert together.fits
    on_card = sum(share.total_bytes for one in together.fits_all for share in one.shares if share.device == "CUDA0")
    assert on_card - (512 << 20) <= machine.devices[0].free_bytes
    assert fit_together(together.fits_all, machine).reasons[0] == together.reasons[0]


def test_a_file_in_two_panes_moves_with_both() -> None:
    machine = with_gpu(8)
    twice = fit(model(4, name="twice"), machine)
    together = fit_together([twice, twice, fit(model(5, name="once"), machine)], machine)
    assert together.fits
    first, second, _ = together.fits_all
    assert first.params.n_gpu_layers == second.params.n_gpu_layers


def test_turns_cost_what_past_loads_took() -> None:
    two = panes(with_ram(9), "a", "b")
    known = {pane.model.header.sha256: 10.0 for pane in two}
    together = fit_together(two, with_ram(9), load_s=known)
    assert not together.fits
    assert together.swap_s is not None
    low, high = together.swap_s
    assert 0 < low < 10 < high < 40
    assert any("Taking turns costs" in reason for reason in together.reasons)


def test_turns_cost_what_the_disk_takes_where_nothing_was_loaded_yet() -> None:
    two = panes(with_ram(9), "a", "b")
    slow = fit_together(two, with_ram(9), disk_bytes_per_s=0.5 * GIB)
    fast = fit_together(two, with_ram(9), disk_bytes_per_s=5 * GIB)
    assert slow.swap_s is not None
    assert fast.swap_s is not None
    assert slow.swap_s[0] < 16 < slow.swap_s[1], "two files of 4 GiB at half a GiB a second"
    assert slow.swap_s[1] == pytest.approx(10 * fast.swap_s[1])


def test_without_a_disk_rate_the_cost_of_turns_is_not_known() -> None:
    two = panes(with_ram(9), "a", "b")
    assert fit_together(two, with_ram(9)).swap_s is None
    here = fit_together(two, replace(with_ram(9), described=False))
    assert any("is known after the first loads" in reason for reason in here.reasons)
    half = {two[0].model.header.sha256: 3.0}
    assert fit_together(two, with_ram(9), load_s=half).swap_s is None


def test_the_panes_that_would_fit_together_are_named() -> None:
    machine = with_ram(13)
    sizes = {"a": 2.0, "b": 4.0, "c": 9.0}
    three = [fit(model(size, name=name), machine) for name, size in sizes.items()]
    together = fit_together(three, machine)
    assert not together.fits
    assert "a and b would fit together" in together.reasons
    alone = fit_together(panes(with_ram(9), "a", "b"), with_ram(9))
    assert "Each fits alone, but no two together" in alone.reasons


def test_panes_that_fit_together_once_one_moves_are_not_called_too_many() -> None:
    machine = with_gpu(8, ram_gib=11)
    three = [fit(model(5, name=name), machine) for name in "abc"]
    assert fit_together(three[:2], machine).fits, "one of them in main memory"
    together = fit_together(three, machine)
    assert not together.fits
    assert any(reason.endswith("would fit together") for reason in together.reasons)
    assert not any("no two together" in reason for reason in together.reasons)


def test_a_pane_too_big_by_itself_is_not_moved_about() -> None:
    machine = with_gpu(6, ram_gib=6)
    panes = [fit(model(60, name="huge"), machine), fit(model(2, name="small"), machine)]
    together = fit_together(panes, machine, disk_bytes_per_s=GIB)
    assert not together.fits
    assert "Too big even alone: huge" in together.reasons
    assert not any("Taking turns" in reason for reason in together.reasons), "one of them has no turn"
    assert "Alone small would fit" in together.reasons


def test_nothing_fits_everywhere() -> None:
    for machine in EXAMPLES:
        assert fit_together([], machine).fits
