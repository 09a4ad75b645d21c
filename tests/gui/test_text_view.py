"""The view of an answer: streams, keeps its place, fetches nothing, opens nothing unasked."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QGuiApplication, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.gui import theme
from workbench.gui.markdown import MAX_RENDERED_CHARACTERS
from workbench.gui.widgets.text_view import UNASKED, AnswerView, LinkQuestion


@pytest.fixture
def view(qtbot: QtBot) -> AnswerView:
    shown = AnswerView()
    qtbot.addWidget(shown)
    shown.resize(300, 120)
    shown.show()
    return shown


def test_pieces_become_one_text_with_its_lines(view: AnswerView) -> None:
    for piece in ("Hel", "lo **wor", "ld**\nsecond ", "<b>line</b>"):
        view.append_text(piece)
    assert view.toPlainText() == "Hello **world**\nsecond <b>line</b>"
    assert view.raw_text == view.toPlainText()


def test_the_ended_answer_is_shown_as_markdown(view: AnswerView) -> None:
    view.append_text("a **bold** word")
    view.show_markdown("a **bold** word")
    assert view.toPlainText() == "a bold word"
    assert view.raw_text == "a **bold** word"


def test_text_after_markdown_goes_on_from_the_source(view: AnswerView) -> None:
    view.show_markdown("a **b**")
    view.append_text(" c")
    assert view.toPlainText() == "a **b** c"


def test_it_follows_the_text_only_from_the_bottom(view: AnswerView) -> None:
    for number in range(60):
        view.append_text(f"line {number}\n")
    assert view.at_bottom
    view.verticalScrollBar().setValue(10)
    view.append_text("more\n" * 20)
    assert view.verticalScrollBar().value() == 10
    view.to_bottom()
    view.append_text("and more\n" * 5)
    assert view.at_bottom


def test_a_selection_outlives_the_stream(view: AnswerView) -> None:
    view.append_text("first second")
    cursor = view.textCursor()
    cursor.setPosition(0)
    cursor.setPosition(5, QTextCursor.MoveMode.KeepAnchor)
    view.setTextCursor(cursor)
    view.append_text(" third")
    view.copy()
    assert view.textCursor().selectedText() == "first"
    assert QGuiApplication.clipboard().text() == "first"


def test_no_resource_is_ever_loaded(view: AnswerView, tmp_path: Path) -> None:
    picture = tmp_path / "secret.png"
    picture.write_bytes(b"\x89PNG")
    for address in (QUrl.fromLocalFile(str(picture)), QUrl("http://localhost:9/a.png"), QUrl("qrc:/a")):
        assert view.loadResource(QTextDocument.ResourceType.ImageResource.value, address) is None
    view.show_markdown(f"![x]({picture.as_uri()}) ![y](http://localhost:9/b.png)")
    assert "\ufffc" not in view.toPlainText()


def question(view: AnswerView, address: str) -> LinkQuestion:
    view.anchorClicked.emit(QUrl(address))
    found = view.window().findChildren(LinkQuestion)
    assert len(found) == 1
    return found[0]


def test_a_link_is_opened_only_after_its_address_was_shown(view: AnswerView, qtbot: QtBot) -> None:
    opened: list[QUrl] = []
    view.opens = opened.append  # type: ignore[method-assign, assignment]  # no browser in tests
    asked = question(view, "https://example.org/a?b=1#c")
    assert asked.informativeText() == "https://example.org/a?b=1#c"
    assert asked.textFormat() == Qt.TextFormat.PlainText
    assert opened == []
    button = next(found for found in asked.buttons() if found.text() == "Open")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert opened == [QUrl("https://example.org/a?b=1#c")]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ssh://host", "https:", "other.html"])
def test_other_links_cannot_be_opened_at_all(view: AnswerView, address: str) -> None:
    asked = question(view, address)
    assert {button.text().replace("&", "") for button in asked.buttons()} == {"Copy address", "Cancel"}
    asked.close()


def test_a_growing_view_is_as_high_as_its_text(qtbot: QtBot) -> None:
    view = AnswerView(grows=True)
    qtbot.addWidget(view)
    view.resize(300, 20)
    view.show()
    view.append_text("one line")
    one = view.height()
    view.append_text("\nanother\nand another")
    assert view.height() > 2 * one
    assert view.verticalScrollBar().maximum() == 0


def test_the_colours_change_with_the_theme(view: AnswerView, qapp: QApplication) -> None:
    theme.apply(qapp, "light", 1.0)
    view.show_markdown("`code`")
    assert theme.LIGHT.code.lower() in view.toHtml().lower()
    theme.apply(qapp, "dark", 1.0)
    assert theme.DARK.code.lower() in view.toHtml().lower()
    theme.apply(qapp, "system", 1.0)


def test_marks_that_come_after_their_letter_stand_upon_it(view: AnswerView) -> None:
    for piece in ("cafe", "\u0301", " 👩", "\u200d", "🚀", " 🇫", "🇷"):
        view.append_text(piece)
    assert view.toPlainText() == "cafe\u0301 👩\u200d🚀 🇫🇷"
    cursor = view.textCursor()
    cursor.movePosition(QTextCursor.MoveOperation.Start)
    steps = 0
    while cursor.movePosition(QTextCursor.MoveOperation.NextCharacter):
        steps += 1
    assert steps == 8  # four letters, a blank, the astronaut, a blank, the flag


def test_a_stream_in_arabic_runs_from_the_right(view: AnswerView) -> None:
    view.append_text("مرحبا\nhello")
    document = view.document()
    assert document.findBlockByNumber(0).textDirection() == Qt.LayoutDirection.RightToLeft
    assert document.findBlockByNumber(1).textDirection() == Qt.LayoutDirection.LeftToRight


def test_a_very_long_answer_stays_as_it_was_written_until_its_markdown_is_asked_for(
    view: AnswerView, qtbot: QtBot
) -> None:
    text = "A **bold** word.\n\n" * (3 * UNASKED // 18)
    view.append_text(text)
    view.show_markdown(text)
    assert view.raw_text == text
    assert view.toPlainText() != ""
    qtbot.waitUntil(lambda: view.toPlainText() == text)
    assert view.formatted is not None
    assert view.formatted.isVisible()
    qtbot.mouseClick(view.formatted, Qt.MouseButton.LeftButton)
    assert not view.formatted.isVisible()
    qtbot.waitUntil(lambda: view.toPlainText().count("A bold word.") == text.count("A **bold** word."))
    assert view.raw_text == text
    assert view.is_markdown


def test_a_long_text_arrives_whole_and_a_new_one_stops_it(view: AnswerView, qtbot: QtBot) -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    view.show_text(text)
    assert view.toPlainText() != ""
    view.show_text("short")
    assert view.toPlainText() == "short"
    view.show_text(text)
    qtbot.waitUntil(lambda: view.toPlainText() == text)


def test_the_end_of_a_long_stream_is_added_to_what_stands_there(view: AnswerView, qtbot: QtBot) -> None:
    """Laid out anew it would go away and come back below the reader's eyes."""
    lines = [f"line {number}\n" for number in range(8_000)]
    begun, whole = "".join(lines[:7_000]), "".join(lines)
    view.append_text(begun)
    qtbot.waitUntil(lambda: view.toPlainText() == begun)
    emptied: list[bool] = []
    view.document().contentsChange.connect(lambda _at, removed, _added: emptied.append(removed > 10))
    view.show_markdown(whole)
    qtbot.waitUntil(lambda: view.toPlainText() == whole)
    assert emptied
    assert not any(emptied), "something that stood there was taken away"
    view.show_markdown(whole)
    assert view.toPlainText() == whole


def test_text_that_comes_before_a_long_one_is_all_shown_waits_behind_it(view: AnswerView, qtbot: QtBot) -> None:
    text = "".join(f"line {number}\n" for number in range(20_000))
    view.append_text(text)
    view.append_text("the end")
    assert view.raw_text == f"{text}the end"
    qtbot.waitUntil(lambda: view.toPlainText() == f"{text}the end")


def test_beyond_all_measure_it_is_never_laid_out_as_markdown(view: AnswerView) -> None:
    view.show_markdown("**x** " * (MAX_RENDERED_CHARACTERS // 5))
    assert view.formatted is None
    assert not view.is_markdown
