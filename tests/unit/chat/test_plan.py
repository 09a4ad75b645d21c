"""When panes answer together, in turn, or one at a time in memory."""

from __future__ import annotations

import pytest

from tests.unit.chat.conftest import LAPTOP
from workbench.chat.plan import RunMode, plan_run, threads_for
from workbench.engine.fake import fake_model
from workbench.models.fit import fit


def fits(*sizes_bytes):
    return [fit(fake_model(f"m{n}", size_bytes=size), LAPTOP) for n, size in enumerate(sizes_bytes)]


def test_small_models_answer_together():
    assert plan_run(fits(10**8, 10**8), LAPTOP, RunMode.AUTO, panes=2).mode is RunMode.TOGETHER


@pytest.mark.parametrize("wanted", [RunMode.AUTO, RunMode.TOGETHER, RunMode.IN_TURN])
def test_models_too_big_for_each_other_are_swapped_whatever_was_wished(wanted):
    plan = plan_run(fits(9 * 10**9, 9 * 10**9), LAPTOP, wanted, panes=2)
    assert plan.mode is RunMode.SWAP
    assert plan.reasons


def test_more_models_than_cores_take_turns():
    cores = LAPTOP.cpu.usable_cores
    plan = plan_run(fits(10**7), LAPTOP, RunMode.AUTO, panes=cores + 1)
    assert plan.mode is RunMode.IN_TURN
    assert str(cores) in plan.reasons[0]


@pytest.mark.parametrize("wanted", [RunMode.TOGETHER, RunMode.IN_TURN, RunMode.SWAP])
def test_a_wish_that_can_be_met_is_met(wanted):
    assert plan_run(fits(10**8), LAPTOP, wanted, panes=1).mode is wanted


@pytest.mark.parametrize("running", [1, 2, 3])
def test_threads_never_exceed_the_cores_in_all(running):
    cores = LAPTOP.cpu.usable_cores
    threads = threads_for(LAPTOP, running=running)
    assert threads >= 1
    assert threads * running <= cores < (threads + 1) * running


def test_there_is_always_one_thread():
    assert threads_for(LAPTOP, running=100) == 1
    assert threads_for(LAPTOP, running=0) == LAPTOP.cpu.usable_cores
