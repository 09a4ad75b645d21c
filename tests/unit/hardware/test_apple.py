"""What macOS' commands answer, as documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hardware import apple
from workbench.hardware.apple import Moment, available_bytes, moment_from
from workbench.hardware.cpu import Allowed, allowed_of_mac

RECORDED = Path(__file__).parent / "recorded"
VM_STAT = (RECORDED / "vm_stat_m1_16gb.txt").read_text(encoding="ascii")
SYSCTL = (RECORDED / "sysctl_m3_pro.txt").read_text(encoding="ascii")


def test_available_is_what_needs_no_compressing() -> None:
    assert available_bytes(VM_STAT) == (58_125 + 201_122 + 6_612) * 16_384


def test_before_files_pages_were_listed_inactive_ones_stand_for_them() -> None:
    old = "\n".join(line for line in VM_STAT.splitlines() if "backed" not in line).replace("16384", "4096")
    assert available_bytes(old) == (58_125 + 335_291 + 4_233) * 4096


@pytest.mark.parametrize("text", ["", "vm_stat: command not found", "Pages free: 12."])
def test_something_else_than_vm_stat_gives_no_figure(text: str) -> None:
    assert available_bytes(text) is None


def test_a_moment_is_put_together() -> None:
    moment = moment_from(VM_STAT, SYSCTL)
    assert moment.swap_free_bytes == int(1023.5 * 2**20)
    assert moment.pressure == "warning"
    assert moment.gpu_limit_bytes == 14_336 * 2**20


@pytest.mark.parametrize(("level", "word"), [("1", "normal"), ("2", "warning"), ("4", "critical"), ("9", None)])
def test_pressure_is_the_systems_own_word(level: str, word: str | None) -> None:
    assert moment_from("", f"kern.memorystatus_vm_pressure_level: {level}\n").pressure == word


def test_a_gpu_limit_of_0_is_the_systems_default() -> None:
    assert moment_from("", "iogpu.wired_limit_mb: 0\n").gpu_limit_bytes is None
    assert moment_from("", "") == Moment(None, None, None, None)


def test_a_command_that_is_not_there_is_no_answer() -> None:
    assert apple.sysctl("workbench.no.such.name") is None
    assert apple.sysctl_number("workbench.no.such.name") is None


@pytest.mark.parametrize(
    ("fast", "slow", "allowed"),
    [(6, 6, Allowed(6, 6)), (12, 4, Allowed(12, 4)), (None, None, Allowed(8, 0)), (8, None, Allowed(8, 0))],
)
def test_the_fast_cores_of_a_mac_are_used(fast: int | None, slow: int | None, allowed: Allowed) -> None:
    assert allowed_of_mac(12 if fast else 8, fast, slow) == allowed
