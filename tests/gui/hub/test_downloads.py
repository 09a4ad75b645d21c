"""The drawer of downloads: what each does, every wish by keyboard, and the work going on behind a closed drawer."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.gui.hub.conftest import Publisher, consent, remote_line, rested
from workbench.app import Workbench
from workbench.gui.hub.download_row import DownloadRow
from workbench.gui.hub.words import download_words, duration_words
from workbench.gui.window import MainWindow
from workbench.hub.download_rows import State
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Download
from workbench.hub.transfer import Phase


@pytest.fixture
def held(shown: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot) -> MainWindow:
    """Two downloads, the first of which does not get on."""
    consent(bench, publisher)
    publisher.hold()
    for quantisation in ("F16", "Q8_0"):
        remote_line(shown, quantisation).get_button.click()
        rested(shown, qtbot)
    qtbot.waitUntil(lambda: [item.phase for item in shown.traffic.items] == [Phase.FETCHING, Phase.QUEUED])
    return shown


def states(window: MainWindow) -> list[State]:
    return [item.download.state for item in window.traffic.items]


def rows(window: MainWindow) -> list[DownloadRow]:
    return window.dock.drawer.rows


def press(window: MainWindow, row: DownloadRow, key: Qt.Key, qtbot: QtBot, alt: bool = False) -> None:
    row.setFocus()
    qtbot.keyClick(row, key, Qt.KeyboardModifier.AltModifier if alt else Qt.KeyboardModifier.NoModifier)


def test_queueing_opens_the_drawer_and_the_rail_counts(held: MainWindow) -> None:
    assert held.dock.drawer.isVisible()
    assert "Llama-1B-F16.gguf" in words(held.dock.drawer)
    assert held.rail.buttons["downloads"].text().startswith("2 · ")
    assert held.rail.buttons["downloads"].share is not None
    assert remote_line(held, "F16").get_button.text() == "On its way"


def test_a_stalled_download_says_that_nothing_comes(held: MainWindow, qtbot: QtBot) -> None:
    first, second = rows(held)
    qtbot.waitUntil(lambda: "downloading" in first.said.text())
    assert "/s" in first.said.text()
    assert second.said.text().startswith("waits for its turn")


def test_closing_the_drawer_and_leaving_the_page_stop_nothing(
    held: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    qtbot.keyClick(rows(held)[0], Qt.Key.Key_Escape)
    assert held.dock.drawer.isHidden()
    held.show_page("compare")
    publisher.let_flow()
    qtbot.waitUntil(lambda: states(held) == [State.DONE, State.DONE])
    names = {file.path.name for file in bench.library.listing().files}
    assert names == set(publisher.files)


def test_space_pauses_and_goes_on(held: MainWindow, qtbot: QtBot) -> None:
    press(held, rows(held)[1], Qt.Key.Key_Space, qtbot)
    qtbot.waitUntil(lambda: states(held)[1] is State.PAUSED)
    assert rows(held)[1].said.text().startswith("paused")
    press(held, rows(held)[1], Qt.Key.Key_Space, qtbot)
    qtbot.waitUntil(lambda: states(held)[1] is State.QUEUED)


def test_pausing_the_one_at_work_lets_the_next_begin(held: MainWindow, qtbot: QtBot) -> None:
    press(held, rows(held)[0], Qt.Key.Key_Space, qtbot)
    qtbot.waitUntil(lambda: [item.phase for item in held.traffic.items] == [Phase.PAUSED, Phase.FETCHING])


def test_alt_with_the_arrows_moves_it_in_the_queue_and_keeps_the_focus(held: MainWindow, qtbot: QtBot) -> None:
    second = rows(held)[1]
    press(held, second, Qt.Key.Key_Up, qtbot, alt=True)
    qtbot.waitUntil(lambda: rows(held)[0] is second)
    assert second.hasFocus()
    press(held, second, Qt.Key.Key_Down, qtbot)
    assert rows(held)[1].hasFocus()


def test_cancelling_keeps_what_arrived_and_delete_takes_it_off(held: MainWindow, qtbot: QtBot) -> None:
    rows(held)[1].cancel_button.click()
    qtbot.waitUntil(lambda: states(held)[1] is State.CANCELLED)
    assert rows(held)[1].resume_button.isVisible()
    press(held, rows(held)[1], Qt.Key.Key_Delete, qtbot)
    qtbot.waitUntil(lambda: len(rows(held)) == 1)


def test_a_removed_download_comes_back_with_what_had_arrived(
    held: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    press(held, rows(held)[0], Qt.Key.Key_Delete, qtbot)
    assert len(rows(held)) == 1
    drawer = held.dock.drawer
    assert "is off the list" in drawer.notice.message.text()
    qtbot.waitUntil(lambda: held.runner.idle or held.traffic.working)
    assert len(bench.downloads.listing()) == 2
    drawer.notice.undo_button.click()
    qtbot.waitUntil(lambda: len(rows(held)) == 2)
    publisher.let_flow()
    qtbot.waitUntil(lambda: states(held) == [State.DONE, State.DONE])


def test_what_was_removed_is_deleted_when_its_message_goes(held: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    press(held, rows(held)[1], Qt.Key.Key_Delete, qtbot)
    held.dock.drawer.notice.dismiss.click()
    qtbot.waitUntil(lambda: len(bench.downloads.listing()) == 1)
    assert len(rows(held)) == 1


def test_what_was_removed_does_not_come_back_with_the_next_start(held: MainWindow, bench: Workbench) -> None:
    rows(held)[1].remove_button.click()
    held.close()
    assert len(bench.downloads.listing()) == 1


def test_a_failure_says_why_and_can_be_retried(
    shown: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    consent(bench, publisher)
    from tests.loopback_types import Faults

    publisher.hub.break_("bartowski/Llama-3.2-1B-Instruct-GGUF", Faults(status=404))
    remote_line(shown, "Q8_0").get_button.click()
    qtbot.waitUntil(lambda: states(shown) == [State.FAILED])
    (row,) = rows(shown)
    assert row.why.isVisible()
    assert row.resume_button.text() == "Retry"
    assert shown.rail.buttons["downloads"].text() == "1 failed"
    publisher.let_flow()
    row.resume_button.click()
    qtbot.waitUntil(lambda: states(shown) == [State.DONE])


def test_a_finished_one_is_opened_with_enter_and_cleared_from_the_list(
    shown: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    consent(bench, publisher)
    remote_line(shown, "Q8_0").get_button.click()
    qtbot.waitUntil(lambda: states(shown) == [State.DONE])
    (row,) = rows(shown)
    assert "here, and verified" in row.said.text()
    press(shown, row, Qt.Key.Key_Return, qtbot)
    assert shown.stack.currentWidget() is shown.compare
    qtbot.waitUntil(lambda: any(pane.model is not None for pane in shown.compare.comparison.panes))
    shown.dock.drawer.clear_button.click()
    qtbot.waitUntil(lambda: rows(shown) == [])
    assert bench.library.listing().files


def test_what_was_queued_when_the_program_ended_goes_on_at_the_next_start(
    bench: Workbench, publisher: Publisher, qtbot: QtBot
) -> None:
    from workbench.jobs import run

    consent(bench, publisher)
    listing = run(bench.remote("bartowski/Llama-3.2-1B-Instruct-GGUF"))
    bench.pull(listing.files[0])
    window = MainWindow(bench)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: states(window) == [State.DONE])
    window.close()


def test_offline_pauses_with_the_reason_and_online_goes_on(
    held: MainWindow, publisher: Publisher, bench: Workbench, qtbot: QtBot
) -> None:
    qtbot.mouseClick(held.rail.buttons["offline"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: states(held) == [State.PAUSED, State.PAUSED])
    qtbot.waitUntil(lambda: not held.traffic.working)
    assert "the network was switched off" in rows(held)[0].why.text()
    assert held.rail.buttons["offline"].text() == "Offline"
    publisher.let_flow()
    qtbot.mouseClick(held.rail.buttons["offline"], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: states(held) == [State.DONE, State.DONE])
    assert held.rail.buttons["offline"].text() == "Online"


def _download(state: State = State.QUEUED) -> Download:
    from pathlib import Path

    from workbench.hub.repository import RemoteFile
    from workbench.hub.wanted import Wanted

    wanted = Wanted("owner/name", "0" * 40, (RemoteFile("a.gguf", 4_000_000_000, "0" * 64, ""),))
    return Download(1, wanted, state, None, True, 0, 4_000_000_000, (Path("a.gguf"),), "2026-01-01")


def test_a_wait_counts_down_and_a_stall_says_zero() -> None:
    waiting = DownloadState(1, "a.gguf", Phase.WAITING, 10, 4_000_000_000, waits_s=6.6)
    assert download_words(_download(), waiting).startswith("tries again in 7\N{NO-BREAK SPACE}s")
    stalled = DownloadState(1, "a.gguf", Phase.FETCHING, 10, 4_000_000_000, bytes_per_s=0.0)
    assert "0\N{NO-BREAK SPACE}B/s" in download_words(_download(), stalled)
    assert "left" not in download_words(_download(), stalled)


def test_durations_are_short_words() -> None:
    said = [duration_words(seconds).replace("\N{NO-BREAK SPACE}", " ") for seconds in (7, 170, 7800)]
    assert said == ["7 s", "3 min", "2 h 10 min"]
