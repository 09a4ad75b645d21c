"""The line above the panes: words where there is room, icons where there is less, the rest in a menu."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QFrame, QPushButton
from pytestqt.qtbot import QtBot

from workbench.gui import theme
from workbench.gui.compare.toolbar import CompareBar
from workbench.gui.theme import Space


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication) -> CompareBar:
    theme.apply(qapp, "light", 1.0)
    made = CompareBar()
    qtbot.addWidget(made)
    for number in range(6):
        made.add_button(f"Part {number}", "plus", "What it does", checkable=number == 5)
    made.resize(1400, 40)
    made.show()
    return made


def buttons(bar: CompareBar) -> list[QPushButton]:
    return [found for found in bar.findChildren(QPushButton) if found.isVisible()]


def test_parts_stand_in_the_order_they_were_added_before_the_options(bar: CompareBar) -> None:
    shown = sorted(buttons(bar), key=lambda button: button.x())
    assert [button.text().strip() for button in shown[3:]] == [*(f"Part {number}" for number in range(6)), "Options"]
    assert bar.more.isHidden()


def test_the_tab_key_meets_them_in_the_order_they_stand(bar: CompareBar) -> None:
    bar.new.setFocus()
    met = [bar.new]
    for _ in range(8):
        bar.focusNextChild()
        found = bar.focusWidget()
        assert isinstance(found, QPushButton)
        met.append(found)
    places = [button.x() for button in met]
    assert places == sorted(places)


def test_without_room_for_words_the_icons_keep_their_names(bar: CompareBar) -> None:
    bar.resize(560, 40)
    assert all(button.text() == "" and button.accessibleName() for button in buttons(bar))
    assert bar.more.isHidden()


def test_what_even_icons_have_no_room_for_is_in_the_menu_and_works(bar: CompareBar, qtbot: QtBot) -> None:
    bar.resize(bar.minimumSizeHint().width(), 40)
    assert bar.more.isVisible()
    assert all(button.x() + button.width() <= bar.width() for button in buttons(bar))
    bar.folded.aboutToShow.emit()
    last = bar.folded.actions()[-1]
    assert last.text() == "Part 5"
    part = next(found for found in bar.findChildren(QPushButton) if found.accessibleName() == "Part 5")
    with qtbot.waitSignal(part.toggled):
        last.trigger()
    bar.resize(1400, 40)
    assert bar.more.isHidden()
    assert part.isVisible()


def test_a_line_parts_the_groups_and_goes_with_its_group(bar: CompareBar) -> None:
    first = bar.add_button("Apart", "plus", "Begins a group", apart=True)
    rules = [found for found in bar.findChildren(QFrame) if found.property("role") == "rule"]
    QApplication.processEvents()
    assert sorted(rule.isVisible() for rule in rules) == [True, True]
    assert any(bar.add.x() > rule.x() > bar.conversations.x() for rule in rules)
    assert any(0 < first.x() - rule.x() <= rule.width() + Space.XS for rule in rules)
    bar.resize(bar.minimumSizeHint().width(), 40)
    assert not first.isVisible()
    assert sorted(rule.isVisible() for rule in rules) == [False, True]
