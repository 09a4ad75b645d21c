"""Hashes of model files: computed once, forgotten when the file changes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from tests.unit.hub.conftest import GgufWriter
from workbench.errors import Cancelled, ModelFileError
from workbench.hub import digests
from workbench.hub.digests import Digests, Hashing
from workbench.hub.library import Library
from workbench.jobs import CancelToken, run
from workbench.store.database import Database


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(digests, "CHUNK_BYTES", 1000)
    path = tmp_path / "m.gguf"
    path.write_bytes(os.urandom(2500))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_hash_comes_with_progress_and_the_second_time_at_once(db: Database, file: Path) -> None:
    events: list[Hashing] = []
    assert run(Digests(db).sha256_of(file), on_event=events.append) == sha256(file)
    assert events == [Hashing(1000, 2500), Hashing(2000, 2500), Hashing(2500, 2500)]
    events.clear()
    assert run(Digests(db).sha256_of(file), on_event=events.append) == sha256(file)
    assert events == []


def test_a_changed_file_is_hashed_again(db: Database, file: Path) -> None:
    run(Digests(db).sha256_of(file))
    before = file.stat()
    file.write_bytes(bytes(2500))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert Digests(db).known(file) is None
    assert run(Digests(db).sha256_of(file)) == sha256(file)


def test_cancelling_stops_between_two_chunks_and_remembers_nothing(db: Database, file: Path) -> None:
    token, events = CancelToken(), []

    def on_event(event: Hashing) -> None:
        events.append(event)
        token.cancel()

    with pytest.raises(Cancelled):
        run(Digests(db).sha256_of(file), cancel=token, on_event=on_event)
    assert len(events) == 1
    assert Digests(db).known(file) is None


def test_a_file_that_changes_meanwhile_is_not_remembered(db: Database, file: Path) -> None:
    def grow(_event: Hashing) -> None:
        with file.open("ab") as opened:
            opened.write(b"more")

    with pytest.raises(ModelFileError, match="changed while it was read"):
        run(Digests(db).sha256_of(file), on_event=grow)
    assert Digests(db).known(file) is None


def test_a_missing_file_is_named(db: Database, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nothing\.gguf cannot be read"):
        run(Digests(db).sha256_of(tmp_path / "nothing.gguf"))


def test_a_hash_that_others_computed_can_be_kept(db: Database, file: Path) -> None:
    Digests(db).remember(file, "ab" * 32)
    assert Digests(db).known(file) == "ab" * 32


def test_the_library_shows_the_hashes_it_knows(db: Database, tmp_path: Path, write_gguf: GgufWriter) -> None:
    path = write_gguf(tmp_path / "models" / "a.gguf")
    library = Library(db, tmp_path / "models")
    assert library.files()[0].sha256 is None
    run(library.sha256_of(path))
    assert library.files()[0].sha256 == library.resolve("a").sha256 == sha256(path)
