"""A projector comes along with a download when it is asked for, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.hub.conftest import ENTRY, REPOSITORY, Publisher, consent, remote_line, rested
from tests.loopback_hub import LoopbackHub
from tests.unit.hub.places.layouts import write_projector
from workbench.app import Workbench
from workbench.gui.models.companion_choice import UNUSED, CompanionChoice
from workbench.gui.window import MainWindow


@pytest.fixture
def projectors(publisher: Publisher, hub: LoopbackHub, tmp_path: Path) -> dict[str, Path]:
    """The repository has two of them now, of different sizes."""
    made = {}
    for name, padding in (("mmproj-F16.gguf", 0), ("mmproj-F32.gguf", 4096)):
        path = write_projector(tmp_path / "projectors" / name)
        path.write_bytes(path.read_bytes() + bytes(padding))
        made[name] = path
    publisher.commit = hub.add(REPOSITORY, {**publisher.files, **made}, card={"license": "llama3.2"})
    return made


@pytest.fixture
def choice(
    projectors: dict[str, Path], publisher: Publisher, bench: Workbench, window: MainWindow, qtbot: QtBot
) -> CompanionChoice:
    consent(bench, publisher)
    window.show_page("models")
    rested(window, qtbot)
    window.models.show_entry(ENTRY)
    rested(window, qtbot)
    (ladders,) = window.models.remotes
    assert ladders.companions is not None
    return ladders.companions


def wanted(window: MainWindow, qtbot: QtBot) -> list[str]:
    remote_line(window, "Q8_0").get_button.click()
    qtbot.waitUntil(lambda: len(window.traffic.items) == 1)
    (item,) = window.traffic.items
    return [file.path for file in item.download.wanted.files]


def test_it_is_off_at_first_and_says_what_it_is_good_for(
    choice: CompanionChoice, window: MainWindow, qtbot: QtBot
) -> None:
    assert not choice.box.isChecked()
    assert "for other programs" in choice.box.text()
    assert choice.box.toolTip() == choice.box.accessibleDescription() == UNUSED
    assert "mmproj-F16.gguf" not in words(window.models.catalogue), "nor is it named once more as no model"
    assert wanted(window, qtbot) == ["Llama-1B-Q8_0.gguf"]


def test_the_smallest_is_offered_first_and_comes_along_when_asked_for(
    choice: CompanionChoice, window: MainWindow, qtbot: QtBot
) -> None:
    assert choice.choice.currentText().startswith("mmproj-F16.gguf  (")
    choice.box.click()
    assert wanted(window, qtbot) == ["Llama-1B-Q8_0.gguf", "mmproj-F16.gguf"]


def test_another_one_can_be_chosen(choice: CompanionChoice, window: MainWindow, qtbot: QtBot) -> None:
    assert not choice.choice.isEnabled()
    choice.box.click()
    choice.choice.setCurrentIndex(1)
    assert wanted(window, qtbot) == ["Llama-1B-Q8_0.gguf", "mmproj-F32.gguf"]


def test_a_repository_without_any_offers_none(shown: MainWindow) -> None:
    (ladders,) = shown.models.remotes
    assert ladders.companions is None
