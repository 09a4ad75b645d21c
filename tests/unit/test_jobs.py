"""Jobs: events in order, one last message whatever happens, and cancelling that always works."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator

import pytest

from workbench.errors import Cancelled, WorkbenchError
from workbench.jobs import (
    CancelToken,
    JobFinished,
    JobMessage,
    JobRunner,
    JobState,
    JobUpdate,
    Task,
    run,
)

DEADLINE_S = 30


class Inbox:
    """Collects messages from any thread; a test waits until a job has finished."""

    def __init__(self) -> None:
        self.messages: list[JobMessage] = []
        self._changed = threading.Condition()

    def __call__(self, message: JobMessage) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def finished(self, job_id: int) -> JobFinished:
        with self._changed:
            self._changed.wait_for(lambda: self._last(job_id) is not None, DEADLINE_S)
            last = self._last(job_id)
        assert last is not None
        return last

    def updates(self, job_id: int) -> list[object]:
        return [
            message.event for message in self.messages if isinstance(message, JobUpdate) and message.job_id == job_id
        ]

    def _last(self, job_id: int) -> JobFinished | None:
        found = [message for message in self.messages if isinstance(message, JobFinished) and message.job_id == job_id]
        assert len(found) <= 1
        return found[0] if found else None


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def runner(inbox: Inbox) -> Iterator[JobRunner]:
    runner = JobRunner(inbox)
    yield runner
    runner.close()


def counting(last: int) -> Task[int, str]:
    def task(cancel: CancelToken) -> Generator[int, None, str]:
        for number in range(last):
            cancel.raise_if_cancelled()
            yield number
        return "counted"

    return task


class Endless:
    """A task that works until it is cancelled, and knows where and how it ended."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.ended_on: str | None = None

    def __call__(self, cancel: CancelToken) -> Generator[None, None, None]:
        try:
            self.started.set()
            while not cancel.wait(DEADLINE_S):
                yield
            raise Cancelled
        finally:
            self.ended_on = threading.current_thread().name


def failing(error: BaseException) -> Task[int, None]:
    def task(cancel: CancelToken) -> Generator[int, None, None]:
        yield 1
        raise error

    return task


def test_run_gives_the_events_and_the_result() -> None:
    events: list[int] = []
    assert run(counting(3), on_event=events.append) == "counted"
    assert events == [0, 1, 2]


def test_run_stops_at_the_next_joint_after_cancelling() -> None:
    token, events = CancelToken(), []

    def on_event(event: int) -> None:
        events.append(event)
        token.cancel()

    with pytest.raises(Cancelled):
        run(counting(3), cancel=token, on_event=on_event)
    assert events == [0]


def test_run_closes_the_task_when_the_listener_fails() -> None:
    closed = []

    def task(cancel: CancelToken) -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            closed.append(True)

    with pytest.raises(ZeroDivisionError):
        run(task, on_event=lambda event: event // 0)
    assert closed == [True]


def test_a_token_once_cancelled_stays_so() -> None:
    token = CancelToken()
    assert not token.wait(0)
    token.cancel()
    token.cancel()
    assert token.cancelled
    assert token.wait(DEADLINE_S)


def test_a_job_sends_its_events_in_order_and_then_its_result(runner: JobRunner, inbox: Inbox) -> None:
    job = runner.submit("count", counting(100), lane="quick")
    finished = inbox.finished(job.id)
    assert (finished.state, finished.result, finished.error) == (JobState.SUCCEEDED, "counted", None)
    assert inbox.updates(job.id) == list(range(100))
    assert inbox.messages[-1] is finished


def test_every_job_has_its_own_identity(runner: JobRunner) -> None:
    jobs = [runner.submit("count", counting(1), lane=lane) for lane in ("a", "b", "a")]
    assert len({job.id for job in jobs}) == 3


def test_a_failure_the_user_may_meet_arrives_as_it_is(runner: JobRunner, inbox: Inbox) -> None:
    error = WorkbenchError("The disk is full.", hint="Free some space.")
    finished = inbox.finished(runner.submit("fail", failing(error), lane="quick").id)
    assert (finished.state, finished.error) == (JobState.FAILED, error)


@pytest.mark.logs_errors
def test_an_unexpected_failure_arrives_too_and_is_logged(
    runner: JobRunner, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    finished = inbox.finished(runner.submit("divide", failing(ZeroDivisionError()), lane="quick").id)
    assert finished.state is JobState.FAILED
    assert isinstance(finished.error, ZeroDivisionError)
    assert "(divide) failed unexpectedly" in caplog.text


def test_a_lane_goes_on_after_a_failure(runner: JobRunner, inbox: Inbox) -> None:
    runner.submit("fail", failing(WorkbenchError("no")), lane="one")
    job = runner.submit("count", counting(1), lane="one")
    assert inbox.finished(job.id).state is JobState.SUCCEEDED


def test_cancelling_a_running_job_ends_it_on_its_own_thread(runner: JobRunner, inbox: Inbox) -> None:
    task = Endless()
    job = runner.submit("endless", task, lane="pane")
    assert task.started.wait(DEADLINE_S)
    job.cancel()
    assert inbox.finished(job.id).state is JobState.CANCELLED
    assert task.ended_on is not None
    assert task.ended_on.startswith("pane")


def half_an_answer(cancel: CancelToken) -> Generator[None, None, str]:
    yield
    cancel.wait(DEADLINE_S)
    return "half an answer" if cancel.cancelled else "a whole one"


def test_a_task_may_give_what_it_has_when_it_is_cancelled(runner: JobRunner, inbox: Inbox) -> None:
    job = runner.submit("answer", half_an_answer, lane="pane")
    job.cancel()
    finished = inbox.finished(job.id)
    assert (finished.state, finished.result) == (JobState.SUCCEEDED, "half an answer")


def test_a_job_cancelled_while_it_waits_hears_of_it_at_its_first_joint(runner: JobRunner, inbox: Inbox) -> None:
    running = runner.submit("first", Endless(), lane="one")
    waiting = [runner.submit("count", counting(9), lane="one"), runner.submit("answer", half_an_answer, lane="one")]
    for job in (*waiting, running):
        job.cancel()
    counted, answered = (inbox.finished(job.id) for job in waiting)
    assert counted.state is JobState.CANCELLED
    assert inbox.updates(counted.job_id) == []
    assert answered.result == "half an answer"


def test_a_retired_lane_finishes_what_it_has(runner: JobRunner, inbox: Inbox) -> None:
    jobs = [runner.submit("count", counting(5), lane="pane") for _ in range(3)]
    runner.retire("pane")
    runner.retire("pane")
    assert [inbox.finished(job.id).state for job in jobs] == [JobState.SUCCEEDED] * 3


def meeting(barrier: threading.Barrier) -> Task[None, None]:
    def task(cancel: CancelToken) -> Generator[None, None, None]:
        yield
        barrier.wait(DEADLINE_S)

    return task


def test_lanes_work_side_by_side(runner: JobRunner, inbox: Inbox) -> None:
    barrier = threading.Barrier(3)
    jobs = [runner.submit("meet", meeting(barrier), lane=lane) for lane in ("a", "b", "c")]
    assert {inbox.finished(job.id).state for job in jobs} == {JobState.SUCCEEDED}


def test_a_wide_lane_runs_that_many_at_once(runner: JobRunner, inbox: Inbox) -> None:
    barrier = threading.Barrier(2)
    jobs = [runner.submit("meet", meeting(barrier), lane="wide", width=2) for _ in range(2)]
    assert {inbox.finished(job.id).state for job in jobs} == {JobState.SUCCEEDED}


def test_a_lane_runs_one_after_the_other_in_the_order_submitted(runner: JobRunner, inbox: Inbox) -> None:
    jobs = [runner.submit("count", counting(20), lane="one") for _ in range(5)]
    for job in jobs:
        inbox.finished(job.id)
    order = [message.job_id for message in inbox.messages]
    assert order == sorted(order)


def test_a_runner_is_idle_when_the_last_message_has_come(runner: JobRunner, inbox: Inbox) -> None:
    seen = [runner.idle]
    job = runner.submit("endless", Endless(), lane="one")
    seen.append(runner.idle)
    job.cancel()
    inbox.finished(job.id)
    seen.append(runner.idle)
    assert seen == [True, False, True]


def test_closing_cancels_everything_and_every_job_still_says_goodbye(inbox: Inbox) -> None:
    runner = JobRunner(inbox)
    tasks = [Endless() for _ in range(4)]
    jobs = [runner.submit("endless", task, lane=f"lane {number % 2}") for number, task in enumerate(tasks)]
    runner.close()
    assert [inbox.finished(job.id).state for job in jobs] == [JobState.CANCELLED] * 4
    assert runner.idle
    runner.close()


@pytest.mark.logs_errors
def test_a_sink_that_fails_on_an_event_fails_the_job_and_closes_the_task() -> None:
    inbox, task = Inbox(), Endless()

    def sink(message: JobMessage) -> None:
        if isinstance(message, JobUpdate):
            raise ZeroDivisionError
        inbox(message)

    runner = JobRunner(sink)

    def eager(cancel: CancelToken) -> Generator[None, None, None]:
        yield
        yield from task(cancel)

    job = runner.submit("eager", eager, lane="one")
    assert isinstance(inbox.finished(job.id).error, ZeroDivisionError)
    assert not task.started.is_set()
    runner.close()


def test_a_held_runner_begins_nothing_before_it_is_released(inbox: Inbox) -> None:
    begun: list[str] = []

    def task(cancel: CancelToken) -> Generator[None, None, None]:
        begun.append(threading.current_thread().name)
        cancel.raise_if_cancelled()
        yield None

    runner = JobRunner(inbox, held=True)
    runner.submit("first", task, lane="a")
    runner.submit("second", task, lane="b")
    assert not begun
    assert not runner.idle
    runner.release()
    runner.close()
    assert len(begun) == 2


def test_what_a_held_runner_never_began_still_says_goodbye_when_it_is_closed(inbox: Inbox) -> None:
    runner = JobRunner(inbox, held=True)
    job = runner.submit("count", counting(3), lane="a")
    runner.close()
    assert inbox.finished(job.id).state is JobState.CANCELLED
