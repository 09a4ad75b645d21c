"""Reduced motion: what moves on its own stands still, as soon as the setting says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication, QCheckBox, QProgressBar
from pytestqt.qtbot import QtBot

from workbench.app import Workbench
from workbench.gui import motion
from workbench.gui.preferences import PreferencesDialog
from workbench.gui.window import MainWindow


@pytest.fixture(autouse=True)
def _as_it_was(qapp: QApplication) -> Iterator[None]:
    yield
    motion.reduce(qapp, reduced=False)


def test_the_setting_stops_bars_and_cursors_and_lets_them_go_again(
    window: MainWindow, bench: Workbench, qapp: QApplication, qtbot: QtBot
) -> None:
    blinks = qapp.cursorFlashTime()
    bar = QProgressBar()
    qtbot.addWidget(bar)
    motion.show_endless(bar)
    assert bar.maximum() == 0, "it runs to and fro"
    window.menus.actions["settings"].trigger()
    (dialog,) = window.findChildren(PreferencesDialog)
    box = dialog.fields["reduced_motion"]
    assert isinstance(box, QCheckBox)
    box.setChecked(True)
    assert bench.settings.reduced_motion
    assert qapp.cursorFlashTime() == 0
    motion.show_endless(bar)
    assert (bar.value(), bar.maximum()) == (1, 2)
    box.setChecked(False)
    assert qapp.cursorFlashTime() == blinks
    motion.show_endless(bar)
    assert bar.maximum() == 0
