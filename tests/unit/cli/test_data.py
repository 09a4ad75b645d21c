"""``workbench data``: where it lies, a backup, the way back, and the end of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import keyring
import pytest

from tests.unit.hub.test_tokens import Ring
from workbench.chat.conversations import Conversations
from workbench.store.database import Database


@pytest.fixture
def history(tmp_path):
    """Adds a conversation to the test's data."""

    def add(title):
        with Database(tmp_path / "data" / "workbench.sqlite3") as db:
            Conversations(db).create(title)

    add("The first")
    return add


def titles(tmp_path):
    with closing(sqlite3.connect(tmp_path / "data" / "workbench.sqlite3")) as raw:
        return [title for (title,) in raw.execute("SELECT title FROM conversation ORDER BY id")]


def test_where_names_every_folder_and_measures_what_lies_there(workbench, library, history, tmp_path):
    found = workbench("data", "where", "--json").json
    assert found["folders"]["data"] == str(tmp_path / "data")
    kinds = {one["kind"]: one for one in found["holdings"]}
    assert kinds["models"]["files"] == 2
    assert kinds["models"]["size_bytes"] == sum(path.stat().st_size for path in library.iterdir())
    assert kinds["history"]["size_bytes"] > 0
    assert found["size_bytes"] == sum(one["size_bytes"] for one in found["holdings"])
    said = workbench("data", "where").out
    assert "conversations, votes, measurements" in said
    assert str(tmp_path / "data") in said.replace("\n", "")


def test_a_backup_and_the_way_back(workbench, history, tmp_path):
    target = tmp_path / "mine"
    made = workbench("data", "backup", target, "--json")
    assert made.last["backup"]["rows"]["conversation"] == 1
    assert {event["event"] for event in made.events} == {"backup"}
    history("The second")
    back = workbench("data", "restore", target, "--yes", "--json").last
    assert titles(tmp_path) == ["The first"]
    assert workbench("data", "restore", back["kept"], "--yes").status == 0
    assert titles(tmp_path) == ["The first", "The second"]


def test_a_file_that_is_there_is_not_overwritten_unasked(workbench, history, tmp_path):
    (tmp_path / "mine").write_text("a thesis")
    refused = workbench("data", "backup", tmp_path / "mine")
    assert refused.status == 2
    assert "is there already" in refused.err
    assert (tmp_path / "mine").read_text() == "a thesis"
    replaced = workbench("data", "backup", tmp_path / "mine", "--yes")
    assert "1 conversation, read back and found whole" in replaced.out.replace("\n", " ")


def test_what_is_no_backup_is_refused_before_anything_is_asked(workbench, history, answering, tmp_path):
    (tmp_path / "no").write_text("nothing of the kind")
    refused = workbench("data", "restore", tmp_path / "no")
    assert refused.status == 1
    assert "no is not a backup of this program." in refused.err
    assert titles(tmp_path) == ["The first"]


def test_a_no_restores_nothing(workbench, history, answering, tmp_path):
    workbench("data", "backup", tmp_path / "mine")
    history("The second")
    answering("n")
    assert workbench("data", "restore", tmp_path / "mine").status == 130
    assert titles(tmp_path) == ["The first", "The second"]


def test_where_nobody_can_be_asked_yes_has_to_be_said(workbench, history, tmp_path):
    workbench("data", "backup", tmp_path / "mine")
    for command in (("restore", tmp_path / "mine"), ("erase",), ("erase", "--json")):
        refused = workbench("data", *command)
        assert refused.status == 2
        assert "--yes" in refused.err
    assert titles(tmp_path) == ["The first"]


def test_everything_but_models_is_erased_and_the_token_forgotten(workbench, library, history, tmp_path):
    ring, before = Ring(), keyring.get_keyring()
    keyring.set_keyring(ring)
    ring.kept["workbench model hub", "https://huggingface.co"] = "hf_canary"
    try:
        done = workbench("data", "erase", "--yes", "--json")
    finally:
        keyring.set_keyring(before)
    assert done.status == 0
    assert ring.kept == {}
    assert done.last["left"] == []
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["models"]
    assert len(list(library.iterdir())) == 2


def test_models_go_where_they_are_named(workbench, library, history, tmp_path):
    assert workbench("data", "erase", "--models", "--yes").status == 0
    assert not (tmp_path / "data").exists()


def test_erasing_wants_the_words_typed(workbench, history, answering, tmp_path):
    answering("yes")
    assert workbench("data", "erase").status == 130
    assert titles(tmp_path) == ["The first"]
    answering("Delete everything")
    asked = workbench("data", "erase")
    assert asked.status == 0
    assert "conversations, votes, measurements:" in asked.err
    assert not (tmp_path / "data").exists()


def test_a_damaged_database_can_be_erased(workbench, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "workbench.sqlite3").write_text("ruined")
    assert workbench("data", "erase", "--yes").status == 0
    assert not (tmp_path / "data").exists()
