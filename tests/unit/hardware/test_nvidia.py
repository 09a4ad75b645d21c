"""NVIDIA's detail: joined by PCI id, missing without a word, failing with one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pynvml
import pytest

from workbench.hardware.examples import RTX_4070
from workbench.hardware.facts import Nvml
from workbench.hardware.nvidia import joined, normalised_pci_id, read_nvml


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0000:01:00.0", "0000:01:00.0"),
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000:0A:00.0", "0000:0a:00.0"),
        ("01:00.0", "0000:01:00.0"),
        ("0002:C1:00", "0002:c1:00.0"),
        ("GPU-1234", None),
        ("", None),
        (None, None),
    ],
)
def test_pci_ids_have_one_spelling(text: str | None, same: str | None) -> None:
    assert normalised_pci_id(text) == same


def test_detail_is_joined_to_the_device_it_belongs_to() -> None:
    nvml = Nvml("580.10", "8.9", 12_000, 9_000)
    first = replace(RTX_4070.devices[0], device_id="0000:01:00.0")
    second = replace(first, name="CUDA1", device_id="0000:02:00.0")
    nameless = replace(first, name="CUDA2", device_id=None)
    found = joined((first, second, nameless), {"0000:02:00.0": nvml})
    assert [device.nvml for device in found] == [None, nvml, None]
    assert [device.free_bytes for device in found] == [first.free_bytes, 9_000, first.free_bytes]


def test_a_machine_without_nvidia_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert read_nvml() == ({}, None)


def test_a_driver_that_does_not_answer_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(pynvml, "nvmlInit", broken)
    details, note = read_nvml()
    assert details == {}
    assert note is not None
    assert "does not answer" in note


def test_devices_are_read_and_the_library_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []
    for name, answer in {
        "nvmlInit": None,
        "nvmlSystemGetDriverVersion": "580.10",
        "nvmlDeviceGetCount": 1,
        "nvmlDeviceGetHandleByIndex": "handle",
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=12_000, free=9_000),
        "nvmlDeviceGetCudaComputeCapability": (8, 9),
        "nvmlDeviceGetPciInfo": SimpleNamespace(busId=b"00000000:01:00.0"),
    }.items():
        monkeypatch.setattr(pynvml, name, lambda *_, answer=answer: answer)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: closed.append(True))
    assert read_nvml() == ({"0000:01:00.0": Nvml("580.10", "8.9", 12_000, 9_000)}, None)
    assert closed == [True]
