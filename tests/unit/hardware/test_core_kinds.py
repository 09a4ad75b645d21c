"""Fast and slow cores, from folders laid out as Linux lays them out."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hardware.core_kinds import cores_of, cpus_from_list, slow_cpus
from workbench.hardware.cpu import Allowed, allowed_of_linux


def cpu_files(folder: Path, values: dict[int, int], name: str) -> Path:
    for cpu, value in values.items():
        path = folder / f"system/cpu/cpu{cpu}/{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return folder


def topology(folder: Path, cores: dict[int, int]) -> Path:
    """Each logical processor with its core."""
    cpu_files(folder, cores, "topology/core_id")
    return cpu_files(folder, dict.fromkeys(cores, 0), "topology/physical_package_id")


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,8\n", {0, 1, 2, 3, 8}), ("5", {5}), ("", set()), ("x-y,2", {2}), ("3-", {3})]
)
def test_the_kernels_lists_are_read(text: str, cpus: set[int]) -> None:
    assert cpus_from_list(text) == cpus


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    topology(tmp_path, {0: 0, 1: 0, 2: 1, 3: 1})
    assert cores_of(range(4), tmp_path) == 2
    assert cores_of({0, 1}, tmp_path) == 1
    assert cores_of({0, 7}, tmp_path) is None, "a processor the kernel does not describe"
    assert cores_of((), tmp_path) is None


def test_cores_without_numbers_of_their_own_are_told_apart_by_their_siblings(tmp_path: Path) -> None:
    topology(tmp_path, dict.fromkeys(range(4), -1))
    cpu_files(tmp_path, {cpu: cpu for cpu in range(4)}, "topology/thread_siblings_list")
    assert cores_of(range(4), tmp_path) == 4


def test_intels_slow_cores_are_those_not_counted_as_core(tmp_path: Path) -> None:
    (tmp_path / "cpu_core").mkdir()
    (tmp_path / "cpu_core" / "cpus").write_text("0-3\n")
    assert slow_cpus(range(8), tmp_path, arm=False) == {4, 5, 6, 7}


@pytest.mark.parametrize(
    ("capacities", "slow"),
    [
        ({0: 1024, 1: 1024, 2: 1024, 3: 1024}, set()),
        ({0: 397, 1: 397, 2: 397, 3: 397, 4: 1024, 5: 1024}, {0, 1, 2, 3}),  # RK3588: A55 and A76
        ({0: 250, 1: 250, 2: 780, 3: 780, 4: 1024}, {0, 1}),  # three kinds: small, middle, prime
    ],
)
def test_arms_small_cores_are_known_by_their_capacity(
    tmp_path: Path, capacities: dict[int, int], slow: set[int]
) -> None:
    cpu_files(tmp_path, capacities, "cpu_capacity")
    assert slow_cpus(capacities, tmp_path, arm=True) == slow


def test_without_capacities_arms_frequencies_tell(tmp_path: Path) -> None:
    cpu_files(tmp_path, {0: 1_800_000, 1: 1_800_000, 2: 2_400_000, 3: 2_400_000}, "cpufreq/cpuinfo_max_freq")
    assert slow_cpus(range(4), tmp_path, arm=True) == {0, 1}
    assert slow_cpus(range(4), tmp_path, arm=False) == set(), "other processors differ in frequency without being slow"


def test_a_hybrid_processor_uses_its_fast_cores_within_the_affinity(tmp_path: Path) -> None:
    topology(tmp_path, {0: 0, 1: 0, 2: 1, 3: 1, 4: 4, 5: 5})
    (tmp_path / "cpu_core").mkdir()
    (tmp_path / "cpu_core" / "cpus").write_text("0-3\n")
    everything = frozenset(range(6))
    assert allowed_of_linux(4, everything, everything, tmp_path, arm=False) == Allowed(2, 2)
    assert allowed_of_linux(4, frozenset({1, 4}), everything, tmp_path, arm=False) == Allowed(1, 2)
    assert allowed_of_linux(4, frozenset({4, 5}), everything, tmp_path, arm=False) == Allowed(2, 2), "slow ones only"


def test_a_kernel_that_tells_nothing_leaves_the_affinity(tmp_path: Path) -> None:
    assert allowed_of_linux(4, frozenset({0, 1}), frozenset(range(8)), tmp_path, arm=True) == Allowed(2, 0)
    assert allowed_of_linux(4, frozenset(range(8)), frozenset(range(8)), tmp_path, arm=False) == Allowed(4, 0)
