"""An answer token by token: reached by mouse and keys, cheap until it is wanted, gone with its answer."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, Thought, say
from workbench.gui import theme
from workbench.gui.compare.candidates import MOST_SHOWN, TokenView


def answered(open_page: OpenPage, *pieces: str, alternatives: int = 3) -> Opened:
    opened = open_page(FakeBackend(say(pieces)))
    opened.choose(ALPHA)
    opened.page.panel.alternatives.setValue(alternatives)
    opened.ask("Why?")
    return opened


def token_view(opened: Opened) -> TokenView:
    view = opened.last(0)
    view.sure.click()
    assert view.tokens is not None
    return view.tokens


def reached(tokens: TokenView) -> str:
    return tokens.textCursor().selectedText()


def test_left_and_right_go_from_token_to_token(open_page: OpenPage, qtbot: QtBot) -> None:
    tokens = token_view(answered(open_page, "It ", "is ", "so."))
    tokens.setFocus(Qt.FocusReason.TabFocusReason)
    assert reached(tokens) == "It "
    qtbot.keyClick(tokens, Qt.Key.Key_Right)
    assert reached(tokens) == "is "
    assert tokens.accessibleName().endswith(": is␣, 50.0\N{NO-BREAK SPACE}%")
    qtbot.keyClick(tokens, Qt.Key.Key_End)
    assert reached(tokens) == "so."
    qtbot.keyClick(tokens, Qt.Key.Key_Right)
    assert reached(tokens) == "so."
    qtbot.keyClick(tokens, Qt.Key.Key_Home)
    assert reached(tokens) == "It "


def test_enter_opens_a_token_and_escape_closes_it(open_page: OpenPage, qtbot: QtBot) -> None:
    tokens = token_view(answered(open_page, "Be", "cause"))
    tokens.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(tokens, Qt.Key.Key_Right)
    qtbot.keyClick(tokens, Qt.Key.Key_Return)
    assert tokens.popup is not None
    assert tokens.popup.isVisible()
    assert "cause 50.0\N{NO-BREAK SPACE}%" in tokens.popup.accessibleDescription()
    closed = tokens.popup.destroyed
    with qtbot.waitSignal(closed):
        qtbot.keyClick(tokens.popup, Qt.Key.Key_Escape)


def test_tab_leaves_the_tokens_at_once(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = answered(open_page, *(f"word{number} " for number in range(50)))
    tokens = token_view(opened)
    tokens.setFocus(Qt.FocusReason.TabFocusReason)
    assert tokens.hasFocus()
    qtbot.keyClick(tokens, Qt.Key.Key_Tab)
    assert not tokens.hasFocus()
    assert opened.last(0).isAncestorOf(QApplication.focusWidget())


def test_characters_that_are_two_for_qt_do_not_shift_the_tokens(open_page: OpenPage, qtbot: QtBot) -> None:
    tokens = token_view(answered(open_page, "😀", "ab", "𝄞", "cd"))
    tokens.setFocus(Qt.FocusReason.TabFocusReason)
    said = []
    for _ in range(4):
        said.append(reached(tokens))
        qtbot.keyClick(tokens, Qt.Key.Key_Right)
    assert said == ["😀", "ab", "𝄞", "cd"]


def test_a_long_candidate_does_not_make_the_popup_wide(open_page: OpenPage) -> None:
    tokens = token_view(answered(open_page, "x" * 200))
    tokens.anchorClicked.emit(QUrl("token:0"))
    assert tokens.popup is not None
    said = tokens.popup.findChildren(QLabel)[1]
    assert len(said.text()) == len("✓ ") + MOST_SHOWN
    assert said.toolTip() == "x" * 200
    tokens.popup.close()


def test_another_theme_keeps_the_tokens_and_their_place(open_page: OpenPage, qapp: QApplication) -> None:
    tokens = token_view(answered(open_page, "Be", "cause"))
    tokens.setFocus(Qt.FocusReason.TabFocusReason)
    tokens.anchorClicked.emit(QUrl("token:1"))
    light = tokens.document().toHtml()
    theme.apply(qapp, "dark")
    assert tokens.toPlainText() == "Because"
    assert tokens.at == 1
    assert tokens.document().toHtml() != light
    assert tokens.popup is not None
    tokens.popup.close()


def test_tokens_are_laid_out_only_when_they_are_wanted(open_page: OpenPage) -> None:
    opened = answered(open_page, *(f"word{number} " for number in range(3000)))
    view = opened.last(0)
    assert view.tokens is None
    tokens = token_view(opened)
    assert tokens.toPlainText().endswith("word2999 ")
    assert len(opened.panes[0].exchanges[0].answer.choices) == 3000  # type: ignore[union-attr]  # answered


def test_answering_again_closes_the_tokens(open_page: OpenPage) -> None:
    said = [["One."], ["Two."]]
    opened = open_page(FakeBackend(lambda _: said.pop(0)))
    opened.choose(ALPHA)
    opened.page.panel.alternatives.setValue(2)
    opened.ask("Why?")
    token_view(opened)
    opened.last(0).again.click()
    opened.until_quiet()
    view = opened.last(0)
    assert view.tokens is None
    assert view.text.isVisible()
    assert view.text.raw_text == "Two."


def test_thinking_certainty_and_footing_outlive_the_program(open_page: OpenPage) -> None:
    asked: list[Request] = []
    opened = open_page(FakeBackend(lambda request: asked.append(request) or [Thought("Let me see."), "Be", "cause."]))
    opened.choose(ALPHA, BETA)
    opened.page.panel.alternatives.setValue(2)
    opened.ask("Why?")
    before = opened.panes[0].exchanges[0].answer
    assert before is not None
    opened.close()
    again = open_page()
    again.until(lambda: bool(again.views[0].transcript.views))
    view = again.last(0)
    assert view.answer == before
    assert view.thinking.button.text().endswith("1\N{NO-BREAK SPACE}token")
    view.thinking.button.click()
    assert view.thinking.text.raw_text == "Let me see."
    assert view.asked.isVisible()
    assert token_view(again).toPlainText() == "Because."
