"""``workbench models catalogue``: catalogues that the user adds to the program's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.hub import catalogue
from workbench.hub.catalogue import Catalogue
from workbench.paths import resources


@pytest.fixture
def mine(tmp_path) -> Path:
    """A catalogue of one model, as somebody might send it."""
    entry = Catalogue.load(resources()).entries[0]
    file = tmp_path / "mine.json"
    file.write_bytes(catalogue.write([entry], title="Mine", dated=entry.provenance.dated))
    return file


def test_one_is_added_listed_and_removed(workbench, mine):
    assert workbench("models", "catalogue", "list", "--json").json["catalogues"] == []
    added = workbench("models", "catalogue", "add", mine, "--json").json["added"]
    assert (added["title"], added["entries"], added["error"]) == ("Mine", 1, None)
    assert added["came_from"] == str(mine)
    assert workbench("models", "catalogue", "list", "--json").json["catalogues"] == [added]
    assert "Mine" in workbench("models", "catalogue", "list").out
    assert workbench("models", "catalogue", "remove", added["file"], "--json").json["removed"] == added["file"]
    assert workbench("models", "catalogue", "list", "--json").json["catalogues"] == []
    assert mine.exists()


def test_one_with_a_mistake_is_listed_with_it(workbench, mine, tmp_path):
    added = workbench("models", "catalogue", "add", mine, "--json").json["added"]
    (kept,) = (tmp_path / "data").rglob(added["file"])
    kept.write_text("{")
    (listed,) = workbench("models", "catalogue", "list", "--json").json["catalogues"]
    assert (listed["file"], listed["title"], listed["entries"]) == (added["file"], None, None)
    assert listed["error"]["message"] in workbench("models", "catalogue", "list").err


@pytest.mark.parametrize("source", ["nowhere.json", "empty.json"])
def test_what_is_no_catalogue_is_refused(workbench, source, tmp_path):
    (tmp_path / "empty.json").write_text("{}")
    outcome = workbench("models", "catalogue", "add", tmp_path / source, "--json")
    assert (outcome.status, outcome.json["error"]["code"]) == (1, "catalogue")
    assert workbench("models", "catalogue", "list", "--json").json["catalogues"] == []


def test_one_that_was_not_added_cannot_be_removed(workbench, mine):
    outcome = workbench("models", "catalogue", "remove", "../mine.json", "--json")
    assert (outcome.status, outcome.json["error"]["code"]) == (1, "catalogue")
    assert mine.exists()


def test_offline_no_address_is_asked_and_a_file_may_still_be_added(workbench, mine):
    outcome = workbench("--offline", "models", "catalogue", "add", "https://catalogue.example/mine.json", "--json")
    assert (outcome.status, outcome.json["error"]["code"]) == (1, "offline")
    assert workbench("--offline", "models", "catalogue", "add", mine).status == 0
