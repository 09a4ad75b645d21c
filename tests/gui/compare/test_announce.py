"""What a screen reader is told while panes answer: ends and failures, sentences when wanted, nothing before a vote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage, slow
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, say
from workbench.gui.blind.hiding import hide_names
from workbench.gui.compare.announce import Announcer
from workbench.gui.compare.parts import part


def listening(opened: Opened, mode: str = "ends") -> tuple[Announcer, list[str]]:
    told: list[str] = []
    opened.bench.settings = replace(opened.bench.settings, announcements=mode)
    announcer = part(opened.page, Announcer)
    announcer.say = lambda _widget, words: told.append(words)
    return announcer, told


def test_the_end_of_each_answer_is_told_with_its_length(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["One. ", "Two."])))
    opened.choose(ALPHA, BETA)
    _, told = listening(opened)
    opened.ask("Go")
    ends = [words for words in told if "finished" in words]
    assert len(ends) == 2
    assert any(f"Pane 1, {ALPHA}: answer finished, 2\N{NO-BREAK SPACE}tokens." in words for words in ends)


def test_a_stop_is_told_as_one(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA)
    _, told = listening(opened)
    opened.send("Go on")
    opened.until_written(0)
    opened.page.stop_all()
    opened.until_quiet()
    assert told[-1].startswith(f"Pane 1, {ALPHA}: answer ended: stopped")


def test_nothing_is_told_when_it_is_switched_off(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["One."])))
    opened.choose(ALPHA)
    _, told = listening(opened, "off")
    opened.ask("Go")
    assert told == []


def test_before_a_blind_vote_nobody_is_named_and_no_speed_is_told(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["One."])))
    opened.choose(ALPHA, BETA)
    _, told = listening(opened, "all")
    hide_names(opened.page, hidden=True)
    opened.ask("Go")
    assert told == []


def test_running_answers_are_read_sentence_by_sentence_and_not_too_often(open_page: OpenPage) -> None:
    heard = threading.Event()

    def script(_request: Request) -> Iterator[str]:
        yield from ("One is", " here. ")
        heard.wait(60)
        yield from ("Two", " comes.", " And", " more")

    opened = open_page(FakeBackend(script))
    opened.choose(ALPHA)
    announcer, told = listening(opened, "all")
    opened.send("Go")
    opened.until(lambda: any("One is here." in words for words in told))
    said = len(told)
    announcer.look()
    assert len(told) == said, "the pause between two sentences is kept"
    heard.set()
    opened.until_quiet()
