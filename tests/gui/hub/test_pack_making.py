"""Making a pack in the window: what goes in, who signs, how large it gets, and what is there in the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from tests.gui.conftest import words
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.gui.hub.pack_maker import PackMaker
from workbench.gui.window import MainWindow
from workbench.hub.packs import keys
from workbench.jobs import run

CHEAP = {"opslimit": keys._LEAST_OPSLIMIT, "memlimit_bytes": 2**20}


@pytest.fixture
def library(bench: Workbench) -> Path:
    bench.paths.models.mkdir(parents=True, exist_ok=True)
    for name in ("one", "two"):
        write_model(bench.paths.models / f"{name}.gguf", text={"general.name": f"Model {name}"})
    return bench.paths.models


@pytest.fixture
def maker(window: MainWindow, library: Path, tmp_path: Path, qtbot: QtBot) -> PackMaker:
    made = window.dialogs.make_pack()
    qtbot.waitUntil(lambda: len(made.contents.boxes) == 2)
    made.form.put_into(tmp_path / "stick")
    qtbot.waitUntil(lambda: window.runner.idle)
    return made


def choose(maker: PackMaker, title: str) -> None:
    next(box for box, held in maker.contents.boxes if held.file.title == title).setChecked(True)


def made(maker: PackMaker, qtbot: QtBot) -> Path:
    maker.make_button.click()
    qtbot.waitUntil(lambda: not maker.busy)
    return maker.form.target


def test_nothing_can_be_made_before_there_is_something_in_it_and_a_word_about_its_signature(maker: PackMaker) -> None:
    assert not maker.make_button.isEnabled()
    assert "at least one model" in maker.make_button.toolTip()
    choose(maker, "Model one")
    assert "go without a signature" in maker.make_button.toolTip()
    maker.signature.unsigned_box.setChecked(True)
    assert maker.make_button.isEnabled()


def test_its_size_and_the_free_space_are_known_before_it_is_made(
    maker: PackMaker, library: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    choose(maker, "Model one")
    qtbot.waitUntil(lambda: "1 model: " in maker.foreseen.text())
    assert "are free there" in maker.foreseen.text()
    suite = tmp_path / "suite.json"
    suite.write_text("{}", encoding="utf-8")
    maker.contents.add("suite", [suite])
    qtbot.waitUntil(lambda: "1 other file" in maker.foreseen.text())


def test_an_unsigned_pack_of_the_chosen_model_and_files_is_made(
    maker: PackMaker, bench: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    choose(maker, "Model two")
    suite = tmp_path / "suite.json"
    suite.write_text("{}", encoding="utf-8")
    maker.contents.add("suite", [suite])
    maker.contents.settings_box.setChecked(True)
    maker.form.name_field.setText("For the ship")
    maker.signature.unsigned_box.setChecked(True)
    path = made(maker, qtbot)
    assert path == tmp_path / "stick" / "For the ship.zip"
    listed = run(bench.packs.listing(path))
    assert [model.title for model in listed.manifest.models] == ["Model two"]
    assert [entry.path for entry in listed.manifest.of_kind("suite")] == ["suites/suite.json"]
    assert listed.settings
    assert listed.signed.standing == "unsigned"
    assert "Not signed." in words(maker)
    assert maker.reveal_button.isVisible()


@pytest.mark.parametrize(("form", "kind"), [("folder", Path.is_dir), ("parts", Path.is_dir), ("zip", Path.is_file)])
def test_every_form_can_be_chosen(
    maker: PackMaker, bench: Workbench, form: str, kind: Callable[[Path], bool], qtbot: QtBot
) -> None:
    choose(maker, "Model one")
    maker.form.forms[form].setChecked(True)  # type: ignore[index]  # a form by its name
    maker.signature.unsigned_box.setChecked(True)
    path = made(maker, qtbot)
    assert kind(path)
    assert [model.title for model in run(bench.packs.listing(path)).manifest.models] == ["Model one"]


def test_a_new_key_signs_and_its_public_half_is_there_to_hand_over(
    maker: PackMaker, bench: Workbench, tmp_path: Path, qtbot: QtBot
) -> None:
    choose(maker, "Model one")
    maker.signature.new_button.click()
    making = maker.signature.making
    making.folder = tmp_path / "keys"
    making.name.setText("office")
    assert "whoever gets the key file" in making.said.text()
    making.make_button.click()
    qtbot.waitUntil(lambda: maker.signature.signer is not None)
    public = keys.read_public_file(tmp_path / "keys" / "office.pub")
    path = made(maker, qtbot)
    assert run(bench.packs.listing(path)).signed.key_id == public.key_id
    assert maker.public_key.isVisible()
    assert maker.public_key.text() == public.line
    maker.signature.copy_button.click()
    assert QGuiApplication.clipboard().text() == public.line


def test_a_locked_key_asks_for_its_password_in_place_and_keeps_none(
    maker: PackMaker, tmp_path: Path, qtbot: QtBot
) -> None:
    secret, _ = keys.write_pair(keys.generate(), tmp_path, "locked", password="right", **CHEAP)
    card = maker.signature
    card.use(secret)
    qtbot.waitUntil(card.password.isVisible)
    card.password.setText("wrong")
    card.open_button.click()
    qtbot.waitUntil(lambda: "does not open" in card.notice.message.text())
    assert card.password.isVisible()
    card.password.setText("right")
    card.open_button.click()
    qtbot.waitUntil(lambda: card.signer is not None)
    assert card.password.text() == ""
    assert "Signs with the key" in card.opened.text()
    maker.close_button.click()
    assert card.signer is None


def test_passwords_that_differ_make_no_key(maker: PackMaker) -> None:
    maker.signature.new_button.click()
    making = maker.signature.making
    making.password.setText("one")
    making.again.setText("two")
    assert not making.make_button.isEnabled()
    assert "differ" in making.said.text()


def test_what_is_there_already_is_refused_in_place_and_another_name_helps(
    maker: PackMaker, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "models.zip").write_text("mine", encoding="utf-8")
    choose(maker, "Model one")
    maker.signature.unsigned_box.setChecked(True)
    made(maker, qtbot)
    assert "already" in maker.notice.message.text()
    maker.form.name_field.setText("others")
    assert made(maker, qtbot).exists()
    assert (tmp_path / "stick" / "models.zip").read_text(encoding="utf-8") == "mine"


def test_cancelling_leaves_nothing_at_its_place(maker: PackMaker, window: MainWindow, qtbot: QtBot) -> None:
    choose(maker, "Model one")
    maker.signature.unsigned_box.setChecked(True)
    maker.make_button.click()
    assert maker.close_button.text() == "Cancel"
    maker.close_button.click()
    qtbot.waitUntil(lambda: window.runner.idle)
    assert not maker.busy
    assert "nothing of the pack stays" in words(maker)
