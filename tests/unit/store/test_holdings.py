"""What is ours is found and deleted by its name; nothing else ever is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import StoreError
from workbench.jobs import run
from workbench.paths import Paths, resolve
from workbench.store.database import Database
from workbench.store.holdings import Erased, Kind, erase, holdings
from workbench.store.locks import Lock


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A data folder with something of every kind, and with what others put there."""
    paths = resolve(tmp_path / "data")
    Database(paths.database).close()
    for name, size in (
        ("workbench.sqlite3.before-v3-20260101T000000000000Z.copy", 10),
        ("models/tiny.gguf", 1000),
        ("models/deep/down/other.gguf", 500),
        ("packs/list.json", 3),
        ("licences/a.txt", 4),
        ("keys/mine", 5),
        ("cache/prompt-cache/state", 6),
        ("settings.toml", 7),
        ("window.ini", 8),
        ("logs/workbench.log", 9),
        ("logs/workbench.log.1", 9),
        ("logs/crash.log", 1),
        ("diary of somebody.txt", 11),
        ("cache/of-another-program/x", 12),
    ):
        path = paths.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return paths


def sizes(paths: Paths) -> dict[Kind, int]:
    return {one.kind: one.size_bytes for one in holdings(paths)}


def erased(paths: Paths, *, keep: tuple[Kind, ...] = ()) -> Erased:
    return run(erase(paths, [kind for kind in Kind if kind not in keep]))


def test_every_kind_is_measured(paths: Paths) -> None:
    found = sizes(paths)
    assert found[Kind.MODELS] == 1500
    assert found[Kind.PACKS] == 7
    assert (found[Kind.KEYS], found[Kind.CACHES], found[Kind.SETTINGS], found[Kind.LOGS]) == (5, 6, 15, 19)
    assert found[Kind.HISTORY] == paths.database.stat().st_size + 10


def test_everything_goes_but_what_is_not_ours(paths: Paths) -> None:
    done = erased(paths)
    left = sorted(str(path.relative_to(paths.data)) for path in paths.data.rglob("*") if path.is_file())
    assert left == ["cache/of-another-program/x", "diary of somebody.txt"]
    assert [path.name for path in done.foreign] == ["of-another-program", "diary of somebody.txt"]
    assert done.left == ()
    assert done.file_count == 13
    assert all(size == 0 for size in sizes(paths).values())


def test_models_stay_where_they_are_not_named(paths: Paths) -> None:
    erased(paths, keep=(Kind.MODELS,))
    assert sizes(paths)[Kind.MODELS] == 1500
    assert sizes(paths)[Kind.HISTORY] == 0


def test_folders_of_nobody_else_go_too(tmp_path: Path) -> None:
    paths = resolve(tmp_path / "data")
    Database(paths.database).close()
    paths.logs.mkdir()
    paths.log.write_text("x")
    assert erased(paths).foreign == ()
    assert not paths.data.exists()


def test_links_are_cut_and_not_followed(paths: Paths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious.gguf").write_bytes(bytes(77))
    (paths.models / "linked").symlink_to(outside)
    (paths.models / "one.gguf").symlink_to(outside / "precious.gguf")
    assert sizes(paths)[Kind.MODELS] == 1500
    erased(paths)
    assert (outside / "precious.gguf").stat().st_size == 77
    assert not paths.models.exists()


def test_a_linked_folder_of_models_is_cut_as_a_whole(paths: Paths, tmp_path: Path) -> None:
    outside = tmp_path / "big disk"
    paths.models.rename(outside)
    paths.models.symlink_to(outside)
    erased(paths)
    assert (outside / "tiny.gguf").exists()
    assert not paths.models.is_symlink()


def test_nothing_is_erased_under_an_open_window(paths: Paths) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as other:
        (paths.data / "window.lock").write_text(f"{other.pid}\nworkbench\nhere\n")
        with pytest.raises(StoreError, match="A window of the program is open"):
            erased(paths)
        assert sizes(paths)[Kind.MODELS] == 1500
        other.communicate("\n")
    assert erased(paths).left == ()  # one that a crash left is none


def test_nothing_is_erased_under_a_deck_that_is_being_asked(paths: Paths) -> None:
    held = Lock(paths.data / "deck-3.lock")
    with pytest.raises(StoreError, match="A deck of prompts is being asked"):
        erased(paths)
    assert sizes(paths)[Kind.MODELS] == 1500
    held.release()
    (paths.data / "deck-4.lock").write_text("1")  # one that a crash left is none
    erased(paths)
    assert not (paths.data / "deck-4.lock").exists()


def test_the_window_itself_may_erase(paths: Paths) -> None:
    (paths.data / "window.lock").write_text(f"{os.getpid()}\nworkbench\nhere\n")
    erased(paths)
    assert (paths.data / "window.lock").exists(), "the window's own lock is let go by the window"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are Unix's")
def test_what_cannot_be_deleted_is_named(ordinary_folder: Path) -> None:
    paths = resolve(ordinary_folder / "data")
    Database(paths.database).close()
    locked = paths.models / "locked"
    locked.mkdir(parents=True)
    (locked / "model.gguf").write_bytes(b"x")
    locked.chmod(0o500)
    done = erased(paths)
    locked.chmod(0o700)
    assert done.left == (paths.models,)
