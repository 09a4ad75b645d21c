"""A pane asked otherwise than the others: its own sampling and system prompt, kept, told, and taken back."""

from __future__ import annotations

from dataclasses import replace

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend
from workbench.gui.compare.dialogs import PaneSettingsDialog


def systems(request: Request) -> tuple[str, ...]:
    told = [message.content for message in request.messages if message.role == "system"]
    return (f"{request.sampling.temperature:g} {told}",)


def settings(opened: Opened, index: int) -> PaneSettingsDialog:
    opened.page.settings(opened.panes[index])
    return next(
        found for found in opened.page.findChildren(PaneSettingsDialog) if found.isVisible() and not found.result()
    )


def text(opened: Opened, index: int) -> str:
    answer = opened.panes[index].exchanges[-1].answer
    assert answer is not None
    return answer.text


def test_a_pane_is_asked_as_the_others_until_one_says_otherwise(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(systems))
    opened.choose(ALPHA, BETA)
    dialog = settings(opened, 0)
    assert not dialog.asking.own_sampling.isChecked()
    assert not dialog.asking.own_system.isChecked()
    assert not dialog.asking.temperature.isVisible()
    assert (dialog.asking.chosen_sampling, dialog.asking.chosen_system) == (None, None)
    dialog.accept_button.click()
    assert (opened.panes[0].sampling, opened.panes[0].system) == (None, None)


def test_own_sampling_and_system_prompt_reach_this_model_alone_and_outlive_the_program(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(systems))
    opened.choose(ALPHA, BETA)
    opened.page.panel.system.setPlainText("Shared.")
    opened.page.panel.commit()
    dialog = settings(opened, 0)
    dialog.asking.own_sampling.setChecked(True)
    assert dialog.asking.temperature.value() == opened.page.comparison.options.sampling.temperature
    dialog.asking.temperature.setValue(0.2)
    dialog.asking.own_system.setChecked(True)
    assert dialog.asking.system.toPlainText() == "Shared.", "one begins with what the others have"
    dialog.asking.system.setPlainText("Own.")
    dialog.accept_button.click()
    opened.ask("Go")
    assert text(opened, 0) == "0.2 ['Own.']"
    assert text(opened, 1) == "0.7 ['Shared.']"
    opened.close()
    again = open_page(FakeBackend(systems))
    again.until(lambda: all(pane.model is not None for pane in again.panes))
    assert again.panes[0].system == "Own."
    expected = replace(again.page.comparison.options.sampling, temperature=0.2)
    assert again.panes[0].sampling == expected
    assert again.panes[1].sampling is None


def test_an_empty_system_prompt_of_its_own_is_none_at_all(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(systems))
    opened.choose(ALPHA)
    opened.page.panel.system.setPlainText("Shared.")
    opened.page.panel.commit()
    dialog = settings(opened, 0)
    dialog.asking.own_system.setChecked(True)
    dialog.asking.system.clear()
    dialog.accept_button.click()
    opened.ask("Go")
    assert text(opened, 0) == "0.7 []"
