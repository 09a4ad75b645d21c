"""What fills the memory: models where their bytes are known to be, shared weights once, the rest honestly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtWidgets import QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from workbench.engine.base import EngineFacts
from workbench.engine.fake import fake_model
from workbench.gui import theme
from workbench.gui.memory import Added, Ghost, Loaded, device_memory, ghost_of
from workbench.gui.theme import Tone
from workbench.gui.widgets.memory_bar import MemoryBar, MemoryStrip
from workbench.gui.words import parameter_count
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070, TWO_RTX_3090
from workbench.models.breakdown import Basis, Kind, Part, Share
from workbench.models.exact import Buffer
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


def test_two_cards_of_the_same_product_can_be_told_apart() -> None:
    names = [memory.name for memory in device_memory(TWO_RTX_3090, [])]
    assert names == ["RAM", "RTX 3090 #1", "RTX 3090 #2"]


def test_where_there_is_no_room_the_strip_keeps_the_bars_and_leaves_the_figures_out(qtbot: QtBot) -> None:
    bar = QWidget()
    row = QHBoxLayout(bar)
    row.setContentsMargins(0, 0, 0, 0)
    strip = MemoryStrip()
    row.addWidget(strip)
    qtbot.addWidget(bar)
    strip.show_memories(device_memory(TWO_RTX_3090, []))
    bar.resize(strip.sizeHint())
    bar.show()
    assert words(strip).count(" GB") == 3
    bar.resize(strip.minimumSizeHint())
    assert "GB" not in words(strip)
    for meter in strip.findChildren(MemoryBar):
        assert meter.width() >= meter.minimumSizeHint().width()
        assert "B of" in meter.accessibleDescription(), "the tool tip and screen readers still have them"


def verdict(kind: Verdict) -> Fit:
    share = Share("RAM", (Part(Kind.WEIGHTS, 3 * GB, Basis.EXACT),), GB)
    return Fit(fake_model("m"), kind, 4096, None, "estimate", RunParams(), (share,), ())


def test_parameters_are_counted_as_people_say_them() -> None:
    assert [parameter_count(count) for count in (500_000, 134_515_008, 3_212_749_888)] == ["500 k", "135 M", "3.2 B"]


# --- what would be added -----------------------------------------------------------------------


def asked(*shares: Share) -> Fit:
    model = replace(fake_model("new"), path=Path("new"))
    return Fit(model, Verdict.GPU, 4096, 4096, "estimate", RunParams(), shares, ())


def share(device: str, weights_bytes: int, other_bytes: int, available_bytes: int) -> Share:
    parts = (Part(Kind.WEIGHTS, weights_bytes, Basis.EXACT), Part(Kind.KV, other_bytes, Basis.EXACT))
    return Share(device, parts, available_bytes)


def test_a_model_split_by_llama_cpp_is_drawn_where_its_buffers_are() -> None:
    split = loaded("split", layers=10)
    buffers = (Buffer("CUDA0", "CUDA0", GB, GB // 2, GB // 4), Buffer("CPU", "RAM", 2 * GB, 0, GB // 4))
    split = replace(split, facts=replace(split.facts, buffers=buffers))
    ram, gpu = device_memory(RTX_4070, [split])
    assert [piece.size_bytes for piece in gpu.pieces] == [GB, GB // 2, GB // 4]
    assert [piece.size_bytes for piece in ram.pieces] == [2 * GB, GB // 4]


def test_a_ghost_says_what_is_added_and_what_is_too_much() -> None:
    ghost = ghost_of(asked(share("RAM", 4 * GB, 2 * GB, 5 * GB)))
    assert ghost.added["RAM"] == Added(6 * GB, GB)
    assert ghost.added["RAM"].words == "✕ 1.0 GB over"
    assert Added(3 * GB).words == "+ 3.0 GB"


def test_weights_that_are_loaded_already_are_not_added_again() -> None:
    ghost = ghost_of(asked(share("RAM", 4 * GB, 2 * GB, 5 * GB)), [replace(loaded(), path=Path("new"))])
    assert ghost.added["RAM"] == Added(2 * GB, 0)


def test_the_strip_draws_the_ghost_in_words_too_and_takes_it_back(qtbot: QtBot) -> None:
    strip = MemoryStrip()
    qtbot.addWidget(strip)
    strip.show_memories(device_memory(RTX_4070, []))
    before = strip.texts
    strip.show_ghost(Ghost("Tiny Q4", {"CUDA0": Added(3 * GB), "RAM": Added(30 * GB, 7 * GB)}))
    assert strip.texts == ["RAM ✕ 7.0 GB over", "RTX 4070 + 3.0 GB"]
    described = [bar.accessibleDescription() for bar in strip.findChildren(MemoryBar)]
    assert "Tiny Q4 would add 30.0 GB to RAM, 7.0 GB more than can be spared" in described[0]
    assert "Tiny Q4 would add 3.0 GB to RTX 4070" in described[1]
    strip.show_ghost(None)
    assert strip.texts == before


def test_the_ghost_is_hatched_and_its_overflow_has_the_bad_colour(qtbot: QtBot) -> None:
    bar = MemoryBar(height=12)
    qtbot.addWidget(bar)
    bar.resize(400, 12)
    (ram,) = device_memory(LAPTOP_WITHOUT_GPU, [])
    bar.show_memory(ram)
    plain = colours(bar)
    bar.show_ghost(Ghost("new", {"RAM": Added(2 * GB)}))
    assert theme.LIGHT.accent.lower() in colours(bar) - plain
    bar.show_ghost(Ghost("new", {"RAM": Added(20 * GB, 10 * GB)}))
    assert {theme.LIGHT.accent.lower(), theme.LIGHT.bad.lower()} <= colours(bar) - plain


def colours(bar: MemoryBar) -> set[str]:
    image = bar.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
