"""What other programs keep is found where it lies, and nothing of theirs is changed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.unit.hub.places.conftest import Home
from tests.unit.hub.places.layouts import (
    COMMIT,
    cached,
    everything,
    jan_model,
    link,
    model,
    ollama_model,
    sha256,
)
from workbench.hub.library import Library
from workbench.hub.places import gpt4all
from workbench.hub.places.finding import find
from workbench.hub.places.jan import scalars
from workbench.hub.places.place import Place, PlacedFile, Program
from workbench.store.database import Database


def only(places: tuple[Place, ...], program: Program) -> Place:
    (place,) = (place for place in places if place.program is program)
    return place


def files(places: tuple[Place, ...], program: Program) -> list[PlacedFile]:
    return [file for place in places if place.program is program for file in place.files]


def test_everything_is_found_and_nothing_is_copied_or_touched(home: Home, db: Database, tmp_path: Path) -> None:
    before = everything(home.folder)
    places = find(home.folder, home.environment, system="linux", root=tmp_path)
    library = Library(db, tmp_path / "models", places=lambda: places)
    listing = library.listing()
    assert {place.program.value: len(place.files) for place in places} == home.expected
    assert [problem.error.message for place in places for problem in place.problems] == []
    assert {(held.program.value, held.file.name) for held in listing.held} == {
        ("LM Studio", "Big"),
        ("LM Studio", "Seer-Q4_0"),
        ("Jan", "owner-jan-nano"),
        ("Jan", "imported"),
        ("GPT4All", "Hermes"),
        ("Ollama", "gemma3-270m"),
        ("Hugging Face cache", "Cached-Q8_0"),
        ("llama.cpp", "owner_repo_Old"),
    }
    assert listing.problems == ()
    assert not any(held.own for held in listing.held)
    assert everything(home.folder) == before
    assert not (tmp_path / "models").exists()


def test_a_home_without_programs_has_no_places(tmp_path: Path) -> None:
    assert find(tmp_path, {}, root=tmp_path) == ()


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        (
            "darwin",
            {},
            {
                Program.JAN: "Library/Application Support/Jan/data",
                Program.GPT4ALL: "Library/Application Support/nomic.ai/GPT4All",
                Program.LLAMA_CPP: "Library/Caches/llama.cpp",
            },
        ),
        (
            "win32",
            {"APPDATA": "AppData/Roaming", "LOCALAPPDATA": "AppData/Local"},
            {
                Program.JAN: "AppData/Roaming/Jan/data",
                Program.GPT4ALL: "AppData/Local/nomic.ai/GPT4All",
                Program.LLAMA_CPP: "AppData/Local/llama.cpp",
            },
        ),
        (
            "linux",
            {"XDG_DATA_HOME": "data", "XDG_CACHE_HOME": "cache"},
            {
                Program.JAN: "data/Jan/data",
                Program.GPT4ALL: "data/nomic.ai/GPT4All",
                Program.HUGGING_FACE: "cache/huggingface/hub",
                Program.LLAMA_CPP: "cache/llama.cpp",
            },
        ),
        (
            "linux",
            {
                "JAN_DATA_FOLDER": "jan",
                "OLLAMA_MODELS": "ollama",
                "HF_HOME": "hf",
                "LLAMA_CACHE": "llama",
            },
            {
                Program.JAN: "jan",
                Program.OLLAMA: "ollama",
                Program.HUGGING_FACE: "hf/hub",
                Program.LLAMA_CPP: "llama",
            },
        ),
        ("linux", {"HF_HUB_CACHE": "hub"}, {Program.HUGGING_FACE: "hub"}),
        (
            "darwin",
            {},
            {Program.LM_STUDIO: ".lmstudio/models", Program.OLLAMA: ".ollama/models"},
        ),
        ("win32", {}, {Program.LM_STUDIO: ".cache/lm-studio/models", Program.HUGGING_FACE: ".cache/huggingface/hub"}),
    ],
)
def test_each_system_and_variable_leads_to_its_folder(
    tmp_path: Path, system: str, environment: dict[str, str], expected: dict[Program, str]
) -> None:
    for folder in expected.values():
        (tmp_path / folder).mkdir(parents=True)
    absolute = {name: str(tmp_path / folder) for name, folder in environment.items()}
    found = find(tmp_path, absolute, system=system, root=tmp_path / "nothing")
    assert {place.program: place.folder for place in found} == {
        program: tmp_path / folder for program, folder in expected.items()
    }


def test_the_linux_service_of_ollama_is_found_and_only_on_linux(tmp_path: Path) -> None:
    store = tmp_path / "usr/share/ollama/.ollama/models"
    ollama_model(store, "registry.ollama.ai/library/tiny/latest", model(tmp_path / "a.gguf"))
    found = find(tmp_path / "home", {}, system="linux", root=tmp_path)
    assert [file.called for file in files(found, Program.OLLAMA)] == ["tiny:latest"]
    assert find(tmp_path / "home", {}, system="darwin", root=tmp_path) == ()


def test_a_relative_variable_is_no_place(tmp_path: Path) -> None:
    assert find(tmp_path, {"HF_HOME": "hf", "OLLAMA_MODELS": "", "LLAMA_CACHE": "\0"}, root=tmp_path) == ()


def test_lm_studios_pointer_and_its_settings_are_followed(tmp_path: Path) -> None:
    model(tmp_path / "disk" / "gguf" / "me" / "Mine-GGUF" / "Mine.gguf")
    model(tmp_path / "home" / ".lmstudio" / "models" / "me" / "Old-GGUF" / "Old.gguf")
    (tmp_path / "home" / ".lmstudio-home-pointer").write_text(f"{tmp_path}/studio\n")
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "settings.json").write_text(json.dumps({"downloadsFolder": str(tmp_path / "disk" / "gguf")}))
    found = find(tmp_path / "home", {}, root=tmp_path)
    assert [file.path.name for file in files(found, Program.LM_STUDIO)] == ["Mine.gguf"]


def test_jans_moved_data_folder_and_its_legacy_models_are_found(tmp_path: Path) -> None:
    data = tmp_path / "disk" / "jan"
    settings = tmp_path / ".config" / "Jan" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"data_folder": str(data)}))
    model(data / "models" / "cortex.so" / "old" / "model.gguf", "Old")
    found = find(tmp_path, {}, system="linux", root=tmp_path)
    assert [(file.path.name, file.stem) for file in files(found, Program.JAN)] == [("model.gguf", "old")]


def test_jans_entries_are_read_as_jan_writes_them() -> None:
    text = "model_path: llamacpp/models/a/model.gguf # a note\nname: 'It''s: mine'\nsize_bytes: 12\nlist:\n  - x: y\n"
    text += r'mmproj_path: "C:\\Models\\mmproj.gguf"' + '\nbroken: "\\q"\n'
    assert scalars(text) == {
        "model_path": "llamacpp/models/a/model.gguf",
        "name": "It's: mine",
        "size_bytes": "12",
        "mmproj_path": r"C:\Models\mmproj.gguf",
    }


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("[General]\nmodelPath=C:/Users/me/models/\n", "C:/Users/me/models/"),
        ('[General]\nmodelPath="/home/me/my, models/"\n', "/home/me/my, models/"),
        ("[General]\nmodelPath=/home/J\\xf6rg/\n", "/home/Jörg/"),
        ("modelPaths=/old/\n", "/old/"),
        ("[network]\nmodelPath=/no/\n", None),
        ("", None),
    ],
)
def test_gpt4alls_settings_are_read_as_qt_writes_them(settings: str, expected: str | None) -> None:
    assert gpt4all.model_path(settings) == expected


def test_a_tag_of_ollamas_newer_layout_hides_the_older_entry(tmp_path: Path) -> None:
    store = tmp_path / ".ollama" / "models"
    old = ollama_model(store, "registry.ollama.ai/library/tiny/1b", model(tmp_path / "old.gguf", "Old"))
    new = ollama_model(store, "registry.ollama.ai/library/aside/1b", model(tmp_path / "new.gguf", "New"))
    manifest = store / "manifests" / "registry.ollama.ai" / "library" / "aside" / "1b"
    child = store / "blobs" / f"sha256-{sha256(manifest)}"
    manifest.replace(child)
    listed = {
        "mediaType": "application/vnd.ollama.manifest.list.v2+json",
        "manifests": [
            {"runner": "mlx", "format": "safetensors", "digest": "sha256:" + "0" * 64},
            {"runner": "llamacpp", "format": "gguf", "digest": f"sha256:{sha256(child)}"},
        ],
    }
    (tmp_path / "list.json").write_text(json.dumps(listed))
    blob = store / "blobs" / f"sha256-{sha256(tmp_path / 'list.json')}"
    (tmp_path / "list.json").replace(blob)
    link(store / "manifests-v2" / "ollama.com" / "library" / "tiny" / "1b", blob)
    place = only(find(tmp_path, {}, root=tmp_path / "nothing"), Program.OLLAMA)
    assert [(file.called, file.path) for file in place.files] == [("tiny:1b", new)]
    assert place.problems == ()
    assert old.exists()


def test_names_of_ollama_are_those_it_shows(tmp_path: Path) -> None:
    store = tmp_path / ".ollama" / "models"
    for name in (
        "registry.ollama.ai/library/gemma3/270m",
        "registry.ollama.ai/somebody/mine/latest",
        "hf.co/owner/name-GGUF/Q4_K_M",
    ):
        ollama_model(store, name, model(tmp_path / "a.gguf", name))
    called = [file.called for file in files(find(tmp_path, {}, root=tmp_path / "nothing"), Program.OLLAMA)]
    assert sorted(map(str, called)) == ["gemma3:270m", "hf.co/owner/name-GGUF:Q4_K_M", "somebody/mine:latest"]


def test_the_cache_claims_a_hash_only_where_its_blob_is_named_by_one(tmp_path: Path) -> None:
    cache = tmp_path / ".cache" / "huggingface" / "hub"
    large = cached(cache, "owner/a--b", "Large.gguf", model(tmp_path / "large.gguf", "Large"))
    folder = large.parents[2]
    small = link(large.with_name("Small.gguf"), model(folder / "blobs" / ("a" * 40), "Small"))
    # The newer shared store: the link of the repository is named by the SHA-256, what it leads to is not.
    shared = model(cache / "blobs" / "ee" / ("e" * 64), "Shared")
    digest = sha256(shared)
    via = link(large.with_name("Shared.gguf"), link(folder / "blobs" / digest, shared))
    copied = model(large.with_name("Windows.gguf"), "Windows")
    found = files(find(tmp_path, {}, root=tmp_path), Program.HUGGING_FACE)
    assert {file.path: file.claimed_sha256 for file in found} == {
        large: sha256(large),
        small: None,
        via: digest,
        copied: None,
    }
    assert {file.called for file in found} >= {"owner/a--b/Large.gguf"}


def test_the_commit_of_the_main_branch_comes_first(tmp_path: Path) -> None:
    cache = tmp_path / ".cache" / "huggingface" / "hub"
    new = cached(cache, "owner/name", "m.gguf", model(tmp_path / "m.gguf"), commit=COMMIT)
    link(new.parents[1] / ("0" * 40) / "m.gguf", Path(os.path.realpath(new)))
    found = files(find(tmp_path, {}, root=tmp_path), Program.HUGGING_FACE)
    assert [file.path.parent.name for file in found] == [COMMIT, "0" * 40]


def test_a_blob_that_ollamas_manifest_lists_twice_is_listed_by_both_names(tmp_path: Path, db: Database) -> None:
    store = tmp_path / ".ollama" / "models"
    ollama_model(store, "registry.ollama.ai/library/tiny/1b", model(tmp_path / "a.gguf"))
    manifest = store / "manifests/registry.ollama.ai/library/tiny"
    (manifest / "latest").write_bytes((manifest / "1b").read_bytes())
    library = Library(db, tmp_path / "models", places=lambda: find(tmp_path, {}, root=tmp_path))
    (held,) = library.listing().held
    assert (held.called, [copy.called for copy in held.copies]) == ("tiny:1b", ["tiny:latest"])
    assert library.resolve("TINY:1b").path == held.file.path


def test_an_import_of_jan_is_grouped_with_what_its_entry_names(tmp_path: Path) -> None:
    data = tmp_path / "jan"
    beside = model(tmp_path / "vision" / "mmproj.gguf")
    jan_model(data, "seer", {"model_path": str(model(tmp_path / "Seer.gguf")), "mmproj_path": f'"{beside}"'})
    (file,) = files(find(tmp_path, {"JAN_DATA_FOLDER": str(data)}, root=tmp_path), Program.JAN)
    assert file.companions == (beside,)
