"""Which models of the catalogue are on this machine: by repository, by SHA-256, by title."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.models.gguf_files import write_model
from workbench.hub.catalogue import Catalogue
from workbench.hub.entries import Entry
from workbench.hub.installed import entry_of, installed
from workbench.hub.places.place import Program
from workbench.hub.places.same import Held
from workbench.models.describe import describe
from workbench.paths import resources


@pytest.fixture(scope="module")
def entries() -> tuple[Entry, ...]:
    return Catalogue.load(resources()).entries


def held(path: Path, title: str) -> Held:
    file = describe(write_model(path, text={"general.name": title}))
    return Held(file, Program.WORKBENCH, own=True, identity=str(path))


def test_by_the_repository_it_lies_under(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    entry = next(entry for entry in entries if entry.gguf_repositories)
    name = entry.gguf_repositories[0].name.upper()
    assert installed(entries, [held(tmp_path / name / "any.gguf", "Another")]) == {entry.id}


def test_by_the_hash_that_was_published(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    entry = next(entry for entry in entries if entry.files)
    published = replace(entry, files=(replace(entry.files[0], sha256="ab" * 32),))
    mine = held(tmp_path / "m.gguf", "Another")
    assert installed([published], [mine]) == frozenset()
    assert installed([published], [replace(mine, file=replace(mine.file, sha256="ab" * 32))]) == {entry.id}


def test_by_the_title_however_it_is_written(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    entry = next(entry for entry in entries if " " in entry.title)
    found = held(tmp_path / "m.gguf", entry.title.upper().replace(" ", "-"))
    assert entry.id in installed(entries, [found])


def test_a_synthetic_model_of_that_name_is_none_of_them(entries: tuple[Entry, ...], tmp_path: Path) -> None:
    mine = held(tmp_path / "m.gguf", entries[0].title)
    assert installed(entries, [replace(mine, file=replace(mine.file, synthetic=True))]) == frozenset()


def test_a_file_s_entry_is_found_by_its_hash_before_its_folder_and_its_title(
    entries: tuple[Entry, ...], tmp_path: Path
) -> None:
    first, second = [entry for entry in entries if entry.files and entry.gguf_repositories][:2]
    published = replace(first, files=(replace(first.files[0], sha256="ab" * 32),))
    file = held(tmp_path / second.gguf_repositories[0].name / "any.gguf", "Another").file
    assert entry_of(file, entries) is second
    assert entry_of(replace(file, sha256="ab" * 32), [second, published]) is published
    assert entry_of(held(tmp_path / "m.gguf", first.title.lower()).file, entries) is first
    assert entry_of(replace(file, synthetic=True), entries) is None
    assert entry_of(held(tmp_path / "n.gguf", "Nobody's").file, entries) is None
