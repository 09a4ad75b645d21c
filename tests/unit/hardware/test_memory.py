"""Main memory on each system, from what the system answered."""

from __future__ import annotations

from workbench.hardware.apple import Moment
from workbench.hardware.cgroups import Limits
from workbench.hardware.facts import Memory
from workbench.hardware.memory import (
    available_bytes,
    memory_of_mac,
    memory_of_windows,
    memory_within,
    read_memory,
)
from workbench.hardware.windows import MemoryStatus

GIB = 1 << 30


def test_a_limit_above_the_machine_is_none() -> None:
    assert memory_within(Limits(None, 200, 150), 100, 60) == Memory(100, 60, None)
    assert memory_within(Limits(None, 80, 50), 100, 60) == Memory(100, 50, 80)
    assert memory_within(Limits(), 100, 60) == Memory(100, 60, None)


def test_a_mac_has_available_what_needs_no_compressing() -> None:
    memory, notes = memory_of_mac(Memory(16 * GIB, 9 * GIB), Moment(4 * GIB, GIB, "normal", None))
    assert memory == Memory(16 * GIB, 4 * GIB, swap_free_bytes=GIB, pressure="normal")
    assert notes == ()


def test_a_mac_that_does_not_answer_keeps_what_psutil_found() -> None:
    memory, notes = memory_of_mac(Memory(16 * GIB, 9 * GIB), Moment(None, None, None, None))
    assert (memory, notes) == (Memory(16 * GIB, 9 * GIB), ())


def test_a_limit_for_the_gpu_that_was_set_by_hand_is_told() -> None:
    _, (note,) = memory_of_mac(Memory(18 * GIB, 9 * GIB), Moment(None, None, None, 14_336 << 20))
    assert note == "The GPU's share of memory was set by hand to 15.0 GB (iogpu.wired_limit_mb)"


def test_windows_commit_limit_is_kept_and_told_when_it_is_below_the_free_memory() -> None:
    tight, (note,) = memory_of_windows(Memory(16 * GIB, 7 * GIB), MemoryStatus(16 * GIB, 6 * GIB, 4 * GIB), GIB)
    assert tight == Memory(16 * GIB, 6 * GIB, commit_available_bytes=4 * GIB, swap_free_bytes=GIB)
    assert "4.3 GB more" in note
    wide, notes = memory_of_windows(Memory(16 * GIB, 7 * GIB), MemoryStatus(16 * GIB, 6 * GIB, 20 * GIB), GIB)
    assert (wide.commit_available_bytes, notes) == (20 * GIB, ())


def test_windows_that_does_not_answer_keeps_what_psutil_found() -> None:
    memory, notes = memory_of_windows(Memory(16 * GIB, 7 * GIB), None, 5)
    assert (memory, notes) == (Memory(16 * GIB, 7 * GIB, swap_free_bytes=5), ())


def test_this_machines_memory_is_read() -> None:
    memory, _ = read_memory(Limits(None, 3 << 20, 2 << 20))
    assert (memory.available_bytes, memory.limit_bytes) == (2 << 20, 3 << 20)
    assert memory.swap_free_bytes is not None
    assert 0 < available_bytes() < memory.total_bytes
