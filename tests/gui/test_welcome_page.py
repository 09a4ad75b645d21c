"""First run: what this machine is, starters with their licences, and one's own files."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from workbench.app import Workbench
from workbench.errors import HubError
from workbench.gui.bridge import EventPump
from workbench.gui.errands import Errands
from workbench.gui.pages.welcome import WelcomePage
from workbench.gui.widgets.text_view import LinkQuestion
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hub.licences import consented
from workbench.hub.starter import STARTERS, Starter, StarterProgress
from workbench.jobs import CancelToken, JobRunner, Task


class Hub:
    """Stands for the package index: reports half of the first starter, then waits to be told how to go on."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench
        self.asked: list[tuple[Starter, ...]] = []
        self.go_on = threading.Event()
        self.error: HubError | None = None

    def fetch(self, wanted: Sequence[Starter]) -> Task[StarterProgress, tuple[Path, ...]]:
        self.asked.append(tuple(wanted))

        def task(cancel: CancelToken) -> Generator[StarterProgress, None, tuple[Path, ...]]:
            first = wanted[0]
            yield StarterProgress(first, "downloading", first.download_bytes // 2, first.download_bytes)
            while not self.go_on.wait(0.01):
                cancel.raise_if_cancelled()
            if self.error is not None:
                raise self.error
            for starter in wanted:
                self.put(starter)
            return ()

        return task

    def put(self, starter: Starter) -> None:
        self.bench.paths.models.mkdir(parents=True, exist_ok=True)
        with (self.bench.paths.models / starter.file_name).open("wb") as file:
            file.truncate(starter.size_bytes)


@pytest.fixture
def hub(bench: Workbench) -> Hub:
    made = Hub(bench)
    bench.fetch_starters = made.fetch  # type: ignore[method-assign, assignment]
    return made


@pytest.fixture
def page(bench: Workbench, hub: Hub, pump: EventPump, runner: JobRunner, qtbot: QtBot) -> WelcomePage:
    shown = WelcomePage(bench, pump, runner, Errands(pump, runner))
    qtbot.addWidget(shown)
    shown.resize(1000, 900)
    shown.show()
    return shown


def click(qtbot: QtBot, button: QPushButton) -> None:
    assert button.isVisible()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_sizes_and_licences_stand_there_before_anything_is_fetched(page: WelcomePage, hub: Hub) -> None:
    said = words(page)
    for starter in STARTERS:
        assert starter.title in said
        assert starter.licence_note in said
    assert page.get_button.text() == "Get starter models (331 MB)"
    assert "nothing is sent anywhere" in said
    assert hub.asked == []


def test_the_machine_is_said_once_it_was_looked_at(page: WelcomePage) -> None:
    page.draw_machine(LAPTOP_WITHOUT_GPU)
    assert "No GPU that llama.cpp can use: models run on the processor" in words(page)


def test_licences_are_asked_once_and_remembered(page: WelcomePage, hub: Hub, bench: Workbench, qtbot: QtBot) -> None:
    click(qtbot, page.get_button)
    assert "These models come under Apache-2.0 and Gemma Terms of Use." in words(page)
    assert hub.asked == []
    hub.go_on.set()
    with qtbot.waitSignal(page.fetched):
        click(qtbot, page.consent.agree)
    assert hub.asked == [STARTERS]
    assert all(consented(bench.db, starter) for starter in STARTERS)
    for starter in STARTERS:
        (bench.paths.models / starter.file_name).unlink()
    page.refresh()
    with qtbot.waitSignal(page.fetched):
        click(qtbot, page.get_button)
    assert page.consent.isHidden()


def test_not_now_fetches_nothing_and_can_be_asked_again(page: WelcomePage, hub: Hub, qtbot: QtBot) -> None:
    click(qtbot, page.get_button)
    qtbot.mouseClick(page.consent.dismiss, Qt.MouseButton.LeftButton)
    assert hub.asked == []
    assert page.consent.isHidden()
    assert page.get_button.isEnabled()


def agreed(page: WelcomePage, qtbot: QtBot) -> None:
    click(qtbot, page.get_button)
    click(qtbot, page.consent.agree)
    qtbot.waitUntil(lambda: page.progress.value() == 500)


def test_progress_is_shown_and_can_be_cancelled_and_taken_up_again(page: WelcomePage, hub: Hub, qtbot: QtBot) -> None:
    agreed(page, qtbot)
    assert page.phase.text() == f"{STARTERS[0].title}: downloading, 46 MB of 93 MB"
    assert page.get_button.isHidden()
    click(qtbot, page.cancel_button)
    qtbot.waitUntil(lambda: not page.busy)
    assert "the next attempt goes on from there" in words(page)
    hub.go_on.set()
    with qtbot.waitSignal(page.fetched):
        click(qtbot, page.get_button)
    assert len(hub.asked) == 2
    assert page.notice.isHidden()


def test_a_failure_says_what_to_do_and_leaves_the_button(page: WelcomePage, hub: Hub, qtbot: QtBot) -> None:
    agreed(page, qtbot)
    hub.error = HubError("The package index does not answer.", hint="Check the network and try again.")
    hub.go_on.set()
    qtbot.waitUntil(lambda: not page.busy)
    assert "The package index does not answer." in words(page)
    assert "Check the network and try again." in words(page)
    assert page.get_button.isVisible()


def test_only_what_is_missing_is_fetched(page: WelcomePage, hub: Hub, qtbot: QtBot) -> None:
    hub.put(STARTERS[0])
    page.refresh()
    assert page.rows[0].state.text() == "✓ here · 98 MB"
    assert page.go_button.isVisible()
    hub.go_on.set()
    click(qtbot, page.get_button)
    with qtbot.waitSignal(page.fetched):
        click(qtbot, page.consent.agree)
    assert hub.asked == [STARTERS[1:]]
    assert page.get_button.isHidden()


def test_the_licences_address_is_shown_before_it_is_opened(page: WelcomePage, qtbot: QtBot) -> None:
    page.rows[0].read_licence.emit(STARTERS[0].licence_url)
    (question,) = page.window().findChildren(LinkQuestion)
    assert question.informativeText() == STARTERS[0].licence_url
    question.close()
