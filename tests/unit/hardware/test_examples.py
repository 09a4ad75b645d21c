"""Machines by name, and machines in a few words."""

from __future__ import annotations

import contextlib
import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import UsageError
from workbench.hardware.examples import EXAMPLES, LAPTOP_WITHOUT_GPU, M3_PRO, RTX_4070, TWO_RTX_3090, named
from workbench.hardware.facts import Hardware

GIB = 1 << 30


@pytest.mark.parametrize("machine", EXAMPLES, ids=lambda machine: machine.label)
def test_examples_are_marked_as_described_and_can_be_written_down(machine: Hardware) -> None:
    assert machine.described
    assert machine.memory.available_bytes < machine.memory.total_bytes
    assert machine.memory.bandwidth_bytes_per_s
    assert all(0 < device.free_bytes <= device.total_bytes for device in machine.devices)
    assert all(device.bandwidth_bytes_per_s for device in machine.devices)
    assert machine.cpu.usable_cores + machine.cpu.efficiency_cores <= machine.cpu.logical_cores
    assert json.dumps(dataclasses.asdict(machine), default=lambda value: value.value)


def test_labels_are_all_different_and_the_first_three_stay() -> None:
    labels = [machine.label for machine in EXAMPLES]
    assert len(set(labels)) == len(labels)
    assert labels[:3] == ["RTX 4070 12 GB", "M3 Pro 18 GB", "16 GB laptop, no GPU"]


def test_the_cards_of_one_machine_have_different_names() -> None:
    assert [device.name for device in TWO_RTX_3090.devices] == ["CUDA0", "CUDA1"]


def test_what_a_mac_gives_its_gpu_is_said_to_be_assumed() -> None:
    (metal,) = M3_PRO.devices
    assert (metal.unified, metal.maps_files, metal.total_bytes) == (True, True, 12 * GIB)
    assert M3_PRO.notes == ("Assumed: macOS lets its GPU use 12 of 18 GB",)


@pytest.mark.parametrize("machine", EXAMPLES, ids=lambda machine: machine.label)
def test_a_label_names_its_machine_however_it_is_written(machine: Hardware) -> None:
    assert named(machine.label) is machine
    assert named(machine.label.upper()) is machine
    assert named(machine.label.replace(" ", "").replace(",", "")) is machine


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("4090", "RTX 4090 24 GB"),
        ("rtx 4070", "RTX 4070 12 GB"),
        ("m4 MAX", "M4 Max 64 GB"),
        ("h100", "H100 80 GB"),
        ("16 GB laptop", "16 GB laptop, no GPU"),
        ("7900xtx", "Radeon RX 7900 XTX 24 GB"),
    ],
)
def test_enough_of_a_label_names_it(text: str, label: str) -> None:
    assert named(text).label == label


@pytest.mark.parametrize(
    ("text", "label", "cards_gib", "ram_gib"),
    [
        ("12 GB GPU", "12 GB GPU", [12], 32),
        ("24GB card + 64GB RAM", "24 GB GPU + 64 GB RAM", [24], 64),
        ("24 gb vram and 32 gb ram", "24 GB GPU + 32 GB RAM", [24], 32),
        ("RTX 4080 16 GB", "RTX 4080 16 GB", [16], 32),
        ("rtx 4080 16gb with 64 gb ddr5", "RTX 4080 16 GB + 64 GB RAM", [16], 64),
        ("2x 24 GB GPU", "2x 24 GB GPU", [24, 24], 128),
        ("2x RTX 4090 24 GB + RTX 3060 12GB, 128 GB RAM", "2x RTX 4090 24 GB + RTX 3060 12 GB + 128 GB RAM",
         [24, 24, 12], 128),
        ("2x 24GB", "2x 24 GB GPU", [24, 24], 128),
        ("two 24 GB cards and 64 GB RAM", "2x 24 GB GPU + 64 GB RAM", [24, 24], 64),
        ("dual RTX 3090 24 GB", "2x RTX 3090 24 GB", [24, 24], 128),
        ("32 GB RAM", "32 GB RAM", [], 32),
        ("64 GB desktop without GPU", "64 GB RAM", [], 64),
        ("1 TB server", "1024 GB RAM", [], 1024),
        ("0.5x", None, [], 0),
    ],
)  # fmt: skip
def test_a_computer_can_be_described(text: str, label: str | None, cards_gib: list[int], ram_gib: int) -> None:
    if label is None:
        with pytest.raises(UsageError):
            named(text)
        return
    machine = named(text)
    assert machine.label == label
    assert [device.total_bytes // GIB for device in machine.devices] == cards_gib
    assert [device.name for device in machine.devices] == [f"CUDA{index}" for index in range(len(cards_gib))]
    assert machine.memory.total_bytes == ram_gib * GIB
    assert any("Assumed" in note for note in machine.notes)


@pytest.mark.parametrize(
    ("text", "label", "gpu_gib", "gb_per_s"),
    [
        ("16 GB Mac", "16 GB Mac", 10, None),
        ("M4 Max 48 GB", "M4 Max 48 GB", 36, 546),
        ("macbook with m2, 24 GB", None, 0, None),
        ("MacBook Pro M3 Pro 36GB", "M3 Pro 36 GB", 24, 150),
        ("m2 ultra 192 GB", "M2 Ultra 192 GB", 144, 800),
    ],
)
def test_a_mac_can_be_described(text: str, label: str | None, gpu_gib: int, gb_per_s: float | None) -> None:
    if label is None:
        with pytest.raises(UsageError):
            named(text)
        return
    machine = named(text)
    (metal,) = machine.devices
    assert machine.label == label
    assert metal.total_bytes // GIB == gpu_gib
    assert metal.bandwidth_bytes_per_s == (None if gb_per_s is None else gb_per_s * 1e9)
    assert machine.memory.bandwidth_bytes_per_s == metal.bandwidth_bytes_per_s


@pytest.mark.parametrize(
    ("text", "device"), [("Tesla P40 24 GB", "CUDA0"), ("radeon pro w7900 48gb", "Vulkan0"), ("12 GB GPU", "CUDA0")]
)
def test_a_card_that_is_not_nvidias_runs_on_vulkan(text: str, device: str) -> None:
    assert [found.name for found in named(text).devices] == [device]


def test_nothing_is_known_of_an_unnamed_cards_speed() -> None:
    assert named("12 GB GPU").devices[0].bandwidth_bytes_per_s is None
    assert named("RTX 4080 16 GB").devices[0].bandwidth_bytes_per_s == 717e9


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "without a name", "12 GB GPU"),
        ("banana", "no machine that is known", "A description works too"),
        ("12 GB banana", "no machine that is known", "A description works too"),
        ("RTX 4099 24 GB laptop, no", "no machine that is known", "A description works too"),
        ("rtx 40", "any of several", '"RTX 4070 12 GB", "RTX 4060 8 GB laptop", "RTX 4090 24 GB"'),
        ("RTX 4080", "does not say how much memory", '"RTX 4080 16 GB"'),
        ("RTX 4090 24 GG", "does not say how much memory", '"RTX 4090 24 GB"'),
        ("M3 Prro 18 GB", "no machine that is known", 'Did you mean "M3 Pro 18 GB"'),
        ("-12 GB GPU", "no machine that is known", "A description works too"),
        ("1e9 GB GPU", "no machine that is known", "A description works too"),
        ("0 GB RAM", "0 GB is not a size", "from 1 to 8192 GB"),
        ("5000 GB GPU", "5000 GB is not a size", "from 1 to 1024 GB"),
        ("99x 8 GB GPU", "99x 8 GB", "16 cards"),
        ("2x 8 GB RAM", "2x 8 GB", "say the sum"),
        ("16 GB Mac + 8 GB GPU", "one memory", "16 GB Mac"),
        ("8 GB RAM + 8 GB RAM", "names main memory twice", "once"),
    ],
)
def test_what_cannot_be_meant_is_said_with_a_way_out(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        named(text)
    assert message in caught.value.message
    assert hint in str(caught.value.hint)


@settings(max_examples=200, database=None)
@given(st.text(alphabet="0123456789 gGbBtTxX+,.rRaAmMuUpPcC", max_size=30))
def test_whatever_is_typed_is_a_machine_or_a_plain_refusal(text: str) -> None:
    with contextlib.suppress(UsageError):
        machine = named(text)
        assert machine.described
        assert 0 < machine.memory.available_bytes < machine.memory.total_bytes
        assert all(0 < device.free_bytes <= device.total_bytes for device in machine.devices)


def test_more_memory_leaves_more_free() -> None:
    free = [named(f"{size} GB RAM").memory.available_bytes for size in (4, 8, 16, 24, 32, 64, 128)]
    assert free == sorted(set(free))


def test_the_known_three_are_as_they_were() -> None:
    assert RTX_4070.devices[0].free_bytes == 11 * GIB
    assert RTX_4070.memory.available_bytes == 24 * GIB
    assert M3_PRO.memory.available_bytes == 13 * GIB
    assert LAPTOP_WITHOUT_GPU.memory.available_bytes == 10 * GIB
