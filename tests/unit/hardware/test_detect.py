"""This machine, really looked at, with the engine's answer passed in."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from workbench.errors import EngineCrashedError
from workbench.hardware import cgroups
from workbench.hardware.cgroups import Limits
from workbench.hardware.detect import detect, memory_within
from workbench.hardware.examples import EXAMPLES, LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Hardware, Memory, Nvml, Survey
from workbench.hardware.words import human_bytes, sentences

BUILD = EngineBuild("0.3.36", ("CPU",), ("AVX2",))
IGPU = Device("Vulkan0", "Intel Iris Xe", "Vulkan", DeviceKind.IGPU, 8 << 30, 6 << 30, unified=True)


def test_this_machine_is_described_with_what_the_engine_says(tmp_path: Path) -> None:
    found = detect(lambda: Survey(BUILD, (IGPU,)), tmp_path)
    assert (found.build, found.devices, found.described) == (BUILD, (IGPU,), False)
    assert found.system
    assert 0 < found.memory.available_bytes <= found.memory.total_bytes
    assert found.cpu.usable_cores >= 1
    assert found.disk_free_bytes


def test_without_a_survey_the_rest_is_there_and_a_note_says_so(tmp_path: Path) -> None:
    found = detect(None, tmp_path)
    assert (found.build, found.devices) == (None, ())
    assert any("was not asked" in note for note in found.notes)


def test_a_survey_that_fails_is_a_note_with_its_reason(tmp_path: Path) -> None:
    def crash() -> Survey:
        raise EngineCrashedError("The engine ended its process.")

    found = detect(crash, tmp_path)
    assert any("The engine ended its process." in note for note in found.notes)
    assert found.memory.total_bytes > 0


def test_an_nvidia_gpu_that_the_engine_cannot_use_is_mentioned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    details = {"0000:01:00.0": Nvml("580", "8.9", 1, 1)}
    monkeypatch.setattr("workbench.hardware.detect.read_nvml", lambda: (details, None))
    found = detect(lambda: Survey(BUILD, ()), tmp_path)
    assert "There is an NVIDIA GPU, but this build of llama.cpp cannot use it" in found.notes


def test_the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path: Path) -> None:
    found = detect(None, tmp_path / "not" / "yet")
    stat = os.statvfs(tmp_path)
    assert found.disk_free_bytes == pytest.approx(stat.f_bavail * stat.f_frsize, rel=0.1)


@pytest.mark.skipif(not cgroups.CGROUP_OF_PROCESS.exists(), reason="control groups are Linux's")
def test_the_limits_of_the_process_are_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cgroups, "read_limits", lambda text: Limits(1.0, 1 << 20, 1 << 19))
    found = detect(None, tmp_path)
    assert (found.cpu.usable_cores, found.cpu.cgroup_cores) == (1, 1.0)
    assert (found.memory.available_bytes, found.memory.limit_bytes) == (1 << 19, 1 << 20)


def test_a_limit_above_the_machine_is_none() -> None:
    assert memory_within(Limits(None, 200, 150), 100, 60) == Memory(100, 60, None)
    assert memory_within(Limits(None, 80, 50), 100, 60) == Memory(100, 50, 80)
    assert memory_within(Limits(), 100, 60) == Memory(100, 60, None)


# --- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 KB"),
        (18_111_136, "18 MB"),
        (253_113_024, "253 MB"),
        (999_499_999, "999 MB"),
        (999_999_999, "1.0 GB"),
        (4_372_812_000, "4.4 GB"),
        (99_960_000_000, "100 GB"),
        (1_500_000_000_000, "1.5 TB"),
        (5_000_000_000_000_000, "5000 TB"),
        (-1_800_000_000, "-1.8 GB"),
    ],
)
def test_sizes_are_written_as_file_windows_write_them(count: int, words: str) -> None:
    assert human_bytes(count) == words


def test_a_machine_without_a_gpu_in_sentences() -> None:
    said = sentences(
        dataclasses.replace(LAPTOP_WITHOUT_GPU, disk_free_bytes=80_000_000_000, build=BUILD, notes=("Hm",))
    )
    assert said == (
        "6 usable processor cores (AMD Ryzen 5 7530U)",
        "10.7 GB of 17.2 GB memory free",
        "No GPU that llama.cpp can use: models run on the processor",
        "80.0 GB free on the disk for models",
        "llama.cpp 0.3.36 (CPU)",
        "Hm",
    )


def test_gpus_shared_memory_and_limits_in_sentences() -> None:
    assert "NVIDIA GeForce RTX 4070 (CUDA): 11.8 GB of 12.9 GB free" in sentences(RTX_4070)
    assert sentences(M3_PRO)[0] == "6 of 12 usable processor cores (Apple M3 Pro)"
    assert any("shared with main memory" in sentence for sentence in sentences(M3_PRO))
    limited = dataclasses.replace(RTX_4070, memory=Memory(32_000_000_000, 1_000_000_000, 4_000_000_000))
    assert sentences(limited)[1] == ("1.0 GB memory free of the 4.0 GB this program may use (the machine has 32.0 GB)")


@pytest.mark.parametrize("machine", EXAMPLES, ids=lambda machine: machine.label)
def test_examples_are_marked_as_described_and_can_be_written_down(machine: Hardware) -> None:
    assert machine.described
    assert machine.memory.available_bytes < machine.memory.total_bytes
    assert all(device.free_bytes <= device.total_bytes for device in machine.devices)
    assert json.dumps(dataclasses.asdict(machine), default=lambda value: value.value)


def test_the_examples_have_the_names_people_choose_them_by() -> None:
    assert [machine.label for machine in EXAMPLES] == ["RTX 4070 12 GB", "M3 Pro 18 GB", "16 GB laptop, no GPU"]
