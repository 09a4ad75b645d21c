"""The Machine page: the machine in plain words, its memory, and how each file fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.conftest import named, words
from workbench.app import Workbench
from workbench.engine.base import EngineFacts
from workbench.errors import EngineCrashedError
from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.gui.memory import Loaded
from workbench.gui.pages.machine import MachinePage
from workbench.gui.theme import Tone
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.hardware.words import sentences
from workbench.jobs import JobRunner
from workbench.models.params import RunParams


@pytest.fixture
def page(bench: Workbench, pump: EventPump, runner: JobRunner, qtbot: QtBot) -> MachinePage:
    shown = MachinePage(bench, Errands(pump, runner))
    qtbot.addWidget(shown)
    shown.resize(1000, 800)
    shown.show()
    return shown


def refreshed(page: MachinePage, qtbot: QtBot) -> str:
    page.refresh()
    qtbot.waitUntil(page.refresh_button.isEnabled)
    return words(page)


def test_the_machine_is_said_in_plain_words(page: MachinePage, qtbot: QtBot) -> None:
    said = refreshed(page, qtbot)
    assert all(sentence in said for sentence in sentences(LAPTOP_WITHOUT_GPU))
    assert "6 physical, 12 logical, 6 used for models" in said


def test_what_was_not_measured_is_said_to_be(page: MachinePage, bench: Workbench, qtbot: QtBot) -> None:
    note = "The engine could not be asked about accelerators."
    bench.machine = lambda: replace(LAPTOP_WITHOUT_GPU, notes=(note,))  # type: ignore[method-assign]
    said = refreshed(page, qtbot)
    assert said.count("not measured") == 2  # engine and disk, which this description lacks
    assert f"△  {note}" in said


def test_every_device_has_its_bar(page: MachinePage, bench: Workbench, qtbot: QtBot) -> None:
    bench.machine = lambda: RTX_4070  # type: ignore[method-assign]
    said = refreshed(page, qtbot)
    assert "RTX 4070" in said
    assert "11.8 GB free of 12.9 GB" in said


def test_each_file_is_listed_with_its_fit_and_can_be_opened(
    page: MachinePage, bench: Workbench, model_file: Callable[..., Path], qtbot: QtBot
) -> None:
    bench.library.add(model_file("one", "First Llama 1M"))
    said = refreshed(page, qtbot)
    assert "First Llama 1M" in said
    assert "● fits in RAM" in said
    assert "with a context of 1,024 (estimate)" in said
    with qtbot.waitSignal(page.chosen) as chosen:
        qtbot.mouseClick(named(page, "Open First Llama 1M"), Qt.MouseButton.LeftButton)
    assert chosen.args[0].name == "one"


def test_a_file_that_cannot_be_used_says_why(
    page: MachinePage, bench: Workbench, model_file: Callable[..., Path], qtbot: QtBot
) -> None:
    path = model_file("broken")
    bench.library.add(path)
    path.write_bytes(b"")
    assert "✕  broken.gguf: broken.gguf is empty." in refreshed(page, qtbot)


def test_without_files_it_says_what_to_do(page: MachinePage, qtbot: QtBot) -> None:
    assert "No model file yet." in refreshed(page, qtbot)


def test_a_look_that_fails_is_said_and_can_be_repeated(page: MachinePage, bench: Workbench, qtbot: QtBot) -> None:
    def fails() -> None:
        raise EngineCrashedError("The child process died.")

    bench.machine = fails  # type: ignore[method-assign, assignment]
    assert "could not look: The child process died." in refreshed(page, qtbot)
    bench.machine = lambda: LAPTOP_WITHOUT_GPU  # type: ignore[method-assign]
    assert "could not look" not in refreshed(page, qtbot)


def test_a_model_that_is_loaded_is_in_memory_and_not_too_big(
    page: MachinePage, bench: Workbench, model_file: Callable[..., Path], qtbot: QtBot
) -> None:
    model = bench.library.add(model_file())
    full = replace(LAPTOP_WITHOUT_GPU.memory, available_bytes=0)
    bench.machine = lambda: replace(LAPTOP_WITHOUT_GPU, memory=full)  # type: ignore[method-assign]
    assert "✕ too big by" in refreshed(page, qtbot)
    facts = EngineFacts("fake", "1", model.name, RunParams(), 1024, "file", 0, 0, False, weights_bytes=model.size_bytes)
    page.draw_memory(bench.machine(), [Loaded(model.path, model.title, Tone.LLAMA, facts)])
    said = refreshed(page, qtbot)
    assert "◉ in memory" in said
    assert "✕ too big by" not in said
