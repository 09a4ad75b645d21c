"""Ctrl+K finds every deed and everything kept; the page of shortcuts holds every key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtGui import QGuiApplication, QShortcut
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.conftest import backend, bench, flags, home, model_file, window, words
from workbench.app import Workbench
from workbench.chat.library import Prompt
from workbench.gui import theme
from workbench.gui.actions import ACTIONS, KEYS
from workbench.gui.fuzzy import best, match
from workbench.gui.palette import Palette
from workbench.gui.shortcuts import ShortcutsDialog, as_text, lines, native
from workbench.gui.window import MainWindow

__all__ = ["backend", "bench", "flags", "home", "model_file", "window"]

# --- matching ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "text"),
    [("nc", "New comparison"), ("theme dark", "Theme: Dark"), ("dark th", "Theme: Dark"), ("ünï", "Ünïcode"),
     ("cpd", "Copy diagnostics"), ("SET", "Settings"), ("שלום", "אמר שלום"), ("", "anything")],
)  # fmt: skip
def test_letters_typed_in_a_hurry_are_understood(wanted: str, text: str) -> None:
    found = match(wanted, text)
    assert found is not None
    assert len(found.places) <= len(wanted)


@pytest.mark.parametrize(("wanted", "text"), [("xyz", "Settings"), ("gt", "Settings"), ("settings x", "Settings")])
def test_what_is_not_meant_is_not_found(wanted: str, text: str) -> None:
    assert match(wanted, text) is None


def test_the_best_comes_first() -> None:
    texts = ["A comparison of newts", "New comparison", "Renew", "news", "Never ever wait"]
    assert [texts[index] for index, _ in best("new", texts, 9)][:2] == ["news", "New comparison"]
    assert [index for index, _ in best("e", ["e"] * 100, 5)] == [0, 1, 2, 3, 4]


def test_hostile_text_is_only_letters() -> None:
    assert match("(.*", "a (.* b") is not None
    assert match("a" * 30, "a" * 5000) is not None
    assert match("ab" * 40, "a" * 5000) is None
    assert best("[", ["[", "("], 9)[0][0] == 0


# --- the palette -------------------------------------------------------------------------------


@pytest.fixture
def palette(window: MainWindow, qtbot: QtBot) -> Palette:
    window.show_page("compare")
    made = window.commands.palette
    made.appear()
    qtbot.waitUntil(lambda: window.runner.idle)
    return made


def found(palette: Palette) -> list[str]:
    return [palette.found.index(row).data() for row in range(palette.found.rowCount())]


def test_every_action_is_in_it_with_its_keys(palette: Palette, window: MainWindow) -> None:
    entries = {entry.title: entry for entry in palette._entries()}
    for spec in ACTIONS:
        if spec.slot and spec.id != "palette" and window.menus.actions[spec.id].isEnabled():
            title = spec.title.replace("&", "").rstrip("…")
            shown = next(entry for name, entry in entries.items() if name.endswith(title))
            if spec.shortcut:
                assert shown.keys == native(spec.shortcut)


def test_a_deed_is_done_by_keys_alone(palette: Palette, window: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClicks(palette.field, "mach")
    assert found(palette)[0] == "Machine"
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.machine)
    assert not palette.isVisible()


def test_the_arrows_go_round_and_escape_gives_the_keys_back(palette: Palette, window: MainWindow, qtbot: QtBot) -> None:
    last = palette.found.rowCount() - 1
    qtbot.keyClick(palette.field, Qt.Key.Key_Up)
    assert palette.list.currentIndex().row() == last
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    assert palette.list.currentIndex().row() == 0
    qtbot.keyClick(palette.field, Qt.Key.Key_PageDown)
    assert palette.list.currentIndex().row() > 5
    qtbot.keyClick(palette.field, Qt.Key.Key_Tab)
    assert palette.isVisible()
    qtbot.keyClick(palette.field, Qt.Key.Key_Escape)
    assert not palette.isVisible()


def test_conversations_models_presets_and_prompts_are_found(
    window: MainWindow, bench: Workbench, model_file: Callable[..., Path], qtbot: QtBot
) -> None:
    number = bench.conversations.create("The <b>zebra</b> question")
    bench.conversations.add_turn(number, "Hello", parent_id=None)
    bench.history.presets.save(window.compare.record.as_preset("Zebra preset", with_panes=True))
    bench.history.prompts.save(Prompt(0, "Zebra prompt", "Tell me of zebras."))
    bench.library.add(model_file("zebra", "Zebra Llama 1M"))
    window.compare.shelf.refresh()
    qtbot.waitUntil(lambda: bool(window.compare.shelf.models))
    palette = window.commands.palette
    palette.appear()
    qtbot.keyClicks(palette.field, "zebra")
    qtbot.waitUntil(lambda: palette.found.rowCount() == 4)
    kinds = {palette.found.index(row).data(Qt.ItemDataRole.AccessibleTextRole).split(", ")[-1] for row in range(4)}
    assert kinds == {"Conversation", "Model", "Preset", "Prompt"}
    palette.grab()
    prompt = found(palette).index("Zebra prompt")
    palette._take(palette.found.index(prompt))
    qtbot.waitUntil(lambda: window.compare.composer.text == "Tell me of zebras.")
    palette.appear()
    qtbot.keyClicks(palette.field, "question")
    qtbot.waitUntil(lambda: palette.found.rowCount() == 1)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.compare.record.diary.conversation_id == number)


def test_nothing_found_is_said(palette: Palette, qtbot: QtBot) -> None:
    qtbot.keyClicks(palette.field, "qqqqqqzzzz")
    assert found(palette) == []
    assert "Nothing is called that" in palette.note.text()
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()


# --- the page of shortcuts ---------------------------------------------------------------------


def test_every_shortcut_of_the_window_is_on_the_page(window: MainWindow) -> None:
    known = {key for these in lines().values() for line in these for key in line.keys}
    known |= {f"Alt+{number}" for number in range(1, 9)}
    for shortcut in window.findChildren(QShortcut):
        keys = shortcut.key().toString(shortcut.key().SequenceFormat.NativeText)
        assert keys in known, f"{keys} is on no page"


def test_no_two_actions_have_the_same_keys() -> None:
    everywhere = [spec.shortcut for spec in ACTIONS if spec.shortcut] + ["Ctrl+I"]
    assert len(set(everywhere)) == len(everywhere)
    assert "Ctrl+I" in {keys.keys for keys in KEYS}


def test_a_key_is_found_by_what_it_does_and_by_its_name(qtbot: QtBot) -> None:
    dialog = ShortcutsDialog()
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.field.setText("rename")
    assert "Rename" in words(dialog)
    assert "F2" in words(dialog)
    assert "New comparison" not in words(dialog)
    dialog.field.setText("ctrl+k")
    assert [line.title for these in dialog.found().values() for line in these] == ["Find anything"]
    dialog.field.setText("no such thing")
    assert "No shortcut has these words." in words(dialog)


def test_it_is_two_columns_where_there_is_room(qtbot: QtBot, qapp: QApplication) -> None:
    theme.apply(qapp, "light", 1.0)
    dialog = ShortcutsDialog()
    qtbot.addWidget(dialog)
    dialog.resize(900, 600)
    dialog.show()
    assert dialog._columns == 2
    dialog.resize(400, 600)
    QCoreApplication.processEvents()
    assert dialog._columns == 1
    theme.apply(qapp, "light", 1.5)
    bar = dialog.body.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    theme.apply(qapp, "light", 1.0)


def test_it_can_be_copied_as_a_page_of_text(qtbot: QtBot) -> None:
    dialog = ShortcutsDialog()
    qtbot.addWidget(dialog)
    dialog.field.setText("blind votes")
    dialog.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("Blind votes\n")
    columns = {line.rindex("  ") for line in as_text({"A": lines()["Blind votes"]}).splitlines()[1:] if line}
    assert len(columns) == 1
