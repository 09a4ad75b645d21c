"""The real window on a screen of its own, driven from outside, on a real model."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.xvfb import screen
from workbench.chat.conversations import Conversations
from workbench.chat.pane import Pane
from workbench.models.describe import describe
from workbench.models.params import RunParams
from workbench.store.database import Database

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Xvfb and xdotool are for Linux")

ANSWERS = "SELECT prompt, text, state FROM turn JOIN generation ON turn_id = turn.id ORDER BY turn.id"


@pytest.fixture
def display(environment) -> Iterator[str]:
    with screen() as name:
        environment["DISPLAY"] = name
        environment.pop("QT_QPA_PLATFORM", None)
        yield name


@pytest.fixture
def database(tmp_path, library, environment) -> Path:
    """A data folder in which a conversation with one pane on the real SmolLM2 was left open.

    It takes the likeliest token each time, so that a long answer is one in every run.
    """
    environment["WORKBENCH_TEMPERATURE"] = "0"
    path = tmp_path / "data" / "workbench.sqlite3"
    model = describe(next(library.glob("SmolLM2*")))
    with Database(path) as db:
        conversations = Conversations(db)
        pane = Pane(0)
        pane.choose(model, RunParams(n_ctx=2048), None, None)
        conversations.set_panes(conversations.create("A long story"), [pane])
    return path


@contextmanager
def window(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The program, once its window is on the screen; killed at the end if it is still there."""
    process = subprocess.Popen([sys.executable, "-m", "workbench"], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        found = xdotool(
            environment, "search", "--sync", "--onlyvisible", "--pid", str(process.pid), "--name", "Workbench"
        )
        # There is no window manager on this screen to give the window the keyboard.
        xdotool(environment, "windowfocus", "--sync", found.split()[0])
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def xdotool(environment: dict[str, str], *arguments: str) -> str:
    # A search that finds nothing ends with 1 and says nothing.
    done = subprocess.run(["xdotool", *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 or (arguments[0] == "search" and not done.stderr), done.stderr
    return done.stdout


def ask(environment: dict[str, str], prompt: str) -> None:
    """Type into the composer, which has the focus when the window opens, and send."""
    xdotool(environment, "type", "--delay", "5", prompt)
    xdotool(environment, "key", "ctrl+Return")


def rows(database: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        return reader.execute(query).fetchall()


def until(reached: Callable[[], object], *, within_s: float = 90) -> None:
    """Look every 50 ms until something another process does has happened."""
    patience, ends_at = threading.Event(), time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < ends_at, "it did not happen in time"
        patience.wait(0.05)


def test_killed_in_mid_answer_the_finished_ones_stay_and_the_unfinished_one_is_marked(display, environment, database):
    environment["WORKBENCH_MAX_TOKENS"] = "8"
    with window(environment) as process:
        ask(environment, "Say hello.")
        until(lambda: rows(database, "SELECT 1 FROM generation WHERE state = 'done'"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    environment["WORKBENCH_MAX_TOKENS"] = "2000"
    with window(environment) as process:
        ask(environment, "Explain in very much detail how a computer works.")
        until(lambda: rows(database, "SELECT 1 FROM generation WHERE state = 'running' AND length(text) > 0"))
        process.kill()
        process.wait(timeout=30)
    before = rows(database, ANSWERS)
    with window(environment) as process:
        until(lambda: not rows(database, "SELECT 1 FROM generation WHERE state = 'running'"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    after = rows(database, ANSWERS)
    assert [state for _, _, state in before] == ["done", "running"]
    assert [state for _, _, state in after] == ["done", "interrupted"]
    assert [row[:2] for row in after] == [row[:2] for row in before], "no word was lost"
    assert after[0][0] == "Say hello."
    assert after[0][1]


def test_a_second_window_raises_the_first_and_leaves(display, environment, database):
    with window(environment) as first:
        second = subprocess.run(
            [sys.executable, "-m", "workbench"], env=environment, capture_output=True, text=True, timeout=60
        )
        assert second.returncode == 0
        assert first.poll() is None
        first.send_signal(signal.SIGTERM)
        assert first.wait(timeout=30) == 0


def test_the_command_line_works_beside_an_open_window(display, environment, database, workbench):
    with window(environment) as process:
        listed = workbench("models", "list", "--json").json["models"]
        assert len(listed) == 3
        answer = workbench("chat", "-m", listed[0]["name"], "--max-tokens", 2, "Hi")
        assert answer.status == 0, answer.err
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_quitting_while_an_answer_streams_is_clean_and_keeps_unsent_text(display, environment, database):
    with window(environment) as process:
        ask(environment, "Tell a very long story.")
        until(lambda: rows(database, "SELECT 1 FROM generation WHERE state = 'running' AND length(text) > 0"))
        xdotool(environment, "type", "--delay", "5", "a thought not sent")
        until(lambda: rows(database, "SELECT 1 FROM draft WHERE text LIKE '%not sent'"))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert err == ""
    (state,) = rows(database, "SELECT state FROM generation")[0]
    assert state == "done", "stopped, with what was written"


def test_the_pages_are_reached_by_keys_and_a_load_leaves_its_receipt(display, environment, database):
    environment["WORKBENCH_MAX_TOKENS"] = "8"
    with window(environment) as process:
        ask(environment, "Say hello.")
        until(lambda: rows(database, "SELECT 1 FROM receipt"))
        for keys, page in (("ctrl+2", "Models"), ("ctrl+3", "Machine"), ("ctrl+1", "Say hello.")):
            xdotool(environment, "key", keys)
            until(lambda page=page: xdotool(environment, "search", "--pid", str(process.pid), "--name", f"^{page} – "))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert err == ""
    ((name, reported, params),) = rows(database, "SELECT model_name, reported, params FROM receipt")
    assert name.startswith("SmolLM2")
    assert json.loads(params)["n_ctx"] == 2048
    assert sum(buffer["weights_bytes"] for buffer in json.loads(reported)) > 90_000_000


def test_without_a_display_the_tour_runs_in_the_terminal(environment, database, workbench):
    outcome = workbench()
    assert outcome.status == 0, outcome.err
    for words in ("This machine", "What fits", "Side by side", "There is no display here", "SmolLM2"):
        assert words in outcome.out
