"""Looking up a repository: headers only, progress, cancel, and errors that say what to do."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.models.conftest import settled
from tests.loopback_hub import LoopbackHub
from tests.screenshots.published import REPOSITORY
from workbench.app import Workbench
from workbench.errors import OfflineError
from workbench.gui.pages.models import ModelsPage
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hub.remote import HeadProgress, RemoteListing
from workbench.jobs import CancelToken, JobRunner, Task


@pytest.fixture
def hub(repository: dict[str, Path]) -> Iterator[LoopbackHub]:
    with LoopbackHub() as serving:
        serving.add(REPOSITORY, repository)
        yield serving


@pytest.fixture
def flags(hub: LoopbackHub) -> dict[str, object]:
    return {"hub_endpoint": hub.endpoint}


def look_up(page: ModelsPage, wanted: str, qtbot: QtBot) -> str:
    page.lookup.field.setText(wanted)
    qtbot.keyClick(page.lookup.field, Qt.Key.Key_Return)
    settled(page, qtbot)
    return words(page.lookup)


def test_a_repository_is_shown_as_a_ladder_and_nothing_but_headers_was_fetched(
    hub: LoopbackHub, page: ModelsPage, repository: dict[str, Path], qtbot: QtBot
) -> None:
    said = look_up(page, REPOSITORY, qtbot)
    assert "not on this machine; nothing was downloaded but headers: " in said
    assert page.lines[0].fit.model.quantisation == "F16"
    assert len(page.lines) == len(repository)
    assert "✕ too big by" in said
    assert all(line.open_button.isHidden() and line.anyway.isHidden() for line in page.lines)
    assert hub.sent_bytes() < sum(path.stat().st_size for path in repository.values()) / 100


def test_another_context_reprices_what_was_looked_up(hub: LoopbackHub, page: ModelsPage, qtbot: QtBot) -> None:
    look_up(page, REPOSITORY, qtbot)
    page.terms.context.setCurrentIndex(page.terms.context.findData(32768))
    settled(page, qtbot)
    assert {line.fit.context for line in page.lines} == {32768}


def test_unknown_speeds_of_what_was_looked_up_are_explained_too(
    hub: LoopbackHub, page: ModelsPage, bench: Workbench, qtbot: QtBot
) -> None:
    memory = replace(LAPTOP_WITHOUT_GPU.memory, bandwidth_bytes_per_s=None)
    bench.machine = lambda: replace(LAPTOP_WITHOUT_GPU, memory=memory, described=False)  # type: ignore[method-assign]
    page.refresh()
    settled(page, qtbot)
    assert "unknown" not in page.status.text()
    look_up(page, REPOSITORY, qtbot)
    assert "where speeds are unknown: measure the memory bandwidth" in page.status.text()
    qtbot.mouseClick(page.lookup.dismiss, Qt.MouseButton.LeftButton)
    assert "unknown" not in page.status.text()


def test_clearing_takes_the_ladder_away(hub: LoopbackHub, page: ModelsPage, qtbot: QtBot) -> None:
    look_up(page, REPOSITORY, qtbot)
    qtbot.mouseClick(page.lookup.dismiss, Qt.MouseButton.LeftButton)
    assert page.lines == []
    assert "only the files' headers are read" in words(page.lookup)
    assert page.lookup.field.text() == ""


def test_a_repository_that_is_none_is_told_in_place(hub: LoopbackHub, page: ModelsPage, qtbot: QtBot) -> None:
    said = look_up(page, "nobody/nothing", qtbot)
    assert "✕ " in said
    assert "nobody/nothing" in said
    assert page.lookup.notice.hint.text()
    assert page.lookup.button.isVisible()


def test_offline_says_so(page: ModelsPage, bench: Workbench, qtbot: QtBot) -> None:
    bench.settings = replace(bench.settings, offline=True)
    said = look_up(page, "owner/never-seen", qtbot)
    assert "the network is switched off in the settings" in said
    assert "Offline" in page.lookup.notice.hint.text()


def test_progress_is_said_and_cancelling_stops_the_fetching(
    page: ModelsPage, bench: Workbench, runner: JobRunner, qtbot: QtBot
) -> None:
    stopped = threading.Event()

    def remote(repository: str) -> Task[HeadProgress, RemoteListing]:
        def task(cancel: CancelToken) -> Generator[HeadProgress, None, RemoteListing]:
            yield HeadProgress(3, 12, 2_300_000, "model-Q4_K_M.gguf")
            cancel.wait(30)
            stopped.set()
            cancel.raise_if_cancelled()
            raise OfflineError("nobody cancelled")

        return task

    bench.remote = remote  # type: ignore[method-assign, assignment]
    page.lookup.field.setText("owner/name")
    qtbot.mouseClick(page.lookup.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "3 of 12 headers read, 2 MB fetched" in page.lookup.phase.text())
    qtbot.keyClick(page.lookup, Qt.Key.Key_Escape)
    assert page.lookup.phase.text().startswith("Cancelled.")
    assert not page.lookup.busy
    qtbot.waitUntil(lambda: runner.idle)
    assert stopped.is_set()
    assert page.lookup.notice.isHidden()


def test_an_empty_field_asks_for_nothing(page: ModelsPage) -> None:
    page.lookup.look_up()
    assert not page.lookup.busy
