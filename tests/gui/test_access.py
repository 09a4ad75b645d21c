"""Everybody can use the window: each control has a name, is reached by keys, shows that it was, and can be hit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.access import (
    buttons,
    by_arrows,
    controls,
    cut_labels,
    described,
    shows_focus,
    tab_chain,
    target,
    told,
)
from workbench.app import Workbench
from workbench.engine.fake import fake_model
from workbench.gui import theme
from workbench.gui.actions import ACTIONS
from workbench.gui.compare.words import pane_line
from workbench.gui.theme import Tone
from workbench.gui.widgets.controls import TARGET
from workbench.gui.window import MainWindow
from workbench.gui.words import fit_state
from workbench.models.params import RunParams
from workbench.models.verdict import Fit, Verdict

HAS_A_FILE_DIALOG = {"open", "add-folder", "import-conversations"}
NO_DIALOG = {"palette"}  # it lies over the window
PAGES = ("compare", "models", "machine", "welcome", "votes")
SWITCHES = ("sidebar", "downloads", "blind")
SCREEN, LARGE_SCREEN = (1280, 800), (1920, 1080)  # pixels; the large one for whom text is twice as large
Opener = Callable[[MainWindow, QtBot], QWidget]


@pytest.fixture
def window(
    bench: Workbench,
    model_file: Callable[..., Path],
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[MainWindow]:
    """With two models that have answered."""
    for name in ("getOpenFileName", "getOpenFileNames", "getSaveFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    one, other = model_file("one", "Tiny Llama 1M"), model_file("two", "Small Gemma 2M")
    bench.library.add(one)
    bench.library.add(other)
    shown = MainWindow(bench)
    shown.resize(*SCREEN)
    shown.show()
    shown.activateWindow()
    qtbot.waitUntil(lambda: shown.runner.idle)
    panes = shown.compare.comparison.panes
    for path in (one, other):
        if not any(pane.model is not None and pane.model.path == path for pane in panes):
            shown.open_file(path)
        # An idle runner is not enough: what it found is told a moment later.
        qtbot.waitUntil(lambda path=path: any(pane.model is not None and pane.model.path == path for pane in panes))
    shown.compare.composer.set_text("Say something.")
    shown.compare.send()
    asked = [pane for pane in panes if pane.model is not None]
    qtbot.waitUntil(lambda: all(pane.exchanges and pane.exchanges[-1].answer for pane in asked))
    qtbot.waitUntil(lambda: shown.runner.idle)
    yield shown
    for dialog in shown.findChildren(QDialog):
        dialog.reject()
    shown.close()
    shown.deleteLater()
    QCoreApplication.sendPostedEvents(shown, QEvent.Type.DeferredDelete)  # else the next theme would dress it too


def page(name: str) -> Opener:
    def show(window: MainWindow, qtbot: QtBot) -> QWidget:
        assert name in window.rail.buttons
        window.show_page(name)
        qtbot.waitUntil(lambda: window.runner.idle)
        QApplication.processEvents()
        return window

    return show


def switched(name: str) -> Opener:
    """The window with a part of it shown that is not always there."""

    def show(window: MainWindow, qtbot: QtBot) -> QWidget:
        window.menus.actions[name].trigger()
        qtbot.waitUntil(lambda: window.runner.idle)
        QApplication.processEvents()
        return window

    return show


def with_options(window: MainWindow, _qtbot: QtBot) -> QWidget:
    window.compare.toggle_options()
    return window


def opened_by(name: str) -> Opener:
    """The dialog that a menu entry opens."""

    def show(window: MainWindow, qtbot: QtBot) -> QWidget:
        before = set(window.findChildren(QDialog))
        window.menus.actions[name].trigger()
        found: list[QDialog] = []

        def opened() -> bool:
            found[:] = [one for one in window.findChildren(QDialog) if one not in before and one.isVisible()]
            return bool(found) and window.runner.idle

        qtbot.waitUntil(opened)
        found[0].activateWindow()
        return found[0]

    return show


def entries() -> list[str]:
    asking = {"shortcuts", "about"} | {spec.id for spec in ACTIONS if spec.title.endswith("…")}
    return [spec.id for spec in ACTIONS if spec.slot and spec.id in asking - HAS_A_FILE_DIALOG - NO_DIALOG]


SCENES: dict[str, Opener] = {
    **{name: page(name) for name in PAGES},
    **{f"with {name}": switched(name) for name in SWITCHES},
    "with options": with_options,
    **{f"{name} dialog": opened_by(name) for name in entries()},
}


@pytest.fixture(params=list(SCENES))
def scene(request: pytest.FixtureRequest, window: MainWindow, qtbot: QtBot) -> QWidget:
    return SCENES[request.param](window, qtbot)


def test_every_control_has_a_name_is_reached_by_keys_and_is_large_enough_to_hit(scene: QWidget) -> None:
    found = controls(scene)
    assert found
    assert [described(one) for one in found if not told(one)] == [], "without a name"
    reached = set(tab_chain(scene))
    missed = [one for one in controls(scene) if one not in reached and not by_arrows(one, reached)]
    assert [described(one) for one in missed] == [], "not reached by keys"
    hidden = [one for one in controls(scene) if one in reached and not shows_focus(one)]
    assert [described(one) for one in hidden] == [], "does not show that it was reached"
    small = [f"{described(one)}: {target(one)} pixels" for one in buttons(scene) if target(one) < TARGET]
    assert small == []


@pytest.mark.parametrize("percent", [80, 150, 200])
@pytest.mark.parametrize("name", ["compare", "models", "machine", "welcome", "votes", "with sidebar", "with options"])
def test_no_words_are_cut_at_any_size_of_text(
    window: MainWindow, qtbot: QtBot, qapp: QApplication, name: str, percent: int
) -> None:
    theme.apply(qapp, "light", percent / 100)
    window.resize(*(SCREEN if percent < 200 else LARGE_SCREEN))
    shown = SCENES[name](window, qtbot)
    QApplication.processEvents()
    with suppress(qtbot.TimeoutError):  # what is cut is said below
        qtbot.waitUntil(lambda: not cut_labels(shown), timeout=3000)
    assert not cut_labels(shown)


def test_no_state_is_told_by_its_colour_alone() -> None:
    """Each verdict has a shape and words, and no two tones share a shape."""
    shapes: dict[str, set[Tone]] = {}
    for verdict in Verdict:
        fit = Fit(fake_model("m"), verdict, 4096, 4096, "estimate", RunParams(), (), ())
        for has_gpu in (True, False):
            state = fit_state(fit, has_gpu=has_gpu)
            assert state.shape.strip()
            assert state.words.strip()
            shapes.setdefault(state.shape, set()).add(state.tone)
    assert all(len(tones) == 1 for tones in shapes.values()), shapes


def test_a_pane_says_its_state_in_words(window: MainWindow) -> None:
    for pane in window.compare.comparison.panes:
        assert any(letter.isalpha() for letter in pane_line(pane, None).text)
