"""Messages from worker threads: all of them, in order, in batches, on the window's thread."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Generator

import pytest
from pytestqt.qtbot import QtBot

from workbench.gui import bridge
from workbench.gui.bridge import MOST_WAITING, VISIT_S, EventPump
from workbench.jobs import CancelToken, JobFinished, JobMessage, JobRunner, JobState, JobUpdate


def counting(count: int):
    def task(cancel: CancelToken) -> Generator[int, None, str]:
        yield from range(count)
        return "counted"

    return task


def test_every_message_of_many_threads_arrives_in_order(pump: EventPump, runner: JobRunner, qtbot: QtBot) -> None:
    heard: dict[int, list[JobMessage]] = {}
    jobs = [runner.submit("count", counting(500), lane=f"lane-{number}") for number in range(4)]
    for job in jobs:
        pump.listen(job.id, heard.setdefault(job.id, []).append)
    qtbot.waitUntil(lambda: all(messages and isinstance(messages[-1], JobFinished) for messages in heard.values()))
    for messages in heard.values():
        assert [message.event for message in messages[:-1] if isinstance(message, JobUpdate)] == list(range(500))
        assert messages[-1].result == "counted"
    assert pump.message_count == 4 * 501


def test_they_are_delivered_on_the_windows_thread_in_few_batches(
    pump: EventPump, runner: JobRunner, qtbot: QtBot
) -> None:
    threads: set[threading.Thread] = set()
    batches: list[int] = []
    pump.delivered.connect(lambda: batches.append(pump.message_count))
    job = runner.submit("count", counting(2000), lane="lane")
    pump.listen(job.id, lambda _: threads.add(threading.current_thread()))
    qtbot.waitUntil(lambda: pump.message_count == 2001)
    assert threads == {threading.main_thread()}
    assert len(batches) < 100


def test_who_does_not_listen_any_more_hears_nothing(pump: EventPump) -> None:
    heard: list[JobMessage] = []
    others: list[JobMessage] = []
    pump.otherwise = others.append
    pump.listen(1, heard.append)
    pump.post(JobUpdate(1, "first"))
    pump.drain()
    pump.forget(1)
    pump.post(JobUpdate(1, "second"))
    pump.drain()
    assert heard == [JobUpdate(1, "first")]
    assert others == [JobUpdate(1, "second")]


def test_a_finished_job_is_forgotten(pump: EventPump) -> None:
    heard: list[JobMessage] = []
    pump.listen(1, heard.append)
    pump.post(JobFinished(1, JobState.SUCCEEDED))
    pump.post(JobUpdate(1, "late"))
    pump.drain()
    assert heard == [JobFinished(1, JobState.SUCCEEDED)]


@pytest.mark.logs_errors
def test_a_listener_that_fails_does_not_silence_the_others(pump: EventPump, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: JobMessage) -> None:
        raise ValueError("broken pane")

    heard: list[JobMessage] = []
    pump.listen(1, broken)
    pump.listen(2, heard.append)
    pump.post(JobUpdate(1, "a"))
    pump.post(JobUpdate(2, "b"))
    pump.drain()
    assert heard == [JobUpdate(2, "b")]
    assert "the listener of job 1 failed" in caplog.text


def test_the_event_loop_comes_by_between_messages_that_take_long(pump: EventPump, qtbot: QtBot) -> None:
    batches: list[int] = []
    pump.otherwise = lambda _: time.sleep(2 * VISIT_S)  # longer than a visit may be away
    pump.delivered.connect(lambda: batches.append(pump.message_count))
    for number in range(3):
        pump.post(JobUpdate(1, number))
    qtbot.waitUntil(lambda: pump.message_count == 3)
    assert batches == [1, 2, 3]


def test_a_lane_far_ahead_of_the_window_waits_for_it(
    pump: EventPump, runner: JobRunner, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "PATIENCE_S", 60.0)  # a machine that is busy elsewhere changes nothing
    most: list[int] = []
    heard: list[JobMessage] = []
    pump.otherwise = heard.append
    pump.delivered.connect(lambda: most.append(pump.message_count))
    for number in range(4):
        runner.submit("count", counting(5 * MOST_WAITING), lane=f"lane-{number}")
    qtbot.waitUntil(lambda: len(heard) == 4 * (5 * MOST_WAITING + 1))
    ends = [0, *most]
    assert max(after - before for before, after in itertools.pairwise(ends)) <= MOST_WAITING + 4


def test_a_window_that_takes_no_messages_any_more_holds_up_no_lane(pump: EventPump, runner: JobRunner) -> None:
    """As at its end: it waits for the lanes, and they must not wait for it."""
    heard: list[JobMessage] = []
    pump.otherwise = heard.append
    runner.submit("count", counting(3 * MOST_WAITING), lane="lane")
    runner.close()
    pump.drain()
    assert len(heard) == 3 * MOST_WAITING + 1
