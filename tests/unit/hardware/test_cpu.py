from __future__ import annotations

import pytest

from workbench.hardware.cpu import name_from_cpuinfo, read_cpu, usable_cores


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
    ("allowed", "quota", "usable"), [(8, None, 8), (8, 2.0, 2), (8, 2.9, 2), (8, 0.5, 1), (2, 16.0, 2)]
)
def test_a_quota_is_rounded_down_to_whole_cores(allowed: int, quota: float | None, usable: int) -> None:
    assert usable_cores(allowed, quota) == usable


def test_this_processor_is_described() -> None:
    cpu = read_cpu(None)
    assert cpu.name
    assert cpu.architecture
    assert 1 <= cpu.usable_cores <= cpu.physical_cores <= cpu.logical_cores
    assert 0 <= cpu.efficiency_cores < cpu.physical_cores
    assert read_cpu(1.0).usable_cores == 1
