"""What is far longer than anybody reads: pasted, answered, shown."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, OpenPage
from workbench.engine.fake import FakeBackend, say
from workbench.gui.compare.composer import Composer, PromptEdit
from workbench.gui.compare.long_paragraphs import LONGEST
from workbench.gui.widgets.text_view import UNASKED

MILLION = 1_000_000


@pytest.mark.parametrize("text", ["x" * MILLION, "word " * (MILLION // 5), "line\n" * (MILLION // 5)])
def test_a_million_characters_can_be_pasted_and_typed_after(qtbot: QtBot, qapp: QApplication, text: str) -> None:
    composer = Composer()
    qtbot.addWidget(composer)
    composer.resize(800, 200)
    composer.show()
    QGuiApplication.clipboard().setText(text)
    composer.edit.paste()
    qtbot.keyClicks(composer.edit, "!")
    assert composer.text == f"{text}!"
    assert composer.height() <= 260
    blocks = [composer.edit.document().findBlockByNumber(number) for number in range(50)]
    assert max(block.length() for block in blocks) <= LONGEST + 10, "a key lays out a block as a whole"


def test_a_paragraph_kept_in_pieces_is_edited_copied_and_undone_as_one(qtbot: QtBot) -> None:
    edit = PromptEdit()
    qtbot.addWidget(edit)
    edit.show()
    long = "".join(f"{number}👧 " for number in range(3_000))
    edit.setPlainText(f"one\n{long}\n\n{long}\nlast")
    assert edit.toPlainText() == f"one\n{long}\n\n{long}\nlast"
    edit.selectAll()
    edit.copy()
    assert QGuiApplication.clipboard().text() == f"one\n{long}\n\n{long}\nlast"
    cursor = edit.textCursor()
    third = edit.document().findBlockByNumber(3)
    cursor.setPosition(third.position() + 8)
    edit.setTextCursor(cursor)
    before = edit.toPlainText()
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    broken = edit.toPlainText()
    assert len(broken) == len(before) + 1
    assert broken.replace("\n", "") == before.replace("\n", "")
    edit.undo()
    assert edit.toPlainText() == before
    edit.setPlainText("")
    assert edit.toPlainText() == ""
    QGuiApplication.clipboard().setText(long)
    edit.paste()
    edit.undo()
    assert edit.toPlainText() == ""
    edit.redo()
    assert edit.toPlainText() == long


def test_a_very_long_answer_is_whole_when_it_has_ended_and_when_it_is_opened_again(open_page: OpenPage) -> None:
    piece = "Some **bold** words.\n\n"
    whole = piece * (2 * UNASKED // len(piece))
    opened = open_page(FakeBackend(say([whole])))
    opened.choose(ALPHA)
    opened.ask("Go on.")
    text = opened.last(0).text
    assert text.raw_text == whole
    assert text.formatted is not None
    assert text.formatted.isVisible()
    opened.close()
    again = open_page()
    shown = again.last(0).text
    assert shown.raw_text == whole
    again.until(lambda: shown.toPlainText() == whole)
