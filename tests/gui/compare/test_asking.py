"""Asking several models at once, stopping them, asking again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, OpenPage, slow
from workbench.chat.pane import PaneState
from workbench.engine.base import Message, Request
from workbench.engine.fake import FakeBackend, say


def test_every_pane_answers_the_one_prompt(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["Hello ", "there"])))
    opened.choose(ALPHA, BETA)
    opened.ask("Who are you?")
    for index in (0, 1):
        assert opened.last(index).prompt == "Who are you?"
        assert opened.last(index).text.toPlainText() == "Hello there"
    assert [request.messages for request in opened.backend.requests] == [(Message("user", "Who are you?"),)] * 2
    assert opened.page.composer.text == ""


def test_control_enter_sends_and_enter_begins_a_line(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    edit = opened.page.composer.edit
    qtbot.keyClicks(edit, "one")
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    qtbot.keyClicks(edit, "two")
    assert edit.toPlainText() == "one\ntwo"
    qtbot.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    opened.until_quiet()
    assert opened.backend.requests[0].messages[-1].content == "one\ntwo"


def test_stopping_one_pane_leaves_the_others_answering(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.send("Count.")
    opened.until_written(0, 1)
    qtbot.mouseClick(opened.views[0].header.stop_button, Qt.MouseButton.LeftButton)
    opened.until(lambda: opened.panes[0].state is PaneState.READY)
    assert opened.panes[1].state is PaneState.STREAMING
    assert opened.last(0).text.raw_text.startswith("word0 ")
    assert "stopped by you" in opened.last(0).chip_texts
    assert "stopped by you" in opened.last(0).chip_texts


def test_stop_all_stops_all(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.send("Count.")
    opened.until_written(0, 1)
    assert opened.page.composer.stop_button.isVisible()
    qtbot.mouseClick(opened.page.composer.stop_button, Qt.MouseButton.LeftButton)
    opened.until_quiet()
    assert [exchange.answer.stop_reason for pane in opened.panes for exchange in pane.exchanges if exchange.answer] == [
        "cancelled",
        "cancelled",
    ]
    assert not opened.page.composer.stop_button.isVisible()


def test_the_history_of_a_pane_reaches_the_engine(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["An answer."])))
    opened.choose(ALPHA)
    opened.page.panel.system.setPlainText("Be brief.")
    opened.ask("First?")
    opened.ask("Second?")
    assert opened.backend.requests[-1].messages == (
        Message("system", "Be brief."),
        Message("user", "First?"),
        Message("assistant", "An answer."),
        Message("user", "Second?"),
    )
    assert [view.prompt for view in opened.views[0].transcript.views] == ["First?", "Second?"]


def test_answering_again_replaces_the_last_answer(open_page: OpenPage, qtbot: QtBot) -> None:
    answers = iter([["old"], ["new"]])
    opened = open_page(FakeBackend(lambda _: next(answers)))
    opened.choose(ALPHA)
    opened.ask("Say something.")
    assert opened.last(0).text.raw_text == "old"
    qtbot.mouseClick(opened.last(0).again, Qt.MouseButton.LeftButton)
    opened.until_quiet()
    assert opened.last(0).text.raw_text == "new"
    assert len(opened.views[0].transcript.views) == 1


def test_every_answer_of_a_quiet_pane_can_be_made_again(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA)
    for prompt in ("First?", "Second?"):
        opened.send(prompt)
        opened.until_written(0)
        assert not any(view.again.isVisible() for view in opened.views[0].transcript.views)
        opened.page.stop_all()
        opened.until_quiet()
    earlier, newest = opened.views[0].transcript.views
    assert earlier.again.isVisible()
    assert "stays on its own branch" in earlier.again.toolTip()
    assert newest.again.isVisible()
    assert "branch" not in newest.again.accessibleName()


def test_text_is_plain_while_it_streams_and_markdown_when_it_ends(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(lambda _: iter(["**bold** "] * 5_000), tokens_per_s=100))
    opened.choose(ALPHA)
    opened.send("Go.")
    opened.until(lambda: "**bold**" in opened.last(0).text.toPlainText())
    assert not opened.last(0).text.is_markdown
    opened.page.stop_all()
    opened.until_quiet()
    assert opened.last(0).text.is_markdown
    assert opened.last(0).text.toPlainText().startswith("bold")


def test_html_of_a_model_is_shown_and_not_interpreted(open_page: OpenPage) -> None:
    hostile = "<b>x</b><img src='file:///etc/passwd'>"
    opened = open_page(FakeBackend(say([hostile])))
    opened.choose(ALPHA)
    opened.ask("<i>prompt</i>")
    assert opened.last(0).text.toPlainText() == hostile
    shown = [found.text() for found in opened.last(0).findChildren(QLabel)]
    assert "<i>prompt</i>" in shown
    assert all(found.textFormat() is Qt.TextFormat.PlainText for found in opened.last(0).findChildren(QLabel))


def test_typing_is_never_disabled_and_what_is_sent_meanwhile_waits(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA)
    opened.send("First.")
    opened.until_written(0)
    assert opened.page.composer.edit.isEnabled()
    assert not opened.page.composer.edit.isReadOnly()
    opened.send("Second.")
    assert opened.page.composer.text == ""
    assert opened.page.composer.notice.isHidden()
    assert opened.page.comparison.queue == ("Second.",)
    assert len(opened.backend.requests) == 1


def test_without_a_model_the_text_stays_and_the_page_says_what_to_do(open_page: OpenPage) -> None:
    opened = open_page()
    opened.send("Anyone?")
    assert opened.page.composer.text == "Anyone?"
    assert "Choose a model" in opened.page.composer.notice.text()


def test_figures_and_the_stop_reason_stand_below_each_answer(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["a", "b", "c"])))
    opened.choose(ALPHA)
    opened.ask("Three letters.")
    figures = opened.last(0).figures.text().replace("\N{NO-BREAK SPACE}", " ")
    assert figures.startswith("first token after ")
    assert "3 tok" in figures
    assert figures.endswith("end")


def test_an_answer_at_the_limit_wears_a_chip(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA)
    opened.page.panel.max_tokens.setValue(3)
    opened.ask("Go on.")
    assert "cut off at the token limit" in opened.last(0).chip_texts
    assert "token limit" not in opened.last(0).figures.text()


def test_the_length_of_the_prompt_is_counted_once_a_model_is_loaded(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["yes"])))
    assert opened.page.composer.count.text() == "–"
    opened.choose(ALPHA)
    opened.ask("one two three")
    opened.page.composer.set_text("four five")
    # Three words and a mark, "yes" and a mark, two words and a mark.
    opened.until(lambda: opened.page.composer.count.text().startswith("9 / 1,024"))


def test_the_reader_is_left_in_peace_who_scrolled_up(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(lambda _: iter(["line\n\n"] * 5_000), tokens_per_s=200))
    opened.choose(ALPHA)
    opened.send("Long, please.")
    bar = opened.views[0].transcript.verticalScrollBar()
    opened.until(lambda: bar.maximum() > 400)
    assert bar.value() == bar.maximum()
    bar.setValue(10)
    before = bar.maximum()
    opened.until(lambda: bar.maximum() > before + 100)
    assert bar.value() == 10
    opened.views[0].transcript.to_end()
    assert bar.value() == bar.maximum()


def test_somebody_who_compared_nothing_yet_finds_models_in_the_panes(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["Hello."])))
    opened.page.propose()
    opened.until(lambda: all(pane.model is not None for pane in opened.panes))
    assert {pane.model.title for pane in opened.panes if pane.model} >= {ALPHA, BETA}
    opened.ask("Who are you?")
    assert all(pane.exchanges[-1].answer is not None for pane in opened.panes)


def test_models_already_chosen_are_left_alone_by_a_proposal(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(BETA)
    opened.page.propose()
    opened.until(lambda: opened.page.errands.idle)
    assert [pane.model.title if pane.model else None for pane in opened.panes] == [BETA, None]


def test_models_asked_together_share_a_fresh_seed_and_another_question_gets_another(open_page: OpenPage) -> None:
    asked: list[Request] = []
    opened = open_page(FakeBackend(lambda request: asked.append(request) or ["yes"]))
    opened.choose(ALPHA, BETA)
    opened.ask("Why?")
    opened.ask("And now?")
    first, second, third, fourth = [request.sampling.seed for request in asked]
    assert first is not None
    assert (first, third) == (second, fourth)
    assert first != third
    assert not opened.last(0).unlike.isVisible()
