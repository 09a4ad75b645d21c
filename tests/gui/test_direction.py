"""Text that runs from right to left: typed, and in a line with other words."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from workbench.gui.compare.composer import PromptEdit
from workbench.gui.direction import OwnSide, isolated


def side(edit: QPlainTextEdit) -> Qt.AlignmentFlag:
    return edit.document().defaultTextOption().alignment()


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("שלום עולם", Qt.AlignmentFlag.AlignRight),
        ("\n\n  42: مرحبا, then English", Qt.AlignmentFlag.AlignRight),
        ("English, then שלום", Qt.AlignmentFlag.AlignLeft),
        ("", Qt.AlignmentFlag.AlignLeft),
        ("1 + 1 = 2", Qt.AlignmentFlag.AlignLeft),
    ],
)
def test_what_is_typed_stands_where_its_first_letter_begins(qtbot: QtBot, text: str, at: Qt.AlignmentFlag) -> None:
    edit = QPlainTextEdit()
    qtbot.addWidget(edit)
    OwnSide(edit)
    edit.setPlainText(text)
    assert side(edit) == at


def test_the_composer_follows_each_prompt_and_goes_back(qtbot: QtBot) -> None:
    edit = PromptEdit()
    qtbot.addWidget(edit)
    edit.show()
    edit.insertPlainText("שלום")
    right = edit.cursorRect().x()
    assert side(edit) == Qt.AlignmentFlag.AlignRight
    edit.setPlainText("")
    assert side(edit) == Qt.AlignmentFlag.AlignLeft
    assert edit.cursorRect().x() < right


def test_a_title_keeps_its_own_order_among_other_words_and_plain_ones_stay_as_they_are() -> None:
    assert isolated("Why is the sky blue?") == "Why is the sky blue?"
    assert isolated("למה?") == "\u2068למה?\u2069"
