"""What the program keeps on this computer, how big it is, and how all of it goes."""

from __future__ import annotations

import enum
import os
import shutil
from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.errors import StoreError
from workbench.jobs import CancelToken, Task
from workbench.paths import Paths
from workbench.store.locks import HeldElsewhereError, Lock
from workbench.words import said

WINDOW_LOCK = "window.lock"
RUN_LOCKS = "deck-*.lock"


class Kind(enum.StrEnum):
    HISTORY = "history"  # conversations, votes, what was learnt of this machine, and the copies made of it
    MODELS = "models"
    PACKS = "packs"  # what packs brought besides models, and catalogues
    KEYS = "keys"  # with which packs are signed
    CACHES = "caches"
    SETTINGS = "settings"
    LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Holding:
    """``paths`` are those of its files and folders that are there now."""

    kind: Kind
    paths: tuple[Path, ...]
    size_bytes: int
    file_count: int


@dataclass(frozen=True, slots=True)
class Erasing:
    path: Path


@dataclass(frozen=True, slots=True)
class Erased:
    """``left`` could not be deleted; ``foreign`` lies in our folders and is not ours."""

    file_count: int
    size_bytes: int
    left: tuple[Path, ...]
    foreign: tuple[Path, ...]


def holdings(paths: Paths) -> tuple[Holding, ...]:
    """Every kind, also those of which there is nothing; files of other programs are never among them."""
    return tuple(_holding(kind, tuple(_own(paths, kind))) for kind in Kind)


def erase(paths: Paths, kinds: Collection[Kind]) -> Task[Erasing, Erased]:
    """Delete these kinds; the database and the log must be closed.

    Only what the program made by name is touched, and links are cut, not followed.  Raises StoreError while a window
    is open on these folders, and Cancelled: what was deleted until then is gone.
    """

    def task(cancel: CancelToken) -> Generator[Erasing, None, Erased]:
        refuse_while_open(paths)
        count, size = 0, 0
        left: list[Path] = []
        for holding in holdings(paths):
            if holding.kind not in kinds:
                continue
            for path in holding.paths:
                cancel.raise_if_cancelled()
                yield Erasing(path)
                files = list(_files(path))
                before = [(file, _size(file)) for file in files]
                _delete(path)
                gone = [bytes_ for file, bytes_ in before if not file.is_symlink() and not file.exists()]
                count, size = count + len(gone), size + sum(gone)
                if path.is_symlink() or path.exists():
                    left.append(path)
        foreign = _remove_empty(paths)
        return Erased(count, size, tuple(left), foreign)

    return task


def refuse_while_open(paths: Paths) -> None:
    """Raises StoreError while a window of another process is open on the data folder, or asks a deck there."""
    for lock in sorted(paths.data.glob(RUN_LOCKS)):
        try:
            Lock(lock).release()
        except HeldElsewhereError as error:
            raise StoreError(
                said("A deck of prompts is being asked, and kept in {data}.", data=paths.data),
                hint=said("Wait for it, or stop it first."),
            ) from error
        except OSError as error:
            raise StoreError(
                said("{lock} cannot be opened: {strerror}.", lock=lock, strerror=error.strerror),
                hint=said("Check its permissions."),
            ) from error
    try:
        first = (paths.data / WINDOW_LOCK).read_text("utf-8", "replace").splitlines()[:1]
    except OSError:
        return
    process = int(first[0]) if first and first[0].isdigit() else 0
    if process and process != os.getpid() and psutil.pid_exists(process):
        raise StoreError(
            said("A window of the program is open on {data}.", data=paths.data),
            hint=said("Close it, or do this in the window itself."),
        )


# --- what is ours ----------------------------------------------------------------------------


def _own(paths: Paths, kind: Kind) -> Iterator[Path]:
    data, database = paths.data, paths.database.name
    found: dict[Kind, list[Path]] = {
        Kind.HISTORY: [
            *(data / f"{database}{end}" for end in ("", "-wal", "-shm", "-journal")),
            *sorted(data.glob(f"{database}.before-*.copy")),
            *sorted(data.glob("restoring-*")),
            *sorted(data.glob(RUN_LOCKS)),
        ],
        Kind.MODELS: [paths.models],
        Kind.PACKS: [data / name for name in ("packs", "catalogue", "suites", "results", "licences", "refreshed")],
        Kind.KEYS: [data / "keys"],
        Kind.CACHES: [paths.prompt_cache, paths.starter_wheels],
        Kind.SETTINGS: [paths.settings, paths.window, paths.opening],
        Kind.LOGS: [*sorted(paths.logs.glob(f"{paths.log.name}*")), *sorted(paths.logs.glob("crash*.log"))],
    }
    return (path for path in found[kind] if path.is_symlink() or path.exists())


def _holding(kind: Kind, paths: tuple[Path, ...]) -> Holding:
    files = [file for path in paths for file in _files(path)]
    return Holding(kind, paths, sum(_size(file) for file in files), len(files))


def _files(path: Path) -> Iterator[Path]:
    """Every file below; a link is one itself."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        yield from (Path(folder) / name for name in (*names, *links))


def _size(file: Path) -> int:
    """A link takes no room of ours."""
    try:
        return 0 if file.is_symlink() else file.lstat().st_size
    except OSError:  # it went meanwhile
        return 0


def _delete(path: Path) -> None:
    """What cannot be deleted is found afterwards, by looking."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _remove_empty(paths: Paths) -> tuple[Path, ...]:
    """The folders themselves go when nothing is in them any more; what else lies there is named."""
    folders = dict.fromkeys((paths.logs, paths.cache, paths.config, paths.data))
    ours = {path for kind in Kind for path in _own(paths, kind)} | {paths.data / WINDOW_LOCK, *folders}
    foreign: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            continue
        inside = list(folder.iterdir())
        foreign += [path for path in inside if path not in ours]
        if not inside:
            folder.rmdir()
    return tuple(sorted(foreign))
