"""What fills the memory: models where their bytes are known to be, shared weights once, the rest honestly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytestqt.qtbot import QtBot

from workbench.engine.base import EngineFacts
from workbench.engine.fake import fake_model
from workbench.gui.memory import Loaded, device_memory
from workbench.gui.theme import Tone
from workbench.gui.widgets.memory_bar import MemoryBar, MemoryStrip
from workbench.gui.words import parameter_count
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.models.breakdown import Basis, Kind, Part, Share
from workbench.models.fit import Fit, Verdict
from workbench.models.params import RunParams

GB = 1_000_000_000


def loaded(name: str = "a", *, layers: int = -1) -> Loaded:
    facts = EngineFacts("fake", "1", name, RunParams(n_gpu_layers=layers), 4096, "file", 0, 0, False,
                        weights_bytes=2 * GB, kv_bytes=GB // 2, compute_bytes=GB // 10)  # fmt: skip
    return Loaded(Path(name), f"Model {name}", Tone.LLAMA, facts)


def test_everything_adds_up_to_what_the_machine_has() -> None:
    (ram,) = device_memory(LAPTOP_WITHOUT_GPU, [loaded()])
    memory = LAPTOP_WITHOUT_GPU.memory
    assert [piece.label for piece in ram.pieces] == ["Model a, weights", "Model a, context", "Model a, buffers"]
    assert ram.used_bytes + ram.free_bytes == ram.total_bytes == memory.total_bytes
    assert ram.free_bytes == memory.available_bytes


def test_weights_of_one_file_in_two_panes_count_once() -> None:
    (ram,) = device_memory(LAPTOP_WITHOUT_GPU, [loaded(), loaded()])
    assert sum("weights" in piece.label for piece in ram.pieces) == 1
    assert sum("context" in piece.label for piece in ram.pieces) == 2


def test_a_model_on_the_gpu_is_drawn_there_and_a_split_one_nowhere() -> None:
    ram, gpu = device_memory(RTX_4070, [loaded("gpu"), loaded("cpu", layers=0), loaded("split", layers=10)])
    assert {piece.label.split(",")[0] for piece in gpu.pieces} == {"Model gpu"}
    assert {piece.label.split(",")[0] for piece in ram.pieces} == {"Model cpu"}
    assert gpu.name == "RTX 4070"


def test_mapped_weights_that_the_system_calls_free_do_not_overflow_the_bar() -> None:
    nearly_free = replace(LAPTOP_WITHOUT_GPU.memory, available_bytes=LAPTOP_WITHOUT_GPU.memory.total_bytes)
    (ram,) = device_memory(replace(LAPTOP_WITHOUT_GPU, memory=nearly_free), [loaded()])
    assert ram.others_bytes == 0
    assert ram.used_bytes == sum(piece.size_bytes for piece in ram.pieces)
    assert ram.free_bytes == ram.total_bytes - ram.used_bytes


def test_a_limit_below_the_machines_memory_is_the_bar() -> None:
    limited = replace(LAPTOP_WITHOUT_GPU.memory, limit_bytes=4 * GB, available_bytes=3 * GB)
    (ram,) = device_memory(replace(LAPTOP_WITHOUT_GPU, memory=limited), [])
    assert ram.short == "1.0 / 4.0 GB"


def test_the_strip_has_a_meter_for_each_device_and_says_it_in_words(qtbot: QtBot) -> None:
    strip = MemoryStrip()
    qtbot.addWidget(strip)
    strip.show_memories(device_memory(RTX_4070, []))
    assert [text.split()[0] for text in strip.texts] == ["RAM", "RTX"]
    strip.show_memories(device_memory(LAPTOP_WITHOUT_GPU, []))
    assert strip.texts == ["RAM 6.4 / 17.2 GB"]
    bar = strip.findChild(MemoryBar)
    assert bar is not None
    assert "free: 10.7 GB" in bar.accessibleDescription()


def verdict(kind: Verdict) -> Fit:
    share = Share("RAM", (Part(Kind.WEIGHTS, 3 * GB, Basis.EXACT),), GB)
    return Fit(fake_model("m"), kind, 4096, None, "estimate", RunParams(), (share,), ())


def test_parameters_are_counted_as_people_say_them() -> None:
    assert [parameter_count(count) for count in (500_000, 134_515_008, 3_212_749_888)] == ["500 k", "135 M", "3.2 B"]
