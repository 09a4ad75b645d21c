"""The panes as a whole: columns, tabs, one alone, keys, and what is remembered."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage, slow
from workbench.engine.base import Sampling
from workbench.gui import reading
from workbench.gui.compare.columns import Columns
from workbench.gui.compare.record import PaneSettings

CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


def with_panes(open_page: OpenPage, count: int, **others: object) -> Opened:
    opened = open_page(**others)
    opened.choose(*([ALPHA, BETA] * 4)[:count])
    opened.page.activateWindow()
    opened.qtbot.waitUntil(opened.page.isActiveWindow)
    return opened


def seen(opened: Opened) -> list[int]:
    return [number for number, view in enumerate(opened.views, 1) if view.isVisible()]


@pytest.mark.parametrize(("count", "groups"), [(2, [2]), (4, [4]), (5, [3, 2]), (6, [3, 3]), (7, [4, 3]), (8, [4, 4])])
def test_more_than_four_panes_are_in_tabs_of_groups(open_page: OpenPage, count: int, groups: list[int]) -> None:
    opened = with_panes(open_page, count)
    row = opened.page.row
    assert [len(group) for group in row.groups] == groups
    assert row.tabs.isVisible() == (len(groups) > 1)
    assert [view for group in row.groups for view in group] == opened.views
    assert seen(opened) == list(range(1, groups[0] + 1))


def test_tabs_name_their_models_and_the_keyboard_turns_them(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = with_panes(open_page, 5)
    row = opened.page.row
    assert [row.tabs.tabText(index) for index in range(2)] == [
        f"1–3: {ALPHA}, {BETA}, {ALPHA}",
        f"4–5: {BETA}, {ALPHA}",
    ]
    qtbot.keyClick(opened.page.composer.edit, Qt.Key.Key_PageDown, CTRL)
    assert seen(opened) == [4, 5]
    assert opened.views[3].header.model.hasFocus()
    qtbot.keyClick(opened.views[3].header.model, Qt.Key.Key_PageUp, CTRL)
    assert seen(opened) == [1, 2, 3]


def test_with_a_pane_closed_the_others_need_no_more_room_than_they_are(open_page: OpenPage) -> None:
    opened = with_panes(open_page, 4)
    opened.page.resize(900, 700)
    QApplication.processEvents()
    opened.page.close_pane(opened.panes[-1])
    QApplication.processEvents()
    scroll = opened.page.row.findChildren(Columns)[0]
    assert scroll.horizontalScrollBar().maximum() == 0
    assert len(seen(opened)) == 3


def test_a_number_leads_to_its_pane_in_whatever_tab(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = with_panes(open_page, 8)
    qtbot.keyClick(opened.page.composer.edit, Qt.Key.Key_7, ALT)
    assert opened.views[6].header.model.hasFocus()
    assert seen(opened) == [5, 6, 7, 8]
    qtbot.keyClick(opened.views[6].header.model, Qt.Key.Key_1, ALT)
    assert seen(opened) == [1, 2, 3, 4]


def test_the_next_pane_is_one_key_away_round_and_round(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = with_panes(open_page, 5)
    opened.page.row.focus_pane(1)
    met = []
    for _ in range(5):
        focused = QApplication.focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_F6)
        met.append(opened.page.row.in_use)
    ids = [pane.id for pane in opened.panes]
    assert met == [*ids[1:], ids[0]]


def test_closing_panes_takes_the_tabs_away_again(open_page: OpenPage) -> None:
    opened = with_panes(open_page, 5)
    opened.page.row.focus_pane(5)
    opened.page.close_pane(opened.panes[0])
    assert seen(opened) == [1, 2, 3, 4]
    assert opened.page.row.tabs.isHidden()


def test_a_double_click_gives_one_pane_all_the_room_while_the_others_go_on(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = with_panes(open_page, 3, backend=slow())
    opened.send("Count.")
    opened.until_written(0, 1, 2)
    header = opened.views[1].header
    qtbot.mouseDClick(header, Qt.MouseButton.LeftButton, pos=QPoint(3, 3))
    assert seen(opened) == [2]
    assert header.back.isVisible()
    before = len(opened.panes[0].text)
    opened.until(lambda: len(opened.panes[0].text) > before)
    qtbot.keyClick(header.model, Qt.Key.Key_Escape)
    assert seen(opened) == [1, 2, 3]
    opened.until(lambda: opened.last(0).text.raw_text == opened.panes[0].text)
    opened.page.stop_all()
    opened.until_quiet()


def test_the_pane_in_use_is_shown_alone_by_key_and_menu(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = with_panes(open_page, 6)
    opened.page.row.focus_pane(5)
    qtbot.keyClick(opened.views[4].header.model, Qt.Key.Key_F, CTRL | SHIFT)
    assert seen(opened) == [5]
    assert opened.page.row.tabs.isHidden()
    opened.views[4].one_action.trigger()
    assert seen(opened) == [4, 5, 6]


def test_closing_the_pane_that_is_alone_shows_the_others(open_page: OpenPage) -> None:
    opened = with_panes(open_page, 3)
    opened.page.row.focus_one(opened.panes[1].id)
    opened.page.close_pane(opened.panes[1])
    assert seen(opened) == [1, 2]


def test_handles_stay_where_they_were_left_for_so_many_panes(open_page: OpenPage) -> None:
    opened = with_panes(open_page, 2)
    splitter = opened.page.row._groups[0].splitter
    splitter.moveSplitter(600, 1)
    left = splitter.sizes()
    assert left[0] > 1.5 * left[1]
    opened.page.add_pane()
    equal = opened.page.row._groups[0].splitter.sizes()
    assert max(equal) - min(equal) <= 2
    opened.close()
    again = open_page()
    again.choose(ALPHA, BETA)
    sizes = again.page.row._groups[0].splitter.sizes()
    assert sizes[0] == pytest.approx(left[0], abs=8)


def test_linked_scrolling_is_remembered(open_page: OpenPage) -> None:
    opened = with_panes(open_page, 2)
    assert not opened.page.row.linked.on
    opened.page.keys.linked.click()
    assert opened.page.keys.linked.isChecked()
    opened.close()
    again = open_page().page
    assert again.keys.linked.isChecked()
    assert again.row.linked.on


def test_the_wheel_with_ctrl_makes_answers_larger_and_nothing_else(open_page: OpenPage, qapp: QApplication) -> None:
    opened = with_panes(open_page, 1)
    opened.ask("Hello")
    text, composer = opened.last(0).text, opened.page.composer.edit
    before, other = text.font().pointSizeF(), composer.font().pointSizeF()
    place = QPointF(5, 5)
    turned = QWheelEvent(
        place, text.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, CTRL,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    qapp.sendEvent(text.viewport(), turned)
    assert text.font().pointSizeF() == pytest.approx(1.1 * before)
    assert composer.font().pointSizeF() == other
    opened.close()
    reading.set_zoom(1.0)
    open_page()
    assert reading.zoom() == 1.0


def test_what_a_pane_does_differently_is_marked_in_its_head(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA, ALPHA)
    first, second = opened.views
    assert first.header.own.isHidden()
    opened.page.record.configure(opened.panes[1], PaneSettings(512, None, None, sampling=Sampling(temperature=0)))
    opened.page._draw_all()
    assert second.header.own.isVisible()
    assert "temperature 0" in second.header.own.toolTip()
    assert "context 512" in second.header.own.accessibleName()
    assert second.header.own.text() == "temperature 0"
    assert "temperature 0" in second.accessibleName()
    assert first.header.own.isHidden()
