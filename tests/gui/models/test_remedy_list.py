"""What would help: steps in their order, and what is said where no step would."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from workbench.gui.models.remedy_list import RemedyList
from workbench.models.params import RunParams
from workbench.models.verdict import Measure, Remedy, Verdict

SHORTER = Remedy(Measure.SHORTER_CONTEXT, "Take 2,048 tokens", RunParams(n_ctx=2048), 5, Verdict.CPU)
SMALLER = Remedy(Measure.SMALLER_QUANTISATION, "Take Q3_K_M", None, 9, Verdict.CPU)


def shown(qtbot: QtBot) -> RemedyList:
    made = RemedyList()
    qtbot.addWidget(made)
    return made


def test_steps_are_numbered_and_tried_with_their_own_parameters(qtbot: QtBot) -> None:
    steps = shown(qtbot)
    steps.show_remedies([SHORTER, SMALLER], Verdict.TOO_BIG)
    assert "What would make it fit\n" in words(steps)
    assert "1.  Take 2,048 tokens\n2.  Take Q3_K_M" in words(steps)
    (button,) = (found for found in steps.findChildren(QPushButton) if found.isVisibleTo(steps))
    with qtbot.waitSignal(steps.tried) as tried:
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert tried.args == [SHORTER.params]


def test_steps_come_and_go_with_the_price(qtbot: QtBot) -> None:
    steps = shown(qtbot)
    steps.show_remedies([SHORTER, SMALLER], Verdict.TOO_BIG)
    steps.show_remedies([SMALLER], Verdict.SPLIT)
    assert words(steps) == "What would make it faster\n1.  Take Q3_K_M"
    steps.show_remedies([], Verdict.CPU)
    assert steps.isHidden()


def test_where_nothing_would_help_that_is_said(qtbot: QtBot) -> None:
    steps = shown(qtbot)
    steps.show_remedies([], Verdict.TOO_BIG)
    assert "Nothing that can be set would make it fit" in words(steps)
    assert "more free memory" in words(steps)
    assert not steps.isHidden()
