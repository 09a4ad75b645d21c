"""Moving our own models to another folder or disk: copied, verified, switched, and only then deleted."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from workbench.errors import ChecksumError, DiskFullError, ModelFileError
from workbench.hub import owned
from workbench.hub.digests import CHUNK_BYTES
from workbench.hub.library import Library
from workbench.hub.locks import DownloadedElsewhereError, Lock
from workbench.hub.places.same import Held
from workbench.hub.upkeep import Removal, finish_removals, removal, remove, sync_folder
from workbench.jobs import CancelToken, Task
from workbench.store.database import Database, Sql, timestamp
from workbench.words import said

log = logging.getLogger(__name__)

SPARE_BYTES = 64 << 20
"""What a disk keeps free when a model has moved onto it."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Bytes are of all files together; each is read once for copying and once for checking what was written."""

    stage: Literal["copying", "checking"]
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Moved:
    """``path`` is the model's at its new place, that of the first part where it is split."""

    path: Path
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class MovePlan:
    """What a move would do: files of ``size_bytes`` together to ``folder``, where ``needed_bytes`` are still to be
    written and ``free_bytes`` are free."""

    paths: tuple[Path, ...]
    folder: Path
    size_bytes: int
    needed_bytes: int
    free_bytes: int


def plan(
    held: Held, folder: Path, library: Library, *, in_use: Callable[[Path], bool], also: Sequence[Path] = ()
) -> MovePlan:
    """What ``move_to`` would do; nothing is touched.  Raises what it refuses before it begins."""
    leaving = removal(held, library.owned, in_use=in_use, also=also)
    target = _absolute(folder)
    try:
        needed_bytes, free_bytes = _check([(source, target / source.name) for source in leaving.paths], target)
        size_bytes = sum(source.stat().st_size for source in leaving.paths)
    except OSError as error:
        raise _explained(error, target) from error
    return MovePlan(leaving.paths, target, size_bytes, needed_bytes, free_bytes)


def move_to(
    held: Held,
    folder: Path,
    library: Library,
    db: Database,
    *,
    in_use: Callable[[Path], bool],
    also: Sequence[Path] = (),
) -> Task[Moving, Moved]:
    """Move a model into ``folder``, with the companions ``also``; it keeps its name in the library.

    After an interruption the next attempt goes on where this one was: what has been copied is compared byte by
    byte and not copied again.  Until every file is whole at its new place the old ones are the library's.

    Raises ModelFileError for what is not own, is open, or would overwrite another file; DiskFullError; and
    ChecksumError when a file is not what it was known to be, or what was written does not read the same.
    """

    def task(cancel: CancelToken) -> Generator[Moving, None, Moved]:
        cancel.raise_if_cancelled()
        leaving = removal(held, library.owned, in_use=in_use, also=also)
        target = _absolute(folder)
        pairs = [(source, target / source.name) for source in leaving.paths]
        with ExitStack() as locks:
            try:
                target.mkdir(parents=True, exist_ok=True)
                _check(pairs, target)
                _begin(pairs, db)
                for _, there in pairs:
                    locks.callback(_held(there).release)
                steps = yield from _copy_all(pairs, library, cancel)
            except OSError as error:
                raise _explained(error, target) from error
            except DownloadedElsewhereError as error:
                why = said("{file} is being moved there already.", file=held.file.name)
                raise ModelFileError(why, hint=said("Wait for it.")) from error
            if any(in_use(source) for source in leaving.paths):
                why = said("{file} was opened meanwhile.", file=held.file.name)
                raise ModelFileError(why, hint=said("Close it, then move it again."))
            _decide(steps, db)
            try:
                _carry_out(steps, library, db)
            except OSError as error:
                raise _explained(error, target) from error
        _forget(steps, db)
        return Moved(steps[0].target, tuple(step.target for step in steps))

    return task


def tidy(library: Library, db: Database) -> None:
    """Carry out what an interruption left of removals and moves, and delete copies that were never whole; to be
    called once, before the first listing.  What another process is moving is left to it."""
    finish_removals({library.owned.folder, *(path.parent for path in library.owned.elsewhere())})
    with db.read() as sql:
        rows = sql.execute("SELECT * FROM unfinished_move ORDER BY opens DESC, source").fetchall()
    steps = [_Step(Path(row["source"]), Path(row["target"]), row["sha256"], bool(row["opens"])) for row in rows]
    for step in steps:
        try:
            if step.target.parent.is_dir():  # else its disk is not plugged in
                _finish(step, library, db)
        except (OSError, ModelFileError) as error:
            log.warning("the move of %s to %s is still to be finished: %s", step.source, step.target, error)
        except DownloadedElsewhereError:
            log.info("%s is being moved by another process", step.source)
    with db.transaction() as sql:
        for path in library.owned.elsewhere_in(sql):
            if path.parent.is_dir() and not os.path.lexists(path):
                owned.forget(sql, path)
                sql.execute("DELETE FROM library_file WHERE path = ?", (str(path),))


@dataclass(frozen=True, slots=True)
class _Step:
    """One file of a move; ``opens`` where the model is known by it.  Without a ``sha256`` its copy was begun, and
    never whole."""

    source: Path
    target: Path
    sha256: str
    opens: bool


def _absolute(folder: Path) -> Path:
    return Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - links stay as the user named them


def _held(there: Path) -> Lock:
    """Whoever copies a file to its place holds this; raises DownloadedElsewhereError."""
    return Lock(there.with_name(f".{there.name}.moving.lock"), what=there.name)


def _begin(pairs: Sequence[tuple[Path, Path]], db: Database) -> None:
    """From here on the next start knows where a copy was begun.  One that was begun elsewhere is given up."""
    with db.read() as sql:
        rows = {Path(row["source"]): Path(row["target"]) for row in sql.execute("SELECT * FROM unfinished_move")}
    for source, there in pairs:
        if rows.get(source, there) != there:
            _part(rows[source]).unlink(missing_ok=True)
    _write([_Step(source, there, "", opens=False) for source, there in pairs], db)


def _finish(step: _Step, library: Library, db: Database) -> None:
    """What is left of an interrupted move of one file."""
    lock = _held(step.target)
    try:
        if step.sha256:
            _carry_out([step], library, db)
        else:
            _part(step.target).unlink(missing_ok=True)
    finally:
        lock.release()
    _forget([step], db)


def _check(pairs: Sequence[tuple[Path, Path]], target: Path) -> tuple[int, int]:
    """Bytes still to be written, and free bytes."""
    needed_bytes = 0
    for source, there in pairs:
        if there == source or (there.exists() and source.samefile(there)):
            raise ModelFileError(
                said("{source} lies in {target} already.", source=source.name, target=target),
                hint=said("Choose another folder."),
            )
        size_bytes = source.stat().st_size
        if os.path.lexists(there):
            raise ModelFileError(
                said("{target} has another file called {there}.", target=target, there=there.name),
                hint=said("Choose another folder."),
            )
        part = _part(there)
        needed_bytes += max(0, size_bytes - (part.stat().st_size if part.exists() else 0))
    there_now = next(folder for folder in (target, *target.parents) if folder.exists())
    free_bytes = shutil.disk_usage(there_now).free
    if free_bytes < needed_bytes + SPARE_BYTES:
        raise DiskFullError(
            said(
                "{needed:,.0f} MB are needed in {folder}, and {free:,.0f} MB are free.",
                needed=needed_bytes / 1e6,
                folder=target,
                free=free_bytes / 1e6,
            ),
            hint=said("Free some space there, or choose another disk."),
        )
    return needed_bytes, free_bytes


def _copy_all(
    pairs: Sequence[tuple[Path, Path]], library: Library, cancel: CancelToken
) -> Generator[Moving, None, list[_Step]]:
    progress = _Progress(2 * sum(source.stat().st_size for source, _ in pairs))
    steps = []
    for number, (source, there) in enumerate(pairs):
        sha256 = yield from _copy(source, there, library, progress, cancel)
        steps.append(_Step(source, there, sha256, opens=number == 0))
    return steps


@dataclass(slots=True)
class _Progress:
    total_bytes: int
    done_bytes: int = 0

    def further(self, stage: Literal["copying", "checking"], size_bytes: int) -> Moving:
        self.done_bytes += size_bytes
        return Moving(stage, self.done_bytes, self.total_bytes)


def _copy(
    source: Path, there: Path, library: Library, progress: _Progress, cancel: CancelToken
) -> Generator[Moving, None, str]:
    """Copy one file beside its new place; its hash, which what was written has too."""
    known = library.digests.known(source)
    written = _part(there)
    digest = hashlib.sha256()
    with source.open("rb") as old, written.open("r+b" if written.exists() else "x+b") as new:
        before = os.fstat(old.fileno())
        while chunk := old.read(CHUNK_BYTES):
            cancel.raise_if_cancelled()
            digest.update(chunk)
            _continue(new, chunk)
            yield progress.further("copying", len(chunk))
        new.truncate()
        new.flush()
        os.fsync(new.fileno())
        after = os.fstat(old.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise ModelFileError(
            said("{source} changed while it was copied.", source=source.name),
            hint=said("Try again when it is complete."),
        )
    sha256 = digest.hexdigest()
    if known not in (None, sha256):
        raise ChecksumError(
            said(
                "{source} is damaged: it hashes to {sha256} instead of {known}.",
                source=source.name,
                sha256=sha256,
                known=known,
            ),
            hint=said("It stays where it is. Verify it, or download it again."),
        )
    if (yield from _read_back(written, progress, cancel)) != sha256:
        written.unlink()
        raise ChecksumError(
            said(
                "What was written to {parent} does not read the same as {source}.",
                parent=there.parent,
                source=source.name,
            ),
            hint=said("That disk may be failing; the model stays where it was."),
        )
    return sha256


def _continue(new: BinaryIO, chunk: bytes) -> None:
    """Write a chunk, unless an earlier attempt has written the very same bytes here."""
    position = new.tell()
    if new.read(len(chunk)) != chunk:
        new.seek(position)
        new.write(chunk)


def _read_back(path: Path, progress: _Progress, cancel: CancelToken) -> Generator[Moving, None, str]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        if hasattr(os, "posix_fadvise"):
            # From the disk, not from the memory that was just written.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := file.read(CHUNK_BYTES):
            cancel.raise_if_cancelled()
            digest.update(chunk)
            yield progress.further("checking", len(chunk))
    return digest.hexdigest()


def _decide(steps: Sequence[_Step], db: Database) -> None:
    """From here on the move is carried out, by this process or by the next."""
    _write(steps, db)


def _write(steps: Sequence[_Step], db: Database) -> None:
    with db.transaction() as sql:
        for step in steps:
            sql.execute(
                "INSERT OR REPLACE INTO unfinished_move (source, target, sha256, opens) VALUES (?, ?, ?, ?)",
                (str(step.source), str(step.target), step.sha256, step.opens),
            )


def _carry_out(steps: Sequence[_Step], library: Library, db: Database) -> None:
    """Put the copies in their places, make them the library's, delete the old files; harmless when repeated."""
    arrived = [step for step in steps if _arrive(step)]
    with db.transaction() as sql:
        for step in arrived:
            _switch(sql, step, library)
    for step in arrived:
        library.digests.remember(step.target, step.sha256)
        if step.opens:
            library.names.moved(str(step.source), str(step.target))
    leaving = tuple(step.source for step in arrived if step.source.exists())
    if leaving:
        remove(Removal(leaving, 0), db, library.owned)


def _forget(steps: Sequence[_Step], db: Database) -> None:
    with db.transaction() as sql:
        for step in steps:
            sql.execute("DELETE FROM unfinished_move WHERE source = ?", (str(step.source),))


def _arrive(step: _Step) -> bool:
    """Whether the copy is in its place; the old file stays where it is not."""
    part = _part(step.target)
    if part.exists() and not os.path.lexists(step.target):
        part.replace(step.target)
        sync_folder(step.target.parent)
    size_bytes = step.target.stat().st_size if step.target.is_file() else None
    expected = step.source.stat().st_size if step.source.exists() else size_bytes
    if size_bytes is not None and size_bytes == expected and not part.exists():
        return True
    log.warning("%s stays: its copy %s is not there", step.source, step.target)
    return False


def _switch(sql: Sql, step: _Step, library: Library) -> None:
    sql.execute("DELETE FROM library_file WHERE path = ?", (str(step.source),))
    if step.target.is_relative_to(library.owned.folder):
        return
    owned.record(sql, step.target, step.sha256)
    if step.opens:
        sql.execute(
            "INSERT INTO library_file (path, added_at) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
            (str(step.target), timestamp()),
        )


def _part(there: Path) -> Path:
    return there.with_name(f".{there.name}.moving.part")


def _explained(error: OSError, target: Path) -> ModelFileError | DiskFullError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            said("{target} filled up; the model stays where it was.", target=target),
            hint=said("Free some space there and move it again."),
        )
    return ModelFileError(
        said(
            "{filename} cannot be read or written ({strerror}).",
            filename=error.filename or target,
            strerror=error.strerror,
        ),
        hint=said("Check the folder's permissions; the model stays where it was."),
    )
