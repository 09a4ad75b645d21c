"""The rows of a ladder stand below each other, as high as what is in them, however the window is drawn out."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from tests.gui.models.conftest import line, settled
from workbench.app import Workbench
from workbench.gui import theme
from workbench.gui.models.rung_line import RungLine
from workbench.gui.pages.models import ModelsPage


def rows_at_rest(page: ModelsPage, qtbot: QtBot) -> list[RungLine]:
    """Every row, once all that a new width asks for is done."""
    settled(page, qtbot)

    def as_high_as_needed() -> bool:
        return all(row.height() == row.heightForWidth(row.width()) for row in page.lines)

    qtbot.waitUntil(as_high_as_needed, timeout=20_000)
    return page.lines


def assert_rows_stand_apart(rows: list[RungLine]) -> None:
    assert len(rows) > 1
    for above, below in pairwise(rows):
        assert above.geometry().bottom() < below.geometry().top(), (above.geometry(), below.geometry(), below.text)


@pytest.mark.parametrize("widths", [(900, 1920), (640, 1920, 640), (1920, 900, 1280, 700)])
def test_rows_never_overlap_however_the_window_is_drawn_out(
    priced: ModelsPage, widths: tuple[int, ...], qtbot: QtBot
) -> None:
    line(priced, "Q4_K_M").toggle()
    for width in widths:
        priced.resize(width, 900)
        assert_rows_stand_apart(rows_at_rest(priced, qtbot))


def test_rows_that_are_priced_anew_at_another_width_do_not_overlap(
    priced: ModelsPage, library: Workbench, qtbot: QtBot
) -> None:
    for width in (900, 1920):
        priced.resize(width, 900)
        priced.refresh()
        assert_rows_stand_apart(rows_at_rest(priced, qtbot))


def test_larger_text_turns_columns_into_lines_of_words(priced: ModelsPage, qtbot: QtBot, qapp: QApplication) -> None:
    priced.resize(1280, 900)
    assert not any(row.facts_narrow.isVisible() for row in rows_at_rest(priced, qtbot))
    theme.apply(qapp, "light", 1.5)
    rows = rows_at_rest(priced, qtbot)
    assert all(row.facts_narrow.isVisible() for row in rows)
    assert_rows_stand_apart(rows)


@pytest.mark.parametrize("width", [1280, 1920])
def test_the_columns_of_all_rows_stand_exactly_above_each_other(priced: ModelsPage, width: int, qtbot: QtBot) -> None:
    priced.resize(width, 900)
    rows = rows_at_rest(priced, qtbot)
    for name in ("fit", "size", "context", "speed", "loss"):
        assert len({row.cells[name].x() for row in rows}) == 1, name
    assert all(row.code.width() >= row.code.sizeHint().width() for row in rows), "and every name can be read"


def test_larger_text_leaves_nothing_behind_when_it_is_small_again(
    priced: ModelsPage, qtbot: QtBot, qapp: QApplication
) -> None:
    priced.resize(1280, 900)
    rows_at_rest(priced, qtbot)
    before = [view.state.geometry() for view in priced.views]
    theme.apply(qapp, "light", 1.5)
    rows_at_rest(priced, qtbot)
    theme.apply(qapp, "light", 1.0)
    rows_at_rest(priced, qtbot)
    assert [view.state.geometry() for view in priced.views] == before


def test_the_columns_are_titled_once_above_them_and_not_in_a_narrow_page(priced: ModelsPage, qtbot: QtBot) -> None:
    priced.resize(1280, 900)
    row = rows_at_rest(priced, qtbot)[0]
    titles = next(view.titles for view in priced.views if row in view.lines)
    found = [label for label in titles.findChildren(QLabel) if label.text()]
    assert [label.text() for label in found] == ["Memory it takes", "File", "Context", "Speed", "Quality loss"]
    above = [label.mapTo(priced, QPoint()).x() for label in found]
    assert above == [cell.value.mapTo(priced, QPoint()).x() for cell in row.cells.values()]
    priced.resize(700, 900)
    rows_at_rest(priced, qtbot)
    assert titles.isHidden()
