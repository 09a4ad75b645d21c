"""The window as a whole: pages, menus, files, settings, faults and a clean end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from tests.gui.conftest import named, words
from workbench import settings
from workbench.app import Workbench
from workbench.engine.fake import FakeBackend, say
from workbench.gui import dropping, theme
from workbench.gui.actions import ACTIONS
from workbench.gui.commands import Commands
from workbench.gui.models.load_dialog import LoadDialog
from workbench.gui.preferences import PreferencesDialog
from workbench.gui.run import _ended_by_signals, _faults_shown, _qt_message
from workbench.gui.window import MainWindow

ModelFiles = Callable[..., Path]


def opened(window: MainWindow, path: Path, qtbot: QtBot) -> None:
    window.open_file(path)
    qtbot.waitUntil(lambda: any(pane.model is not None for pane in window.compare.comparison.panes))


# --- pages -------------------------------------------------------------------------------------


def test_an_empty_library_begins_with_the_welcome_page(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.welcome)
    assert window.rail.buttons["welcome"].isChecked()
    qtbot.waitUntil(lambda: "6 usable processor cores" in words(window.welcome))


def test_a_library_with_models_begins_with_compare(bench: Workbench, model_file: ModelFiles, qtbot: QtBot) -> None:
    bench.library.add(model_file())
    window = MainWindow(bench)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(lambda: window.runner.idle and window.compare.shelf.looked)
    assert window.stack.currentWidget() is window.compare
    window.close()


def test_the_rail_leads_to_every_page(window: MainWindow, qtbot: QtBot) -> None:
    pages = (
        ("compare", window.compare),
        ("models", window.models),
        ("machine", window.machine),
        ("welcome", window.welcome),
    )
    for name, page in pages:
        qtbot.mouseClick(window.rail.buttons[name], Qt.MouseButton.LeftButton)
        assert window.stack.currentWidget() is page
        assert window.rail.buttons[name].isChecked()


def test_the_memory_of_the_machine_stands_above_every_page(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.strip.texts == ["RAM 6.4 / 17.2 GB"])


def test_the_machine_is_looked_at_only_while_the_window_is_visible(window: MainWindow) -> None:
    assert window.machine_watch.timer.isActive()
    window.hide()
    assert not window.machine_watch.timer.isActive()


# --- menus -------------------------------------------------------------------------------------


def test_every_action_of_the_table_exists_once() -> None:
    assert len({spec.id for spec in ACTIONS}) == len(ACTIONS)
    shortcuts = [spec.shortcut for spec in ACTIONS if spec.shortcut]
    assert len(set(shortcuts)) == len(shortcuts)
    assert all(hasattr(Commands, spec.slot) for spec in ACTIONS if spec.slot)


def test_the_menus_are_made_from_the_table(window: MainWindow) -> None:
    menus = [action.text().replace("&", "") for action in window.menuBar().actions()]
    assert menus == ["File", "View", "Run", "Help"]
    assert window.menus.actions["models"].shortcut().toString() == "Ctrl+2"
    assert window.menus.actions["machine"].shortcut().toString() == "Ctrl+3"
    window.menus.actions["models"].trigger()
    assert window.stack.currentWidget() is window.models
    window.menus.actions["machine"].trigger()
    assert window.stack.currentWidget() is window.machine


def test_diagnostics_hold_versions_machine_and_settings(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.machine_now is not None)
    window.compare.composer.set_text("a secret prompt")
    window.menus.actions["diagnostics"].trigger()
    copied = QGuiApplication.clipboard().text()
    assert "workbench 0.1.0" in copied
    assert "6 usable processor cores" in copied
    assert "context = 4096" in copied
    assert "secret" not in copied
    assert "Diagnostics are on the clipboard." in words(window.notice)


# --- settings ----------------------------------------------------------------------------------


def test_a_chosen_theme_is_applied_and_kept(window: MainWindow, bench: Workbench) -> None:
    window.menus.actions["theme-dark"].trigger()
    assert theme.current() is theme.DARK
    assert window.menus.actions["theme-dark"].isChecked()
    assert settings.load(bench.paths.settings).theme == "dark"
    window.menus.actions["theme-light"].trigger()
    assert theme.current() is theme.LIGHT


def test_text_grows_and_comes_back(window: MainWindow, bench: Workbench) -> None:
    window.menus.actions["larger"].trigger()
    assert bench.settings.text_scale == pytest.approx(1.1)
    window.menus.actions["smaller"].trigger()
    window.menus.actions["smaller"].trigger()
    assert bench.settings.text_scale == pytest.approx(0.9)
    window.menus.actions["normal"].trigger()
    assert bench.settings.text_scale == pytest.approx(1.0)
    assert theme.scale() == pytest.approx(1.0)


def test_the_settings_dialog_is_made_from_the_declarations(window: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    window.menus.actions["settings"].trigger()
    (dialog,) = window.findChildren(PreferencesDialog)
    assert "Tokens a pane can remember, prompt included." in words(dialog)
    threads = dialog.fields["threads"]
    assert threads.text() == "decided by the program"
    threads.setValue(3)
    assert bench.settings.threads == 3
    threads.setValue(threads.minimum())
    assert bench.settings.threads is None
    offline = dialog.fields["offline"]
    assert isinstance(offline, QCheckBox)
    offline.setChecked(True)
    qtbot.waitUntil(lambda: bench.settings.offline)
    assert settings.load(bench.paths.settings).offline
    rater = dialog.fields["rater"]
    assert isinstance(rater, QLineEdit)
    rater.setText(" Ada  L. ")
    rater.editingFinished.emit()
    assert settings.load(bench.paths.settings).rater == "Ada L."
    mode = dialog.fields["run_mode"]
    assert isinstance(mode, QComboBox)
    mode.setCurrentIndex(mode.findData("swap"))
    assert settings.load(bench.paths.settings).run_mode == "swap"
    dialog.close()


def test_the_settings_dialog_has_room_for_the_text_size_it_sets(
    window: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    window.menus.actions["settings"].trigger()
    (dialog,) = window.findChildren(PreferencesDialog)
    qtbot.waitExposed(dialog)
    before = dialog.width()
    dialog.fields["text_scale"].setValue(1.5)
    qtbot.waitUntil(lambda: dialog.width() >= 1.4 * before and dialog.height() >= dialog.sizeHint().height())
    dialog.fields["text_scale"].setValue(1.0)
    dialog.close()


def test_settings_that_cannot_be_kept_are_in_force_all_the_same(window: MainWindow, bench: Workbench) -> None:
    bench.paths.settings.write_text('context = "long"\n')
    window.menus.actions["theme-dark"].trigger()
    assert theme.current() is theme.DARK
    assert "context cannot be" in words(window.notice)
    window.menus.actions["theme-light"].trigger()


# --- files -------------------------------------------------------------------------------------


def drop(window: MainWindow, *paths: Path) -> bool:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(QPoint(5, 5), action, data, buttons, keys)
    entering.setAccepted(False)
    QApplication.sendEvent(window, entering)
    if entering.isAccepted():
        assert window.curtain.isVisible()
        QApplication.sendEvent(window, QDropEvent(QPoint(5, 5), action, data, buttons, keys))
    return entering.isAccepted()


def test_a_dropped_model_is_opened_in_a_pane(window: MainWindow, model_file: ModelFiles, qtbot: QtBot) -> None:
    assert drop(window, model_file("dropped"))
    assert window.curtain.isHidden()
    qtbot.waitUntil(lambda: window.compare.comparison.panes[0].model is not None)
    assert window.compare.comparison.panes[0].model.name == "dropped"
    assert window.stack.currentWidget() is window.compare


def test_a_folder_that_is_no_pack_is_not_taken(window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "holidays").mkdir()
    assert not drop(window, tmp_path / "holidays")


def test_the_curtain_says_what_becomes_of_a_file(window: MainWindow, tmp_path: Path) -> None:
    for name, said in (("letter.txt", "along with the prompt"), ("models.zip", "import this pack")):
        window.curtain.lift(dropping.words(dropping.sorted_out([tmp_path / name])))
        assert said in words(window.curtain)
    window.curtain.hide()


def test_a_file_that_is_no_model_is_said_where_it_would_have_been(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    path = tmp_path / "page.gguf"
    path.write_text("<!doctype html>")
    window.open_file(path)
    qtbot.waitUntil(lambda: "page.gguf is a web page, not a model" in words(window.compare))


# --- models ------------------------------------------------------------------------------------


def test_a_line_of_the_models_page_is_a_ghost_above_and_opens_in_a_pane(
    window: MainWindow, bench: Workbench, model_file: ModelFiles, qtbot: QtBot
) -> None:
    bench.library.add(model_file())
    window.show_page("models")
    qtbot.waitUntil(lambda: bool(window.models.lines) and window.machine_now is not None)
    before = window.strip.texts
    (line,) = window.models.lines
    line.looked_at.emit(line)
    assert window.strip.texts[0].startswith("RAM + ")
    qtbot.mouseClick(line.open_button, Qt.MouseButton.LeftButton)
    assert window.stack.currentWidget() is window.compare
    assert window.strip.texts == before
    pane = window.compare.comparison.panes[0]
    assert pane.model is not None
    assert not pane.exactly, "it follows the shared context like any other"


def test_the_machine_page_opens_the_load_options_of_a_file(
    window: MainWindow, bench: Workbench, model_file: ModelFiles, qtbot: QtBot
) -> None:
    bench.library.add(model_file())
    window.show_page("machine")
    qtbot.waitUntil(lambda: "Tiny Llama 1M" in words(window.machine))
    qtbot.mouseClick(named(window.machine, "Load options of Tiny Llama 1M"), Qt.MouseButton.LeftButton)
    (dialog,) = window.machine.findChildren(LoadDialog)
    qtbot.waitUntil(lambda: dialog.shown is not None)
    dialog.fields.context.box.setValue(512)
    qtbot.waitUntil(lambda: dialog.shown.context == 512)
    qtbot.mouseClick(dialog.load_button, Qt.MouseButton.LeftButton)
    pane = window.compare.comparison.panes[0]
    assert (pane.params.n_ctx, pane.exactly, pane.force) == (512, True, False)


# --- faults ------------------------------------------------------------------------------------


@pytest.mark.logs_errors
def test_an_unexpected_error_is_logged_and_shown_with_details(
    window: MainWindow, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    with _faults_shown(window):
        error = ZeroDivisionError("in a slot")
        sys.excepthook(type(error), error, None)
        assert "Unexpected error: ZeroDivisionError." in words(window.notice)
        qtbot.mouseClick(window.notice.copy, Qt.MouseButton.LeftButton)
    assert "in a slot" in QGuiApplication.clipboard().text()
    assert "unexpected error" in caplog.text


@pytest.mark.logs_errors
def test_an_error_in_a_thread_of_nobodys_is_shown_too(window: MainWindow, qtbot: QtBot) -> None:
    with _faults_shown(window):
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: "ZeroDivisionError" in words(window.notice))


def test_what_qt_says_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from PySide6.QtCore import QtMsgType

    _qt_message(QtMsgType.QtWarningMsg, None, "a warning of Qt")  # type: ignore[arg-type]
    assert ("qt", "a warning of Qt") in [(record.name, record.getMessage()) for record in caplog.records]


def test_a_signal_closes_the_window(window: MainWindow, qtbot: QtBot) -> None:
    import signal

    before = signal.getsignal(signal.SIGTERM)
    with _ended_by_signals(window):
        signal.raise_signal(signal.SIGTERM)
        qtbot.waitUntil(window.isHidden)
    assert signal.getsignal(signal.SIGTERM) is before


# --- the end -----------------------------------------------------------------------------------


def test_closing_while_answers_stream_frees_everything_and_keeps_what_was_written(
    bench: Workbench, backend: FakeBackend, model_file: ModelFiles, qtbot: QtBot
) -> None:
    backend.script = say(["word "] * 100_000)
    backend.tokens_per_s = 200
    window = MainWindow(bench)
    qtbot.addWidget(window)
    window.show()
    opened(window, model_file(), qtbot)
    window.compare.composer.set_text("Go on for ever")
    window.menus.actions["send"].trigger()
    pane = window.compare.comparison.panes[0]
    qtbot.waitUntil(lambda: len(pane.text) > 20)
    window.compare.composer.set_text("not sent yet")
    window.close()
    assert backend.live == 0
    assert window.runner.idle
    (listed,) = bench.conversations.listed()
    stored = bench.conversations.load(listed.id)
    assert stored is not None
    answer = stored.turns[0].answers[pane.id]
    assert answer.stop_reason == "cancelled"
    assert answer.text.startswith("word word")
    again = MainWindow(bench)
    qtbot.addWidget(again)
    assert again.compare.composer.text == "not sent yet"
    assert "Go on for ever" in again.heading.text()
    again.close()


def test_closing_twice_is_harmless(window: MainWindow) -> None:
    window.close()
    window.close()
    assert window.runner.idle


def test_the_windows_place_is_kept_in_its_own_file(window: MainWindow, bench: Workbench) -> None:
    window.resize(901, 702)
    window.close()
    kept = QSettings(str(bench.paths.window), QSettings.Format.IniFormat)
    assert {"geometry", "options"} <= set(kept.allKeys())
