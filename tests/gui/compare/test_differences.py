"""Differences between two answers: marked in both, told in words, stepped through with F8, left with Esc."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.chat.plan import RunMode
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend
from workbench.gui import theme
from workbench.gui.compare.answer_deeds import AnswerDeeds
from workbench.gui.compare.difference_card import MISSING, DifferenceCard
from workbench.gui.compare.differences import Differences
from workbench.gui.compare.parts import part
from workbench.gui.compare.wishes import Wish

LEFT = ("The ", "sky ", "is ", "blue ", "and ", "wide.")
RIGHT = ("The ", "sky ", "is ", "green ", "and ", "very ", "wide.")


def answered(open_page: OpenPage, *scripts: tuple[str, ...], alternatives: int = 0) -> Opened:
    pieces = iter(scripts or (LEFT, RIGHT))

    def script(_request: Request) -> tuple[str, ...]:
        return next(pieces)

    opened = open_page(FakeBackend(script))
    opened.choose(ALPHA, BETA)
    opened.page.panel.alternatives.setValue(alternatives)
    in_turn(opened)
    opened.ask("What is it?")
    return opened


def in_turn(opened: Opened) -> None:
    """The first pane answers first."""
    opened.page.panel.commit_pending()
    comparison = opened.page.comparison
    comparison.options = replace(comparison.options, mode=RunMode.IN_TURN)


def shown(opened: Opened) -> Differences:
    opened.last(0).wished.emit(Wish.DIFFERENCES, None)
    opened.until(lambda: opened.page.errands.idle)
    return part(opened.page, AnswerDeeds).differences


def selected(card: DifferenceCard) -> str:
    return card.text.textCursor().selectedText()


def test_both_answers_show_what_only_they_have(open_page: OpenPage) -> None:
    left, right = shown(answered(open_page)).cards
    assert left.text.toPlainText() == f"The sky is blue and {MISSING} wide."
    assert right.text.toPlainText() == "The sky is green and very wide."
    assert not left.exchange.text.isVisible()


def test_what_differs_is_underlined_not_only_coloured(open_page: OpenPage) -> None:
    left, _ = shown(answered(open_page)).cards
    found = left.text.document().find("blue")
    assert found.charFormat().fontUnderline()
    assert not left.text.document().find("sky").charFormat().fontUnderline()


def test_the_first_difference_is_told_in_words_on_both_sides(open_page: OpenPage) -> None:
    left, right = shown(answered(open_page)).cards
    assert left.first.text().startswith("First differs at word 4: ‘blue’ here, ‘green’ there.")
    assert right.first.text().startswith("First differs at word 4: ‘green’ here, ‘blue’ there.")
    assert "Options ▸ Alternatives" in left.why.text()


def test_recorded_alternatives_tell_how_sure_each_was(open_page: OpenPage) -> None:
    left, right = shown(answered(open_page, alternatives=3)).cards
    assert "‘blue’ (50" in left.first.text()
    assert "%) here" in left.first.text()
    assert right.why.text() == ""


def test_f8_goes_from_difference_to_difference_on_both_sides(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = answered(open_page)
    differences = shown(opened)
    left, right = differences.cards
    with qtbot.waitActive(opened.page):
        opened.page.activateWindow()
    qtbot.keyClick(left.text, Qt.Key.Key_F8)
    assert (selected(left), selected(right)) == ("blue", "green")
    qtbot.keyClick(left.text, Qt.Key.Key_F8)
    assert (selected(left), selected(right)) == (MISSING, "very")
    assert left.place.text() == "Difference 2 of 2"
    assert "only here: very" in right.text.accessibleName()
    qtbot.keyClick(left.text, Qt.Key.Key_F8)
    assert selected(left) == "blue", "after the last comes the first"
    qtbot.keyClick(left.text, Qt.Key.Key_F8, Qt.KeyboardModifier.ShiftModifier)
    assert selected(right) == "very"


def test_escape_restores_both_answers(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = answered(open_page)
    differences = shown(opened)
    qtbot.keyClick(differences.cards[1].text, Qt.Key.Key_Escape)
    assert not differences.shown
    assert all(opened.last(pane).text.isVisible() for pane in (0, 1))
    assert opened.last(0).text.is_markdown


def test_answers_that_are_the_same_are_said_to_be(open_page: OpenPage) -> None:
    opened = answered(open_page, LEFT, LEFT)
    assert not shown(opened).shown
    assert "the same" in opened.page.composer.notice.text()


def test_with_nobody_to_compare_with_that_is_said(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(lambda _: LEFT))
    opened.choose(ALPHA)
    opened.ask("Alone?")
    assert not shown(opened).shown
    assert "No other pane" in opened.page.composer.notice.text()


def test_answering_again_ends_the_differences_on_both_sides(open_page: OpenPage) -> None:
    opened = answered(open_page, LEFT, RIGHT, LEFT)
    differences = shown(opened)
    opened.last(0).again.click()
    opened.until_quiet()
    opened.until(lambda: not differences.shown)
    assert opened.last(1).text.isVisible()


def test_a_hostile_answer_is_text_among_differences_too(open_page: OpenPage) -> None:
    opened = answered(open_page, ("<img src='http://x/y.png'>", " [a](file:///etc/passwd)"), ("plain",))
    left, _ = shown(opened).cards
    assert "<img src=" in left.text.toPlainText()
    assert "![" not in left.text.toHtml()


def test_another_theme_keeps_the_marks(open_page: OpenPage, qapp: object) -> None:
    left, _ = shown(answered(open_page)).cards
    theme.apply(qapp, "dark")  # type: ignore[arg-type]  # the application of pytest-qt
    assert left.text.document().find("blue").charFormat().fontUnderline()
    theme.apply(qapp, "light")  # type: ignore[arg-type]


def test_of_several_panes_one_is_picked_from_a_menu(open_page: OpenPage) -> None:
    pieces = iter((LEFT, RIGHT, ("Grey.",)))
    opened = open_page(FakeBackend(lambda _: next(pieces)))
    opened.choose(ALPHA, BETA, ALPHA)
    in_turn(opened)
    opened.ask("What is it?")
    assert not shown(opened).shown
    menu = next(found for found in opened.page.findChildren(QMenu) if found.isVisible() and found.actions())
    assert [action.text() for action in menu.actions()] == [f"pane 2, {BETA}", f"pane 3, {ALPHA}"]
    menu.actions()[1].trigger()
    menu.close()
    differences = part(opened.page, AnswerDeeds).differences
    opened.until(lambda: differences.shown)
    assert differences.cards[1].exchange is opened.last(2)
    assert opened.last(1).text.isVisible()


def test_closing_one_of_the_panes_restores_the_other(open_page: OpenPage) -> None:
    opened = answered(open_page)
    differences = shown(opened)
    opened.page.close_pane(opened.panes[1])
    opened.until(lambda: not differences.shown)
    assert opened.last(0).text.isVisible()


def test_without_choosing_the_newest_answers_are_compared(open_page: OpenPage) -> None:
    counted = iter(range(9))
    opened = open_page(FakeBackend(lambda request: (request.messages[-1].content, f" {next(counted)}")))
    opened.choose(ALPHA, BETA)
    differences = part(opened.page, AnswerDeeds).differences
    differences.newest()
    assert "no two answers" in opened.page.composer.notice.text()
    opened.ask("First")
    opened.ask("Second")
    differences.newest()
    opened.until(lambda: differences.shown)
    assert all("Second" in card.text.toPlainText() for card in differences.cards)
