"""A model without a chat template: the choice is the user's, made where it can be seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, Opened, OpenPage, slow
from tests.unit.models.gguf_files import write_model
from workbench.gui.compare.dialogs import PaneSettingsDialog
from workbench.gui.compare.template_notice import TemplateNotice

ITS_OWN = "Llama With Its Own"


@pytest.fixture
def opened(open_page: OpenPage, models: Path) -> Opened:
    text = {"general.name": ITS_OWN, "tokenizer.chat_template": "{{ messages[0]['content'] }}"}
    write_model(models / "models" / "own.gguf", text=text)
    return open_page()


def notice(opened: Opened) -> TemplateNotice:
    return opened.views[0].template_notice


def buttons(opened: Opened) -> dict[str, QPushButton]:
    return {found.text(): found for found in notice(opened).findChildren(QPushButton) if not found.isHidden()}


def test_a_model_with_a_template_needs_no_choice(opened: Opened) -> None:
    opened.choose(ITS_OWN)
    assert notice(opened).isHidden()


def test_before_the_first_question_likely_templates_are_offered(opened: Opened) -> None:
    opened.choose(ALPHA)
    assert notice(opened).isVisible()
    assert list(buttons(opened)) == ["Use chatml", "Choose…", "Keep raw"]
    buttons(opened)["Use chatml"].click()
    assert opened.panes[0].template == "chatml"
    assert notice(opened).isHidden()


def test_the_choice_is_still_offered_after_an_answer(opened: Opened) -> None:
    opened.choose(ALPHA)
    opened.ask("Hello")
    assert notice(opened).isVisible()
    buttons(opened)["Keep raw"].click()
    assert opened.panes[0].template == "none"
    assert notice(opened).isHidden()


def test_while_the_pane_answers_the_buttons_say_when_they_can_be_used(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA)
    opened.send("Count.")
    opened.until_written(0)
    for button in buttons(opened).values():
        assert not button.isEnabled()
        assert "once this answer is written" in button.toolTip()
    opened.page.stop_all()
    opened.until(lambda: not opened.panes[0].busy)
    assert buttons(opened)["Keep raw"].isEnabled()
    assert "base model" in buttons(opened)["Keep raw"].toolTip()


def test_all_templates_are_a_click_away_the_likeliest_first(opened: Opened, qtbot: QtBot) -> None:
    opened.choose(ALPHA)
    buttons(opened)["Choose…"].click()
    dialog = next(found for found in QApplication.topLevelWidgets() if isinstance(found, PaneSettingsDialog))
    assert dialog.template.itemText(0) == "Not chosen: the file has none"
    assert dialog.template.itemText(1) == "Likely: chatml"
    dialog.template.setCurrentIndex(dialog.template.findData("zephyr"))
    dialog.accept_button.click()
    assert opened.panes[0].template == "zephyr"
    assert notice(opened).isHidden()


def test_another_model_without_a_template_asks_again(opened: Opened) -> None:
    opened.choose(ALPHA)
    buttons(opened)["Keep raw"].click()
    opened.page.pick(opened.panes[0], opened.model(ITS_OWN))
    assert notice(opened).isHidden()
    opened.page.pick(opened.panes[0], opened.model(ALPHA))
    assert notice(opened).isVisible()
