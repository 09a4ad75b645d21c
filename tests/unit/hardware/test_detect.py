"""This machine, really looked at, with the engine's answer passed in."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from tests.unit.hardware.fake_nvml import replay
from workbench.errors import EngineCrashedError, StoreError
from workbench.hardware import cgroups
from workbench.hardware.cgroups import Limits
from workbench.hardware.detect import _device_notes, detect, with_bandwidths
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070
from workbench.hardware.facts import Device, DeviceKind, EngineBuild, Memory, Nvml, Survey
from workbench.hardware.nvidia import Answer, Found, ask_nvml
from workbench.hardware.words import human_bandwidth, human_bytes, sentences

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
    answer = Answer((Found("0000:01:00.0", "RTX", Nvml("580", "8.9", 1, 1)),))
    monkeypatch.setattr("workbench.hardware.detect.ask_nvml", lambda: answer)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
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


def test_the_measured_bandwidth_is_looked_up_by_processor(tmp_path: Path) -> None:
    asked = []

    def measured(key: str) -> float:
        asked.append(key)
        return 29e9

    found = detect(None, tmp_path, bandwidth=measured)
    assert found.memory.bandwidth_bytes_per_s == 29e9
    assert asked == [found.cpu.key]
    assert detect(None, tmp_path, bandwidth=17e9).memory.bandwidth_bytes_per_s == 17e9
    assert detect(None, tmp_path).memory.bandwidth_bytes_per_s is None


def test_a_database_that_cannot_be_read_costs_only_the_bandwidth(tmp_path: Path) -> None:
    def locked(key: str) -> float:
        raise StoreError("locked")

    assert detect(None, tmp_path, bandwidth=locked).memory.bandwidth_bytes_per_s is None


def test_wsl_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.hardware.linux.is_wsl", lambda: True)
    found = detect(None, tmp_path)
    assert found.wsl
    assert any(".wslconfig" in note for note in found.notes)


def test_nvidias_own_bandwidth_comes_before_the_specification() -> None:
    card = dataclasses.replace(RTX_4070.devices[0], bandwidth_bytes_per_s=None)
    told = dataclasses.replace(card, nvml=Nvml("580", "8.9", 1, 1, bandwidth_bytes_per_s=5e11))
    part = dataclasses.replace(card, nvml=Nvml("580", "8.9", 1, 1, mig=True))
    known, from_driver, unknown, divided = with_bandwidths((card, told, IGPU, part), 16 << 30)
    assert known.bandwidth_bytes_per_s == 504e9
    assert from_driver.bandwidth_bytes_per_s == 5e11
    assert unknown.bandwidth_bytes_per_s is None
    assert divided.bandwidth_bytes_per_s is None, "the specification is the whole card's"


def test_an_apple_chip_is_told_by_the_machines_memory() -> None:
    metal = Device("MTL0", "Apple M4 Max", "Metal", DeviceKind.GPU, 48 << 30, 48 << 30, unified=True)
    assert with_bandwidths((metal,), 64 << 30)[0].bandwidth_bytes_per_s == 546e9
    assert with_bandwidths((metal,), 36 << 30)[0].bandwidth_bytes_per_s == 410e9


def test_a_replayed_card_is_found_with_all_its_detail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask_nvml(replay("nvml_rtx_4090"))
    monkeypatch.setattr("workbench.hardware.detect.ask_nvml", lambda: answer)
    device = Device("CUDA0", "NVIDIA GeForce RTX 4090", "CUDA", DeviceKind.GPU, 25 << 30, 1, device_id="0000:01:00.0")
    (found,) = detect(lambda: Survey(BUILD, (device,)), tmp_path).devices
    assert found.free_bytes == 22_548_578_304
    assert found.bandwidth_bytes_per_s == pytest.approx(1008e9, rel=0.001)
    assert found.key == "gpu:GPU-4f1c8a0e-2d55-6c1b-9d7e-0123456789ab"


def test_on_windows_a_gpus_memory_is_a_hard_limit() -> None:
    found = ask_nvml(replay("nvml_rtx_4070_windows"))
    device = dataclasses.replace(RTX_4070.devices[0], device_id="0000:01:00.0")
    (note,) = _device_notes(found, (device,), asked=True, windows=True)
    assert "5 to 20 times slower" in note
    assert _device_notes(found, (device,), asked=True, windows=False) == []


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
        "Main memory is read at 51 GB/s (specified)",
        "No GPU that llama.cpp can use: models run on the processor",
        "80.0 GB free on the disk for models",
        "llama.cpp 0.3.36 (CPU)",
        "Hm",
    )


def test_gpus_shared_memory_and_limits_in_sentences() -> None:
    assert "NVIDIA GeForce RTX 4070 (CUDA): 11.8 GB of 12.9 GB free" in sentences(RTX_4070)
    assert sentences(M3_PRO)[0] == "6 of 12 usable processor cores (Apple M3 Pro); the 6 slow ones are left out"
    assert any("shared with main memory" in sentence for sentence in sentences(M3_PRO))
    limited = dataclasses.replace(RTX_4070, memory=Memory(32_000_000_000, 1_000_000_000, 4_000_000_000))
    assert sentences(limited)[1] == ("1.0 GB memory free of the 4.0 GB this program may use (the machine has 32.0 GB)")


def test_an_nvidia_card_in_sentences() -> None:
    nvml = Nvml("580.95", "8.9", 1, 1, cuda="13.0", others_bytes=1_900_000_000, mig=True, drives_display=True)
    machine = dataclasses.replace(RTX_4070, devices=(dataclasses.replace(RTX_4070.devices[0], nvml=nvml),))
    assert (
        "NVIDIA GeForce RTX 4070: its memory is read at 504 GB/s (specified), compute capability 8.9, "
        "the driver is for CUDA 13.0, a part of a GPU (MIG), drives the screen, other programs use 1.9 GB"
    ) in sentences(machine)


@pytest.mark.parametrize(
    ("pressure", "said"), [("warning", True), ("critical", True), ("normal", False), (None, False)]
)
def test_memory_that_is_short_is_said(pressure: str | None, said: bool) -> None:
    memory = dataclasses.replace(LAPTOP_WITHOUT_GPU.memory, pressure=pressure)
    found = sentences(dataclasses.replace(LAPTOP_WITHOUT_GPU, memory=memory))
    assert any("short" in sentence for sentence in found) is said


def test_a_bandwidth_of_this_machine_is_a_measured_one() -> None:
    memory = Memory(100, 60, bandwidth_bytes_per_s=33.4e9)
    found = sentences(dataclasses.replace(LAPTOP_WITHOUT_GPU, memory=memory, described=False))
    assert "Main memory is read at 33 GB/s (measured)" in found


@pytest.mark.parametrize(
    ("bytes_per_s", "words"), [(7.44e9, "7.4 GB/s"), (33e9, "33 GB/s"), (999.4e9, "999 GB/s"), (1792e9, "1.8 TB/s")]
)
def test_bandwidths_are_written_shortly(bytes_per_s: float, words: str) -> None:
    assert human_bandwidth(bytes_per_s) == words
