"""``workbench pack``: from one data folder to another, and what is refused on the way."""

from __future__ import annotations

import zipfile

import pytest

from tests.unit.models.gguf_files import write_model


@pytest.fixture
def model(tmp_path):
    """One model under a known licence in the sender's library."""
    path = tmp_path / "data" / "models" / "tiny.gguf"
    return write_model(path, text={"general.name": "Tiny", "general.license": "apache-2.0"})


@pytest.fixture
def key(workbench, tmp_path):
    """A pair of the sender's, without a password: opening one takes a second and a gigabyte."""
    outcome = workbench("pack", "key", "new", "sender", "--folder", tmp_path / "keys", "--no-password", "--json")
    assert outcome.status == 0
    return outcome.json


@pytest.fixture
def pack(workbench, model, key, tmp_path):
    path = tmp_path / "tiny.zip"
    assert workbench("pack", "create", path, "-m", "tiny", "--key", key["secret"]).status == 0
    return path


@pytest.fixture
def receiver(workbench, tmp_path):
    """Commands on another data folder."""
    return lambda *arguments: workbench("--data-dir", tmp_path / "receiver", *arguments)


def test_a_pack_is_made_verified_and_installed_on_another_folder(workbench, receiver, pack, key, tmp_path):
    receiver("pack", "key", "accept", key["public"], "--label", "Alice")
    verified = receiver("pack", "verify", pack, "--json")
    assert verified.status == 0
    assert {event["event"] for event in verified.events} == {"pack"}
    assert verified.last["verified"] is True
    assert verified.last["signed"]["standing"] == "trusted"
    assert verified.last["signed"]["label"] == "Alice"
    outcome = receiver("pack", "install", pack, "--yes", "--json")
    assert outcome.status == 0
    (installed,) = outcome.last["models"]
    assert installed["name"] == "tiny"
    assert installed["present"] is False
    assert str(tmp_path / "receiver") in installed["path"]
    models = receiver("models", "list", "--json").json["models"]
    assert [(one["name"], one["own"], one["licence"]) for one in models] == [("tiny", True, "apache-2.0")]
    again = receiver("pack", "install", pack, "--json")
    assert again.status == 0
    assert again.last["models"][0]["present"] is True


def test_creating_says_what_was_made(workbench, model, key, tmp_path):
    outcome = workbench(
        "pack", "create", tmp_path / "p.zip", "-m", "tiny", "--key", key["secret"], "--name", "For Bob", "--json"
    )
    assert outcome.status == 0
    assert {event["phase"] for event in outcome.events} == {"hashing", "writing"}
    assert outcome.last["key_id"] == key["key_id"]
    assert [one["name"] for one in outcome.last["models"]] == ["tiny"]
    assert workbench("pack", "list", tmp_path / "p.zip", "--json").json["name"] == "For Bob"


def test_a_pack_needs_a_key_or_the_word_that_it_has_none(workbench, model, key, tmp_path):
    assert workbench("pack", "create", tmp_path / "p.zip", "-m", "tiny", "--json").status == 2
    both = workbench("pack", "create", tmp_path / "p.zip", "-m", "tiny", "--unsigned", "--key", key["secret"])
    assert both.status == 2
    assert workbench("pack", "create", tmp_path / "p.zip", "-m", "tiny", "--unsigned").status == 0


def test_listing_reads_no_model_and_says_that_nothing_was_checked(workbench, pack, key):
    values = workbench("pack", "list", pack, "--json").json
    assert values["verified"] is False
    assert values["signed"] == {
        "standing": "unknown key", "key_id": key["key_id"], "key": None, "label": None, "comment": None
    }  # fmt: skip
    assert values["licences"] == ["apache-2.0"]
    assert {"models/tiny/tiny.gguf", "bom.cdx.json"} <= {entry["path"] for entry in values["entries"]}
    out = workbench("pack", "list", pack).out
    assert "signed by a key that was not accepted" in out
    assert "Not checked yet" in out


def test_what_nobody_signed_whose_key_was_accepted_is_refused_unless_it_is_meant(workbench, receiver, pack):
    refused = receiver("pack", "install", pack, "--yes", "--json")
    assert refused.status == 1
    assert refused.last["error"]["code"] == "pack_signature"
    assert receiver("models", "list", "--json").json["models"] == []
    assert receiver("pack", "install", pack, "--yes", "--allow-unsigned").status == 0


def test_an_altered_byte_is_refused_and_nothing_is_installed(workbench, receiver, pack, key, tmp_path):
    receiver("pack", "key", "accept", key["public"])
    with zipfile.ZipFile(pack) as whole:
        at = whole.getinfo("models/tiny/tiny.gguf").header_offset
    content = bytearray(pack.read_bytes())
    content[at + 2000] ^= 1
    pack.write_bytes(content)
    outcome = receiver("pack", "install", pack, "--yes", "--json")
    assert outcome.status == 1
    assert outcome.last["error"]["code"] == "pack"
    assert not list((tmp_path / "receiver" / "models").rglob("*.gguf"))


def test_the_licence_has_to_be_agreed_to_once(workbench, receiver, pack, key, answering):
    receiver("pack", "key", "accept", key["public"])
    refused = receiver("pack", "install", pack, "--json")
    assert refused.status == 1
    assert refused.last["error"]["code"] == "pack_consent"
    answering("n")
    assert receiver("pack", "install", pack).status == 130
    assert receiver("models", "list", "--json").json["models"] == []
    answering("y")
    outcome = receiver("pack", "install", pack)
    assert outcome.status == 0
    assert "Apache License 2.0: commercial use allowed" in outcome.err
    assert "workbench chat -m tiny" in outcome.out


def test_settings_travel_when_they_are_asked_for_and_are_taken_over_when_they_are(workbench, receiver, model, tmp_path):
    (tmp_path / "data" / "settings.toml").write_text("temperature = 0.2\n")
    workbench("pack", "create", tmp_path / "s.zip", "-m", "tiny", "--unsigned", "--settings")
    offered = receiver("pack", "install", tmp_path / "s.zip", "--yes", "--allow-unsigned", "--json").last
    assert offered["settings"]["temperature"] == 0.2
    assert offered["settings_taken"] is False
    taken = receiver("pack", "install", tmp_path / "s.zip", "--allow-unsigned", "--settings", "--json").last
    assert taken["settings_taken"] is True
    assert "temperature = 0.2" in (tmp_path / "receiver" / "settings.toml").read_text()


@pytest.mark.parametrize("form", ["folder", "parts"])
def test_other_forms_are_read_the_same(workbench, model, form, tmp_path):
    assert workbench("pack", "create", tmp_path / "p", "-m", "tiny", "--unsigned", "--form", form).status == 0
    assert workbench("pack", "verify", tmp_path / "p", "--allow-unsigned", "--json").last["verified"] is True


# --- keys ------------------------------------------------------------------------------------


def test_a_key_is_accepted_by_file_or_by_itself_and_withdrawn_by_its_number(workbench, key):
    (accepted,) = workbench("pack", "key", "accept", key["key"], "--label", "Alice", "--json").json["keys"]
    assert accepted == {"key_id": key["key_id"], "key": key["key"], "label": "Alice"}
    assert workbench("pack", "key", "list", "--json").json["keys"] == [accepted]
    assert "Alice" in workbench("pack", "key", "list").out
    assert workbench("pack", "key", "withdraw", key["key_id"].lower(), "--json").json["keys"] == []
    assert workbench("pack", "key", "withdraw", key["key_id"], "--json").json["error"]["code"] == "pack_signature"


def test_a_key_is_never_overwritten(workbench, key, tmp_path):
    again = workbench("pack", "key", "new", "sender", "--folder", tmp_path / "keys", "--no-password", "--json")
    assert again.status == 1
    assert "exists already" in again.json["error"]["message"]


def test_without_a_terminal_a_password_comes_from_a_file(workbench, tmp_path):
    refused = workbench("pack", "key", "new", "locked", "--folder", tmp_path, "--json")
    assert refused.status == 2
    assert "--password-file" in refused.json["error"]["hint"]
    assert workbench("pack", "key", "new", "locked", "--password-file", tmp_path / "nowhere", "--json").status == 2
