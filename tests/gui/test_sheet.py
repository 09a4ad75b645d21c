"""Dialogs keep their size in step with the size of the text."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QVBoxLayout
from pytestqt.qtbot import QtBot

from workbench.gui import theme
from workbench.gui.widgets.controls import label
from workbench.gui.widgets.sheet import Sheet


@pytest.fixture(autouse=True)
def usual_text(qapp: QApplication) -> None:
    theme.apply(qapp, "light", 1.0)


def sheet(qtbot: QtBot, height: int | None) -> Sheet:
    made = Sheet(300, height)
    qtbot.addWidget(made)
    column = QVBoxLayout(made)
    made.said = label("A few words that have to be broken into lines. " * 4, wrap=True)  # type: ignore[attr-defined]
    column.addWidget(made.said)  # type: ignore[attr-defined]
    made.show()
    return made


def test_one_without_a_height_is_as_high_as_its_words_whatever_they_become(qtbot: QtBot, qapp: QApplication) -> None:
    dialog = sheet(qtbot, None)
    qtbot.waitUntil(lambda: dialog.height() == dialog.heightForWidth(300))
    before = dialog.height()
    dialog.said.setText("Short.")  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: dialog.height() < before and dialog.height() == dialog.heightForWidth(300))
    short = dialog.height()
    theme.apply(qapp, "light", 1.5)
    qtbot.waitUntil(lambda: dialog.width() == 450 and dialog.height() > short)


def test_what_the_user_made_of_its_size_stays_in_proportion(qtbot: QtBot, qapp: QApplication) -> None:
    dialog = sheet(qtbot, 200)
    assert (dialog.width(), dialog.height()) == (300, 200)
    dialog.resize(340, 300)
    theme.apply(qapp, "light", 1.5)
    assert (dialog.width(), dialog.height()) == (510, 450)
    theme.apply(qapp, "dark", 1.5)
    assert (dialog.width(), dialog.height()) == (510, 450), "only the colours are others"
