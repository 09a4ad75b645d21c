"""The program's window as a process: one per data folder, ended by a signal, quiet on its outputs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from workbench.gui.instance import socket_name

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def make() -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "workbench", "--data-dir", str(tmp_path / "data")],
                env=os.environ | {"WORKBENCH_ENGINE": "fake", "QT_QPA_PLATFORM": "offscreen", "DISPLAY": ":0"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield make
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def is_up(folder: Path) -> bool:
    socket = QLocalSocket()
    socket.connectToServer(socket_name(folder))
    up = socket.waitForConnected(200) and socket.waitForReadyRead(2000)
    socket.abort()
    return up


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
def test_a_second_start_raises_the_window_and_a_signal_ends_it(start: Start, tmp_path: Path, qtbot: QtBot) -> None:
    first = start()
    qtbot.waitUntil(lambda: is_up(tmp_path / "data"), timeout=60_000)
    said, complaints = (second := start()).communicate(timeout=60)
    assert (second.returncode, said, complaints) == (
        0,
        "Inference Workbench is open already: its window was raised.\n",
        "",
    )
    first.send_signal(signal.SIGTERM)
    assert first.communicate(timeout=60) == ("", "")
    assert first.returncode == 0
    assert (tmp_path / "data" / "window.ini").is_file()
