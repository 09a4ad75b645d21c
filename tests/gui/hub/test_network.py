"""The network's switch in the rail, the menu and the settings, and the self-check that lists every use."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from workbench import settings
from workbench.app import Workbench
from workbench.gui.hub.self_check import SelfCheckDialog
from workbench.gui.window import MainWindow


def test_the_rail_says_what_is_in_force_and_what_it_means(window: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    button = window.rail.buttons["offline"]
    assert button.text() == "Online"
    button.click()
    qtbot.waitUntil(lambda: button.text() == "Offline")
    assert bench.settings.offline
    assert "nothing opens a connection beyond this computer" in button.toolTip()
    assert "offline = true" in bench.paths.settings.read_text()


def test_the_menu_turns_it_too(window: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    window.menus.actions["offline"].trigger()
    qtbot.waitUntil(lambda: window.rail.buttons["offline"].isChecked())
    window.menus.actions["offline"].trigger()
    qtbot.waitUntil(lambda: not window.rail.buttons["offline"].isChecked())
    assert not bench.settings.offline


def test_the_self_check_lists_every_use_with_its_state(window: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    window.menus.actions["self-check"].trigger()
    (dialog,) = window.findChildren(SelfCheckDialog)
    said = words(dialog)
    for use in bench.network_uses():
        assert use.what in said
        assert use.to in said
    assert "● allowed" in said
    dialog.switch.click()
    qtbot.waitUntil(lambda: "● allowed" not in words(dialog))
    assert "○ off" in words(dialog)
    dialog.accept()


def test_what_the_environment_forces_is_said_and_the_switch_stays(
    window: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    bench._flags = {**bench._flags, "offline": False}
    window.rail.buttons["offline"].click()
    qtbot.waitUntil(lambda: "command line or the environment" in window.notice.message.text())
    assert window.rail.buttons["offline"].text() == "Online"


def test_another_process_turns_the_window_offline_within_moments(
    window: MainWindow, bench: Workbench, qtbot: QtBot
) -> None:
    window.menus.actions["self-check"].trigger()
    (dialog,) = window.findChildren(SelfCheckDialog)
    settings.save(bench.paths.settings, {"offline": True})
    window.network.follow()
    qtbot.waitUntil(lambda: window.rail.buttons["offline"].text() == "Offline")
    assert dialog.switch.isChecked()
    assert "● allowed" not in words(dialog)
    dialog.accept()


def test_the_window_looks_at_the_settings_by_itself(window: MainWindow, bench: Workbench, qtbot: QtBot) -> None:
    settings.save(bench.paths.settings, {"offline": True})
    qtbot.waitUntil(lambda: window.rail.buttons["offline"].text() == "Offline")
