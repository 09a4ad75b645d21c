"""``workbench models token``: kept by the system, never shown, never taken from the command line."""

from __future__ import annotations

import getpass
import io
from collections.abc import Iterator

import keyring
import pytest
from keyring.backends import fail

from tests.unit.cli.conftest import REPOSITORY
from tests.unit.hub.test_tokens import Ring

TOKEN = "hf_canary"


@pytest.fixture
def ring() -> Iterator[Ring]:
    """A store of this system's."""
    before = keyring.get_keyring()
    ring = Ring()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def piped(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))


def test_a_token_of_standard_input_is_kept_used_and_forgotten(workbench, hub, ring, piped, tmp_path):
    outcome = workbench("models", "token", "set", "--json")
    assert outcome.json == {"schema_version": 1, "hub": hub.endpoint, "source": "keyring", "problem": None,
                            "kept": True}  # fmt: skip
    assert list(ring.kept.values()) == [TOKEN]
    shown = workbench("models", "token", "show")
    assert "the system's password store" in shown.out
    workbench("models", "search", REPOSITORY)
    assert {one.headers.get("authorization") for one in hub.served} == {f"Bearer {TOKEN}"}
    assert workbench("models", "token", "forget", "--json").json["forgotten"] is True
    assert ring.kept == {}
    assert workbench("models", "token", "forget", "--json").json["forgotten"] is False
    assert "there is no token" in workbench("models", "token", "show").out
    for said in (outcome.out, outcome.err, shown.out, shown.err):
        assert TOKEN not in said
    assert not [
        path for path in (tmp_path / "data").rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()
    ]


def test_at_a_terminal_it_is_asked_for_without_an_echo(workbench, hub, ring, answering, monkeypatch):
    answering("not this")
    monkeypatch.setattr(getpass, "getpass", lambda prompt: TOKEN if "not shown" in prompt else "")
    assert workbench("models", "token", "set").status == 0
    assert list(ring.kept.values()) == [TOKEN]


def test_it_is_not_taken_from_the_command_line(workbench, hub, ring, piped):
    assert workbench("models", "token", "set", "hf_seen_by_everybody").status == 2
    assert ring.kept == {}


def test_where_the_environment_has_one_that_is_said(workbench, hub, ring, piped, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    outcome = workbench("models", "token", "set")
    assert "the environment (HF_TOKEN" in outcome.out
    assert "counts when that one is gone" in outcome.err
    assert list(ring.kept.values()) == [TOKEN]


def test_the_file_of_the_hub_s_own_command_line_is_named(workbench, hub, ring, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
    assert workbench("models", "token", "show", "--json").json["source"] == "hf file"
    assert "hf auth login" in workbench("models", "token", "show").out


def test_a_machine_without_a_store_is_told_of_the_variable(workbench, hub, ring, piped):
    keyring.set_keyring(fail.Keyring())
    error = workbench("models", "token", "set", "--json").json["error"]
    assert error["code"] == "token"
    assert "no password store" in error["message"]
    assert "HF_TOKEN" in error["hint"]
    shown = workbench("models", "token", "show", "--json").json
    assert (shown["source"], "no password store" in shown["problem"]) == ("none", True)


def test_what_is_no_token_is_refused(workbench, hub, ring, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert workbench("models", "token", "set", "--json").json["error"]["code"] == "token"
    assert ring.kept == {}
