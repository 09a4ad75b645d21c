"""``workbench models show|import|forget|verify|remove|where``: the library, wherever its files lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.cli.conftest import REPOSITORY
from tests.unit.models.gguf_files import write_model


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder of the user's own with two models and a file that is none."""
    folder = tmp_path / "elsewhere"
    write_model(folder / "one.gguf", text={"general.name": "One"})
    write_model(folder / "two.gguf", text={"general.name": "Two"}, layers=3)
    (folder / "broken.gguf").write_bytes(b"GGUF")
    return folder


# --- importing -------------------------------------------------------------------------------


def test_a_folder_is_imported_without_copying_and_what_comes_into_it_later_belongs_too(workbench, elsewhere, tmp_path):
    values = workbench("models", "import", elsewhere, "--json").json
    assert values["folder"] == str(elsewhere)
    assert [model["name"] for model in values["models"]] == ["one", "two"]
    assert [Path(problem["path"]).name for problem in values["problems"]] == ["broken.gguf"]
    write_model(elsewhere / "three.gguf", layers=4)
    models = workbench("models", "list", "--json").json["models"]
    assert [model["name"] for model in models] == ["one", "three", "two"]
    assert {model["own"] for model in models} == {False}
    assert not list((tmp_path / "data").rglob("*.gguf"))


def test_a_file_is_imported_where_it_lies(workbench, elsewhere):
    values = workbench("models", "import", elsewhere / "one.gguf", "--json").json
    assert values["folder"] is None
    assert [model["path"] for model in values["models"]] == [str(elsewhere / "one.gguf")]


def test_what_was_imported_can_be_forgotten_and_stays_on_the_disk(workbench, elsewhere, monkeypatch):
    workbench("models", "import", elsewhere)
    workbench("models", "import", elsewhere / "one.gguf")
    assert workbench("models", "forget", elsewhere, "--json").json["forgotten"] == str(elsewhere)
    assert [model["name"] for model in workbench("models", "list", "--json").json["models"]] == ["one"]
    monkeypatch.chdir(elsewhere)
    assert workbench("models", "forget", "one.gguf").status == 0
    assert workbench("models", "list", "--json").json["models"] == []
    assert (elsewhere / "one.gguf").exists()
    assert workbench("models", "forget", elsewhere, "--json").json["error"]["code"] == "model_not_found"


def test_an_import_of_nothing_is_refused(workbench, tmp_path):
    assert workbench("models", "import", tmp_path / "nowhere", "--json").json["error"]["message"]


# --- verifying -------------------------------------------------------------------------------


def test_a_whole_library_is_verified_and_scripts_are_told_how_far_it_is(workbench, hub):
    for quantisation in ("F16", "Q8_0"):
        workbench("models", "pull", f"{REPOSITORY}:{quantisation}", "--yes")
    outcome = workbench("models", "verify", "--json")
    assert outcome.status == 0
    assert {event["event"] for event in outcome.events} == {"verify"}
    assert [model["verdict"] for model in outcome.last["models"]] == ["intact", "intact"]


def test_a_byte_that_turned_on_the_disk_is_found_and_makes_exit_status_1(workbench, hub, tmp_path):
    workbench("models", "pull", f"{REPOSITORY}:F16", "--yes")
    (path,) = (tmp_path / "data").rglob("tiny-F16.gguf")
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as a failing disk leaves it
    outcome = workbench("models", "verify", "tiny-F16", "--json")
    assert outcome.status == 1
    (model,) = outcome.last["models"]
    assert model["verdict"] == "damaged"
    (file,) = model["files"]
    assert file["failed"][0]["sha256"] != file["sha256"]
    assert "hashes to" in workbench("models", "verify", "tiny-F16").out


def test_what_nobody_promised_is_neither_intact_nor_damaged(workbench, library):
    outcome = workbench("models", "verify", "alpha")
    assert outcome.status == 0
    assert "nothing to compare with" in outcome.out
    assert "intact" in workbench("models", "verify", "alpha").out


# --- removing --------------------------------------------------------------------------------


def test_our_own_model_is_deleted_and_what_that_frees_is_said(workbench, library):
    size = (library / "alpha.gguf").stat().st_size
    values = workbench("models", "remove", "alpha", "--yes", "--json").json
    assert values == {"schema_version": 1, "removed": [str(library / "alpha.gguf")], "frees_bytes": size}
    assert [path.name for path in library.glob("*.gguf")] == ["beta.gguf"]


def test_nothing_is_deleted_without_a_yes(workbench, library, answering):
    outcome = workbench("models", "remove", "alpha", "--json")
    assert outcome.status == 2
    assert "--yes" in outcome.json["error"]["hint"]
    answering("n")
    assert workbench("models", "remove", "alpha").status == 130
    assert (library / "alpha.gguf").exists()
    answering("y")
    assert workbench("models", "remove", "alpha").status == 0
    assert not (library / "alpha.gguf").exists()


def test_what_is_not_ours_is_refused_with_the_reason(workbench, elsewhere):
    workbench("models", "import", elsewhere)
    outcome = workbench("models", "remove", "one", "--yes", "--json")
    assert outcome.status == 1
    assert "not this program's" in outcome.json["error"]["message"]
    assert outcome.json["error"]["hint"]
    assert (elsewhere / "one.gguf").exists()


# --- where -----------------------------------------------------------------------------------


def test_where_lists_every_folder_with_its_program_and_count(workbench, library, elsewhere, tmp_path):
    workbench("models", "import", elsewhere)
    cache = tmp_path / "home" / "hub" / "models--some--tiny-GGUF" / "snapshots" / ("0" * 40)
    write_model(cache / "tiny.gguf", layers=5)
    (cache.parents[1] / "refs").mkdir()
    (cache.parents[1] / "refs" / "main").write_text("0" * 40)
    lm_studio = tmp_path / "home" / ".lmstudio" / "models"
    write_model(lm_studio / "someone" / "tiny-GGUF" / "tiny-lm.gguf", layers=6)
    values = workbench("models", "where", "--json").json
    counts = {(row["program"], Path(row["folder"])): row["files"] for row in values["folders"]}
    assert counts["Workbench", library] == 2
    assert counts["folder", elsewhere] == 2
    assert counts["LM Studio", lm_studio] == 1
    assert values["models"] >= 5
    assert values["programs"]["LM Studio"] == 1
    assert [Path(problem["path"]).name for problem in values["problems"]] == ["broken.gguf"]
    out = workbench("models", "where").out
    assert "LM Studio" in out
    assert "None was copied." in out


# --- showing ---------------------------------------------------------------------------------


def test_a_file_is_shown_with_its_licence_in_plain_words_and_its_verdict(workbench, tmp_path):
    folder = tmp_path / "data" / "models"
    write_model(folder / "tiny.gguf", text={"general.license": "llama3.2"})
    values = workbench("models", "show", "tiny", "--json").json
    assert values["kind"] == "file"
    assert values["program"] == "Workbench"
    assert values["terms"]["commercial"] == "conditions"
    assert values["terms"]["thresholds"][0]["limit"] == 700_000_000
    assert values["fit"]["verdict"] == "cpu"
    out = workbench("models", "show", "tiny").out
    assert "verdict: ● fits in RAM" in out
    assert "700,000,000" in out


def test_a_licence_nobody_described_is_not_guessed_at(workbench, library):
    values = workbench("models", "show", "alpha", "--json").json
    assert values["terms"]["known"] is False
    assert values["terms"]["commercial"] == "unknown"


def test_an_entry_of_the_catalogue_is_shown_without_a_network(workbench):
    values = workbench("--offline", "models", "show", "gemma-3-1b-it", "--json").last
    assert values["kind"] == "catalogue"
    assert values["gated"] is True
    assert values["terms"]["title"] == "Gemma Terms of Use"
    assert values["files"]
    assert values["sources"]
    assert values["ladders"] == []
    assert values["hub"]["code"] == "offline"
    out = workbench("--offline", "models", "show", "gemma-3-1b-it").out
    assert "commercial use under conditions" in out
    assert "gated: yes" in out


def test_an_entry_whose_repository_answers_has_a_verdict_for_each_file(workbench, hub, tmp_path):
    hub.add("ggml-org/gemma-3-1b-it-GGUF", {"gemma-F16.gguf": tmp_path / "published" / "tiny-F16.gguf"})
    values = workbench("models", "show", "gemma-3-1b-it", "--json").last
    assert values["hub"] is None
    assert [rung["verdict"] for rung in values["ladders"][0]["rungs"]] == ["cpu"]


def test_a_repository_is_shown_with_licence_gate_and_ladder_before_anything_is_fetched(workbench, hub, tmp_path):
    values = workbench("models", "show", REPOSITORY, "--json").last
    assert values["kind"] == "repository"
    assert values["gated"] is False
    assert values["licence"]["terms"]["id"] == "apache-2.0"
    assert values["licence"]["agreed"] is False
    assert {rung["quantisation"] for rung in values["ladders"][0]["rungs"]} == {"F16", "Q8_0"}
    out = workbench("models", "show", REPOSITORY).out
    assert "commercial use allowed" in out
    assert "★" in out
    assert not list((tmp_path / "data" / "models").rglob("*"))


def test_the_whole_licence_is_printed_where_somebody_has_it(workbench, hub):
    outcome = workbench("models", "show", REPOSITORY, "--licence")
    assert outcome.status == 0
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in outcome.out
    missing = workbench("models", "show", "gemma-3-1b-it", "--licence", "--json")
    assert missing.status == 1
    assert "https://ai.google.dev/gemma/terms" in missing.json["error"]["hint"]
