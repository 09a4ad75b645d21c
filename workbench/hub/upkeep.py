"""Looking after files of the library: verifying any of them, removing our own."""

from __future__ import annotations

import enum
import errno
import hashlib
import json
import logging
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.hub import owned
from workbench.hub.digests import CHUNK_BYTES, Digests
from workbench.hub.download_rows import Promise
from workbench.hub.owned import Owned
from workbench.hub.places.reading import Unreadable, inside, small_object
from workbench.hub.places.same import Held
from workbench.jobs import CancelToken, Task
from workbench.store.database import Database
from workbench.words import said

log = logging.getLogger(__name__)

_REMOVING = ".removing-"
_LIST = "list.json"


# --- verifying -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Expected:
    """A SHA-256 that a file should have; ``source`` finishes the sentence "as … says"."""

    sha256: str
    source: str


@dataclass(frozen=True, slots=True)
class Verifying:
    path: Path
    done_bytes: int
    total_bytes: int


class Verdict(enum.Enum):
    INTACT = "intact"
    UNKNOWN = "nothing to compare with"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class VerifiedFile:
    """What one file hashes to, and which expectations it meets and fails."""

    path: Path
    sha256: str
    met: tuple[Expected, ...]
    failed: tuple[Expected, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    files: tuple[VerifiedFile, ...]

    @property
    def verdict(self) -> Verdict:
        if any(file.failed for file in self.files):
            return Verdict.DAMAGED
        return Verdict.INTACT if all(file.met for file in self.files) else Verdict.UNKNOWN


def expectations(
    held: Held,
    digests: Digests,
    *,
    promised: Mapping[Path, Promise] | None = None,
    placed: Mapping[Path, str] | None = None,
) -> dict[Path, tuple[Expected, ...]]:
    """What is known of a model's files: what the hub ``promised`` of those that were downloaded, what they were when
    they were ``placed`` where they lie, their program's claims, and what they hashed to before."""
    promised, placed, claims = promised or {}, placed or {}, dict(held.claims)
    found: dict[Path, tuple[Expected, ...]] = {}
    for path in held.file.files:
        known = []
        if (promise := promised.get(path)) is not None:
            said_by = said(
                "the model hub ({repository} at commit {commit})",
                repository=promise.repository,
                commit=promise.commit[:12],
            )
            known.append(Expected(promise.sha256, said_by))
        if path in placed:
            known.append(Expected(placed[path], said("the check when it was put there")))
        if path in claims:
            known.append(Expected(claims[path], held.program.value))
        if (remembered := digests.known(path)) is not None:
            known.append(Expected(remembered, said("the last time it was read")))
        found[path] = tuple(known)
    return found


def verify(
    files: Sequence[Path], digests: Digests, expected: Mapping[Path, Sequence[Expected]]
) -> Task[Verifying, Verified]:
    """Read every byte, whatever is remembered, and compare.  What meets all expectations is remembered.

    Raises ModelFileError for a file that cannot be read or changes meanwhile.
    """

    def task(cancel: CancelToken) -> Generator[Verifying, None, Verified]:
        cancel.raise_if_cancelled()
        found: list[VerifiedFile] = []
        try:
            total_bytes = sum(path.stat().st_size for path in files)
            before_bytes = 0
            for path in files:
                sha256, size_bytes = yield from _hashed(path, before_bytes, total_bytes, cancel)
                before_bytes += size_bytes
                known = expected.get(path, ())
                failed = tuple(one for one in known if one.sha256.lower() != sha256)
                found.append(
                    VerifiedFile(path, sha256, tuple(one for one in known if one.sha256.lower() == sha256), failed)
                )
                # A damaged file's own hash is not kept: the remembered one says that it is damaged.
                if not failed:
                    digests.remember(path, sha256)
        except OSError as error:
            raise _unreadable(error, files[0]) from error
        return Verified(tuple(found))

    return task


def _hashed(
    path: Path, before_bytes: int, total_bytes: int, cancel: CancelToken
) -> Generator[Verifying, None, tuple[str, int]]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        done_bytes = 0
        while chunk := file.read(min(CHUNK_BYTES, status.st_size - done_bytes)):
            cancel.raise_if_cancelled()
            digest.update(chunk)
            done_bytes += len(chunk)
            yield Verifying(path, before_bytes + done_bytes, total_bytes)
        after = os.fstat(file.fileno())
    if (status.st_size, status.st_mtime_ns) != (after.st_size, after.st_mtime_ns) or done_bytes != status.st_size:
        raise ModelFileError(
            said("{file} changed while it was read.", file=path.name), hint=said("Try again when it is complete.")
        )
    return digest.hexdigest(), done_bytes


def _unreadable(error: OSError, path: Path) -> ModelFileError:
    return ModelFileError(
        said("{file} cannot be read ({why}).", file=error.filename or path, why=error.strerror),
        hint=said("Check that it is there and readable."),
    )


# --- revealing -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reveal:
    """Where a file is, and the command by which this system shows it."""

    folder: Path
    command: tuple[str, ...]


def reveal(path: Path, *, system: str = sys.platform) -> Reveal:
    """On Linux the folder is opened; Windows and macOS mark the file in it."""
    if system == "win32":
        # One argument: Explorer reads the comma and the path as they stand.
        return Reveal(path.parent, ("explorer", f"/select,{path}"))
    if system == "darwin":
        return Reveal(path.parent, ("open", "-R", str(path)))
    return Reveal(path.parent, ("xdg-open", str(path.parent)))


# --- removing --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Removal:
    """``frees_bytes`` leaves out files that other names on this disk still hold."""

    paths: tuple[Path, ...]
    frees_bytes: int


def removal(held: Held, owned_files: Owned, *, in_use: Callable[[Path], bool], also: Sequence[Path] = ()) -> Removal:
    """What removing a model would delete and free; ``also`` are companions that go with it.

    Raises ModelFileError for what is not this program's own, and for what ``in_use`` says is open.
    """
    paths = tuple(dict.fromkeys((*held.file.files, *also)))
    for path in paths:
        if not owned_files.owns(path):
            raise ModelFileError(
                said("{path} is not this program's to remove.", path=path), hint=_whose(held, owned_files)
            )
        if in_use(path):
            raise ModelFileError(
                said("{file} is open.", file=held.file.name), hint=said("Close the panes that use it first.")
            )
    try:
        return Removal(paths, sum(_frees(path) for path in paths))
    except OSError as error:
        raise _unreadable(error, paths[0]) from error


def remove(plan: Removal, db: Database, owned_files: Owned) -> None:
    """Delete the files of a removal: all of them, even when this process dies in between, or none.

    They are listed in a hidden folder first; what is listed there ``finish_removals`` deletes later.  Raises
    ModelFileError when they cannot be deleted; those that could are gone then, and the rest goes later.
    """
    for path in plan.paths:
        if not owned_files.owns(path):
            raise ModelFileError(
                said("{path} is not this program's to remove.", path=path), hint=said("It was left as it is.")
            )
    for folder, paths in by_root(plan.paths, owned_files).items():
        try:
            leaving = list_removal(folder, paths)
            _finish(leaving, folder)
        except OSError as error:
            raise ModelFileError(
                said("{path} cannot be removed ({why}).", path=error.filename or folder, why=error.strerror),
                hint=said("Close the programs that use it; it goes when this program starts again."),
            ) from error
        prune(paths, folder)
    with db.transaction() as sql:
        for path in plan.paths:
            owned.forget(sql, path)
            sql.execute("DELETE FROM library_file WHERE path = ?", (str(path),))
            sql.execute("DELETE FROM file_digest WHERE path = ?", (str(path),))


def finish_removals(folders: Iterable[Path]) -> None:
    """Delete what an interrupted ``remove`` had listed; to be called before the folders are shown."""
    for folder in folders:
        for leaving in sorted(folder.glob(f"{_REMOVING}*")):
            try:
                _finish(leaving, folder)
            except OSError as error:
                log.warning("%s is still to be removed: %s", leaving, error)


def _whose(held: Held, owned_files: Owned) -> str:
    if held.own:
        return said("Only what lies in the models folder goes.")
    if held.program in (held.program.WORKBENCH, held.program.ADDED, held.program.FOLDER):
        return said(
            "It lies outside {folder}, or is a link: delete it yourself, or take it out of the library.",
            folder=owned_files.folder,
        )
    return said("Remove it in {program}.", program=held.program.value)


def _frees(path: Path) -> int:
    status = path.stat()
    return status.st_size if status.st_nlink <= 1 else 0


def by_root(paths: Sequence[Path], owned_files: Owned) -> dict[Path, list[Path]]:
    """The files by the folder in which their removal is listed: the models folder, or their own elsewhere."""
    found: dict[Path, list[Path]] = {}
    for path in paths:
        root = owned_files.folder if path.is_relative_to(owned_files.folder) else path.parent
        found.setdefault(root, []).append(path)
    return found


def list_removal(folder: Path, paths: Sequence[Path]) -> Path:
    """The hidden folder with the durable list; from here on the files are as good as gone."""
    leaving = folder / f"{_REMOVING}{secrets.token_hex(8)}"
    leaving.mkdir(mode=0o700)
    part = leaving / f"{_LIST}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump({"files": [path.relative_to(folder).as_posix() for path in paths]}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(leaving / _LIST)
    sync_folder(leaving)
    sync_folder(folder)
    return leaving


def _finish(leaving: Path, folder: Path) -> None:
    if not stat.S_ISDIR(leaving.lstat().st_mode):
        return  # not of our making
    try:
        listed = (small_object(leaving / _LIST) or {}).get("files", [])
    except Unreadable as error:
        log.warning("%s is left alone: %s", leaving, error)
        return
    for number, text in enumerate(listed if isinstance(listed, list) else []):
        path = folder / str(text)
        if not isinstance(text, str) or Path(text).is_absolute() or ".." in Path(text).parts:
            continue
        if not inside(path, folder) or not _is_ordinary(path):
            continue
        try:
            path.replace(leaving / str(number))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            path.unlink()  # a folder below is a disk of its own; the list alone makes it whole
    shutil.rmtree(leaving)
    sync_folder(folder)


def _is_ordinary(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:  # gone already
        return False


def prune(paths: Sequence[Path], root: Path) -> None:
    """Remove the folders that became empty, up to the root."""
    for path in paths:
        for folder in path.parents:
            if folder == root or not folder.is_relative_to(root):
                break
            try:
                folder.rmdir()
            except OSError:  # not empty
                break


def sync_folder(folder: Path) -> None:
    """Make what was renamed or created in a folder outlast a power cut, where the system lets folders be synced."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
