"""Several panes, one prompt: what runs, what stops, what stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.chat.comparison import MAX_PANES
from workbench.chat.options import Options
from workbench.chat.pane import PaneState
from workbench.chat.plan import RunMode
from workbench.engine.base import Message, Sampling
from workbench.engine.fake import FakeBackend, endless, fake_model, say
from workbench.errors import GenerationError, ModelLoadError, UsageError
from workbench.jobs import JobFinished, JobUpdate, run


def test_every_pane_answers_the_same_prompt(drive):
    driven = drive(FakeBackend(say(["Hel", "lo."])), panes=3)
    driven.comparison.ask("Greet me.")
    driven.until_quiet()
    answers = [pane.exchanges[-1].answer for pane in driven.comparison.panes]
    assert [answer.text for answer in answers] == ["Hello."] * 3
    assert {answer.stop_reason for answer in answers} == {"end"}
    assert [answer.model for answer in answers] == ["model-0", "model-1", "model-2"]
    assert all(pane.state is PaneState.READY for pane in driven.comparison.panes)


def test_a_follow_up_carries_the_pane_s_own_history_and_the_system_prompt(drive):
    driven = drive(FakeBackend(say(["Blue."])), panes=1)
    driven.comparison.options = Options(system="Be brief.")
    driven.comparison.ask("Which colour?")
    driven.until_quiet()
    driven.comparison.ask("Why?")
    driven.until_quiet()
    assert driven.backend.requests[-1].messages == (
        Message("system", "Be brief."),
        Message("user", "Which colour?"),
        Message("assistant", "Blue."),
        Message("user", "Why?"),
    )
    assert driven.backend.opened == 1, "the model stays loaded between turns"


def test_stopping_one_pane_keeps_its_text_and_leaves_the_others_alone(drive):
    driven = drive(FakeBackend(endless), panes=2)
    driven.comparison.options = Options(mode=RunMode.TOGETHER)
    first, second = driven.comparison.panes
    driven.comparison.ask("Go on.")
    driven.until(lambda: bool(first.text and second.text))
    driven.comparison.stop(first)
    assert first.state is PaneState.STOPPING
    driven.until(lambda: not first.busy)
    assert first.exchanges[-1].answer.stop_reason == "cancelled"
    assert first.exchanges[-1].answer.text.startswith("word0 ")
    assert second.busy
    driven.comparison.stop()
    driven.until_quiet()
    assert second.exchanges[-1].answer.stop_reason == "cancelled"


def test_stopping_all_also_ends_the_panes_that_were_still_waiting(drive):
    driven = drive(FakeBackend(endless), panes=3)
    driven.comparison.options = Options(mode=RunMode.IN_TURN)
    driven.comparison.ask("Go on.")
    driven.until(lambda: bool(driven.comparison.panes[0].text))
    driven.comparison.stop()
    driven.until_quiet()
    assert [pane.exchanges[-1].answer.stop_reason for pane in driven.comparison.panes] == ["cancelled"] * 3
    assert len(driven.backend.requests) == 1, "panes that waited were never asked"


def test_in_turn_only_one_pane_answers_at_a_time(drive):
    driven = drive(FakeBackend(say(["a", "b", "c"])), panes=3)
    driven.comparison.options = Options(mode=RunMode.IN_TURN)
    driven.comparison.ask("Count.")
    driven.until_quiet()
    order = [message.job_id for message in driven.seen]
    assert order == sorted(order), "messages of the three jobs never interleave"
    assert driven.backend.live == 3, "all stay loaded"


def test_swapping_keeps_one_model_in_memory_at_a_time(drive):
    backend = FakeBackend(say(["x"]))
    most = 0
    driven = drive(backend, panes=3)
    driven.comparison.options = Options(mode=RunMode.SWAP)
    driven.comparison.ask("One at a time.")
    while driven.comparison.busy:
        driven.comparison.deliver(driven.messages.get(timeout=60))
        most = max(most, backend.live)
    assert most == 1
    assert [pane.exchanges[-1].answer.text for pane in driven.comparison.panes] == ["x"] * 3
    assert [pane.loaded for pane in driven.comparison.panes] == [False, False, True]


def test_models_that_do_not_fit_together_are_swapped_without_being_asked(drive):
    driven = drive(FakeBackend(say(["x"])))
    for name in ("big-a", "big-b"):
        driven.comparison.choose(driven.comparison.add_pane(), fake_model(name, size_bytes=9 * 10**9))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert driven.comparison.plan.mode is RunMode.SWAP
    assert any("fit" in reason for reason in driven.comparison.plan.reasons)
    assert [pane.exchanges[-1].answer.error for pane in driven.comparison.panes] == [None, None]


def test_a_model_that_is_too_big_is_refused_before_loading_and_the_others_answer(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    driven.comparison.choose(driven.comparison.add_pane(), fake_model("huge", size_bytes=90 * 10**9))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    small, huge = (pane.exchanges[-1].answer for pane in driven.comparison.panes)
    assert small.error is None
    assert huge.error.code == "does_not_fit"
    assert "GB" in huge.error.message
    assert huge.error.hint
    assert driven.backend.opened == 1


def test_a_failed_load_is_shown_in_its_pane_and_can_be_tried_again(drive):
    backend = FakeBackend(load_error=ModelLoadError("No.", hint="Try another file."))
    driven = drive(backend, panes=1)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    pane = driven.comparison.panes[0]
    assert pane.state is PaneState.FAILED
    assert (pane.problem.message, pane.problem.hint) == ("No.", "Try another file.")
    backend.load_error = None
    driven.comparison.regenerate(pane)
    driven.until_quiet()
    assert pane.state is PaneState.READY
    assert [exchange.prompt for exchange in pane.exchanges] == ["Hello"]


def test_an_answer_that_breaks_off_keeps_what_was_written_and_names_the_failure(drive):
    class Breaks(FakeBackend):
        pass

    def breaking(_: object):
        yield "half"
        raise GenerationError("The engine failed.", hint="Ask again.")

    driven = drive(Breaks(breaking), panes=1)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    answer = driven.comparison.panes[0].exchanges[-1].answer
    assert answer.text == "half"
    assert answer.stop_reason == "error"
    assert answer.error.code == "generation"


@pytest.mark.logs_errors
def test_a_fault_of_ours_is_an_unexpected_error_without_a_traceback(drive):
    def broken(_: object):
        yield "a"
        raise ZeroDivisionError

    driven = drive(FakeBackend(broken), panes=1)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    error = driven.comparison.panes[0].exchanges[-1].answer.error
    assert error.code == "unexpected"
    assert "ZeroDivisionError" in error.message
    assert "Traceback" not in error.message


@pytest.mark.parametrize("prompt", ["", "  \n"])
def test_an_empty_prompt_is_refused(drive, prompt):
    with pytest.raises(UsageError, match="empty"):
        drive(panes=1).comparison.ask(prompt)


def test_asking_without_a_model_says_what_to_do(drive):
    driven = drive()
    driven.comparison.add_pane()
    with pytest.raises(UsageError) as refused:
        driven.comparison.ask("Hello")
    assert "Choose a model" in refused.value.hint


def test_regenerating_replaces_the_answer_and_repeats_the_prompt(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    pane = driven.comparison.panes[0]
    driven.comparison.regenerate(pane)
    driven.until_quiet()
    assert len(pane.exchanges) == 1
    assert driven.backend.requests[0].messages == driven.backend.requests[1].messages


def test_unloading_frees_the_engine_and_the_next_question_loads_it_again(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert pane.loaded
    driven.comparison.unload(pane)
    driven.until_quiet()
    assert (pane.loaded, driven.backend.live) == (False, 0)
    driven.comparison.ask("Again")
    driven.until_quiet()
    assert pane.exchanges[-1].answer.text == "x"


def test_another_context_length_loads_the_model_anew(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    pane = driven.comparison.panes[0]
    driven.comparison.ask("Hello")
    driven.until_quiet()
    driven.comparison.choose(pane, pane.model, n_ctx=2048)
    driven.until_quiet()
    assert not pane.loaded
    driven.comparison.ask("Again")
    driven.until_quiet()
    assert pane.exchanges[-1].answer.context == 2048


def test_closing_a_pane_stops_its_answer_and_frees_its_engine(drive):
    driven = drive(FakeBackend(endless), panes=2)
    driven.comparison.options = Options(mode=RunMode.TOGETHER)
    closing, other = driven.comparison.panes
    driven.comparison.ask("Go on.")
    driven.until(lambda: bool(closing.text and other.text))
    driven.comparison.remove_pane(closing)
    driven.until(lambda: driven.backend.closed == 1)
    assert driven.comparison.panes == [other]
    assert other.busy
    driven.comparison.stop()
    driven.until_quiet()


def test_a_prompt_longer_than_the_context_is_refused_with_both_counts(drive):
    driven = drive(panes=1)
    driven.comparison.choose(driven.comparison.panes[0], driven.comparison.panes[0].model, n_ctx=256)
    driven.comparison.ask("word " * 300)
    driven.until_quiet()
    error = driven.comparison.panes[0].exchanges[-1].answer.error
    assert error.code == "context_overflow"
    assert "301" in error.message
    assert "256" in error.message


def test_the_same_seed_and_sampling_are_sent_and_reported(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    driven.comparison.options = replace(driven.comparison.options, sampling=Sampling(temperature=0.2, seed=7))
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert {pane.exchanges[-1].answer.seed for pane in driven.comparison.panes} == {7}
    assert {request.sampling.temperature for request in driven.backend.requests} == {0.2}


def test_processor_cores_are_divided_between_panes_that_answer_together(drive):
    driven = drive(FakeBackend(say(["x"])), panes=2)
    driven.comparison.options = Options(mode=RunMode.TOGETHER)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    cores = driven.comparison._machine().cpu.usable_cores
    assert {request.n_threads for request in driven.backend.requests} == {cores // 2}


def test_every_job_ends_with_exactly_one_last_message(drive):
    driven = drive(FakeBackend(say(["a", "b"])), panes=2)
    driven.comparison.ask("Hello")
    driven.until_quiet()
    ended = [message.job_id for message in driven.seen if isinstance(message, JobFinished)]
    assert sorted(ended) == sorted({message.job_id for message in driven.seen})
    for job_id in ended:
        last = [message for message in driven.seen if message.job_id == job_id][-1]
        assert not isinstance(last, JobUpdate)


def test_tokens_of_the_next_prompt_are_counted_once_the_model_is_loaded(drive):
    driven = drive(FakeBackend(say(["x"])), panes=1)
    pane = driven.comparison.panes[0]
    assert run(driven.comparison.counting(pane, "two words")) is None
    driven.comparison.ask("Hello")
    driven.until_quiet()
    assert run(driven.comparison.counting(pane, "two words")) == 2 + 2 + 3


def test_a_ninth_pane_is_refused(drive):
    with pytest.raises(UsageError, match=str(MAX_PANES)):
        drive(panes=MAX_PANES + 1)
