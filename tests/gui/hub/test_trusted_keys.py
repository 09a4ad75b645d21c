"""Whose packs are accepted: listed with their numbers, forgotten, and taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from workbench.app import Workbench
from workbench.gui.hub.trusted_keys import TrustedKeysDialog
from workbench.gui.window import MainWindow
from workbench.hub.packs import keys


@pytest.fixture
def dialog(window: MainWindow, bench: Workbench, qtbot: QtBot) -> TrustedKeysDialog:
    for owner in ("Anna", "Berta"):
        bench.packs.trusted.accept(keys.generate().public, label=owner)
    window.menus.actions["keys"].trigger()
    (found,) = window.findChildren(TrustedKeysDialog)
    qtbot.waitUntil(lambda: "Anna" in words(found))
    return found


def test_each_key_is_shown_with_its_owner_and_number(dialog: TrustedKeysDialog, bench: Workbench) -> None:
    for key in bench.packs.trusted.all():
        assert key.label in words(dialog)
        assert f"Key {key.key_id}" in words(dialog)


def test_a_forgotten_key_can_be_taken_back(dialog: TrustedKeysDialog, bench: Workbench, qtbot: QtBot) -> None:
    anna = bench.packs.trusted.all()[0]
    button = next(one for one in dialog.findChildren(QPushButton) if one.accessibleName() == "Forget the key of Anna")
    button.click()
    qtbot.waitUntil(lambda: [key.label for key in bench.packs.trusted.all()] == ["Berta"])
    qtbot.waitUntil(dialog.notice.undo_button.isVisible)
    dialog.notice.undo_button.click()
    qtbot.waitUntil(lambda: anna in bench.packs.trusted.all())


def test_a_key_file_is_accepted_and_what_is_none_is_refused(
    dialog: TrustedKeysDialog, bench: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    public = keys.generate().public
    file = tmp_path / "clara.pub"
    file.write_text(public.text, encoding="utf-8")
    dialog.add(file)
    qtbot.waitUntil(lambda: public.key_id in words(dialog))
    file.write_text("no key", encoding="utf-8")
    dialog.add(file)
    qtbot.waitUntil(lambda: "not a public key" in dialog.notice.message.text())
    assert len(bench.packs.trusted.all()) == 3
