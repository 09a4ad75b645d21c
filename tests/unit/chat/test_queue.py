"""Prompts that wait for each other, models that are warmed up, and panes with wishes of their own."""

from __future__ import annotations

from dataclasses import replace

from workbench.chat.footing import differences
from workbench.chat.options import Options
from workbench.chat.pane import PaneState
from workbench.chat.plan import RunMode
from workbench.engine.base import Message, Sampling
from workbench.engine.fake import FakeBackend, endless, fake_model, say
from workbench.errors import GenerationError, ModelLoadError
from workbench.hardware.power import PowerWatch


def prompts_of(backend: FakeBackend) -> list[str]:
    return [request.messages[-1].content for request in backend.requests]


def test_a_prompt_sent_while_panes_answer_waits_and_is_sent_when_all_are_quiet(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    assert driven.comparison.ask("first")
    assert not driven.comparison.ask("second")
    assert not driven.comparison.ask("third")
    assert driven.comparison.queue == ("second", "third")
    driven.until_quiet()
    assert driven.comparison.queue == ()
    assert [one.prompt for one in driven.comparison.panes[0].exchanges] == ["first", "second", "third"]
    assert all(one.answer is not None for pane in driven.comparison.panes for one in pane.exchanges)
    first = [prompts_of(driven.backend).index(prompt) for prompt in ("first", "second", "third")]
    assert first == sorted(first)


def test_what_is_queued_can_be_taken_away_and_put_elsewhere(drive):
    driven = drive(FakeBackend(endless), panes=1)
    for prompt in ("now", "b", "c", "d"):
        driven.comparison.ask(prompt)
    driven.comparison.move(2, 0)
    assert driven.comparison.queue == ("d", "b", "c")
    assert driven.comparison.unqueue(1) == "b"
    assert driven.comparison.queue == ("d", "c")


def test_stopping_all_holds_the_queue_back_until_somebody_says_go_on(drive):
    backend = FakeBackend(endless)
    driven = drive(backend, panes=2)
    driven.comparison.ask("now")
    driven.comparison.ask("later")
    driven.comparison.stop()
    driven.until_quiet()
    assert driven.comparison.queue == ("later",)
    assert driven.comparison.paused
    backend.script = say(["x"])
    driven.comparison.ask("between")
    driven.until_quiet()
    assert driven.comparison.queue == ("later",), "what is sent by hand meanwhile goes at once, the queue stays"
    driven.comparison.go_on()
    driven.until_quiet()
    assert [one.prompt for one in driven.comparison.panes[0].exchanges] == ["now", "between", "later"]
    assert not driven.comparison.paused


def test_stopping_one_pane_lets_the_queue_go_on(drive):
    backend = FakeBackend(endless)
    driven = drive(backend, panes=1)
    driven.comparison.ask("now")
    driven.comparison.ask("later")
    driven.until(lambda: bool(driven.comparison.panes[0].text))
    backend.script = say(["x"])
    driven.comparison.stop(driven.comparison.panes[0])
    driven.until_quiet()
    assert driven.comparison.panes[0].exchanges[-1].answer.text == "x"


def test_one_pane_that_fails_does_not_stop_the_queue(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    driven.comparison.choose(driven.comparison.add_pane(), fake_model("huge", size_bytes=90 * 10**9))
    for prompt in ("a", "b", "c"):
        driven.comparison.ask(prompt)
    driven.until_quiet()
    good, huge = driven.comparison.panes
    assert [one.answer.text for one in good.exchanges] == ["x"] * 3
    assert all(one.answer.error is not None for one in huge.exchanges)


def test_when_all_panes_fail_the_queue_is_kept(drive):
    driven = drive(FakeBackend(answer_error=GenerationError("It broke.")), panes=2)
    for prompt in ("a", "b", "c"):
        driven.comparison.ask(prompt)
    driven.until_quiet()
    assert driven.comparison.queue == ("c",), "the first of the queue is tried, the others would fail, too"
    assert driven.comparison.paused


def test_closing_panes_at_any_moment_leaves_the_queue_and_the_others_alone(drive):
    backend = FakeBackend(endless)
    driven = drive(backend, panes=3)
    driven.comparison.options = Options(mode=RunMode.IN_TURN)
    driven.comparison.ask("now")
    driven.comparison.ask("later")
    first, second, third = driven.comparison.panes
    driven.until(lambda: bool(first.text))
    driven.comparison.remove_pane(second)  # it waits
    backend.script = say(["x"])
    driven.comparison.remove_pane(first)  # it answers
    driven.until_quiet()
    assert driven.comparison.panes == [third]
    assert [one.prompt for one in third.exchanges] == ["now", "later"]


def test_a_queue_without_panes_waits(drive):
    driven = drive(FakeBackend(endless), panes=1)
    driven.comparison.ask("now")
    driven.comparison.ask("later")
    driven.comparison.remove_pane(driven.comparison.panes[0])
    driven.until_quiet()
    assert (driven.comparison.queue, driven.comparison.paused) == (("later",), True)


def test_while_something_else_has_the_machine_everything_waits(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    driven.comparison.hold(held=True)
    assert not driven.comparison.ask("later")
    assert not driven.comparison.busy
    driven.comparison.hold(held=False)
    driven.until_quiet()
    assert driven.comparison.panes[0].exchanges[-1].answer.text == "x"


# --- waiting ---------------------------------------------------------------------------------


def test_a_pane_that_waits_says_for_whom_and_how_long_once_that_was_measured(drive):
    driven = drive(FakeBackend(say(["a "] * 30), tokens_per_s=300), panes=3)
    driven.comparison.options = Options(mode=RunMode.IN_TURN)
    driven.comparison.ask("Count.")
    first, second, third = driven.comparison.panes
    assert first.waiting is None
    assert second.waiting.for_ == first.model.title
    assert third.waiting.for_ == f"{first.model.title} and {second.model.title}"
    assert third.waiting.about_s is None, "nothing was measured yet: no figure is made up"
    driven.until_quiet()
    assert third.waiting is None
    driven.comparison.ask("Again.")
    low, high = third.waiting.about_s
    assert 0 < high < 10
    assert low <= high
    assert second.waiting.about_s[1] < third.waiting.about_s[1]


def test_the_cost_of_each_mode_is_told_with_the_planner_s_own_choice(drive):
    driven = drive(FakeBackend(say(["a "] * 20), tokens_per_s=400), panes=2)
    before = {cost.mode: cost for cost in driven.comparison.judged().costs}
    assert list(before) == [RunMode.TOGETHER, RunMode.IN_TURN, RunMode.SWAP]
    assert all(cost.about_s is None for cost in before.values())
    driven.comparison.ask("Count.")
    driven.until_quiet()
    plan = driven.comparison.judged()
    costs = {cost.mode: cost for cost in plan.costs}
    assert plan.advised is RunMode.TOGETHER
    assert all(cost.available for cost in costs.values())
    together, in_turn = costs[RunMode.TOGETHER].about_s, costs[RunMode.IN_TURN].about_s
    assert 0 < together[0] < in_turn[0]
    assert together[1] == in_turn[1]
    assert costs[RunMode.SWAP].about_s is None, "how long a load takes is known after the first real ones"


def test_a_mode_that_is_not_to_be_had_says_why(drive):
    driven = drive(FakeBackend(say(["x"])))
    for name in ("big-a", "big-b"):
        driven.comparison.choose(driven.comparison.add_pane(), fake_model(name, size_bytes=9 * 10**9))
    plan = driven.comparison.judged()
    together, in_turn, swap = plan.costs
    assert (together.available, in_turn.available, swap.available) == (False, False, True)
    assert "do not fit in memory together" in together.why
    assert plan.advised is RunMode.SWAP


# --- warming up ------------------------------------------------------------------------------


def test_warming_loads_every_model_and_asks_nothing(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    driven.comparison.warm()
    driven.until_quiet()
    assert all(pane.loaded and pane.state is PaneState.READY for pane in driven.comparison.panes)
    assert (driven.backend.opened, driven.backend.requests) == (2, [])
    driven.comparison.warm()
    assert not driven.comparison.busy, "what is loaded stays"
    driven.comparison.ask("Now.")
    driven.until_quiet()
    assert driven.backend.opened == 2


def test_warming_where_no_model_is_chosen_does_nothing(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    driven.comparison.choose(driven.comparison.panes[0], None)
    driven.comparison.warm()
    assert not driven.comparison.busy
    assert driven.backend.opened == 0


def test_warming_a_set_that_is_swapped_loads_the_one_that_answers_first(drive):
    driven = drive(FakeBackend(say(["x"])), panes=3)
    driven.comparison.options = Options(mode=RunMode.SWAP)
    driven.comparison.warm()
    driven.until_quiet()
    assert [pane.loaded for pane in driven.comparison.panes] == [True, False, False]


def test_a_prompt_sent_while_models_warm_up_waits_for_them(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    driven.comparison.warm()
    assert not driven.comparison.ask("Now.")
    driven.until_quiet()
    assert [pane.exchanges[-1].answer.text for pane in driven.comparison.panes] == ["x", "x"]


def test_stopping_while_models_warm_up_leaves_panes_that_can_be_asked(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    driven.comparison.options = Options(mode=RunMode.IN_TURN)
    driven.comparison.warm()
    driven.comparison.remove_pane(driven.comparison.panes[1])
    driven.comparison.stop()
    driven.until_quiet()
    (pane,) = driven.comparison.panes
    assert (pane.state, pane.exchanges) == (PaneState.READY, [])
    driven.comparison.ask("Now.")
    driven.until_quiet()
    assert pane.exchanges[-1].answer.text == "x"


def test_a_model_that_cannot_be_warmed_up_says_so_and_the_others_are(drive):
    driven = drive(FakeBackend(load_error=ModelLoadError("No.")), panes=1)
    driven.comparison.warm()
    driven.until_quiet()
    (pane,) = driven.comparison.panes
    assert (pane.state, pane.problem.message) == (PaneState.FAILED, "No.")


# --- a pane's own wishes ---------------------------------------------------------------------


def test_a_pane_has_a_sampling_and_a_system_prompt_of_its_own_and_the_answers_say_so(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    driven.comparison.options = Options(system="Be brief.", sampling=Sampling(temperature=0.0, seed=7))
    first, second = driven.comparison.panes
    driven.comparison.choose(second, second.model, sampling=Sampling(temperature=1.5), system="Be long.")
    driven.comparison.ask("Hello")
    driven.until_quiet()
    by_system = {request.messages[0]: request.sampling for request in driven.backend.requests}
    assert by_system[Message("system", "Be brief.")].temperature == 0.0
    assert by_system[Message("system", "Be long.")] == replace(second.sampling, seed=7), "the seed is the shared one"
    answers = [pane.exchanges[-1].answer for pane in (first, second)]
    found = {one.what: one.values for one in differences(answers)}
    assert found["temperature"] == ("0", "1.5")
    assert found["system prompt's words"] == ("the shared ones", "its own: Be long.")
    assert answers[1].footing.sampling == "this pane's own"


def test_answers_carry_the_conditions_they_were_made_under(drive, tmp_path):
    class Plugged:
        percent = 61.6
        power_plugged = False

    driven = drive(FakeBackend(say(["x"])), panes=1, power=PowerWatch(tmp_path, Plugged))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.panes[0].exchanges[-1].answer.conditions == ("on battery (62 %)",)
