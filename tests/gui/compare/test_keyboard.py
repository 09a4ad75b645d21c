"""The Compare page by keyboard alone: Tab reaches each control in the order it is read, Escape closes what opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.engine.base import Adapter
from workbench.engine.fake import FakeBackend, Thought, say
from workbench.gui.compare.dialogs import PaneSettingsDialog
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.compare.footing_dialog import FootingDialog
from workbench.gui.widgets.tab_order import ReadInOrder

INTERACTIVE = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTextBrowser)


def answered(open_page: OpenPage) -> Opened:
    opened = open_page(FakeBackend(say([Thought("Let me see."), "Be", "cause."])))
    opened.choose(ALPHA, BETA)
    opened.page.panel.alternatives.setValue(3)
    opened.page.toggle_options()
    opened.page.panel.form.kind.setCurrentIndex(1)
    opened.ask("Why?")
    opened.last(0).thinking.button.click()
    return opened


@pytest.fixture
def read(open_page: OpenPage) -> Iterator[Opened]:
    """In a window, as in the program: what is around the page says in which order it is read."""
    opened = answered(open_page)
    window = ReadInOrder()
    QVBoxLayout(window).addWidget(opened.page)
    window.resize(opened.page.size())
    window.show()
    opened.page.setFocus()
    yield opened
    opened.page.setParent(None)  # it closes as the pages of all tests do


def controls(parent: QWidget) -> set[QWidget]:
    found = {one for kind in INTERACTIVE for one in parent.findChildren(kind) if one.isVisible() and one.isEnabled()}
    return {one for one in found if not isinstance(one.parentWidget(), QAbstractSpinBox | QComboBox)}


def walked(parent: QWidget) -> list[QWidget]:
    """What the Tab key meets, in its order, until it comes round."""
    met: list[QWidget] = []
    for _ in range(2 * len(parent.findChildren(QWidget))):
        parent.focusNextChild()
        now = parent.focusWidget()
        if now is None or (met and now is met[0]):
            break
        met.append(now)
    return met


def name(widget: QWidget) -> str:
    return widget.accessibleName() or (widget.text() if isinstance(widget, QAbstractButton) else "")


def test_tab_reaches_every_control_of_the_page_and_each_has_a_name(read: Opened) -> None:
    page = read.page
    missed = controls(page) - set(walked(page))
    assert not missed, [(type(one).__name__, name(one)) for one in missed]
    assert not [type(one).__name__ for one in controls(page) if not name(one).strip()]


def test_an_answer_s_controls_come_in_the_order_they_are_read(read: Opened) -> None:
    read.last(0).sure.click()
    for view in (read.last(0), read.last(1)):
        met = [one for one in walked(read.page) if view.isAncestorOf(one)]
        assert len(met) > 4
        assert all(is_before(first, second, view) for first, second in pairwise(met)), [name(one) for one in met]


def is_before(first: QWidget, second: QWidget, view: ExchangeView) -> bool:
    one, other = (widget.mapTo(view, QPoint(0, 0)) for widget in (first, second))
    return one.y() < other.y() or (one.y() == other.y() and one.x() < other.x())


def pane_settings(opened: Opened) -> QDialog:
    opened.page.settings(opened.panes[0])
    dialog = next(found for found in QApplication.topLevelWidgets() if isinstance(found, PaneSettingsDialog))
    for name in ("first.gguf", "second.gguf"):
        dialog.adapters.add(Adapter(opened.bench.paths.models / name, 0.5))
    return dialog


def footing(opened: Opened) -> QDialog:
    opened.last(0).asked.click()
    return next(found for found in QApplication.topLevelWidgets() if isinstance(found, FootingDialog))


@pytest.mark.parametrize("opener", [pane_settings, footing])
def test_dialogs_are_walked_with_tab_and_closed_with_escape(
    opener: Callable[[Opened], QDialog], open_page: OpenPage, qtbot: QtBot
) -> None:
    dialog = opener(answered(open_page))
    qtbot.waitUntil(dialog.isVisible)
    missed = controls(dialog) - set(walked(dialog))
    assert not missed, [(type(one).__name__, name(one)) for one in missed]
    assert all(name(one).strip() for one in controls(dialog))
    with qtbot.waitSignal(dialog.rejected):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
