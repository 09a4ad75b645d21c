"""Files and folders that cannot be used: one clear error with a hint, and nothing lost."""

from __future__ import annotations

import sqlite3

import pytest

from tests.unit.models.gguf_files import write_model


def refused(outcome, code=None):
    """The error object; the same words are on stderr, without a traceback."""
    assert outcome.status == 1, outcome.err
    error = outcome.json.get("error") or outcome.json["answers"][0]["error"]
    assert error["message"]
    assert error["hint"]
    assert error["message"][:20] in outcome.err
    assert "Traceback" not in outcome.err
    if code is not None:
        assert error["code"] == code
    return error


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF\x03\0\0\0", b"not a model at all " * 100])
def test_an_empty_or_foreign_file_is_no_gguf(workbench, tmp_path, content):
    path = tmp_path / "odd.gguf"
    path.write_bytes(content)
    error = refused(workbench("compare", "-m", path, "--json", "Hello"), "bad_gguf")
    assert "odd.gguf" in error["message"]


def test_a_truncated_model_is_named_as_such(workbench, tmp_path, smollm2_path):
    path = tmp_path / "cut.gguf"
    with smollm2_path.open("rb") as whole:
        path.write_bytes(whole.read(20_000_000))
    error = refused(workbench("compare", "-m", path, "--json", "Hello"), "bad_gguf")
    assert "cut.gguf" in error["message"]


def test_a_missing_file_is_named(workbench, tmp_path):
    error = refused(workbench("fit", tmp_path / "nowhere.gguf", "--json"))
    assert "nowhere.gguf" in error["message"]


def test_an_architecture_the_engine_does_not_know_is_refused_in_the_child(workbench, tmp_path):
    path = write_model(tmp_path / "alien.gguf", architecture="alien9000")
    error = refused(workbench("compare", "-m", path, "--json", "Hello"), "unsupported_architecture")
    assert "alien9000" in error["message"]


def test_a_file_that_aborts_llama_cpp_is_an_error_and_the_other_model_answers(workbench, tmp_path, mistral_path):
    path = tmp_path / "twice.gguf"
    path.write_bytes(
        mistral_path.read_bytes().replace(b"<0x0B>", b"<0x0A>")
    )  # llama.cpp asserts that no token is twice
    outcome = workbench("compare", "-m", path, "-m", mistral_path, "--max-tokens", 2, "--json", "Hello")
    error = refused(outcome, "engine_crashed")
    assert "GGML_ASSERT" in error["message"]
    crashed, answered = outcome.json["answers"]
    assert (crashed["text"], crashed["stop_reason"]) == ("", "error")
    assert answered["error"] is None
    assert answered["completion_tokens"] > 0


def test_a_model_without_the_tensors_of_its_architecture_is_refused(workbench, tmp_path):
    error = refused(workbench("compare", "-m", write_model(tmp_path / "hollow.gguf"), "--json", "Hello"))
    assert "hollow" in error["message"]


def test_a_database_of_a_later_version_is_left_alone(workbench, tmp_path):
    assert workbench("models", "list").status == 0
    path = tmp_path / "data" / "workbench.sqlite3"
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    before = path.read_bytes()
    refused(workbench("models", "list", "--json"), "database_too_new")
    assert path.read_bytes() == before


def test_a_database_that_is_none_is_left_alone(workbench, tmp_path):
    path = tmp_path / "data" / "workbench.sqlite3"
    path.parent.mkdir()
    path.write_bytes(b"precious words " * 1000)
    refused(workbench("models", "list", "--json"), "store")
    assert path.read_bytes() == b"precious words " * 1000


def test_a_data_folder_that_cannot_be_made_is_named(workbench, environment, tmp_path):
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    environment["WORKBENCH_DATA_DIR"] = str(tmp_path / "file" / "data")
    error = refused(workbench("models", "list", "--json"))
    assert "file" in error["message"]
