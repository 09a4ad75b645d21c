"""The page about what lies on this computer: sizes, a backup, the way back, and the end of everything."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import endless
from tests.gui.conftest import backend, bench, flags, home, model_file, window, words
from workbench.app import Workbench
from workbench.engine.fake import FakeBackend
from workbench.gui.data.dialog import DataDialog
from workbench.gui.data.erase_card import erase_now
from workbench.gui.data.starting_again import START_AGAIN
from workbench.gui.window import MainWindow
from workbench.paths import resolve
from workbench.store import backup
from workbench.store.holdings import Kind

__all__ = ["backend", "bench", "flags", "home", "model_file", "window"]


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The statuses that Qt's loop was told to end with; it goes on all the same."""
    statuses: list[int] = []
    monkeypatch.setattr(QCoreApplication, "exit", statuses.append)
    return statuses


@pytest.fixture
def dialog(window: MainWindow, bench: Workbench, qtbot: QtBot) -> DataDialog:
    for title in ("One", "Two"):
        number = bench.conversations.create(title)
        bench.conversations.add_turn(number, "Hello", parent_id=None)
    window.commands.show_data()
    (made,) = window.findChildren(DataDialog)
    qtbot.waitUntil(lambda: "Altogether" in words(made) and window.runner.idle)
    return made


def titles(bench: Workbench) -> list[str]:
    return sorted(one.title for one in bench.conversations.listed())


def test_it_says_where_everything_lies_and_how_big_it_is(dialog: DataDialog, bench: Workbench, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: "…" not in [dialog.sizes.itemAtPosition(0, 1).widget().text()])
    said = words(dialog)
    assert str(bench.paths.data) in said
    assert "Conversations, votes, measurements" in said
    assert dialog.sizes.itemAtPosition(0, 1).widget().text() != "0 bytes"


def test_a_backup_is_written_while_the_window_is_in_use(
    dialog: DataDialog, bench: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    dialog.backup.back_up(tmp_path / "mine.backup")
    qtbot.waitUntil(lambda: dialog.notice.isVisible())
    assert "The backup is written" in words(dialog.notice)
    assert "2 conversations" in words(dialog.notice)
    assert (tmp_path / "mine.backup").is_file()


def test_a_cancelled_backup_leaves_nothing(
    dialog: DataDialog, tmp_path: Path, window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 1)
    dialog.backup.back_up(tmp_path / "mine.backup")
    assert dialog.backup.stop.isVisible()
    dialog.backup.stop.click()
    qtbot.waitUntil(lambda: window.runner.idle)
    assert dialog.backup.save.isEnabled()
    assert "Cancelled" in words(dialog.backup)
    assert not (tmp_path / "mine.backup").exists()


def test_closing_the_page_stops_what_it_was_doing(
    dialog: DataDialog, tmp_path: Path, window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 1)
    dialog.backup.back_up(tmp_path / "mine.backup")
    dialog.close()
    qtbot.waitUntil(lambda: window.runner.idle)
    assert [path.name for path in tmp_path.iterdir() if "mine" in path.name] == []


def test_a_file_that_is_no_backup_is_refused_before_anything_is_asked(
    dialog: DataDialog, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "x.backup").write_text("<h1>hello</h1>")
    dialog.backup.look_at(tmp_path / "x.backup")
    qtbot.waitUntil(lambda: dialog.notice.isVisible())
    assert "x.backup is not a backup of this program." in words(dialog.notice)
    assert not dialog.notice.action.isVisible()


def test_a_backup_is_put_back_after_a_question_and_the_window_begins_anew(
    dialog: DataDialog, bench: Workbench, tmp_path: Path, qtbot: QtBot, left: list[int]
) -> None:
    dialog.backup.back_up(tmp_path / "b")
    qtbot.waitUntil(lambda: "The backup is written" in words(dialog.notice))
    bench.conversations.create("Three")
    dialog.backup.look_at(tmp_path / "b")
    qtbot.waitUntil(lambda: "b holds 2 conversations." in words(dialog.notice))
    assert left == []
    dialog.notice.action.click()
    qtbot.waitUntil(lambda: left == [START_AGAIN])
    with bench.history.conversations._db.read() as sql:
        assert sql.execute("SELECT count(*) FROM conversation").fetchone()[0] == 2
    assert len(list(bench.paths.data.glob("*.before-restore-*.copy"))) == 1


class TestWhileAnswering:
    @pytest.fixture
    def backend(self) -> FakeBackend:
        return FakeBackend(endless, tokens_per_s=100)

    def test_nothing_is_put_back_under_a_running_answer(
        self,
        dialog: DataDialog,
        window: MainWindow,
        model_file: Callable[..., Path],
        tmp_path: Path,
        qtbot: QtBot,
        left: list[int],
    ) -> None:
        window.open_file(model_file())
        qtbot.waitUntil(lambda: any(pane.model for pane in window.compare.comparison.panes))
        window.compare.composer.set_text("Count")
        window.compare.send()
        dialog.backup.put_back(tmp_path / "b")
        assert "Answers are being written." in words(dialog.notice)
        assert left == []
        window.compare.stop_all()
        qtbot.waitUntil(lambda: not window.compare.comparison.busy)


def test_deleting_everything_wants_the_words_typed(dialog: DataDialog, window: MainWindow, left: list[int]) -> None:
    card = dialog.erase
    assert not card.button.isEnabled()
    for line in ("delete", "yes", "delete everything now"):
        card.field.setText(line)
        assert not card.button.isEnabled()
    card.field.setText(" Delete everything ")
    assert card.button.isEnabled()
    assert "Models that this program fetched" not in card.words.text()
    card.models.setChecked(True)
    assert "Models that this program fetched" in card.words.text()
    assert Kind.MODELS in card.kinds()
    assert left == []
    assert window.afterwards is None


def test_everything_goes_once_all_is_closed(
    dialog: DataDialog, window: MainWindow, bench: Workbench, qtbot: QtBot, left: list[int]
) -> None:
    dialog.erase.field.setText("delete everything")
    dialog.erase.button.click()
    qtbot.waitUntil(lambda: left == [START_AGAIN])
    assert window.afterwards is not None
    assert bench.paths.database.exists()
    window.close()
    bench.close()
    window.afterwards()
    assert not bench.paths.data.exists()


def test_what_cannot_be_deleted_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qapp: QApplication) -> None:
    paths = resolve(tmp_path / "data")
    paths.data.mkdir()
    paths.settings.write_text("")
    monkeypatch.setattr("workbench.store.holdings._delete", lambda _path: None)
    said: list[str] = []
    monkeypatch.setattr(QMessageBox, "exec", lambda box: said.append(box.informativeText()))
    erase_now(paths, list(Kind))
    assert said == [str(paths.settings)]


ERASES = """
import sys
from PySide6.QtCore import QTimer
from workbench import __main__
from workbench.gui import run
from workbench.gui.data.erase_card import erase_now
from workbench.gui.data.starting_again import start_again
from functools import partial
from pathlib import Path
from workbench.store.holdings import Kind
made = []
real = run.MainWindow
def watched(bench):
    window = real(bench)
    made.append((bench.paths.settings.exists(), len(bench.conversations.listed())))
    if len(made) == 1:
        act = lambda: start_again(window, partial(erase_now, bench.paths, list(Kind)))
    else:
        act = window.close
    QTimer.singleShot(300, act)
    return window
run.MainWindow = watched
status = __main__.open_window(Path(sys.argv[1]))
print(status, made)
"""


def test_the_real_program_starts_afresh_after_everything_is_deleted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "settings.toml").write_text('theme = "dark"\n')
    environment = os.environ | {"WORKBENCH_ENGINE": "fake", "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-c", ERASES, str(data)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout == "0 [(True, 0), (False, 0)]\n", done.stderr
    assert (data / "workbench.sqlite3").exists()
