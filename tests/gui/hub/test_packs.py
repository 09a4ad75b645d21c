"""Importing a pack: checked before anything is touched, shown with its signer and licences, then installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.unit.hub.packs.test_tampered import DEEDS
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.hub.pack_dialog import PackDialog
from workbench.gui.window import MainWindow
from workbench.hub.packs import keys
from workbench.hub.packs.contents import Contents, Extra, ModelContent, Text
from workbench.hub.packs.create import create
from workbench.hub.packs.signing import SecretKey
from workbench.jobs import run
from workbench.models.describe import describe

UNKNOWN = ("no signature", "an unknown key")


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
    return window.dialogs.import_pack()


def checked(dialog: PackDialog, path: Path, qtbot: QtBot) -> str:
    dialog.check(path)
    qtbot.waitUntil(lambda: not dialog.busy)
    return words(dialog)


def test_a_checked_pack_shows_its_signer_its_models_and_the_licence_to_agree_to(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    bench.packs.trusted.accept(signer.public, label="The office")
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
    bench.packs.trusted.accept(signer.public, label="The office")
    checked(dialog, pack, qtbot)
    with qtbot.waitSignal(dialog.installed):
        dialog.install_button.click()
    assert "Installed: 1 model." in words(dialog)
    assert [file.title for file in bench.library.listing().files] == ["Packed"]
    assert window.stack.currentWidget() is window.models
    assert dialog.install_button.isHidden()


def test_a_pack_of_an_unknown_key_is_listed_and_asks_whose_key_it_is(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    said = checked(dialog, pack, qtbot)
    assert "Signed with a key that nobody accepted here" in said
    assert f"Key {signer.public.key_id}" in said
    assert "Nothing of it was checked yet." in said
    assert "Models for the ship" in said
    assert dialog.install_button.isHidden()
    assert dialog.sender_card.field.hasFocus()
    assert not dialog.sender_card.always_button.isEnabled()


def test_a_key_accepted_this_time_installs_and_is_not_kept(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    checked(dialog, pack, qtbot)
    dialog.sender_card.field.setText(signer.public.line)
    assert "It has the number of the key that signed the pack" in words(dialog)
    dialog.sender_card.once_button.click()
    qtbot.waitUntil(lambda: not dialog.busy)
    assert dialog.install_button.isVisible()
    assert bench.packs.trusted.all() == ()


def test_a_key_accepted_always_is_kept_with_its_owners_name_once_its_signature_was_found_right(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, tmp_path: Path, qtbot: QtBot
) -> None:
    checked(dialog, pack, qtbot)
    file = tmp_path / "anna.pub"
    file.write_text(signer.public.text, encoding="utf-8")
    dialog.sender_card.read_file(file)
    dialog.sender_card.owner.setText("Anna")
    dialog.sender_card.always_button.click()
    qtbot.waitUntil(lambda: not dialog.busy)
    assert [(key.label, key.key_id) for key in bench.packs.trusted.all()] == [("Anna", signer.public.key_id)]
    assert "by Anna, whose key you accepted" in words(dialog)


def test_another_key_of_the_same_number_is_not_kept_and_installs_nothing(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    checked(dialog, pack, qtbot)
    other = SecretKey(signer.number, keys.generate().seed)
    dialog.sender_card.field.setText(other.public.line)
    dialog.sender_card.always_button.click()
    qtbot.waitUntil(lambda: not dialog.busy)
    assert "did not sign" in dialog.notice.message.text()
    assert dialog.install_button.isHidden()
    assert bench.packs.trusted.all() == ()


def test_a_key_of_another_number_and_what_is_no_key_are_told_apart(
    dialog: PackDialog, pack: Path, qtbot: QtBot
) -> None:
    checked(dialog, pack, qtbot)
    card = dialog.sender_card
    card.field.setText(keys.generate().public.line)
    assert "another one signed the pack" in card.said.text()
    assert not card.once_button.isEnabled()
    card.field.setText("RWnonsense")
    assert "not a public key" in card.said.text()


def test_an_unsigned_pack_is_installed_only_when_the_user_says_so(
    dialog: PackDialog, pack: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    model = write_model(tmp_path / "other" / "unsigned.gguf", text={"general.name": "Unsigned"})
    unsigned = run(
        create(Contents("Nobody's", (ModelContent(describe(model)),)), tmp_path / "nobody.zip", signer=None)
    ).path
    said = checked(dialog, unsigned, qtbot)
    assert "Nobody can tell who made this pack" in said
    assert not dialog.sender_card.once_button.isVisible()
    dialog.sender_card.anyhow_button.click()
    qtbot.waitUntil(lambda: not dialog.busy)
    assert "nobody can tell who made it" in words(dialog)
    assert dialog.install_button.isVisible()


def test_an_altered_pack_says_what_is_wrong_and_installs_nothing(
    dialog: PackDialog, bench: Workbench, pack: Path, signer: SecretKey, qtbot: QtBot
) -> None:
    bench.packs.trusted.accept(signer.public, label="The office")
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


def test_every_way_of_tampering_is_said_in_words_that_can_be_read_whole(
    dialog: PackDialog, bench: Workbench, signer: SecretKey, tmp_path: Path, qtbot: QtBot
) -> None:
    bench.packs.trusted.accept(signer.public)
    model = write_model(tmp_path / "sender" / "Tiny.gguf")
    contents = Contents(
        "Tiny models",
        (
            ModelContent(
                describe(model), licence="Apache-2.0", licence_texts=(Text("Apache-2.0.txt", b"Do as you like."),)
            ),
        ),
        (
            Extra("catalogue", "tiny.json", b'{"format": 1}\n'),
            Extra("suite", "greetings/suite.json", b"{}\n"),
            Extra("results", "run-1/samples.jsonl", b"{}\n"),
        ),
        {"context": 2048, "temperature": 0.5},
    )
    whole = run(create(contents, tmp_path / "whole", form="folder", signer=signer)).path
    silent = []
    for number, (name, deed, _) in enumerate(DEEDS):
        damaged = Path(shutil.copytree(whole, tmp_path / f"damaged-{number}"))
        deed(damaged, signer)
        dialog.check(damaged)
        qtbot.waitUntil(lambda: not dialog.busy)
        said, hint = dialog.notice.message, dialog.notice.hint
        readable = all(one.isVisible() and one.heightForWidth(one.width()) <= one.height() for one in (said, hint))
        asks = name in UNKNOWN and dialog.sender_card.isVisible()
        if dialog.install_button.isVisible() or not ((readable and said.text().startswith("✕ ")) or asks):
            silent.append((name, said.text(), hint.text()))
    assert silent == []
    assert bench.library.listing().files == ()
