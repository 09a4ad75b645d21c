"""The queue of downloads as it is stored: what is wanted, in which order, and why something stopped."""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import GatedModelError, ModelNotFoundError, WorkbenchError
from workbench.hub.repository import RemoteFile
from workbench.hub.wanted import Wanted
from workbench.store.database import Database, Row, Sql, timestamp
from workbench.words import said

if TYPE_CHECKING:
    from pydantic import TypeAdapter


class State(enum.Enum):
    """What is to become of a download.  One that is interrupted, by whatever, is queued still."""

    QUEUED = "queued"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    PUBLISHING = "publishing"  # every file is verified, and they get their names
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something stopped, fit to show; ``page`` is where the user can do something about it."""

    code: str
    message: str
    hint: str | None
    page: str | None = None

    @classmethod
    def of(cls, error: WorkbenchError, page: str) -> Failure:
        """``page`` counts where the publisher's terms are to be accepted there."""
        return cls(error.code, error.message, error.hint, page if isinstance(error, GatedModelError) else None)


@dataclass(frozen=True, slots=True)
class Promise:
    """The SHA-256 that the hub gave for a file of a repository, at a commit."""

    sha256: str
    repository: str
    commit: str


_OFF_THE_LIST = 0  # the position of finished ones that nobody wants to see, kept for what the hub said of them


@cache
def _failure() -> TypeAdapter[Failure]:
    """Made for the first download that failed."""
    from pydantic import TypeAdapter

    return TypeAdapter(Failure)


@dataclass(frozen=True, slots=True)
class DownloadRow:
    """``replaces``: a file of the same name that lies there already may go."""

    id: int
    wanted: Wanted
    replaces: bool
    state: State
    reason: Failure | None
    added_at: str
    changed_at: str


class DownloadRows:
    """Any thread, any process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> tuple[DownloadRow, ...]:
        """Those on the list, in the order of the queue."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT * FROM download WHERE position <> ? ORDER BY position, id", (_OFF_THE_LIST,)
            ).fetchall()
            return tuple(_row(sql, row) for row in rows)

    def finished(self) -> tuple[DownloadRow, ...]:
        """Also those off the list."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT * FROM download WHERE state = ?", (State.DONE.value,)).fetchall()
            return tuple(_row(sql, row) for row in rows)

    def find(self, download_id: int) -> DownloadRow | None:
        with self._db.read() as sql:
            row = sql.execute(
                "SELECT * FROM download WHERE id = ? AND position <> ?", (download_id, _OFF_THE_LIST)
            ).fetchone()
            return _row(sql, row) if row is not None else None

    def get(self, download_id: int) -> DownloadRow:
        """Raises ModelNotFoundError."""
        found = self.find(download_id)
        if found is None:
            raise _unknown(download_id)
        return found

    def same(self, wanted: Wanted) -> DownloadRow | None:
        """The one of the same first file, of whatever commit, off the list too."""
        with self._db.read() as sql:
            row = sql.execute(
                "SELECT * FROM download WHERE repository = ? AND path = ?", (wanted.repository, wanted.path)
            ).fetchone()
            return _row(sql, row) if row is not None else None

    def promised(self, folder: Path) -> dict[Path, Promise]:
        """What the hub said that the files of finished downloads are, by where they were put below ``folder``."""
        return {
            row.wanted.place(folder, file): Promise(file.sha256, row.wanted.repository, row.wanted.commit)
            for row in self.finished()
            for file in row.wanted.files
            if file.sha256 is not None
        }

    def add(self, wanted: Wanted, *, replaces: bool) -> int:
        """At the end of the queue; one of the same first file takes the new commit, and its place."""
        now = timestamp()
        with self._db.transaction() as sql:
            (last,) = sql.execute("SELECT coalesce(max(position), 0) FROM download").fetchone()
            (download_id,) = sql.execute(
                "INSERT INTO download (position, repository, commit_hash, gated, path, replaces, state, added_at,"
                " changed_at) VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?) ON CONFLICT (repository, path) DO UPDATE SET"
                " commit_hash = excluded.commit_hash, gated = excluded.gated, replaces = excluded.replaces,"
                " state = 'queued', reason = NULL, changed_at = excluded.changed_at,"
                " position = iif(position = ?, excluded.position, position) RETURNING id",
                (
                    last + 1,
                    wanted.repository,
                    wanted.commit,
                    wanted.gated,
                    wanted.path,
                    replaces,
                    now,
                    now,
                    _OFF_THE_LIST,
                ),
            ).fetchone()
            _write_files(sql, download_id, wanted.files)
        return int(download_id)

    def describe(self, download_id: int, wanted: Wanted) -> None:
        """What the hub said since."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE download SET gated = ? WHERE id = ?", (wanted.gated, download_id))
            if sql.execute("SELECT 1 FROM download WHERE id = ?", (download_id,)).fetchone() is not None:
                _write_files(sql, download_id, wanted.files)

    def become(
        self, download_id: int, state: State, reason: Failure | None = None, *, only_from: Sequence[State] = ()
    ) -> bool:
        """False where it is gone, or in a state that is not among ``only_from`` (none: any)."""
        states = json.dumps([one.value for one in only_from or State])
        with self._db.transaction() as sql:
            return (
                sql.execute(
                    "UPDATE download SET state = ?, reason = ?, changed_at = ? WHERE id = ?"
                    " AND state IN (SELECT value FROM json_each(?))",
                    (state.value, reason and _failure().dump_json(reason).decode(), timestamp(), download_id, states),
                ).rowcount
                > 0
            )

    def hide(self, download_id: int) -> None:
        """Off the list; what the hub said of it stays."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE download SET position = ? WHERE id = ?", (_OFF_THE_LIST, download_id))

    def remove(self, download_id: int) -> None:
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM download WHERE id = ?", (download_id,))

    def move(self, download_id: int, place: int) -> None:
        """To a place in the queue, counted from 0.  Raises ModelNotFoundError."""
        with self._db.transaction() as sql:
            listed = "SELECT id FROM download WHERE position <> ? ORDER BY position, id"
            order = [row["id"] for row in sql.execute(listed, (_OFF_THE_LIST,))]
            if download_id not in order:
                raise _unknown(download_id)
            order.remove(download_id)
            order.insert(max(0, place), download_id)
            for position, one in enumerate(order, 1):
                sql.execute("UPDATE download SET position = ? WHERE id = ?", (position, one))


def _row(sql: Sql, row: Row) -> DownloadRow:
    files = sql.execute("SELECT * FROM download_file WHERE download_id = ? ORDER BY number", (row["id"],)).fetchall()
    wanted = Wanted(
        row["repository"],
        row["commit_hash"],
        tuple(RemoteFile(file["path"], file["size_bytes"], file["sha256"], file["etag"]) for file in files),
        bool(row["gated"]),
    )
    reason = _failure().validate_json(row["reason"]) if row["reason"] is not None else None
    return DownloadRow(
        row["id"], wanted, bool(row["replaces"]), State(row["state"]), reason, row["added_at"], row["changed_at"]
    )


def _write_files(sql: Sql, download_id: int, files: Sequence[RemoteFile]) -> None:
    sql.execute("DELETE FROM download_file WHERE download_id = ?", (download_id,))
    sql.executemany(
        "INSERT INTO download_file (download_id, number, path, size_bytes, sha256, etag) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (download_id, number, file.path, file.size_bytes, file.sha256, file.etag)
            for number, file in enumerate(files)
        ],
    )


def _unknown(download_id: int) -> ModelNotFoundError:
    return ModelNotFoundError(
        said("There is no download {download_id}.", download_id=download_id),
        hint=said("It may have been removed: look at the list again."),
    )
