"""One SQLite file behind one connection and one lock."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from workbench.errors import StoreError
from workbench.store import schema
from workbench.store.schema import Migration
from workbench.words import said

log = logging.getLogger(__name__)

Sql: TypeAlias = sqlite3.Connection
"""What a transaction hands out: ``execute`` with bound parameters."""
Row: TypeAlias = sqlite3.Row
"""A result row; its columns are read by name."""

BUSY_TIMEOUT_MS = 5_000
BUSY_PAUSE_S = 0.02
COMMITS_PER_CHECKPOINT = 100


def timestamp() -> str:
    """This moment as the tables store it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat()


class Database:
    """The program's data; any thread may use it, and a second process may have it open too.

    Transactions are short: while one is open nobody else, in this process or another, can write.
    Opening raises StoreError (DatabaseTooNewError for a later schema); nothing is ever deleted.
    """

    def __init__(
        self,
        path: Path,
        *,
        migrations: Sequence[Migration] | None = None,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> None:
        self.path = path
        self._lock = threading.RLock()  # guards _connection and _commits: one user of the connection at a time
        self._commits = 0
        self._busy_timeout_ms = busy_timeout_ms
        _create_private(path)
        with self._translated():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(schema.shipped() if migrations is None else migrations)
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[Sql]:
        """Read and write; committed at the end of the block, rolled back when it raises.

        Raises StoreError when the file is busy for longer than the time-out, full, read-only or damaged.
        """
        with self._block("BEGIN IMMEDIATE") as sql:
            yield sql
        self._checkpoint_when_due()

    @contextmanager
    def read(self) -> Iterator[Sql]:
        """Read only, one consistent moment for the whole block; never waits for writers.

        Within a block that this thread has open already it is a part of that one, and sees what it sees.
        """
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
        with self._block("BEGIN") as sql:
            sql.execute("PRAGMA query_only=ON")
            try:
                yield sql
            finally:
                sql.execute("PRAGMA query_only=OFF")

    def check(self) -> tuple[str, ...]:
        """What SQLite's own quick check finds wrong with the file; empty when it is sound."""
        with self.read() as sql:
            lines = [str(row[0]) for row in sql.execute("PRAGMA quick_check(20)")]
        return () if lines == ["ok"] else tuple(lines)

    def compact(self) -> None:
        """Write the file anew: smaller, and with no byte left of what was deleted.

        Takes as much room again meanwhile.  Raises StoreError as ``transaction`` does.
        """
        with self._lock, self._translated():
            self._connection.execute("VACUUM")
            self._commits = COMMITS_PER_CHECKPOINT  # the log goes now, or with the next commit where somebody reads
        self._checkpoint_when_due()

    def close(self) -> None:
        """Empty the write-ahead log into the file and close; harmless when repeated."""
        with self._lock:
            # A file that cannot be checkpointed keeps its log, and loses nothing.
            with contextlib.suppress(sqlite3.Error):
                self._checkpoint()
            self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, migrations: Sequence[Migration]) -> None:
        sql = self._connection
        sql.row_factory = sqlite3.Row
        sql.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms:d}")
        sql.execute("PRAGMA trusted_schema=OFF")
        sql.execute("PRAGMA foreign_keys=ON")
        sql.execute("PRAGMA user_version")  # a file that is no database says so here, before anything is changed
        mode = self._write_ahead()
        if mode != "wal":
            log.warning("this file system has no shared memory for a write-ahead log; the journal is in mode %s", mode)
        sql.execute("PRAGMA synchronous=FULL")
        # SQLite before 3.51.3 can damage a file when one connection checkpoints while another writes.
        # TRUNCATE holds the writers' lock for the whole checkpoint, in every process; automatic ones do not.
        sql.execute("PRAGMA wal_autocheckpoint=0")
        schema.bring_up_to_date(sql, self.path, migrations)
        # A read-only file is met here, not when the first answer is to be saved; BEGIN IMMEDIATE lets it pass.
        sql.execute("BEGIN IMMEDIATE")
        sql.execute("PRAGMA user_version=0")
        sql.execute("ROLLBACK")

    def _write_ahead(self) -> str:
        """The journal mode reached; SQLite refuses the change at once, whatever the time-out, while another writes."""
        deadline = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                (mode,) = self._connection.execute("PRAGMA journal_mode=WAL").fetchone()
                return str(mode)
            except sqlite3.OperationalError as error:
                if _kind(error) != "SQLITE_BUSY" or time.monotonic() >= deadline:
                    raise
            time.sleep(BUSY_PAUSE_S)

    @contextmanager
    def _block(self, begin: str) -> Iterator[Sql]:
        with self._lock, self._translated():
            if self._connection.in_transaction:
                raise RuntimeError("a transaction is open on this thread already")
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                schema.roll_back(self._connection)
                raise

    def _checkpoint_when_due(self) -> None:
        with self._lock:
            self._commits += 1
            if self._commits < COMMITS_PER_CHECKPOINT:
                return
            try:
                done = self._checkpoint()
            except sqlite3.Error as error:
                # The transaction itself is safe in the log; the next commit tries again.
                log.warning("the write-ahead log could not be emptied: %s", error)
                return
            if done:
                self._commits = 0

    def _checkpoint(self) -> bool:
        """False when another process is reading or writing just now; it is not waited for."""
        self._connection.execute("PRAGMA busy_timeout=0")
        try:
            (busy, _pages, _moved) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={self._busy_timeout_ms:d}")
        return not busy

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            said = explained(self.path, error)
            if said is None:
                raise
            raise said from error


def _create_private(path: Path) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its -wal and -shm files the mode of the database itself.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        # Not opened: closing it would drop the locks of another connection in this process.
        return
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def explained(path: Path, error: sqlite3.Error) -> StoreError | None:
    """The failure in the user's terms; None for those that only a bug of ours can cause."""
    kind = _kind(error)
    if kind in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return StoreError(
            said("{path} is locked by another program.", path=path), hint=said("Close that program, then try again.")
        )
    if kind in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
        kept = schema.copies(path)
        return StoreError(
            said("{path} is not a database.", path=path)
            if kind == "SQLITE_NOTADB"
            else said("{path} is damaged.", path=path),
            hint=said(
                "It was left as it is. Move it away to start afresh, or put back the copy {name} that lies beside it.",
                name=kept[-1].name,
            )
            if kept
            else said("It was left as it is. Move it away to start afresh."),
        )
    if kind == "SQLITE_FULL":
        return StoreError(
            said("The disk is full: {path} could not be written.", path=path),
            hint=said("Nothing was lost. Free some space and try again."),
        )
    if kind in ("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_IOERR"):
        return _unwritable(path, str(error))
    return None


def _kind(error: sqlite3.Error) -> str:
    # Extended codes (SQLITE_IOERR_WRITE) begin with the name of their kind.
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def _unwritable(path: Path, reason: str) -> StoreError:
    return StoreError(
        said("{path} cannot be opened for writing ({reason}).", path=path, reason=reason),
        hint=said("Check the permissions of the file and its folder, or choose another folder with --data-dir."),
    )
