"""NVIDIA's detail: read from answers as documented, joined by PCI id, missing without a word, failing with one."""

from __future__ import annotations

from dataclasses import replace

import pynvml
import pytest

from tests.unit.hardware.fake_nvml import replay
from workbench.hardware.examples import RTX_4070
from workbench.hardware.facts import Nvml
from workbench.hardware.nvidia import Answer, Found, ask_nvml, joined, normalised_pci_id, read_nvml, unused

CARD = RTX_4070.devices[0]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("0000:01:00.0", "0000:01:00.0"),
        ("00000000:01:00.0", "0000:01:00.0"),
        ("0000:0A:00.0", "0000:0a:00.0"),
        ("01:00.0", "0000:01:00.0"),
        ("0002:C1:00", "0002:c1:00.0"),
        ("0000:01:00.0-v1", "0000:01:00.0"),
        ("GPU-1234", None),
        ("", None),
        (None, None),
    ],
)
def test_pci_ids_have_one_spelling(text: str | None, same: str | None) -> None:
    assert normalised_pci_id(text) == same


# --- reading ---------------------------------------------------------------------------------


def test_a_card_is_described_with_what_others_use_of_it() -> None:
    (found,) = ask_nvml(replay("nvml_rtx_4090")).found
    assert (found.pci_id, found.name) == ("0000:01:00.0", "NVIDIA GeForce RTX 4090")
    assert found.nvml == Nvml(
        driver="580.95.05",
        compute_capability="8.9",
        total_bytes=25_757_220_864,
        free_bytes=22_548_578_304,
        uuid="GPU-4f1c8a0e-2d55-6c1b-9d7e-0123456789ab",
        cuda="13.0",
        # One program is in both lists, and is counted once; this process is not counted.
        others_bytes=1_610_612_736 + 314_572_800,
        reserved_bytes=460_263_424,
        bandwidth_bytes_per_s=384 / 8 * 10_501e6 * 2,
        drives_display=True,
    )
    assert found.nvml.bandwidth_bytes_per_s == pytest.approx(1008e9, rel=0.001), "NVIDIA's own specification"


def test_an_older_driver_does_not_tell_what_it_reserves() -> None:
    (found,) = ask_nvml(replay("nvml_rtx_4090", version_2=False)).found
    assert found.nvml.reserved_bytes is None
    assert found.nvml.free_bytes == 22_548_578_304


def test_windows_does_not_tell_what_others_use() -> None:
    (found,) = ask_nvml(replay("nvml_rtx_4070_windows")).found
    assert found.nvml.others_bytes is None
    assert found.nvml.drives_display is True


def test_what_a_driver_does_not_answer_is_left_out() -> None:
    silent = replay(
        "nvml_rtx_4090",
        without=(
            "nvmlSystemGetCudaDriverVersion_v2",
            "nvmlDeviceGetUUID",
            "nvmlDeviceGetMemoryBusWidth",
            "nvmlDeviceGetDisplayActive",
            "nvmlDeviceGetComputeRunningProcesses",
            "nvmlDeviceGetGraphicsRunningProcesses",
        ),
    )
    (found,) = ask_nvml(silent).found
    nvml = found.nvml
    assert (nvml.cuda, nvml.uuid, nvml.bandwidth_bytes_per_s, nvml.drives_display, nvml.others_bytes) == (None,) * 5
    assert nvml.total_bytes == 25_757_220_864


def test_a_chip_without_memory_of_its_own_is_left_to_llama_cpp() -> None:
    assert ask_nvml(replay("nvml_dgx_spark")) == Answer()


def test_instances_of_a_divided_gpu_have_their_share_of_its_bandwidth() -> None:
    large, small = ask_nvml(replay("nvml_h100_mig")).found
    assert (large.pci_id, small.pci_id) == ("0000:1b:00.0", "0000:1b:00.0")
    assert large.nvml.mig
    assert small.nvml.mig
    assert small.nvml.free_bytes == 9_900_000_000
    assert small.nvml.others_bytes == 536_870_912
    assert small.nvml.compute_capability == "9.0"
    assert small.nvml.bandwidth_bytes_per_s == pytest.approx(3352e9 / 8, rel=0.03), "an eighth of the GPU"


def test_a_machine_without_nvidia_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise pynvml.NVMLError_LibraryNotFound

    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert ask_nvml() == Answer()
    assert read_nvml() == ({}, None)


def test_a_driver_that_does_not_answer_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(pynvml, "nvmlInit", broken)
    details, note = read_nvml()
    assert details == {}
    assert note is not None
    assert "does not answer" in note


def test_the_library_is_closed_also_after_a_failure() -> None:
    closed = []
    library = replay("nvml_rtx_4090", without=("nvmlDeviceGetCount",))
    library.__dict__["nvmlShutdown"] = lambda: closed.append(True)
    answer = ask_nvml(library)
    assert answer.found == ()
    assert "could not describe" in str(answer.note)
    assert closed == [True]


def test_by_address_a_divided_gpu_is_the_instance_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask_nvml(replay("nvml_h100_mig"))
    monkeypatch.setattr("workbench.hardware.nvidia.ask_nvml", lambda: answer)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-33333333-cccc")
    assert read_nvml() == ({"0000:1b:00.0": answer.found[1].nvml}, None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert read_nvml() == ({"0000:1b:00.0": answer.found[0].nvml}, None)


# --- joining ---------------------------------------------------------------------------------


def test_detail_is_joined_to_the_device_it_belongs_to() -> None:
    nvml = Nvml("580.10", "8.9", 12_000, 9_000)
    first = replace(CARD, device_id="0000:01:00.0")
    second = replace(first, name="CUDA1", device_id="0000:02:00.0")
    nameless = replace(first, name="CUDA2", device_id=None)
    found = joined((first, second, nameless), [Found("0000:02:00.0", "RTX", nvml)])
    assert [device.nvml for device in found] == [None, nvml, None]
    assert [device.free_bytes for device in found] == [first.free_bytes, 9_000, first.free_bytes]


def test_an_instance_is_joined_by_the_identifier_that_cuda_was_told() -> None:
    found = ask_nvml(replay("nvml_h100_mig")).found
    device = replace(CARD, device_id="0000:1b:00.0")
    for visible, instance in [
        ("MIG-33333333-cccc-5555-dddd-444444444444", found[1]),
        ("MIG-333", found[1]),
        ("MIG-11111111-aaaa-5555-bbbb-222222222222", found[0]),
        ("0", found[0]),
        (None, found[0]),
    ]:
        (joint,) = joined((device,), found, visible)
        assert joint.nvml == instance.nvml, visible
        assert joint.key == f"gpu:{instance.nvml.uuid}"


def test_cards_that_llama_cpp_does_not_use_are_named_with_the_reason() -> None:
    found = ask_nvml(replay("nvml_rtx_4090")).found
    used = replace(CARD, device_id="0000:01:00.0")
    other = replace(CARD, device_id="0000:02:00.0")
    assert unused((used,), found, None) is None
    assert unused((), found, None) == "There is an NVIDIA GPU, but this build of llama.cpp cannot use it"
    assert unused((), found, "") == "llama.cpp does not see NVIDIA GeForce RTX 4090: CUDA_VISIBLE_DEVICES is set to ''"
    assert unused((other,), found, None) == "llama.cpp does not use NVIDIA GeForce RTX 4090"
    assert unused((replace(other, device_id=None),), found, None) is None, "it may be the very card"
