"""What is far longer than anybody reads: pasted, answered, shown."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, OpenPage
from workbench.engine.fake import FakeBackend, say
from workbench.gui.compare.composer import Composer
from workbench.gui.widgets.text_view import AT_ONCE

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
    composer.set_text("")
    assert composer.edit.wordWrapMode() == QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere


def test_a_very_long_answer_is_whole_when_it_has_ended_and_when_it_is_opened_again(open_page: OpenPage) -> None:
    piece = "Some **bold** words.\n\n"
    whole = piece * (2 * AT_ONCE // len(piece))
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
