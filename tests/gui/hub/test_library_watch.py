"""Files that come and go while the window is open: the page follows, and stays where it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.hub.conftest import rested
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.compare.pane_view import PaneView
from workbench.gui.hub.library_watch import LibraryWatch
from workbench.gui.models.rung_line import RungLine
from workbench.gui.window import MainWindow


def own(bench: Workbench, name: str, *, title: str = "Own", file_type: int = 1, layers: int = 2) -> Path:
    path = bench.paths.models / f"{name}.gguf"
    return write_model(path, text={"general.name": title}, file_type=file_type, layers=layers)


@pytest.fixture
def watched(bench: Workbench, window: MainWindow, qtbot: QtBot) -> MainWindow:
    """The Models page with one model, watched."""
    own(bench, "own")
    window.show_page("models")
    rested(window, qtbot)
    window.watch.begin_anew()
    qtbot.waitUntil(lambda: window.watch.watching is not None and bench.paths.models in window.watch.watching.told)
    rested(window, qtbot)
    return window


def names(window: MainWindow) -> list[str]:
    return [line.fit.model.name for line in window.models.lines]


def until(window: MainWindow, qtbot: QtBot, *expected: str) -> None:
    qtbot.waitUntil(lambda: not window.models.busy and sorted(names(window)) == sorted(expected))


def test_a_file_that_comes_or_goes_is_shown_without_a_click(
    watched: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    other = own(bench, "other", title="Other", layers=3)
    until(watched, qtbot, "own", "other")
    other.unlink()
    until(watched, qtbot, "own")


def test_a_file_that_came_before_the_watch_stood_is_shown_too(
    bench: Workbench, window: MainWindow, qtbot: QtBot
) -> None:
    own(bench, "own")
    window.show_page("models")
    rested(window, qtbot)
    window.watch.close()  # as if it had not begun yet
    window.watch = LibraryWatch(bench, window)
    window.watch.changed.connect(window.models.refresh)
    own(bench, "in-between", title="Other", layers=3)
    window.watch.begin()
    until(window, qtbot, "own", "in-between")
    window.watch.close()


def test_what_stays_keeps_its_focus_and_its_details(watched: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    (line,) = watched.models.lines
    line.toggle()
    line.menu_button.setFocus()
    own(bench, "a-second", file_type=7, layers=3)  # of the same model, and before it by its path
    until(watched, qtbot, "own", "a-second")
    assert line in watched.models.lines
    assert line.is_open
    assert watched.focusWidget() is line.menu_button


def test_a_folded_model_stays_folded(watched: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    (view,) = watched.models.views
    view.button.click()
    own(bench, "second", file_type=7, layers=3)
    qtbot.waitUntil(lambda: len(view.ladder.rungs) == 2)
    assert watched.models.views == [view]
    assert not view.is_open


def top_of(window: MainWindow, line: RungLine) -> int:
    return line.mapTo(window.models.viewport(), line.rect().topLeft()).y()


def test_the_page_does_not_scroll_away_from_what_is_looked_at(
    watched: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    for number in range(4):
        own(bench, f"m{number}", title=f"Model {number}", layers=3 + number)
    until(watched, qtbot, "own", "m0", "m1", "m2", "m3")
    watched.resize(1000, 500)
    last = watched.models.lines[-1]
    bar = watched.models.verticalScrollBar()
    seen: list[tuple[int, int]] = []

    def at_rest() -> bool:
        """In sight, with nothing moving any more since the last look: lines take their heights one after another."""
        bar.setValue(bar.value() + top_of(watched, last) - 100)
        seen.append((top_of(watched, last), bar.maximum()))
        return not watched.models.busy and len(seen) > 3 and len(set(seen[-3:])) == 1 and 0 < seen[-1][0] < 500

    qtbot.waitUntil(at_rest)
    before, scrolled = top_of(watched, last), bar.value()
    own(bench, "a", title="A Llama before all others", layers=9)
    until(watched, qtbot, "own", "m0", "m1", "m2", "m3", "a")
    qtbot.waitUntil(lambda: bar.value() > scrolled)  # it came above, and takes its height when it is laid out
    qtbot.waitUntil(lambda: abs(top_of(watched, last) - before) <= 2)


def test_a_folder_that_is_added_is_watched_from_then_on(watched: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    watched.add_folder(folder)
    qtbot.waitUntil(lambda: watched.watch.watching is not None and folder in watched.watch.watching.told)
    write_model(folder / "mine.gguf", text={"general.name": "Mine"}, layers=3)
    until(watched, qtbot, "own", "mine")


@pytest.mark.qt_log_ignore(
    "This plugin does not support raise", "This plugin does not support grabbing the keyboard", extend=True
)
def test_the_list_of_an_open_picker_follows_and_keeps_the_row(
    watched: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    watched.show_page("compare")
    view = watched.findChildren(PaneView)[0]
    view.open_picker()
    qtbot.waitUntil(lambda: len(view.picker.rows()) == 1)
    own(bench, "another", title="Another", layers=3)
    qtbot.waitUntil(lambda: len(view.picker.rows()) == 2)
    chosen = view.picker.list.currentItem()
    assert chosen is not None
    assert chosen.text(0).startswith("Own")
    view.picker.hide()


def test_closing_the_window_ends_the_watch(watched: MainWindow, bench: Workbench) -> None:
    watched.close()
    own(bench, "late", title="Late", layers=3)
    assert not watched.watch._runner._live
