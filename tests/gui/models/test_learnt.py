"""What was learnt about this machine, and measuring its memory."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from workbench.app import Workbench
from workbench.errors import StoreError
from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.gui.models.learnt_card import LearntCard
from workbench.hardware.bandwidth import BandwidthProgress, Measurement
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU, RTX_4070
from workbench.jobs import CancelToken, JobRunner
from workbench.models.learnt import DeviceSpeed, Learnt, Reserve

UNMEASURED = replace(LAPTOP_WITHOUT_GPU, memory=replace(LAPTOP_WITHOUT_GPU.memory, bandwidth_bytes_per_s=None))


@pytest.fixture
def card(bench: Workbench, pump: EventPump, runner: JobRunner, qtbot: QtBot) -> LearntCard:
    shown = LearntCard(bench, Errands(pump, runner))
    qtbot.addWidget(shown)
    shown.show()
    return shown


def measuring(bench: Workbench, outcome: Measurement | Exception, release: threading.Event | None = None) -> None:
    def task(cancel: CancelToken) -> Generator[BandwidthProgress, None, Measurement]:
        yield BandwidthProgress(2, 6, 21e9)
        while release is not None and not release.is_set():
            cancel.raise_if_cancelled()
            cancel.wait(0.01)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    bench.measure_bandwidth = lambda: task  # type: ignore[method-assign]


def measured(card: LearntCard, qtbot: QtBot) -> str:
    qtbot.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not card.busy)
    return words(card)


def test_a_new_machine_says_that_nothing_was_learnt_and_how_that_will_change(card: LearntCard) -> None:
    card.draw(UNMEASURED, Learnt())
    said = words(card)
    assert "Nothing yet" in said
    assert "Memory bandwidth: not measured" in said


def test_what_was_learnt_says_from_how_much(card: LearntCard) -> None:
    machine = RTX_4070
    (gpu,) = machine.devices
    speed = DeviceSpeed(310e9, 0.002, None, runs=7, spread=0.12)
    card.draw(machine, Learnt({gpu.key: Reserve(480_000_000, 3)}, {gpu.key: speed, machine.cpu.key: speed}))
    said = words(card).replace("\N{NO-BREAK SPACE}", " ")
    assert "480 MB are kept for what nobody reports (learnt from 3 loads)" in said
    assert said.count("310 GB/s while it writes, ±12 % (learnt from 7 runs)") == 2


def test_without_a_bandwidth_it_says_of_which_models_speeds_are_known(card: LearntCard) -> None:
    card.draw(UNMEASURED, Learnt())
    assert "unknown until a model has answered here" in card.bandwidth.text()
    card.draw(UNMEASURED, Learnt({}, {UNMEASURED.cpu.key: DeviceSpeed(9e9, 0.0, None, runs=1, spread=0.1)}))
    assert "about as large as those that answered" in card.bandwidth.text()


def test_measuring_shows_progress_and_the_figure(card: LearntCard, bench: Workbench, qtbot: QtBot) -> None:
    release = threading.Event()
    measuring(bench, Measurement(23e9, "Main memory is read at 23 GB/s"), release)
    qtbot.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Round 2 of 6" in card.outcome.text())
    with qtbot.waitSignal(card.measured):
        release.set()
    assert card.outcome.text() == "✓  Main memory is read at 23 GB/s"


def test_a_busy_machine_refuses_and_says_why(card: LearntCard, bench: Workbench, qtbot: QtBot) -> None:
    measuring(bench, Measurement(None, "Not measured: another program is busy. Try again when the computer is idle"))
    said = measured(card, qtbot)
    assert "△  Not measured: another program is busy." in said
    assert card.button.isVisible()


def test_a_figure_that_cannot_be_kept_is_told(card: LearntCard, bench: Workbench, qtbot: QtBot) -> None:
    measuring(bench, StoreError("The disk is full.", hint="Make room."))
    assert "✕  The disk is full. Make room." in measured(card, qtbot)


def test_measuring_can_be_cancelled(card: LearntCard, bench: Workbench, runner: JobRunner, qtbot: QtBot) -> None:
    measuring(bench, Measurement(1e9, "never"), threading.Event())
    qtbot.mouseClick(card.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Round 2" in card.outcome.text())
    qtbot.mouseClick(card.cancel_button, Qt.MouseButton.LeftButton)
    assert card.outcome.text() == "Cancelled; nothing was kept."
    qtbot.waitUntil(lambda: runner.idle)
    assert card.button.isVisible()
