"""Keeping the computer awake, and saying so where that cannot be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from workbench.chat.waking import Awake


class System:
    def __init__(self, problem: str | None = None) -> None:
        self.problem = problem
        self.entered = threading.Event()
        self.threads: list[str] = []
        self.left = 0

    @contextmanager
    def keep(self) -> Iterator[str | None]:
        self.threads.append(threading.current_thread().name)
        try:
            yield self.problem
        finally:
            self.left += 1


def test_it_is_held_once_and_let_go_on_the_same_thread():
    system = System()
    awake = Awake(system.keep)
    awake.hold()
    awake.hold()
    assert awake.held
    awake.let_go()
    awake.let_go()
    assert (system.threads, system.left, awake.held) == (["awake"], 1, False)
    assert awake.problem is None


def test_a_system_that_cannot_says_why():
    awake = Awake(System("There is no bus.").keep)
    awake.hold()
    awake.let_go()
    assert awake.problem == "There is no bus."


def test_a_system_that_fails_ends_no_run(caplog):
    @contextmanager
    def broken() -> Iterator[str | None]:
        raise OSError("the bus hung up")
        yield

    awake = Awake(broken)
    awake.hold()
    awake.let_go()
    assert awake.problem == "The system does not answer."
    assert "could not be kept awake" in caplog.text


def test_the_real_system_is_asked_without_an_error():
    awake = Awake()
    awake.hold()
    awake.let_go()
    assert not awake.held
