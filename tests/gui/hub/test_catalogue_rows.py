"""The catalogue's rows keep their shape: however wide the window, however large the text, whatever is opened."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.hub.conftest import rested
from workbench.gui import theme
from workbench.gui.hub.entry_facts import EntryFacts
from workbench.gui.hub.entry_row import EntryRow
from workbench.gui.models.ladder_view import FoldButton
from workbench.gui.window import MainWindow


def at_rest(window: MainWindow, qtbot: QtBot) -> list[EntryRow]:
    """The rows, once all that a new width asks for is done."""
    rested(window, qtbot)
    rows = window.models.catalogue.rows

    def as_high_as_needed() -> bool:
        return all(row.height() == row.heightForWidth(row.width()) for row in (*rows, *window.models.lines))

    qtbot.waitUntil(as_high_as_needed, timeout=20_000)
    return rows


def assert_in_shape(window: MainWindow, qtbot: QtBot) -> None:
    rows = at_rest(window, qtbot)
    for above, below in pairwise(rows):
        assert above.geometry().bottom() < below.geometry().top()
    for row in rows:
        assert row.parameters.geometry().right() < row.width(), row.entry.title
        room, text = row.parameters.width(), row.parameters.text()
        assert row.parameters.fontMetrics().horizontalAdvance(text) <= room, row.entry.title
        assert row.badges.geometry().right() < row.width()
    for above, below in pairwise(window.models.lines):
        assert above.geometry().bottom() < below.geometry().top()


@pytest.mark.parametrize("widths", [(900, 1920), (640, 1920, 640)])
def test_rows_never_overlap_however_the_window_is_drawn_out(
    shown: MainWindow, widths: tuple[int, ...], qtbot: QtBot
) -> None:
    for width in widths:
        shown.resize(width, 900)
        assert_in_shape(shown, qtbot)


def test_an_opened_row_keeps_its_shape_with_larger_text(shown: MainWindow, qtbot: QtBot, qapp: QApplication) -> None:
    shown.models.lines[0].toggle()
    for width, scale in ((1920, 1.0), (1280, 1.5), (1280, 1.0), (700, 1.5)):
        theme.apply(qapp, "light", scale)
        shown.resize(width, 900)
        assert_in_shape(shown, qtbot)
        (row,) = shown.models.catalogue.opened
        facts = row.findChild(EntryFacts)
        assert isinstance(facts, EntryFacts)
        assert facts.mapTo(row, QPoint()).x() == row.button.x() + FoldButton.INSET, "it stands under the title"


def test_larger_text_leaves_nothing_behind_when_it_is_small_again(
    shown: MainWindow, qtbot: QtBot, qapp: QApplication
) -> None:
    shown.resize(1280, 900)
    before = [(row.context.geometry(), row.badges.geometry()) for row in at_rest(shown, qtbot)]
    theme.apply(qapp, "light", 1.5)
    at_rest(shown, qtbot)
    theme.apply(qapp, "light", 1.0)
    at_rest(shown, qtbot)
    qtbot.waitUntil(
        lambda: [(row.context.geometry(), row.badges.geometry()) for row in at_rest(shown, qtbot)] == before
    )
