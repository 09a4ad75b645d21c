"""Figures as they are said."""

from __future__ import annotations

import pytest

from workbench.chat.plan import RunMode, RunPlan
from workbench.gui.compare import words
from workbench.gui.compare.composer import plan_words


@pytest.mark.parametrize(
    ("milliseconds", "said"), [(0.4, "0 ms"), (94, "94 ms"), (96, "0.1 s"), (812, "0.8 s"), (12_300, "12 s")]
)
def test_durations(milliseconds: float, said: str) -> None:
    assert words.duration(milliseconds).replace(words.NARROW_SPACE, " ") == said


@pytest.mark.parametrize(("n_ctx", "said"), [(8192, "8k"), (4096, "4k"), (1000, "1,000"), (512, "512")])
def test_contexts(n_ctx: int, said: str) -> None:
    assert words.context_words(n_ctx) == said


def test_the_plan_is_said_with_its_reasons() -> None:
    plan = RunPlan(RunMode.IN_TURN, ("3 models share 2 processor cores: one answers at a time",))
    assert plan_words(plan) == "In turn: 3 models share 2 processor cores: one answers at a time"


def test_a_reason_that_names_the_plan_stands_alone() -> None:
    assert plan_words(RunPlan(RunMode.TOGETHER, ("Together they need 602 MB",))) == "Together they need 602 MB"
