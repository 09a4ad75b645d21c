"""What can be done with one exchange: copied, quoted, asked anew as a branch, answered again, gone on from."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, say
from workbench.gui import names
from workbench.gui.compare.ahead import AheadPart
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.compare.parts import part
from workbench.gui.compare.wishes import Wish


def of_prompt(request: Request) -> tuple[str, ...]:
    """Answers with what it was told last, so that a test sees what the model read."""
    return (f"**{len(request.messages)}** messages: ", request.messages[-1].content)


def asked(open_page: OpenPage, *prompts: str, models: tuple[str, ...] = (ALPHA, BETA)) -> Opened:
    opened = open_page(FakeBackend(of_prompt))
    opened.choose(*models)
    for prompt in prompts:
        opened.ask(prompt)
    return opened


def entry(view: ExchangeView, wish: Wish) -> bool:
    """Whether the menu offers it now."""
    view.footer.menu.aboutToShow.emit()
    return view.footer.menu.isEnabled() and view._entries[wish].isEnabled()


def choose(view: ExchangeView, wish: Wish) -> None:
    view.footer.menu.aboutToShow.emit()
    view._entries[wish].trigger()


def test_an_answer_is_copied_as_the_model_wrote_it(open_page: OpenPage) -> None:
    opened = asked(open_page, "Hello")
    for copy in (opened.last(0).footer.copy.click, lambda: choose(opened.last(0), Wish.COPY)):
        QGuiApplication.clipboard().clear()
        copy()
        assert QGuiApplication.clipboard().text() == "**1** messages: Hello"


def test_an_answer_is_quoted_below_what_was_typed(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["one\n", "\n", "two"])))
    opened.choose(ALPHA)
    opened.ask("Go")
    opened.page.composer.set_text("About this:")
    choose(opened.last(0), Wish.QUOTE)
    assert opened.page.composer.text == "About this:\n\n> one\n>\n> two\n\n"
    assert opened.page.composer.edit.textCursor().atEnd()


def test_only_what_is_selected_is_quoted(open_page: OpenPage) -> None:
    opened = asked(open_page, "Hello")
    text = opened.last(0).text
    found = text.document().find("messages")
    text.setTextCursor(found)
    choose(opened.last(0), Wish.QUOTE)
    assert opened.page.composer.text == "> messages\n\n"


def test_an_edited_prompt_is_asked_as_a_branch_and_the_other_one_stays(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = asked(open_page, "First", "Second")
    view = opened.views[0].transcript.views[0]
    qtbot.mouseClick(view.bubble.pencil, Qt.MouseButton.LeftButton)
    editor = view.bubble.editor
    assert editor is not None
    assert editor.edit.toPlainText() == "First"
    editor.edit.setPlainText("Rather this")
    qtbot.keyClick(editor.edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    opened.until_quiet()
    assert [[one.prompt for one in pane.exchanges] for pane in opened.panes] == [["Rather this"]] * 2
    branches = opened.last(1).bubble.branches
    assert branches.place.text() == "2/2"
    branches.before.click()
    assert [[one.prompt for one in pane.exchanges] for pane in opened.panes] == [["First", "Second"]] * 2
    assert opened.views[0].transcript.views[0].bubble.branches.place.text() == "1/2"
    opened.views[0].transcript.views[0].bubble.branches.after.click()
    assert [one.prompt for one in opened.panes[0].exchanges] == ["Rather this"]


def test_escape_leaves_a_prompt_as_it_was(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = asked(open_page, "First")
    bubble = opened.last(0).bubble
    bubble.edit()
    assert bubble.editor is not None
    bubble.editor.edit.setPlainText("something else")
    qtbot.keyClick(bubble.editor.edit, Qt.Key.Key_Escape)
    assert bubble.editor is None
    assert bubble.pencil.isVisible()
    assert [one.prompt for one in opened.panes[0].exchanges] == ["First"]


def test_an_empty_prompt_is_not_asked(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = asked(open_page, "First")
    bubble = opened.last(0).bubble
    bubble.edit()
    assert bubble.editor is not None
    bubble.editor.edit.setPlainText("  \n ")
    bubble.editor.ask.click()
    assert bubble.editor is not None, "there is nothing to ask, so the editor stays"


def test_answering_again_keeps_the_attempt_before(open_page: OpenPage) -> None:
    counted = iter(range(9))
    opened = open_page(FakeBackend(lambda _: (f"attempt {next(counted)}",)))
    opened.choose(ALPHA, BETA)
    opened.ask("Hello")
    first, other = (pane.exchanges[-1].answer for pane in opened.panes)
    assert first is not None
    opened.last(0).again.click()
    opened.until_quiet()
    attempts = opened.last(0).footer.attempts
    assert attempts.place.text() == "2/2"
    assert opened.panes[1].exchanges[-1].answer is other, "only this pane was asked again"
    assert opened.last(1).footer.attempts.isHidden()
    attempts.before.click()
    shown = opened.panes[0].exchanges[-1].answer
    assert shown is not None
    assert shown.text == first.text
    assert opened.last(0).footer.attempts.place.text() == "1/2"


def test_an_earlier_answer_is_made_again_and_the_way_back_is_shown(open_page: OpenPage) -> None:
    counted = iter(range(9))
    opened = open_page(FakeBackend(lambda _: (f"answer {next(counted)}",)))
    opened.choose(ALPHA, BETA)
    for prompt in ("First", "Second", "Third"):
        opened.ask(prompt)
    before = [one.answer for one in opened.panes[0].exchanges]
    row = part(opened.page, AheadPart).row
    assert row.isHidden()
    opened.views[0].transcript.views[1].again.click()
    opened.until_quiet()
    assert [one.prompt for one in opened.panes[1].exchanges] == ["First", "Second"], "all panes go back"
    assert opened.last(0).footer.attempts.place.text() == "2/2"
    assert opened.last(0).text.raw_text == "answer 6"
    assert row.isVisible()
    assert row.told.text() == "1 later prompt on another branch. The next prompt begins a new one here."
    opened.last(0).footer.attempts.before.click()
    assert [one.answer for one in opened.panes[0].exchanges] == before, "one step away"
    assert row.isHidden()
    opened.views[0].transcript.views[1].footer.attempts.after.click()
    row.show_button.click()
    assert [one.prompt for one in opened.panes[0].exchanges] == ["First", "Second", "Third"]
    assert opened.page.composer.edit.hasFocus()


def test_what_is_ahead_is_told_again_after_a_restart(open_page: OpenPage) -> None:
    opened = asked(open_page, "First", "Second", "Third")
    choose(opened.views[0].transcript.views[0], Wish.BRANCH_HERE)
    opened.close()
    row = part(open_page().page, AheadPart).row
    assert row.told.text() == "2 later prompts on another branch. The next prompt begins a new one here."


def test_all_panes_go_on_from_one_answer_and_say_so(open_page: OpenPage) -> None:
    opened = asked(open_page, "First")
    choose(opened.last(0), Wish.CONTINUE_ALL)
    assert "go on from the answer of" in opened.page.composer.notice.text()
    assert opened.last(1).goes_on.isVisible()
    name = opened.panes[0].exchanges[-1].answer
    assert name is not None
    assert names.of_answer(name) in opened.last(1).goes_on.text()
    assert opened.last(0).goes_on.isHidden(), "its own answer is what it goes on from"
    choose(opened.last(1), Wish.CONTINUE_OWN)
    assert opened.last(1).goes_on.isHidden()


def test_a_branch_begins_at_an_earlier_exchange(open_page: OpenPage) -> None:
    opened = asked(open_page, "First", "Second")
    choose(opened.views[0].transcript.views[0], Wish.BRANCH_HERE)
    assert [one.prompt for one in opened.panes[1].exchanges] == ["First"]
    opened.ask("Third")
    assert opened.last(0).bubble.branches.place.text() == "2/2"
    assert [one.prompt for one in opened.panes[0].exchanges] == ["First", "Third"]


def test_what_is_not_possible_now_is_not_offered(open_page: OpenPage) -> None:
    opened = asked(open_page, "First")
    view = opened.last(0)
    assert not entry(view, Wish.BRANCH_HERE), "the next prompt follows the newest one anyway"
    assert entry(view, Wish.EDIT)
    assert entry(view, Wish.AGAIN)
    assert entry(view, Wish.EXPORT)


def test_a_narrow_pane_leaves_the_rest_to_the_menu(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(of_prompt))
    opened.choose(ALPHA)
    opened.page.panel.alternatives.setValue(2)
    opened.ask("Hello")
    footer = opened.last(0).footer
    footer.resize(600, footer.height())
    assert footer.sure.isVisibleTo(footer)
    footer.resize(240, footer.height())
    assert not footer.sure.isVisibleTo(footer)
    assert footer.more.isVisibleTo(footer)
    footer.menu.aboutToShow.emit()
    assert opened.last(0)._sure_entry.isEnabled()


def test_the_menu_opens_by_key_and_every_entry_has_words(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = asked(open_page, "Hello")
    footer = opened.last(0).footer
    footer.more.setFocus()
    qtbot.keyClick(footer.more, Qt.Key.Key_Space)
    assert footer.menu.isVisible()
    assert all(action.text() for action in footer.menu.actions() if not action.isSeparator())
    footer.menu.close()


def test_a_prompt_of_a_million_characters_shows_its_first_lines(open_page: OpenPage) -> None:
    opened = asked(open_page, "word " * 200_000, models=(ALPHA,))
    label = opened.last(0).bubble._label
    assert len(label.text()) < 2000
    opened.last(0).bubble._more.click()
    assert "characters more" in label.text()


def test_the_cursor_stays_in_the_composer_after_a_quote(open_page: OpenPage) -> None:
    opened = asked(open_page, "Hello")
    choose(opened.last(0), Wish.QUOTE)
    cursor = opened.page.composer.edit.textCursor()
    assert cursor.position() == len(opened.page.composer.text)
    assert not cursor.movePosition(QTextCursor.MoveOperation.NextCharacter)


def test_what_is_opened_in_an_answer_is_in_sight_and_not_the_end_below_it(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say([f"Line {number}\n\n" for number in range(60)])))
    opened.choose(ALPHA)
    opened.ask("Go")
    transcript = opened.views[0].transcript
    bar = transcript.verticalScrollBar()
    opened.until(lambda: 0 < bar.maximum() == bar.value())
    opened.last(0).bubble.pencil.click()
    editor = opened.last(0).bubble.editor
    assert editor is not None
    opened.until(lambda: not editor.edit.visibleRegion().isEmpty())
    assert transcript.viewport().rect().contains(editor.edit.mapTo(transcript.viewport(), editor.edit.rect().center()))
