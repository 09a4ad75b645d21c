"""Every dialog of the hub by keyboard alone: Tab reaches each control, each has a name, Escape closes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.gui.hub.conftest import Publisher, gate_of, remote_line, rested
from tests.unit.models.gguf_files import write_model
from workbench.gui.hub.move_dialog import MoveDialog
from workbench.gui.window import MainWindow

INTERACTIVE = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QPlainTextEdit)
Open = Callable[[MainWindow, QtBot], QDialog]


def pack_import(window: MainWindow, _qtbot: QtBot) -> QDialog:
    return window.dialogs.import_pack()


def pack_making(window: MainWindow, qtbot: QtBot) -> QDialog:
    maker = window.dialogs.make_pack()
    qtbot.waitUntil(lambda: bool(maker.contents.boxes))
    return maker


def accepted_keys(window: MainWindow, _qtbot: QtBot) -> QDialog:
    return window.dialogs.show_keys()


def token(window: MainWindow, qtbot: QtBot) -> QDialog:
    dialog = window.dialogs.show_token()
    qtbot.waitUntil(lambda: not dialog.busy)
    return dialog


def self_check(window: MainWindow, _qtbot: QtBot) -> QDialog:
    return window.dialogs.show_self_check()


def move(window: MainWindow, _qtbot: QtBot) -> QDialog:
    (held,) = window.bench.library.listing().held
    window.models.care.ask_move(held)
    (dialog,) = window.models.findChildren(MoveDialog)
    return dialog


def gate(window: MainWindow, qtbot: QtBot) -> QDialog:
    window.models.show_entry("llama-3.2-1b-instruct")
    rested(window, qtbot)
    remote_line(window, "Q8_0").get_button.click()
    return gate_of(window, qtbot)


@pytest.fixture(params=[pack_import, pack_making, accepted_keys, token, self_check, move, gate])
def dialog(request: pytest.FixtureRequest, window: MainWindow, publisher: Publisher, qtbot: QtBot) -> QDialog:
    write_model(window.bench.paths.models / "own.gguf", text={"general.name": "Own"})
    window.show_page("models")
    rested(window, qtbot)
    opener: Open = request.param
    opened = opener(window, qtbot)
    qtbot.waitUntil(opened.isVisible)
    qtbot.waitUntil(lambda: window.runner.idle)
    return opened


def controls(dialog: QDialog) -> set[QWidget]:
    """What can be used now; of radio buttons the chosen one stands for its group, which the arrow keys walk."""
    found = {one for kind in INTERACTIVE for one in dialog.findChildren(kind) if one.isVisible() and one.isEnabled()}
    inner = {one for one in found if isinstance(one.parentWidget(), QAbstractSpinBox | QComboBox)}
    return {one for one in found - inner if one.focusPolicy() & Qt.FocusPolicy.TabFocus}


def test_tab_reaches_every_control_and_each_has_a_name(dialog: QDialog) -> None:
    wanted = controls(dialog)
    assert wanted
    reached: set[QWidget] = set()
    for _ in range(3 * len(dialog.findChildren(QWidget))):
        dialog.focusNextChild()
        now = dialog.focusWidget()
        if now is not None:
            reached.add(now)
    grouped = {one for one in wanted if isinstance(one, QAbstractButton) and one.autoExclusive()}
    missed = wanted - reached - grouped
    assert not missed, [(type(one).__name__, one.accessibleName(), getattr(one, "text", str)()) for one in missed]
    for one in wanted:
        said = one.accessibleName() or (one.text() if isinstance(one, QAbstractButton) else "")
        assert said.strip(), one


def test_nothing_is_reached_by_the_mouse_alone(dialog: QDialog) -> None:
    buttons = [one for one in dialog.findChildren(QAbstractButton) if one.isVisible() and one.isEnabled()]
    assert buttons
    assert [one.text() for one in buttons if not one.focusPolicy() & Qt.FocusPolicy.TabFocus] == []


def test_escape_closes_it(dialog: QDialog, qtbot: QtBot) -> None:
    closed: list[int] = []
    dialog.finished.connect(closed.append)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: closed == [QDialog.DialogCode.Rejected])


def test_enter_presses_no_button_but_the_one_the_dialog_is_for(dialog: QDialog) -> None:
    defaults = [one.text() for one in dialog.findChildren(QPushButton) if one.isDefault()]
    assert defaults == (["Move"] if isinstance(dialog, MoveDialog) else []), "nothing is agreed to or installed by it"
    assert not any(one.autoDefault() for one in dialog.findChildren(QPushButton))
