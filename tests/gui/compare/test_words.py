"""Figures as they are said."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from workbench.chat.plan import RunMode, RunPlan
from workbench.gui.compare import words
from workbench.gui.compare.run_plan import RunLine


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(0.4, "0 ms"), (94, "94 ms"), (96, "0.1 s"), (812, "0.8 s"), (12_300, "12 s")]
)
def test_durations(milliseconds: float, said: str) -> None:
    assert words.duration(milliseconds).replace(words.NARROW_SPACE, " ") == said


@pytest.mark.parametrize(("n_ctx", "said"), [(8192, "8k"), (4096, "4k"), (1000, "1,000"), (512, "512")])
def test_contexts(n_ctx: int, said: str) -> None:
    assert words.context_words(n_ctx) == said


def test_the_plan_is_said_with_its_reasons(qtbot: QtBot) -> None:
    line = RunLine()
    qtbot.addWidget(line)
    why = "3 models share 2 processor cores: one answers at a time"
    line.draw(3, RunPlan(RunMode.IN_TURN, (why, "another reason")))
    assert line.text() == f"Run: in turn ▾ {why}; another reason"


def test_with_one_model_there_is_no_plan_to_say(qtbot: QtBot) -> None:
    line = RunLine()
    qtbot.addWidget(line)
    line.draw(1, RunPlan(RunMode.TOGETHER, ("Together they need 602 MB",)))
    assert line.text() == ""
