"""Linux' own files: memory pressure, swap, and whether Windows is underneath."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hardware.linux import is_wsl, pressure, pressure_from, swap_free_from, wsl_from

RECORDED = Path(__file__).parent / "recorded"


def test_programs_that_all_wait_are_critical() -> None:
    assert pressure_from((RECORDED / "proc_pressure_memory.txt").read_text(encoding="ascii")) == "critical"


@pytest.mark.parametrize(
    ("some", "full", "word"),
    [
        ("0.00", "0.00", "normal"),
        ("9.99", "4.99", "normal"),
        ("10.00", "0.00", "warning"),
        ("50.00", "5.00", "critical"),
    ],
)
def test_pressure_is_judged_by_the_last_ten_seconds(some: str, full: str, word: str) -> None:
    text = f"some avg10={some} avg60=99.00 avg300=99.00 total=1\nfull avg10={full} avg60=99.00 avg300=99.00 total=1\n"
    assert pressure_from(text) == word


@pytest.mark.parametrize("text", ["", "Operation not supported", "full avg10=1.00"])
def test_without_figures_there_is_no_word(text: str) -> None:
    assert pressure_from(text) is None


def test_this_machine_answers_in_the_same_words() -> None:
    assert pressure() in (None, "normal", "warning", "critical")


def test_free_swap_is_read() -> None:
    assert swap_free_from("SwapTotal:       8388604 kB\nSwapFree:        8123456 kB\n") == 8_123_456 * 1024
    assert swap_free_from("MemTotal: 1 kB\n") is None


@pytest.mark.parametrize(
    ("version", "mark", "wsl"),
    [
        ("Linux version 5.15.90.1-microsoft-standard-WSL2 (oe-user@oe-host) (gcc 9.3.0) #1 SMP", False, True),
        ("Linux version 4.4.0-19041-Microsoft (Microsoft@Microsoft.com) (gcc version 5.4.0)", False, True),
        ("Linux version 6.6.0-custom (me@home) (gcc 13)", True, True),
        ("Linux version 5.15.0-1053-azure (buildd@lcy02) (gcc 11.4.0)", False, False),
        ("Linux version 6.1.58 (builder@microsoft.com) (gcc 11.2.0)", False, False),
        ("", False, False),
    ],
)
def test_wsl_is_known_by_its_kernel_or_by_its_mark(version: str, mark: bool, wsl: bool) -> None:
    assert wsl_from(version, mark) is wsl


def test_this_machine_is_asked_without_harm() -> None:
    assert is_wsl() in (True, False)
