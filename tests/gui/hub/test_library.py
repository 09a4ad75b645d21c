"""Where a file of the library lies, and what can be done with it: verified, moved, removed; others' left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtGui import QAction
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.hub.conftest import rested
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.chat.pane import Pane, PaneState
from workbench.gui.hub.move_dialog import MoveDialog
from workbench.gui.hub.undo_notice import UndoNotice
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


def removed(shown: MainWindow, library: dict[str, Path], qtbot: QtBot) -> UndoNotice:
    actions(shown, "own")["Remove (frees 61 KB)"].trigger()
    qtbot.waitUntil(lambda: not library["own"].exists())
    qtbot.waitUntil(lambda: [line.fit.model.name for line in shown.models.lines] == ["other"])
    return shown.models.notice


def test_removing_our_own_says_what_it_frees_and_can_be_undone(
    shown: MainWindow, library: dict[str, Path], qtbot: QtBot
) -> None:
    content = library["own"].read_bytes()
    notice = removed(shown, library, qtbot)
    assert notice.message.text() == "own is removed; closing this message frees 61 KB."
    notice.undo_button.click()
    qtbot.waitUntil(lambda: {line.fit.model.name for line in shown.models.lines} == {"own", "other"})
    assert library["own"].read_bytes() == content
    assert notice.isHidden()


def test_closing_the_message_deletes_for_good(shown: MainWindow, library: dict[str, Path], qtbot: QtBot) -> None:
    notice = removed(shown, library, qtbot)
    notice.dismiss.click()
    qtbot.waitUntil(lambda: list(library["own"].parent.iterdir()) == [])


def test_closing_the_window_deletes_for_good(shown: MainWindow, library: dict[str, Path], qtbot: QtBot) -> None:
    removed(shown, library, qtbot)
    shown.close()
    assert list(library["own"].parent.iterdir()) == []


def test_what_remains_elsewhere_is_said(window: MainWindow, library: dict[str, Path], home: Path, qtbot: QtBot) -> None:
    copy = home / ".lmstudio" / "models" / "someone" / "Own-GGUF" / "own.gguf"
    copy.parent.mkdir(parents=True)
    copy.hardlink_to(library["own"])
    window.show_page("models")
    rested(window, qtbot)
    # What is remembered of folders holds until the watch on them tells.
    qtbot.waitUntil(lambda: bool(held(window, "own").copies))
    next(action for text, action in actions(window, "own").items() if text.startswith("Remove (")).trigger()
    qtbot.waitUntil(lambda: not library["own"].exists())
    qtbot.waitUntil(lambda: "The copy in LM Studio stays." in words(window.models.notice))


# --- moving ------------------------------------------------------------------------------------


@pytest.fixture
def moving(shown: MainWindow, qtbot: QtBot) -> MoveDialog:
    actions(shown, "own")["Move to another folder…"].trigger()
    (dialog,) = shown.models.findChildren(MoveDialog)
    return dialog


def test_a_move_says_what_goes_and_what_is_free_there_before_it_begins(
    moving: MoveDialog, shown: MainWindow, library: dict[str, Path], tmp_path: Path, qtbot: QtBot
) -> None:
    moving.field.setText(str(tmp_path / "disk"))
    qtbot.waitUntil(lambda: not moving.busy)
    assert "1 file, 61 KB: own.gguf." in moving.plan_words.text()
    assert f"are free in {tmp_path / 'disk'}." in moving.plan_words.text()
    assert not (tmp_path / "disk").exists(), "nothing is made by asking"
    moving.move_button.click()
    qtbot.waitUntil(lambda: (tmp_path / "disk" / "own.gguf").exists() and not library["own"].exists())
    qtbot.waitUntil(lambda: f"✓ own lies in {tmp_path / 'disk'} now." in words(shown.models.notice))
    rested(shown, qtbot)
    assert held(shown, "own").own


def test_what_is_in_the_way_of_a_move_is_said_in_place(
    moving: MoveDialog, library: dict[str, Path], tmp_path: Path, qtbot: QtBot
) -> None:
    moving.field.setText(str(library["own"].parent))
    qtbot.waitUntil(lambda: not moving.busy)
    assert "lies in" in moving.notice.message.text()
    assert "already" in moving.notice.message.text()
    assert not moving.move_button.isEnabled()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "own.gguf").write_bytes(b"another")
    moving.field.setText(str(tmp_path / "full"))
    qtbot.waitUntil(lambda: not moving.busy)
    assert "has another file called own.gguf" in moving.notice.message.text()
    moving.reject()
    assert library["own"].exists()


def test_a_model_that_is_open_is_not_moved(
    moving: MoveDialog, shown: MainWindow, library: dict[str, Path], tmp_path: Path, qtbot: QtBot
) -> None:
    moving.field.setText(str(tmp_path / "disk"))
    qtbot.waitUntil(lambda: not moving.busy)
    chosen(shown, library["own"], qtbot)
    assert not shown.bench.in_use(library["own"])
    shown.compare.composer.set_text("Hello")
    shown.compare.send()
    qtbot.waitUntil(lambda: not shown.compare.comparison.busy)
    assert shown.bench.in_use(library["own"])
    moving.move_button.click()
    qtbot.waitUntil(lambda: "own is open." in moving.notice.message.text())
    assert library["own"].exists()


def test_a_pane_that_only_chose_a_model_follows_it_to_its_new_folder(
    moving: MoveDialog, shown: MainWindow, library: dict[str, Path], tmp_path: Path, qtbot: QtBot
) -> None:
    pane = chosen(shown, library["own"], qtbot)
    moving.field.setText(str(tmp_path / "disk"))
    qtbot.waitUntil(lambda: not moving.busy)
    moving.move_button.click()
    qtbot.waitUntil(lambda: pane.model is not None and pane.model.path == tmp_path / "disk" / "own.gguf")
    assert pane.state is PaneState.READY
    shown.compare.composer.set_text("Hello")
    shown.compare.send()
    qtbot.waitUntil(lambda: not shown.compare.comparison.busy)
    assert pane.exchanges[0].answer is not None
    assert pane.exchanges[0].answer.path == str(tmp_path / "disk" / "own.gguf")


def test_a_pane_whose_model_was_removed_says_so_until_that_is_undone(
    shown: MainWindow, library: dict[str, Path], qtbot: QtBot
) -> None:
    pane = chosen(shown, library["own"], qtbot)
    shown.models.care.remove(held(shown, "own"))
    qtbot.waitUntil(lambda: pane.model is None)
    qtbot.waitUntil(lambda: "own was removed from this computer." in words(shown.compare.row))
    shown.models.notice.undo_button.click()
    qtbot.waitUntil(lambda: pane.model is not None and pane.model.path == library["own"])
    qtbot.waitUntil(lambda: "was removed" not in words(shown.compare.row))


def chosen(window: MainWindow, path: Path, qtbot: QtBot) -> Pane:
    """A pane with this model, which it did not load yet."""
    window.compare.open_file(path)
    panes = window.compare.comparison.panes
    qtbot.waitUntil(lambda: any(pane.model is not None and pane.model.path == path for pane in panes))
    return next(pane for pane in panes if pane.model is not None and pane.model.path == path)


def test_a_move_that_is_stopped_leaves_the_model_where_it_was(
    moving: MoveDialog, shown: MainWindow, library: dict[str, Path], tmp_path: Path, qtbot: QtBot
) -> None:
    moving.field.setText(str(tmp_path / "disk"))
    qtbot.waitUntil(lambda: not moving.busy)
    moving.begin()
    moving.reject()
    qtbot.waitUntil(lambda: shown.runner.idle)
    assert library["own"].exists() != (tmp_path / "disk" / "own.gguf").exists(), "in one place, whole"


# --- whose it is -------------------------------------------------------------------------------


def test_what_another_program_keeps_cannot_be_removed_here(shown: MainWindow) -> None:
    found = actions(shown, "other")
    assert not found["Remove it in LM Studio: it is not ours"].isEnabled()
    assert not any(text.startswith(("Remove (", "Move")) for text in found)
