"""Importing a pack: checked before anything is touched, shown with its signer and licences, then installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.hub.pack_dialog import PackDialog
from workbench.gui.window import MainWindow
from workbench.hub.packs import keys
from workbench.hub.packs.contents import Contents, ModelContent
from workbench.hub.packs.create import create
from workbench.hub.packs.signing import SecretKey
from workbench.jobs import run
from workbench.models.describe import describe


@pytest.fixture
def signer() -> SecretKey:
    return keys.generate()


@pytest.fixture
def pack(tmp_path: Path, signer: SecretKey) -> Path:
    model = write_model(tmp_path / "sender" / "packed.gguf", text={"general.name": "Packed"})
    contents = Contents("Models for the ship", (ModelContent(describe(model), licence="gemma"),))
    return run(create(contents, tmp_path / "ship.zip", form="zip", signer=signer)).path


@pytest.fixture
def dialog(window: MainWindow) -> PackDialog:
    window.import_pack()
    (found,) = window.findChildren(PackDialog)
    return found


def checked(dialog: PackDialog, path: Path, qtbot: QtBot) -> str:
    dialog.check(path)
    qtbot.waitUntil(lambda: not dialog.busy)
    return words(dialog)


def test_a_checked_pack_shows_its_signer_its_models_and_the_licence_to_agree_to(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    bench.trusted_keys.accept(signer.public, label="The office")
    said = checked(dialog, pack, qtbot)
    assert "Models for the ship" in said
    assert "by The office, whose key you accepted" in said
    assert "●  Packed" in said
    assert "Gemma Terms of Use · commercial: conditions" in said
    assert "Nothing is installed yet." in said
    assert bench.library.listing().files == ()
    assert dialog.install_button.text() == "Agree and install"


def test_installing_puts_the_models_into_the_library(
    dialog: PackDialog, window: MainWindow, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    bench.trusted_keys.accept(signer.public, label="The office")
    checked(dialog, pack, qtbot)
    with qtbot.waitSignal(dialog.installed):
        dialog.install_button.click()
    assert "Installed: 1 model." in words(dialog)
    assert [file.title for file in bench.library.listing().files] == ["Packed"]
    assert window.stack.currentWidget() is window.models
    assert dialog.install_button.isHidden()


def test_a_key_nobody_accepted_is_refused_until_the_user_says_otherwise(
    dialog: PackDialog, pack: Path, qtbot: QtBot
) -> None:
    said = checked(dialog, pack, qtbot)
    assert "✕ " in said
    assert dialog.install_button.isHidden()
    dialog.unsigned_button.click()
    qtbot.waitUntil(lambda: not dialog.busy)
    assert "which nobody accepted here: that proves nothing" in words(dialog)
    assert dialog.install_button.isVisible()


def test_an_altered_pack_says_what_is_wrong_and_installs_nothing(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    bench.trusted_keys.accept(signer.public, label="The office")
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.write_bytes(data)
    said = checked(dialog, pack, qtbot)
    assert "✕ " in said
    assert dialog.notice.hint.text()
    assert dialog.install_button.isHidden()
    assert bench.library.listing().files == ()


def test_closing_while_it_checks_leaves_nothing_behind(
    dialog: PackDialog, window: MainWindow, pack: Path, qtbot: QtBot
) -> None:
    dialog.check(pack)
    dialog.close_button.click()
    qtbot.waitUntil(lambda: window.runner.idle)
    qtbot.waitUntil(lambda: not window.findChildren(PackDialog))
    assert window.bench.library.listing().files == ()
