"""Loading with parameters of one's own, loading what is judged too big, and the receipt of a load."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, OnALaptop, Opened, OpenPage
from tests.gui.models.receipts import receipt
from workbench.chat.pane import PaneState
from workbench.gui.models.load_dialog import LoadDialog
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.models.params import RunParams

FULL = replace(LAPTOP_WITHOUT_GPU, memory=replace(LAPTOP_WITHOUT_GPU.memory, available_bytes=0))


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop whose memory is taken."""
    monkeypatch.setattr(OnALaptop, "machine", lambda self: FULL)


def refused(open_page: OpenPage) -> Opened:
    opened = open_page()
    opened.choose(ALPHA)
    opened.ask("Hello")
    return opened


def test_the_second_line_of_a_model_that_is_too_big_says_by_how_much(full: None, open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.until(lambda: opened.views[0].header.line.text().startswith("✕ too big by"))
    assert opened.views[0].header.line.text().endswith("1k")


def test_a_model_that_is_too_big_can_be_loaded_anyway(full: None, open_page: OpenPage, qtbot: QtBot) -> None:
    opened = refused(open_page)
    assert opened.panes[0].state is PaneState.FAILED
    card = opened.last(0).problem
    assert card is not None
    assert card.anyway.isVisible()
    qtbot.mouseClick(card.anyway, Qt.MouseButton.LeftButton)
    opened.until_quiet()
    assert opened.panes[0].force
    assert opened.last(0).problem is None
    assert opened.last(0).answer is not None
    assert opened.last(0).answer.stop_reason == "end"


def test_what_would_fit_leads_to_the_load_options(full: None, open_page: OpenPage, qtbot: QtBot) -> None:
    opened = refused(open_page)
    card = opened.last(0).problem
    assert card is not None
    qtbot.mouseClick(card.options, Qt.MouseButton.LeftButton)
    (dialog,) = opened.page.findChildren(LoadDialog)
    opened.until(lambda: dialog.shown is not None)
    assert dialog.load_button.text() == "Load anyway"
    dialog.reject()


def test_other_problems_offer_neither(open_page: OpenPage) -> None:
    opened = open_page()
    opened.page.open_file(opened.bench.paths.models / "nowhere.gguf")
    opened.until(lambda: opened.views[0].notice.card is not None)
    card = opened.views[0].notice.card
    assert card is not None
    assert card.anyway.isHidden()
    assert card.options.isHidden()


def test_the_load_options_of_a_pane_load_just_what_they_showed(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.views[0].load_action.trigger()
    (dialog,) = opened.page.findChildren(LoadDialog)
    opened.until(lambda: dialog.shown is not None)
    assert dialog.fields is not None
    dialog.fields.context.box.setValue(512)
    dialog.fields.type_k.setCurrentText("q8_0")
    opened.until(lambda: dialog.shown is not None and dialog.shown.context == 512)
    qtbot.mouseClick(dialog.load_button, Qt.MouseButton.LeftButton)
    pane = opened.panes[0]
    assert (pane.params.n_ctx, pane.params.type_k, pane.exactly) == (512, "q8_0", True)
    opened.until(lambda: opened.views[0].header.line.text().endswith("512"))
    opened.ask("Hello")
    assert pane.facts is not None
    assert pane.facts.params.type_k == "q8_0"


def test_parameters_of_ones_own_outlive_another_shared_context_and_a_new_conversation(open_page: OpenPage) -> None:
    opened = open_page()
    opened.page.open_model(opened.model(ALPHA), RunParams(n_ctx=512, type_k="q8_0"))
    opened.page.record.set_options(opened.page.comparison.options, 1024)
    opened.page.new_comparison()
    pane = opened.panes[0]
    assert (pane.params.n_ctx, pane.params.type_k) == (512, "q8_0")
    opened.page.pick(pane, opened.model(ALPHA))
    assert pane.params == RunParams(n_ctx=1024), "choosing a model anew leaves the placing to the program"
    assert not pane.exactly


def test_a_pane_that_answers_keeps_its_parameters(open_page: OpenPage) -> None:
    from tests.gui.compare.conftest import slow

    opened = open_page(slow())
    opened.choose(ALPHA)
    opened.send("Go on")
    opened.until_written(0)
    opened.page.pick(opened.panes[0], opened.model(ALPHA), RunParams(n_ctx=512))
    assert "Stop it first." in opened.page.composer.notice.text()
    assert opened.page.record.own_context(opened.panes[0]) is None
    opened.page.stop_all()
    opened.until_quiet()


def test_the_receipt_of_a_load_stands_below_the_answers_while_it_is_loaded(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.ask("Hello")
    pane, view = opened.panes[0], opened.views[0]
    assert view.receipt.isHidden(), "the scripted engine leaves none"
    pane.receipt = receipt()
    opened.page._draw(pane)
    assert view.receipt.isVisible()
    opened.page.unload(pane)
    opened.until(lambda: not pane.loaded)
    opened.until(view.receipt.isHidden)
