"""What stands behind an answer: thinking, certainty, how it was asked, and where models were not asked alike."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.chat.options import SamplingMode
from workbench.engine.base import Adapter, ContextPolicy, Grammar, Mode, Request
from workbench.engine.fake import FakeBackend, Thought, say
from workbench.gui.compare.candidates import CandidatesPopup
from workbench.gui.compare.dialogs import PaneSettingsDialog
from workbench.gui.compare.footing_dialog import FootingDialog
from workbench.gui.compare.record import PaneSettings


def answered(open_page: OpenPage, *pieces: str, alternatives: int = 0) -> Opened:
    opened = open_page(FakeBackend(say(pieces)))
    opened.choose(ALPHA, BETA)
    opened.page.panel.alternatives.setValue(alternatives)
    opened.ask("Why?")
    return opened


def test_thinking_is_folded_away_and_never_part_of_the_answer(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = answered(open_page, Thought("Let me "), Thought("see."), "Because.")
    view = opened.last(0)
    assert view.text.raw_text == "Because."
    assert view.thinking.isVisible()
    assert not view.thinking.text.isVisible()
    assert view.thinking.button.text() == "▸ Thought for 0\N{NO-BREAK SPACE}ms · 2\N{NO-BREAK SPACE}tokens"
    qtbot.mouseClick(view.thinking.button, Qt.MouseButton.LeftButton)
    assert view.thinking.text.isVisible()
    assert view.thinking.text.raw_text == "Let me see."
    view.copy()
    assert QGuiApplication.clipboard().text() == "Because."


def test_an_answer_without_thinking_has_no_fold(open_page: OpenPage) -> None:
    assert not answered(open_page, "Because.").last(0).thinking.isVisible()


def test_each_token_tells_what_else_could_have_come(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = answered(open_page, Thought("hm"), "Be", "cause", alternatives=3)
    view = opened.last(0)
    qtbot.mouseClick(view.sure, Qt.MouseButton.LeftButton)
    assert view.tokens is not None
    assert view.tokens.isVisible()
    assert not view.text.isVisible()
    assert view.tokens.toPlainText() == "Because"
    view.tokens.anchorClicked.emit(QUrl("token:1"))
    popup = view.tokens.popup
    assert isinstance(popup, CandidatesPopup)
    said = [found.text() for found in popup.findChildren(QLabel)]
    assert said[1:3] == ["✓ cause", "50.0\N{NO-BREAK SPACE}%"]
    assert (said[3], said[4]) == ("other␣1", "25.0\N{NO-BREAK SPACE}%")
    assert said[-1] == "all others together: 12.5\N{NO-BREAK SPACE}%, before sampling"
    popup.close()
    qtbot.mouseClick(view.sure, Qt.MouseButton.LeftButton)
    assert view.text.isVisible()


def test_without_alternatives_there_is_nothing_to_click(open_page: OpenPage) -> None:
    assert not answered(open_page, "Because.").last(0).sure.isVisible()


def test_models_not_asked_alike_are_marked_on_every_answer_of_that_prompt(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page, "Because.")
    assert not opened.last(0).unlike.isVisible()
    record = opened.page.record
    record.configure(opened.panes[1], PaneSettings(None, None, None, (Adapter(tmp_path / "a.gguf", 0.5),), False))
    opened.until_quiet()
    opened.ask("And now?")
    for index in (0, 1):
        first, second = opened.views[index].transcript.views
        assert not first.unlike.isVisible()
        assert second.unlike.isVisible()
        assert second.unlike.toolTip() == "adapters: none / a.gguf × 0.5"


def test_how_it_was_asked_can_be_read_and_copied(open_page: OpenPage) -> None:
    opened = answered(open_page, "Because.")
    opened.last(0).asked.click()
    dialog = next(found for found in QApplication.topLevelWidgets() if isinstance(found, FootingDialog))
    facts = dict(dialog.facts)
    assert facts["System prompt"] == "none"
    assert facts["Sampling"] == "the same for all"
    assert facts["Temperature"] == "0.7"
    dialog._copy()
    assert "Chat template: the file's own" in QGuiApplication.clipboard().text()
    dialog.close()


def settings_of(opened: Opened, index: int) -> PaneSettingsDialog:
    """The dialog, opened on a pane."""
    opened.page.settings(opened.panes[index])
    return next(
        found for found in QApplication.topLevelWidgets() if isinstance(found, PaneSettingsDialog) and found.isVisible()
    )


def isolated(opened: Opened) -> list[bool]:
    """Whether each pane's last answer came from a process of its own."""
    answers = [pane.exchanges[-1].answer for pane in opened.panes]
    return [answer is not None and answer.footing is not None and answer.footing.isolated for answer in answers]


def test_a_pane_s_adapters_outlive_the_program(open_page: OpenPage, tmp_path: Path) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    adapter = Adapter(tmp_path / "style.gguf", 0.5)
    dialog = settings_of(opened, 0)
    dialog.adapters.add(adapter)
    dialog.accept_button.click()
    opened.ask("Hello")
    assert opened.panes[0].adapters == (adapter,)
    opened.close()
    again = open_page()
    again.until(lambda: again.panes[0].model is not None)
    assert again.panes[0].adapters == (adapter,)


def test_a_process_of_its_own_is_remembered_of_the_model_and_can_be_taken_back(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA, ALPHA, BETA)
    opened.ask("Hello")
    assert isolated(opened) == [False, False, False]
    dialog = settings_of(opened, 0)
    assert not dialog.isolated.isChecked()
    dialog.isolated.setChecked(True)
    dialog.accept_button.click()
    opened.until_quiet()
    opened.ask("Hello")
    assert isolated(opened) == [True, True, False]
    opened.close()
    again = open_page()
    again.until(lambda: all(pane.model is not None for pane in again.panes))
    dialog = settings_of(again, 1)
    assert dialog.isolated.isChecked()
    dialog.isolated.setChecked(False)
    dialog.accept_button.click()
    again.ask("Hello")
    assert isolated(again) == [False, False, False]


def test_the_options_reach_the_request_and_outlive_the_program(open_page: OpenPage) -> None:
    asked: list[Request] = []
    opened = open_page(FakeBackend(lambda request: asked.append(request) or ["yes"]))
    opened.choose(ALPHA)
    panel = opened.page.panel
    for combo, value in (
        (panel.sampling_mode, "vendor"), (panel.policy, "middle_out"), (panel.exactness, "throughput"),
        (panel.form.kind, "grammar"),
    ):  # fmt: skip
        combo.setCurrentIndex(combo.findData(value))
    panel.form.text.setPlainText('root ::= "yes"')
    panel.alternatives.setValue(4)
    opened.ask("Hello")
    (request,) = asked
    assert (request.policy, request.mode) == (ContextPolicy.MIDDLE_OUT, Mode.THROUGHPUT)
    assert (request.constraint, request.alternatives) == (Grammar('root ::= "yes"'), 4)
    opened.close()
    again = open_page()
    options = again.page.panel.options()
    assert options == again.page.comparison.options
    assert (options.sampling_mode, options.constraint) == (SamplingMode.VENDOR, Grammar('root ::= "yes"'))
    assert again.page.panel.form.text.toPlainText() == 'root ::= "yes"'
