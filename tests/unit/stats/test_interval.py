"""Rates and their intervals, beside published values."""

from __future__ import annotations

import math

import pytest

from workbench.stats.interval import wilson, z_of


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (7, 50, 0.069508, 0.261862),
        (41, 50, 0.692039, 0.902298),
        (50, 50, 0.928652, 1.0),
        (0, 30, 0.0, 0.113513),
        (137, 164, 0.771063, 0.884317),
    ],
)
def test_wilson_s_interval_has_its_known_values(successes, trials, low, high):
    found = wilson(successes, trials)
    assert found.low == pytest.approx(low, abs=5e-7)
    assert found.high == pytest.approx(high, abs=5e-7)
    assert found.estimate == successes / trials


def test_without_trials_nothing_is_known():
    found = wilson(0, 0)
    assert math.isnan(found.estimate)
    assert (found.low, found.high) == (0.0, 1.0)


def test_z_of_the_usual_level():
    assert z_of(0.95) == pytest.approx(1.959963985)
