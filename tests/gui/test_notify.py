"""Telling somebody who looks elsewhere."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from workbench.gui.notify import Notifier


@pytest.fixture
def window(qtbot):
    made = QWidget()
    qtbot.addWidget(made)
    return made


@pytest.mark.parametrize(
    ("visible", "active", "told"), [(True, False, True), (True, True, False), (False, False, False)]
)
def test_only_a_window_that_is_there_and_not_in_front_has_something_to_tell(window, monkeypatch, visible, active, told):
    alerted: list[QWidget] = []
    monkeypatch.setattr(QApplication, "alert", alerted.append)
    monkeypatch.setattr(QSystemTrayIcon, "isSystemTrayAvailable", lambda: False)
    monkeypatch.setattr(window, "isActiveWindow", lambda: active)
    window.setVisible(visible)
    notifier = Notifier(window)
    notifier.tell("Done", "All models have answered")
    assert (notifier.told is not None) is told
    assert bool(alerted) is told
