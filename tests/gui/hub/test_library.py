"""Where a file of the library lies, and what can be done with it: verify, show, remove our own, leave others' alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.hub.conftest import rested
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.hub.file_care import RemovalQuestion
from workbench.gui.window import MainWindow
from workbench.hub.places.same import Held


@pytest.fixture
def library(bench: Workbench, home: Path) -> dict[str, Path]:
    """One model in our folder, and another in LM Studio's."""
    return {
        "own": write_model(bench.paths.models / "own.gguf", text={"general.name": "Own"}),
        "LM Studio": write_model(
            home / ".lmstudio" / "models" / "someone" / "Other-GGUF" / "other.gguf",
            text={"general.name": "Other"},
            layers=3,
        ),
    }


@pytest.fixture
def shown(library: dict[str, Path], window: MainWindow, qtbot: QtBot) -> MainWindow:
    window.show_page("models")
    rested(window, qtbot)
    return window


def held(window: MainWindow, name: str) -> Held:
    return next(one for one in window.bench.library.listing().held if one.file.name == name)


def actions(window: MainWindow, name: str) -> dict[str, QAction]:
    menu = window.models.care.menu(held(window, name))
    return {action.text(): action for action in menu.actions() if action.text()}


def test_a_line_says_whose_folder_its_file_lies_in(shown: MainWindow) -> None:
    said = {line.fit.model.name: line.name.text() for line in shown.models.lines}
    assert said["own"] == "our folder · own"
    assert said["other"] == "LM Studio · other"
    assert all(line.menu_button.isVisible() for line in shown.models.lines)


def test_verifying_says_what_was_compared(shown: MainWindow, qtbot: QtBot) -> None:
    actions(shown, "own")["Verify every byte"].trigger()
    rested(shown, qtbot)
    assert "own was read whole; there is nothing to compare it with." in words(shown.models.notice)
    actions(shown, "own")["Verify every byte"].trigger()
    rested(shown, qtbot)
    assert "✓ own is intact." in words(shown.models.notice)


def test_a_file_that_changed_in_secret_is_called_damaged(
    shown: MainWindow, library: dict[str, Path], qtbot: QtBot
) -> None:
    import os

    actions(shown, "own")["Verify every byte"].trigger()
    rested(shown, qtbot)
    status = library["own"].stat()
    with library["own"].open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x55")
    os.utime(library["own"], ns=(status.st_atime_ns, status.st_mtime_ns))
    actions(shown, "own")["Verify every byte"].trigger()
    rested(shown, qtbot)
    assert "✕ own is damaged." in words(shown.models.notice)


def test_removing_our_own_asks_first_and_says_what_it_frees(
    shown: MainWindow, library: dict[str, Path], qtbot: QtBot
) -> None:
    remove = next(action for text, action in actions(shown, "own").items() if text.startswith("Remove (frees "))
    remove.trigger()
    qtbot.waitUntil(lambda: bool(shown.models.findChildren(RemovalQuestion)))
    (question,) = shown.models.findChildren(RemovalQuestion)
    assert "That frees 61 KB." in question.text()
    assert library["own"].exists()
    question.remove_button.click()
    qtbot.waitUntil(lambda: not library["own"].exists())
    qtbot.waitUntil(lambda: [line.fit.model.name for line in shown.models.lines] == ["other"])


def test_what_another_program_keeps_cannot_be_removed_here(shown: MainWindow) -> None:
    found = actions(shown, "other")
    assert not found["Remove it in LM Studio: it is not ours"].isEnabled()
    assert not any(text.startswith("Remove (") for text in found)
