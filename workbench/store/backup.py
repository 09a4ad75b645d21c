"""A copy of the database while it is in use, and the way back from one."""

from __future__ import annotations

import enum
import os
import queue
import sqlite3
import tempfile
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import Cancelled, StoreError, UsageError
from workbench.jobs import CancelToken, Task
from workbench.store.database import Database, explained
from workbench.store.inspecting import Inspected, inspect, opened
from workbench.words import said

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES_PER_STEP = 512
BUSY_STEPS = 100
BUSY_PAUSE_S = 0.05


class Phase(enum.Enum):
    """What is being done; ``KEEPING`` copies aside what is there now."""

    CHECKING = "checking"
    KEEPING = "keeping"
    COPYING = "copying"


@dataclass(frozen=True, slots=True)
class Copying:
    """How far it is, in pages of the database; both are 0 where nobody can say."""

    phase: Phase
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Restored:
    """``kept`` is the copy of what was there before."""

    found: Inspected
    kept: Path


def back_up(database: Path, target: Path) -> Task[Copying, Inspected]:
    """One file with everything in it, as of one moment; read back and checked before it gets its name.

    What ``target`` was before is replaced, at the very end.  Raises UsageError for a place that cannot be meant,
    StoreError where it cannot be written or read back, and Cancelled; nothing is left behind then.
    """

    def task(cancel: CancelToken) -> Generator[Copying, None, Inspected]:
        cancel.raise_if_cancelled()
        _check_target(database, target)
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            yield from _copied(database, part, Phase.COPYING, cancel, in_use=True)
            yield Copying(Phase.CHECKING)
            inspect(part, cancel=cancel)
            _settle(part, target)
        finally:
            part.unlink(missing_ok=True)
        return inspect(target, cancel=cancel, thorough=False)

    return task


def restore(database: Path, source: Path) -> Task[Copying, Restored]:
    """Put the contents of a backup in the place of all there is; what there was is copied aside first.

    The change is one transaction of SQLite's own: it happens whole or not at all, also for others who have the
    database open.  Raises StoreError for what is no backup of this program, is damaged or does not fit on the disk,
    DatabaseTooNewError for one of a later version, and Cancelled; everything is as it was then.
    """

    def task(cancel: CancelToken) -> Generator[Copying, None, Restored]:
        cancel.raise_if_cancelled()
        yield Copying(Phase.CHECKING)
        found = inspect(source, cancel=cancel)
        with _folder_beside(database) as folder:
            ready = folder / database.name
            yield from _copied(source, ready, Phase.COPYING, cancel)
            Database(ready).close()  # brought up to date here, where a failure harms nothing
            kept = _aside(database)
            yield from _copied(database, kept, Phase.KEEPING, cancel, in_use=True)
            yield from _copied(ready, database, Phase.COPYING, cancel, live=True)
        return Restored(found, kept)

    return task


# --- copying ---------------------------------------------------------------------------------


def _copied(
    source: Path, target: Path, phase: Phase, cancel: CancelToken, *, in_use: bool = False, live: bool = False
) -> Generator[Copying, None, None]:
    """SQLite's backup, which runs to its end in one call: on a thread of its own, so that it can tell and be stopped.

    ``in_use``: others may be writing to the source; ``live``: the target is the database itself, not a new file."""
    told: queue.SimpleQueue[Copying | None] = queue.SimpleQueue()
    copy = _Copy(source, target, phase, cancel, told, in_use=in_use, live=live)
    with ThreadPoolExecutor(1, thread_name_prefix="backup") as thread:
        future = thread.submit(copy.run)
        try:
            while (event := told.get()) is not None:
                yield event
        finally:
            copy.stopped.set()
        future.result()


class _Copy:
    def __init__(
        self,
        source: Path,
        target: Path,
        phase: Phase,
        cancel: CancelToken,
        told: queue.SimpleQueue[Copying | None],
        *,
        in_use: bool,
        live: bool,
    ) -> None:
        self._source, self._target, self._phase = source, target, phase
        self._cancel, self._told, self._in_use, self._live = cancel, told, in_use, live
        self._left, self._idle = -1, 0
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            if not self._live:
                os.close(os.open(self._target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with _translated(self._target), closing(opened(self._source, in_use=self._in_use)) as reading:
                # One moment for the whole copy: writers go on, and are not seen.
                reading.execute("BEGIN")
                reading.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                with closing(sqlite3.connect(self._target, isolation_level=None)) as writing:
                    self._copy(reading, writing)
        except OSError as error:
            raise _unwritable(self._target, error.strerror or str(error)) from error
        except BaseException:
            if not self._live:
                self._target.unlink(missing_ok=True)
            raise
        finally:
            self._told.put(None)

    def _copy(self, reading: sqlite3.Connection, writing: sqlite3.Connection) -> None:
        # Automatic checkpoints of one connection beside another's writes: see Database.
        writing.execute("PRAGMA wal_autocheckpoint=0")
        reading.backup(writing, pages=PAGES_PER_STEP, progress=self._tell, sleep=BUSY_PAUSE_S)
        if self._live:
            writing.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            # The copy of a database with a write-ahead log believes that it has one too: a backup is one file.
            writing.execute("PRAGMA journal_mode=DELETE")

    def _tell(self, _status: int, left: int, total: int) -> None:
        if self._cancel.cancelled or self.stopped.is_set():
            raise Cancelled
        self._idle = self._idle + 1 if left == self._left else 0
        if self._idle > BUSY_STEPS:
            raise StoreError(said("{path} is locked by another program.", path=self._target),
                             hint=said("Close that program, then try again."))  # fmt: skip
        self._left = left
        self._told.put(Copying(self._phase, total - left, total))


@contextmanager
def _translated(target: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        said = explained(target, error)
        if said is None:
            raise
        raise said from error


# --- places ----------------------------------------------------------------------------------


def _check_target(database: Path, target: Path) -> None:
    if target.is_dir():
        raise UsageError(said("{file} is a folder.", file=target), hint=said("Name a file in it."))
    if not target.parent.is_dir():
        raise UsageError(
            said("The folder {parent} does not exist.", parent=target.parent),
            hint=said("Choose another, or make it first."),
        )
    own = {database.with_name(database.name + end).resolve() for end in ("", "-wal", "-shm", "-journal")}
    if target.resolve() in own:
        raise UsageError(
            said("The backup cannot take the place of the data itself."), hint=said("Choose another name.")
        )


def _settle(part: Path, target: Path) -> None:
    try:
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        raise _unwritable(target, error.strerror or str(error)) from error


@contextmanager
def _folder_beside(database: Path) -> Iterator[Path]:
    # On the same disk, so that it is met here if there is too little room; a leftover of a crash is harmless.
    try:
        folder = tempfile.TemporaryDirectory(dir=database.parent, prefix="restoring-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _unwritable(database.parent, error.strerror or str(error)) from error
    with folder as name:
        yield Path(name)


def _aside(database: Path) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    return database.with_name(f"{database.name}.before-restore-{stamp}.copy")


def _unwritable(path: Path, reason: str) -> StoreError:
    return StoreError(
        said("{path} cannot be written ({why}).", path=path, why=reason),
        hint=said("Choose another folder, or free some space on this disk."),
    )
