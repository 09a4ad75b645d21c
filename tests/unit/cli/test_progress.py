"""What is told while long work runs: to scripts, to people who read a log, and what Ctrl-C does."""

from __future__ import annotations

import json
import signal

import pytest

from workbench.cli.progress import Told, follow, interruptible
from workbench.jobs import run


def counting(cancel):
    for number in range(1000):
        cancel.raise_if_cancelled()
        yield number
    return "done"


def test_scripts_get_a_line_for_each_change_and_not_for_each_event(capsys):
    def tell(number):
        return Told("first" if number < 500 else "second", number, 1000, event={"number": number})

    assert follow(counting, tell, name="count", as_json=True) == "done"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["event"] for line in lines} == {"count"}
    assert {0, 500} <= {line["number"] for line in lines}
    assert len(lines) < 100


def test_a_log_gets_a_line_for_each_change_and_stdout_nothing(capsys):
    follow(counting, lambda number: Told(f"[{number // 500}]"), name="count", as_json=False)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["[0]", "[1]"]


def test_why_it_waits_is_said_once_and_not_with_every_second_of_the_countdown(capsys):
    def tell(number):
        return Told("waiting", more=f"again in {number} s", aside="Nobody answers." if number < 900 else "Busy.")

    follow(counting, tell, name="count", as_json=False)
    assert capsys.readouterr().err.splitlines() == ["Nobody answers.", "waiting", "Busy."]


def test_the_first_ctrl_c_cancels_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as cancel:
        signal.raise_signal(signal.SIGINT)
        assert cancel.wait(10)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_not_interrupted_ends_as_ever():
    with interruptible() as cancel:
        assert run(counting, cancel=cancel) == "done"
    assert not cancel.cancelled
