"""One window per data folder: the second start raises the first, a crash leaves nothing in the way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.gui.instance import AGAIN_MS, Instance, socket_name

Starter = Callable[[Path], Instance]


@pytest.fixture
def start(qapp: QApplication) -> Iterator[Starter]:
    started: list[Instance] = []

    def make(folder: Path) -> Instance:
        started.append(Instance(folder))
        return started[-1]

    yield make
    for instance in started:
        instance.release()


def test_a_second_process_raises_the_first_window(start: Starter, tmp_path: Path, qtbot: QtBot) -> None:
    first = start(tmp_path)
    assert first.acquire()
    first.listen()
    code = "print(instance.acquire(), instance.raise_first())"
    with qtbot.waitSignal(first.raised, timeout=30_000):
        second = subprocess.Popen(
            [sys.executable, "-c", _script(code), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
    assert second.communicate(timeout=60)[0].split() == ["False", "True"]


def test_a_second_process_waits_for_a_window_that_is_about_to_open(
    start: Starter, tmp_path: Path, qtbot: QtBot
) -> None:
    first = start(tmp_path)
    assert first.acquire()
    code = "from workbench.gui import instance as room\nroom.ANSWER_MS = 60_000\n"
    code += "print('begun', flush=True)\nprint(instance.acquire(), instance.raise_first())"
    second = subprocess.Popen([sys.executable, "-c", _script(code), str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None
    assert second.stdout.readline() == "begun\n"
    QTest.qWait(10 * AGAIN_MS)
    with qtbot.waitSignal(first.raised, timeout=30_000):
        first.listen()
    assert second.communicate(timeout=60)[0].split() == ["False", "True"]


def test_who_is_not_the_first_does_not_listen(start: Starter, tmp_path: Path) -> None:
    assert start(tmp_path).acquire()
    code = "instance.acquire(); instance.listen(); print(instance.listening)"
    other = subprocess.run(
        [sys.executable, "-c", _script(code), str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert other.stdout.strip() == "False"


def _script(code: str) -> str:
    return (
        "import sys\nfrom pathlib import Path\nfrom PySide6.QtCore import QCoreApplication\n"
        "from workbench.gui.instance import Instance\napp = QCoreApplication([])\n"
        f"instance = Instance(Path(sys.argv[1]))\n{code}"
    )


def test_another_folder_has_its_own_window(start: Starter, tmp_path: Path) -> None:
    assert start(tmp_path / "one").acquire()
    assert start(tmp_path / "two").acquire()


def test_after_the_window_closed_the_next_one_is_the_first(start: Starter, tmp_path: Path) -> None:
    first = start(tmp_path)
    assert first.acquire()
    first.release()
    assert start(tmp_path).acquire()


def test_a_killed_window_leaves_nothing_in_the_way(start: Starter, tmp_path: Path) -> None:
    code = "import os, signal\nassert instance.acquire()\nos.kill(os.getpid(), signal.SIGKILL)"
    killed = subprocess.run([sys.executable, "-c", _script(code), str(tmp_path)], timeout=60)
    assert killed.returncode < 0
    assert (tmp_path / "window.lock").exists()
    assert start(tmp_path).acquire()


def test_a_very_long_path_still_has_a_socket(start: Starter, tmp_path: Path) -> None:
    deep = tmp_path / "a" / ("b" * 120) / ("c" * 120)
    first = start(deep)
    assert first.acquire()
    first.listen()
    assert first.listening
    assert len(socket_name(deep)) < 50


def test_one_folder_under_two_spellings_is_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "data")
    assert socket_name(tmp_path / "link") == socket_name(tmp_path / "data" / ".." / "data")
    assert socket_name(tmp_path / "data") != socket_name(tmp_path)


def test_with_nobody_there_it_says_so(start: Starter, tmp_path: Path) -> None:
    assert not start(tmp_path).raise_first()
