"""Removing a model so that it can be undone: its files are set aside, and deleted when nobody can undo it any more."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.hub import owned
from workbench.hub.owned import Owned
from workbench.hub.upkeep import Removal, by_root, list_removal, prune, sync_folder
from workbench.store.database import Database
from workbench.words import said


@dataclass(frozen=True, slots=True)
class _Aside:
    path: Path
    kept: Path
    sha256: str | None  # of an own file outside the models folder
    added_at: str | None  # in the list of the library


@dataclass(frozen=True, slots=True)
class SetAside:
    """Files that are gone from the library and still on the disk; ``folders`` are the hidden ones they lie in."""

    plan: Removal
    files: tuple[_Aside, ...]
    folders: tuple[Path, ...]


def set_aside(plan: Removal, db: Database, owned_files: Owned) -> SetAside:
    """Carry out a removal up to the last step.  Should this process die, the next start deletes what is set aside.

    Raises ModelFileError, and then every file is where it was.
    """
    for path in plan.paths:
        if not owned_files.owns(path):
            raise ModelFileError(
                said("{path} is not this program's to remove.", path=path), hint=said("It was left as it is.")
            )
    files: list[_Aside] = []
    folders: list[Path] = []
    try:
        for root, paths in by_root(plan.paths, owned_files).items():
            leaving = list_removal(root, paths)
            folders.append(leaving)
            for number, path in enumerate(paths):
                aside = _known(path, leaving / str(number), db)
                path.replace(aside.kept)
                files.append(aside)
            prune(paths, root)
    except OSError as error:
        _move_back(files, folders)
        why = said("it lies on another disk than its folder") if error.errno == errno.EXDEV else error.strerror
        raise ModelFileError(
            said("{path} cannot be removed ({why}).", path=error.filename, why=why),
            hint=said("Close the programs that use it, or delete it yourself."),
        ) from error
    with db.transaction() as sql:
        for path in plan.paths:
            owned.forget(sql, path)
            sql.execute("DELETE FROM library_file WHERE path = ?", (str(path),))
    return SetAside(plan, tuple(files), tuple(folders))


def put_back(aside: SetAside, db: Database) -> None:
    """Undo it.  Raises ModelFileError where that is too late, or another file has taken the place."""
    for file in aside.files:
        if file.path.exists():
            raise ModelFileError(
                said("There is another {file} now.", file=file.path.name),
                hint=said("Move that one away, then undo again."),
            )
        if not file.kept.exists():
            raise ModelFileError(
                said("{file} is deleted already.", file=file.path.name), hint=said("Download it again.")
            )
    try:
        _move_back(aside.files, aside.folders)
    except OSError as error:
        raise ModelFileError(
            said("{filename} cannot be put back ({strerror}).", filename=error.filename, strerror=error.strerror),
            hint=said("Check the folder's permissions."),
        ) from error
    with db.transaction() as sql:
        for file in aside.files:
            if file.sha256 is not None:
                owned.record(sql, file.path, file.sha256)
            if file.added_at is not None:
                sql.execute("INSERT OR IGNORE INTO library_file VALUES (?, ?)", (str(file.path), file.added_at))


def delete(aside: SetAside, db: Database) -> None:
    """Delete what was set aside; from here on nothing can be undone.  Raises ModelFileError where it is kept open; it
    goes with the next start then."""
    try:
        for folder in aside.folders:
            shutil.rmtree(folder, ignore_errors=not folder.exists())
            sync_folder(folder.parent)
    except OSError as error:
        raise ModelFileError(
            said("{filename} cannot be deleted ({strerror}).", filename=error.filename, strerror=error.strerror),
            hint=said("Close the programs that use it; it goes when this program starts again."),
        ) from error
    with db.transaction() as sql:
        for path in aside.plan.paths:
            sql.execute("DELETE FROM file_digest WHERE path = ?", (str(path),))


def _known(path: Path, kept: Path, db: Database) -> _Aside:
    with db.read() as sql:
        own = sql.execute("SELECT sha256 FROM own_file WHERE path = ?", (str(path),)).fetchone()
        added = sql.execute("SELECT added_at FROM library_file WHERE path = ?", (str(path),)).fetchone()
    return _Aside(
        path,
        kept,
        sha256=own["sha256"] if own is not None else None,
        added_at=added["added_at"] if added is not None else None,
    )


def _move_back(files: Sequence[_Aside], folders: Sequence[Path]) -> None:
    for file in files:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.kept.replace(file.path)
    for folder in folders:
        shutil.rmtree(folder)
        sync_folder(folder.parent)
