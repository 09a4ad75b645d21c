"""Names and cores from recorded files."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hardware.cpu import cores_of, cpus_from_list, name_from_cpuinfo, read_cpu, usable_cores


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC  7B13\ncpu MHz: 2\nprocessor: 1\nmodel name: X", "AMD EPYC 7B13"),
        ("processor : 0\nBogoMIPS : 108\nHardware : BCM2711\nModel : Raspberry Pi 4 Model B", "Raspberry Pi 4 Model B"),
        ("processor : 0\ncpu : POWER9", "POWER9"),
        ("processor : 0\nBogoMIPS : 50.00\nCPU implementer : 0x41", None),
        ("", None),
    ],
)
def test_the_name_is_found_in_cpuinfo(text: str, name: str | None) -> None:
    assert name_from_cpuinfo(text) == name


@pytest.mark.parametrize(
    ("text", "cpus"), [("0-3,8\n", {0, 1, 2, 3, 8}), ("5", {5}), ("", set()), ("x-y,2", {2}), ("3-", {3})]
)
def test_the_kernels_lists_are_read(text: str, cpus: set[int]) -> None:
    assert cpus_from_list(text) == cpus


def test_two_threads_of_one_core_count_once(tmp_path: Path) -> None:
    for cpu in range(4):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "physical_package_id").write_text("0\n")
        (topology / "core_id").write_text(f"{cpu // 2}\n")
    assert cores_of(range(4), tmp_path) == 2
    assert cores_of({0, 1}, tmp_path) == 1
    assert cores_of({0, 7}, tmp_path) is None, "a processor the kernel does not describe"
    assert cores_of((), tmp_path) is None


@pytest.mark.parametrize(
    ("allowed", "quota", "usable"), [(8, None, 8), (8, 2.0, 2), (8, 2.9, 2), (8, 0.5, 1), (2, 16.0, 2)]
)
def test_a_quota_is_rounded_down_to_whole_cores(allowed: int, quota: float | None, usable: int) -> None:
    assert usable_cores(allowed, quota) == usable


def test_this_processor_is_described() -> None:
    cpu = read_cpu(None)
    assert cpu.name
    assert cpu.architecture
    assert 1 <= cpu.usable_cores <= cpu.physical_cores <= cpu.logical_cores
    assert read_cpu(1.0).usable_cores == 1
