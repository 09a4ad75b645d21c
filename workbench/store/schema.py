"""The schema as a list of numbered scripts that only ever grows, and how a database is brought up to it."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from workbench.errors import DatabaseTooNewError, StoreError
from workbench.words import said

log = logging.getLogger(__name__)

COPIES_KEPT = 3


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; ``version`` is the number the file's name begins with, and the ``user_version`` it leaves."""

    version: int
    name: str
    script: str


def shipped() -> tuple[Migration, ...]:
    """The migrations of this version of the program, in order."""
    folder = resources.files("workbench.store") / "migrations"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return tuple(
        Migration(int(entry.name[:4]), entry.name, entry.read_text("utf-8"))
        for entry in sorted(found, key=lambda entry: entry.name)
    )


def bring_up_to_date(sql: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Apply what is missing, each step in its own transaction, after copying an existing database aside.

    Raises DatabaseTooNewError, and StoreError for a database of another program.
    """
    newest = migrations[-1].version if migrations else 0
    version = _version(sql)
    if version > newest:
        raise DatabaseTooNewError(
            said(
                "{path} was written by a later version of the program (schema {version}, this version knows {newest}).",
                path=path,
                version=version,
                newest=newest,
            ),
            hint=said("Update the program, or start it with another --data-dir."),
        )
    if version == newest:
        return
    if version > 0:
        _copy_aside(sql, path, version)
    elif _tables(sql) and _version(sql) == 0:
        # Asked twice: another process may have created the schema between the two looks.
        raise StoreError(
            said("{path} is a database of another program.", path=path),
            hint=said("Move that file away, or use another --data-dir."),
        )
    # A step that rebuilds a table must not cascade into others; SQLite allows the switch only here, outside.
    sql.execute("PRAGMA foreign_keys=OFF")
    try:
        for migration in migrations:
            _apply(sql, migration)
    finally:
        sql.execute("PRAGMA foreign_keys=ON")


def copies(path: Path) -> list[Path]:
    """The copies made before earlier migrations, oldest first."""
    return sorted(path.parent.glob(f"{path.name}.before-*.copy"), key=lambda copy: copy.name.rsplit("-", 1)[-1])


def _apply(sql: sqlite3.Connection, migration: Migration) -> None:
    sql.execute("BEGIN IMMEDIATE")
    try:
        # Asked again under the lock: another process may have been first.
        if _version(sql) < migration.version:
            for statement in _statements(migration.script):
                sql.execute(statement)
            if sql.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise StoreError(
                    said(
                        "The database could not be updated ({migration}): rows refer to rows that do not exist.",
                        migration=migration.name,
                    ),
                    hint=said("Nothing was changed. Report this, with Help ▸ Copy diagnostics."),
                )
            sql.execute(f"PRAGMA user_version={migration.version:d}")
            log.info("applied %s", migration.name)
        sql.execute("COMMIT")
    except BaseException:
        roll_back(sql)
        raise


def roll_back(sql: sqlite3.Connection) -> None:
    """End a failed transaction; after a full disk SQLite has rolled back by itself already."""
    if sql.in_transaction:
        sql.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    # executescript() commits first, and would end the transaction that makes a step all or nothing.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def _version(sql: sqlite3.Connection) -> int:
    (version,) = sql.execute("PRAGMA user_version").fetchone()
    return int(version)


def _tables(sql: sqlite3.Connection) -> int:
    (count,) = sql.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return int(count)


def _copy_aside(sql: sqlite3.Connection, path: Path, version: int) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = path.with_name(f"{path.name}.before-v{version + 1}-{stamp}.copy")
    part = copy.with_suffix(f".{os.getpid()}.part")
    os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(part)) as target:
            sql.backup(target)
        part.replace(copy)
    finally:
        part.unlink(missing_ok=True)
    for old in copies(path)[:-COPIES_KEPT]:
        old.unlink()
    log.info("copied the database to %s before updating it", copy.name)
