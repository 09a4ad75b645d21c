"""Windows' answers, as documented: which cores are fast, the caches, and what may still be promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hardware.cpu import Allowed, allowed_of_windows
from workbench.hardware.windows import (
    Core,
    cores_from,
    level_3_cache_bytes,
    memory_from,
    memory_status,
    processor_name,
    processor_relations,
)

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> bytes:
    return bytes.fromhex((RECORDED / f"{name}.hex").read_text(encoding="ascii"))


def test_fast_and_slow_cores_are_told_apart() -> None:
    cores = cores_from(recorded("windows_i7_12700h"))
    assert [core.efficiency_class for core in cores] == [1] * 6 + [0] * 8
    assert cores[0].logical == {0, 1}
    assert cores[5].logical == {10, 11}
    assert cores[13] == Core(0, frozenset({19}))


@pytest.mark.parametrize(
    ("affinity", "allowed"),
    [
        (frozenset(), Allowed(6, 8)),
        (frozenset(range(20)), Allowed(6, 8)),
        (frozenset({0, 1, 2}), Allowed(2, 8)),
        (frozenset({12, 13, 14}), Allowed(3, 8)),  # bound to slow cores: those are used
    ],
)
def test_fast_cores_within_the_affinity_are_used(affinity: frozenset[int], allowed: Allowed) -> None:
    assert allowed_of_windows(14, cores_from(recorded("windows_i7_12700h")), affinity) == allowed


def test_one_kind_of_core_leaves_none_out() -> None:
    cores = tuple(Core(0, frozenset({2 * number, 2 * number + 1})) for number in range(4))
    assert allowed_of_windows(4, cores, frozenset()) == Allowed(4, 0)
    assert allowed_of_windows(4, (), frozenset({0, 1})) == Allowed(2, 0), "Windows did not answer"
    assert allowed_of_windows(4, (), frozenset()) == Allowed(4, 0)


def test_the_level_3_cache_is_added_up() -> None:
    assert level_3_cache_bytes(recorded("windows_i7_12700h")) == 24 << 20
    assert level_3_cache_bytes(b"") == 0


def test_an_answer_that_ends_too_early_gives_what_was_whole() -> None:
    whole = recorded("windows_i7_12700h")
    assert len(cores_from(whole[:100])) == 1
    assert cores_from(whole[:47]) == ()
    assert cores_from(b"\0" * 64) == (), "records of no length"


def test_a_group_beyond_the_first_counts_on() -> None:
    record = bytearray(recorded("windows_i7_12700h")[:48])
    record[40] = 2  # the number of the processor group
    assert cores_from(bytes(record)) == (Core(1, frozenset({128, 129})),)


def test_the_commit_limit_can_be_below_the_free_memory() -> None:
    status = memory_from(recorded("windows_memory_16gb"))
    assert status is not None
    assert status.total_bytes == 16 * 2**30 - 300 * 2**20
    assert status.available_bytes == int(6.7 * 2**30)
    assert status.commit_available_bytes == 4 * 2**30
    assert memory_from(b"\x40") is None


def test_on_other_systems_windows_is_silent() -> None:
    assert (processor_relations(), memory_status(), processor_name()) == (b"", None, None)
