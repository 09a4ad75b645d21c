"""Folders are watched where the system tells of changes, and looked at again where it does not."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.unit.hub.places.layouts import model
from workbench.errors import Cancelled
from workbench.hub.places.watching import Changed, Mount, Watching, on_network, watch
from workbench.jobs import CancelToken

Events = Generator[Watching | Changed, None, None]


@contextmanager
def watched(*folders: Path, network: tuple[Path, ...] = ()) -> Iterator[tuple[Events, CancelToken]]:
    """The events of a watch that looks again at once, and waits 50 ms for more changes."""
    cancel = CancelToken()
    mounted = [Mount(Path("/"), "ext4"), *(Mount(folder, "nfs4") for folder in network)]
    task = watch(lambda: folders, mounted=lambda: mounted, quiet_ms=50, longest_ms=500, again_s=0.01)
    with closing(task(cancel)) as events:
        yield events, cancel


def test_a_file_that_comes_is_told_with_its_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with watched(tmp_path / "a", tmp_path / "b") as (events, _):
        assert next(events) == Watching((tmp_path / "a", tmp_path / "b"), ())
        model(tmp_path / "b" / "sub" / "m.gguf")
        assert next(events) == Changed((tmp_path / "b",))


def test_unfinished_and_hidden_files_are_not_told(tmp_path: Path) -> None:
    with watched(tmp_path) as (events, cancel):
        next(events)
        for name in (".hidden.gguf", "m.gguf.part", "incomplete-m.gguf", f"sha256-{'a' * 64}-partial-0"):
            (tmp_path / name).write_bytes(b"x")
        (tmp_path / "m.gguf.part").rename(tmp_path / "m.gguf")
        assert next(events) == Changed((tmp_path,))
        cancel.cancel()
        assert list(events) == []


def test_a_watch_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    for network in ((), (tmp_path,)):
        with watched(tmp_path, network=network) as (events, cancel):
            next(events)
            cancel.cancel()
            assert list(events) == []
    with watched(tmp_path) as (events, cancel):
        cancel.cancel()
        with pytest.raises(Cancelled):
            next(events)


def test_a_network_disk_is_looked_at_again(tmp_path: Path) -> None:
    with watched(tmp_path, network=(tmp_path,)) as (events, _):
        assert next(events) == Watching((), (tmp_path,))
        path = model(tmp_path / "m.gguf")
        assert next(events) == Changed((tmp_path,))
        path.unlink()
        assert next(events) == Changed((tmp_path,))


def test_local_and_network_folders_are_watched_together(tmp_path: Path) -> None:
    local, share = tmp_path / "local", tmp_path / "share"
    for folder in (local, share):
        folder.mkdir()
    with watched(local, share, network=(share,)) as (events, _):
        assert next(events) == Watching((local,), (share,))
        model(share / "m.gguf")
        assert next(events) == Changed((share,))
        model(local / "m.gguf")
        assert next(events) == Changed((local,))


def test_a_folder_that_goes_and_comes_back_is_watched_again(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    with watched(folder) as (events, _):
        assert next(events) == Watching((folder,), ())
        shutil.rmtree(folder)
        assert next(events) == Changed((folder,))
        assert next(events) == Watching((), (folder,), missing=(folder,))
        model(folder / "m.gguf")
        assert next(events) == Changed((folder,))
        assert next(events) == Watching((folder,), ())


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("/home/me", False), ("/mnt/share/models", True), ("/mnt/share/local", False), ("\\\\server\\models", True)],
)
def test_the_innermost_mount_says_whose_a_folder_is(folder: str, expected: bool) -> None:
    mounted = [
        Mount(Path("/"), "ext4"),
        Mount(Path("/mnt/share"), "ext4"),
        Mount(Path("/mnt/share"), "cifs"),
        Mount(Path("/mnt/share/local"), "xfs"),
    ]
    assert on_network(Path(folder), mounted) is expected
    assert on_network(Path(folder), [Mount(Path("/"), "ntfs", remote=True)])


def test_a_folder_that_is_wanted_later_is_watched_too(tmp_path: Path) -> None:
    first, later = tmp_path / "first", tmp_path / "later"
    for folder in (first, later):
        folder.mkdir()
    wanted = [first]
    cancel = CancelToken()
    task = watch(lambda: wanted, mounted=lambda: [Mount(Path("/"), "ext4")], quiet_ms=50, longest_ms=500, again_s=0.01)
    with closing(task(cancel)) as events:
        assert next(events) == Watching((first,), ())
        wanted.append(later)
        assert next(events) == Watching((first, later), ())
        model(later / "m.gguf")
        assert next(events) == Changed((later,))
