"""The start after a model ended the program: the window says so, and offers ways to go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from workbench.app import Workbench
from workbench.gui.safe_start import APART, LEAVE
from workbench.gui.window import MainWindow

ModelFiles = Callable[..., Path]


@pytest.fixture
def model(bench: Workbench, model_file: ModelFiles) -> Path:
    path = model_file()
    bench.library.add(path)
    return path


@pytest.fixture
def start(bench: Workbench, qtbot: QtBot) -> Iterator[Callable[[], MainWindow]]:
    """Windows one after the other, as at several starts of the program."""
    opened: list[MainWindow] = []

    def open_one() -> MainWindow:
        for window in opened:
            window.close()
        window = MainWindow(bench)
        opened.append(window)
        qtbot.addWidget(window)
        window.show()
        qtbot.waitUntil(lambda: window.runner.idle and window.compare.shelf.looked)
        return window

    yield open_one
    opened[-1].close()


def died(bench: Workbench, path: Path) -> None:
    bench.paths.opening.mkdir(parents=True, exist_ok=True)
    facts = {"pid": 1 << 22, "started_s": 1.0, "model": path.stem, "path": str(path), "phase": "loading",
             "at": "2026-03-01T10:00:00+00:00"}  # fmt: skip
    (bench.paths.opening / "mark.json").write_text(json.dumps(facts))


def asked(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    """A conversation with the model, so that the next start shows it again."""
    window.open_file(path)
    qtbot.waitUntil(lambda: any(pane.model is not None for pane in window.compare.comparison.panes))
    window.compare.composer.set_text("Hello")
    window.compare.send()
    qtbot.waitUntil(lambda: not window.compare.comparison.busy)


def panes_with(window: MainWindow, path: Path) -> list[object]:
    return [pane for pane in window.compare.comparison.panes if pane.model is not None and pane.model.path == path]


def test_nothing_is_said_after_an_ordinary_end(start: Callable[[], MainWindow]) -> None:
    assert start().notice.isHidden()


def test_the_model_is_named_and_there_are_two_ways_to_go_on(
    bench: Workbench, model: Path, start: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    asked(start(), model, qtbot)
    died(bench, model)
    notice = start().notice
    assert notice.isVisible()
    assert model.stem in notice.message.text()
    assert (notice.action.text(), notice.other.text()) == (APART, LEAVE)
    assert not notice.action.isHidden()
    assert not notice.other.isHidden()


def test_a_model_can_be_given_a_process_of_its_own(
    bench: Workbench, model: Path, start: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    asked(start(), model, qtbot)
    died(bench, model)
    window = start()
    qtbot.waitUntil(lambda: bool(panes_with(window, model)))
    assert not bench.isolates(bench.library.resolve(str(model)))
    qtbot.mouseClick(window.notice.action, Qt.MouseButton.LeftButton)
    assert bench.isolates(bench.library.resolve(str(model)))
    assert window.notice.isHidden()
    again = start()
    assert again.notice.isHidden()
    qtbot.waitUntil(lambda: bool(panes_with(again, model)))
    again.compare.composer.set_text("Hello")
    again.compare.send()
    qtbot.waitUntil(lambda: not again.compare.comparison.busy)
    answer = again.compare.comparison.panes[0].exchanges[-1].answer
    assert answer is not None
    assert answer.footing is not None
    assert answer.footing.isolated


def test_also_when_its_file_is_still_being_looked_for(
    bench: Workbench, model: Path, start: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    asked(start(), model, qtbot)
    died(bench, model)
    window = MainWindow(bench)
    qtbot.addWidget(window)
    assert window.compare.record.wanted
    window.show()
    window.notice.action.click()
    qtbot.waitUntil(lambda: bool(panes_with(window, model)))
    assert bench.isolates(bench.library.resolve(str(model)))
    window.close()


def test_a_model_can_be_left_out(bench: Workbench, model: Path, start: Callable[[], MainWindow], qtbot: QtBot) -> None:
    asked(start(), model, qtbot)
    died(bench, model)
    window = start()
    qtbot.waitUntil(lambda: bool(panes_with(window, model)))
    qtbot.mouseClick(window.notice.other, Qt.MouseButton.LeftButton)
    assert panes_with(window, model) == []
    assert window.compare.comparison.panes[0].exchanges  # the conversation is as it was
    assert bench.sentinel.found() is None


def test_it_is_told_again_until_it_was_dismissed(
    bench: Workbench, model: Path, start: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    died(bench, model)
    assert start().notice.isVisible()
    window = start()
    assert window.notice.isVisible()
    qtbot.mouseClick(window.notice.dismiss, Qt.MouseButton.LeftButton)
    assert bench.sentinel.found() is None
    assert start().notice.isHidden()


def test_a_model_that_no_pane_holds_is_only_told(
    bench: Workbench, model: Path, start: Callable[[], MainWindow]
) -> None:
    died(bench, model)
    notice = start().notice
    assert model.stem in notice.message.text()
    assert notice.action.isHidden()
    assert notice.other.isHidden()
