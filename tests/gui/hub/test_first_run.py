"""First run: one model of each family that fit together, what other programs have, and the ways in."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.window import MainWindow
from workbench.hub.terms import Terms


def test_the_page_shows_them_with_licences_and_leads_to_their_ladder(window: MainWindow, qtbot: QtBot) -> None:
    window.show_page("welcome")
    qtbot.waitUntil(lambda: len(window.welcome.together.rows) == 3)
    for row in window.welcome.together.rows:
        assert Terms.of(row.found.entry.licence.value).title in words(row)
    first = window.welcome.together.rows[0]
    qtbot.mouseClick(first.button, Qt.MouseButton.LeftButton)
    assert window.stack.currentWidget() is window.models
    (opened,) = window.models.catalogue.opened
    assert opened.entry.id == first.found.entry.id
    qtbot.waitUntil(lambda: not window.models.busy)


def test_files_of_other_programs_are_counted_and_not_copied(
    window: MainWindow, bench: Workbench, home: Path, qtbot: QtBot
) -> None:
    for name in ("one", "two"):
        write_model(home / ".lmstudio" / "models" / "someone" / f"{name}-GGUF" / f"{name}.gguf",
                    text={"general.name": name}, layers=2 if name == "one" else 3)  # fmt: skip
    window.show_page("welcome")
    qtbot.waitUntil(lambda: "LM Studio: 2 models" in words(window.welcome.own))
    assert not bench.paths.models.exists() or not list(bench.paths.models.rglob("*.gguf"))
    window.welcome.own.show_button.click()
    assert window.stack.currentWidget() is window.models


def test_files_that_come_while_the_page_is_shown_are_counted_too(
    window: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    bench.paths.models.mkdir(parents=True, exist_ok=True)
    window.show_page("welcome")
    window.watch.begin_anew()
    qtbot.waitUntil(lambda: window.watch.watching is not None and bench.paths.models in window.watch.watching.told)
    qtbot.waitUntil(lambda: "No model of LM Studio" in words(window.welcome.own))
    write_model(bench.paths.models / "late.gguf", text={"general.name": "Late"})
    qtbot.waitUntil(lambda: "Our own models folder: 1 model" in words(window.welcome.own))


def test_a_machine_without_any_says_so_and_offers_the_ways_in(window: MainWindow, qtbot: QtBot) -> None:
    window.show_page("welcome")
    qtbot.waitUntil(lambda: "No model of LM Studio" in words(window.welcome.own))
    own = window.welcome.own
    for button in (own.open_button, own.folder_button, own.pack_button):
        assert button.isVisible()


def test_an_added_folder_belongs_to_the_library(
    window: MainWindow, bench: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    folder = tmp_path / "mine"
    write_model(folder / "mine.gguf", text={"general.name": "Mine"})
    window.add_folder(folder)
    qtbot.waitUntil(lambda: [line.fit.model.title for line in window.models.lines] == ["Mine"])
    assert bench.library.folders() == (folder,)
    assert window.models.lines[0].name.text() == "your folder mine · mine"
