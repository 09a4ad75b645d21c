"""Folders and lists that strangers may have prepared: a problem in plain words each, and the rest is found."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.unit.hub.places.layouts import (
    everything,
    jan_model,
    link,
    model,
    ollama_blob,
    ollama_manifest,
    ollama_model,
)
from workbench.hub.places import huggingface, ollama
from workbench.hub.places.finding import find
from workbench.hub.places.folder import place as folder_place
from workbench.hub.places.place import Place, Program
from workbench.hub.places.reading import MAX_BYTES
from workbench.hub.places.walk import gguf_files

TAG = "registry.ollama.ai/library/bad/latest"
not_as_root = pytest.mark.skipif(hasattr(os, "getuid") and os.getuid() == 0, reason="root may read everything")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """With one sound model in it."""
    ollama_model(tmp_path / "store", "registry.ollama.ai/library/good/latest", model(tmp_path / "good.gguf", "Good"))
    return tmp_path / "store"


def manifest(store: Path, content: str | bytes) -> Path:
    path = store / "manifests" / TAG
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def told(place: Place) -> str:
    """The one problem's message, after everything else was found all the same."""
    (problem,) = place.problems
    assert problem.error.hint
    return problem.error.message


@pytest.mark.parametrize(
    "digest",
    ["sha256:../../../etc/passwd", "sha256-" + "a" * 63 + "/", "../x", "/etc/passwd", "sha512:" + "a" * 64, ""],
)
def test_a_digest_that_is_none_never_becomes_a_path(store: Path, digest: str) -> None:
    manifest(store, json.dumps(ollama_manifest([("model", digest, 1)])))
    place = ollama.place(store)
    assert told(place) == "bad:latest: its manifest names something that is no blob of Ollama's."
    assert [file.called for file in place.files] == ["good:latest"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{" + b" " * MAX_BYTES, "far more than such a file needs"),
        ("[" * 100_000, "not the JSON"),
        ('{"layers": ' + "9" * 5_000 + "}", "not the JSON"),
        ("[]", "not the JSON"),
        ("", "not the JSON"),
        (b"\xff\xfe\x00", "not text"),
    ],
)
def test_a_manifest_that_is_none_is_told_as_such(store: Path, content: str | bytes, reason: str) -> None:
    manifest(store, content)
    place = ollama.place(store)
    assert reason in told(place)
    assert len(place.files) == 1


@pytest.mark.parametrize("content", ['{"layers": null}', '{"layers": [1, null]}', '{"layers": {}}', "{}"])
def test_a_manifest_without_weights_is_no_model_and_no_problem(store: Path, content: str) -> None:
    manifest(store, content)
    place = ollama.place(store)
    assert (len(place.files), place.problems) == (1, ())


def test_a_missing_a_short_and_a_linked_blob_are_told(store: Path, tmp_path: Path) -> None:
    absent, present = "sha256:" + "a" * 64, ollama_blob(store, b"GGUF")
    manifest(store, json.dumps(ollama_manifest([("model", absent, 4)])))
    assert "No such file" in told(ollama.place(store))
    manifest(store, json.dumps(ollama_manifest([("model", present, 5)])))
    assert "has 4 bytes instead of 5" in told(ollama.place(store))
    link(store / "blobs" / f"sha256-{'b' * 64}", model(tmp_path / "outside.gguf"))
    manifest(store, json.dumps(ollama_manifest([("model", "sha256:" + "b" * 64, 4)])))
    assert "leads out of Ollama's folder" in told(ollama.place(store))
    outside = tmp_path / "manifest.json"
    outside.write_text("{}")
    (store / "manifests" / TAG).unlink()
    link(store / "manifests" / TAG, outside)
    assert "leads out of Ollama's folder" in told(ollama.place(store))


def test_models_in_pieces_or_other_formats_are_told(store: Path) -> None:
    digest = ollama_blob(store, b"GGUF")
    manifest(store, json.dumps(ollama_manifest([("model", digest, 4), ("model", digest, 4)])))
    assert "is split into 2 parts" in told(ollama.place(store))
    manifest(store, json.dumps(ollama_manifest([("tensor", digest, 4)])))
    assert "is not kept as a GGUF file" in told(ollama.place(store))


def test_a_pipe_and_a_loop_in_place_of_a_manifest_are_told(store: Path) -> None:
    path = manifest(store, "")
    path.unlink()
    os.mkfifo(path)
    assert "not an ordinary file" in told(ollama.place(store))
    path.unlink()
    path.symlink_to(path)
    assert "link" in told(ollama.place(store))


def test_links_of_a_cache_that_lead_out_round_or_nowhere_are_told(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    snapshot = cache / "models--a--b" / "snapshots" / ("c" * 40)
    link(snapshot / "Out.gguf", model(tmp_path / "secret.gguf"))
    link(snapshot / "Gone.gguf", cache / "models--a--b" / "blobs" / ("d" * 64))
    (snapshot / "Round.gguf").symlink_to("Round.gguf")
    place = huggingface.place(cache)
    assert place.files == ()
    assert [problem.error.message for problem in place.problems] == [
        "a/b: the bytes of Gone.gguf are missing from the cache.",
        "a/b: Out.gguf is a link that leads out of the cache, or to itself.",
        "a/b: Round.gguf is a link that leads out of the cache, or to itself.",
    ]


@pytest.mark.parametrize("named", ["../../outside.gguf", "/etc/passwd", "", "llamacpp/models/../../../outside.gguf"])
def test_an_entry_of_jans_that_names_what_it_may_not_is_told(tmp_path: Path, named: str) -> None:
    data = tmp_path / "a" / "jan"
    model(tmp_path / "outside.gguf")
    jan_model(data, "bad", {"model_path": named})
    (place,) = find(tmp_path / "home", {"JAN_DATA_FOLDER": str(data)}, root=tmp_path / "nothing")
    assert told(place) == "Jan's entry for bad names no GGUF file that it may name."


def test_an_import_of_jans_that_is_gone_is_told(tmp_path: Path) -> None:
    data = tmp_path / "jan"
    jan_model(data, "gone", {"model_path": str(tmp_path / "gone.gguf")})
    (place,) = find(tmp_path / "home", {"JAN_DATA_FOLDER": str(data)}, root=tmp_path / "nothing")
    assert "is not there" in told(place)


def test_broken_settings_are_told_and_the_usual_folders_are_looked_into(tmp_path: Path) -> None:
    model(tmp_path / ".lmstudio" / "models" / "a" / "b" / "m.gguf")
    (tmp_path / ".lmstudio" / "settings.json").write_text("{")
    (tmp_path / ".lmstudio-home-pointer").mkdir()
    model(tmp_path / ".local/share/Jan/data/models/x/m.gguf")
    (tmp_path / ".local/share/Jan/settings.json").write_text('{"data_folder": 3')
    model(tmp_path / ".local/share/nomic.ai/GPT4All/m.gguf")
    (tmp_path / ".config/nomic.ai").mkdir(parents=True)
    (tmp_path / ".config/nomic.ai/GPT4All.ini").write_bytes(b"\xff\xff")
    found = find(tmp_path, {}, system="linux", root=tmp_path)
    assert sorted(place.program.value for place in found for _ in place.files) == ["GPT4All", "Jan", "LM Studio"]
    problems = [problem.error.message for place in found for problem in place.problems]
    assert len(problems) == 4
    assert all("cannot be read: it is not" in message for message in problems)


def test_links_that_loop_are_entered_once(tmp_path: Path) -> None:
    model(tmp_path / "all" / "sub" / "m.gguf")
    (tmp_path / "all" / "sub" / "up").symlink_to(tmp_path / "all")
    (tmp_path / "all" / "self").symlink_to("self")
    place = folder_place(tmp_path / "all")
    assert [file.path.name for file in place.files] == ["m.gguf"]
    assert place.problems == ()


def test_a_folder_of_endless_folders_is_left_and_that_is_said(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"{number:02}").mkdir()
    model(tmp_path / "00" / "m.gguf")
    found = list(gguf_files(tmp_path, max_folders=5))
    assert any("more than 5 folders" in str(getattr(one, "error", "")) for one in found)


@not_as_root
def test_a_folder_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    closed = tmp_path / "all" / "closed"
    model(closed / "m.gguf")
    closed.chmod(0)
    try:
        assert "Permission denied" in told(folder_place(tmp_path / "all"))
    finally:
        closed.chmod(stat.S_IRWXU)


def test_a_file_where_a_folder_should_be_is_no_place(tmp_path: Path) -> None:
    for name in (".lmstudio", ".ollama", ".cache"):
        (tmp_path / name).write_text("not a folder")
    before = everything(tmp_path)
    assert find(tmp_path, {"HF_HOME": str(tmp_path / ".cache")}, root=tmp_path) == ()
    assert everything(tmp_path) == before
    assert Program.FOLDER not in {place.program for place in find(tmp_path, {}, root=tmp_path)}
