"""Whether a file is a database of this program, sound, and of a version that it knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import Cancelled, DatabaseTooNewError, StoreError, UsageError
from workbench.jobs import CancelToken
from workbench.store import schema
from workbench.store.schema import Migration
from workbench.words import said

MAGIC = b"SQLite format 3\x00"
STEPS_PER_LOOK = 100_000  # of SQLite's virtual machine, between two looks at the cancel token


@dataclass(frozen=True, slots=True)
class Inspected:
    """``rows`` counts those of every table; ``schema`` is the number of the newest migration in it."""

    path: Path
    schema: int
    size_bytes: int
    rows: Mapping[str, int]


def inspect(
    path: Path,
    *,
    cancel: CancelToken | None = None,
    migrations: Sequence[Migration] | None = None,
    thorough: bool = True,
) -> Inspected:
    """What a backup holds; ``thorough`` reads every page of it.

    Raises UsageError where there is no such file, StoreError for one of another program, a cut or a damaged one,
    DatabaseTooNewError, and Cancelled.  The file is only read.
    """
    known = schema.shipped() if migrations is None else migrations
    size_bytes = _size(path)
    try:
        with closing(opened(path)) as sql:
            if cancel is not None:
                sql.set_progress_handler(lambda: cancel.cancelled, STEPS_PER_LOOK)
            version = _version(sql, path, known)
            tables = _compare(sql, path, known[:version])
            if thorough:
                _check(sql, path)
            rows = {name: _count(sql, name) for name in tables}
    except sqlite3.Error as error:
        if cancel is not None and cancel.cancelled:
            raise Cancelled from error
        raise _unusable(path, error) from error
    return Inspected(path, version, size_bytes, rows)


def opened(path: Path, *, in_use: bool = False) -> sqlite3.Connection:
    """A connection that changes nothing, and trusts nothing that the file says of itself; ``in_use``: others may be
    writing to it."""
    # Without a log beside it the file is all there is, and SQLite need not make a log to read it.
    alone = "" if in_use or path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    sql = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{alone}", uri=True, isolation_level=None)
    sql.execute("PRAGMA trusted_schema=OFF")
    sql.execute("PRAGMA cell_size_check=ON")
    return sql


def _size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            beginning = file.read(len(MAGIC))
        if beginning != MAGIC:
            raise _foreign(path)
        return path.stat().st_size
    except OSError as error:
        raise UsageError(
            said("{file} cannot be read: {why}.", file=path, why=error.strerror),
            hint=said("Choose a backup of this program."),
        ) from error


def _version(sql: sqlite3.Connection, path: Path, known: Sequence[Migration]) -> int:
    newest = known[-1].version
    version = int(sql.execute("PRAGMA user_version").fetchone()[0])
    if version > newest:
        raise DatabaseTooNewError(
            said(
                "{file} was written by a later version of the program (schema {version}, this one knows {newest}).",
                file=path.name,
                version=version,
                newest=newest,
            ),
            hint=said("Update the program, then try again."),
        )
    if version < 1:
        raise _foreign(path)
    return version


def _check(sql: sqlite3.Connection, path: Path) -> None:
    lines = [str(row[0]) for row in sql.execute("PRAGMA quick_check(5)")]
    if lines != ["ok"]:
        raise _damaged(path)


def _compare(sql: sqlite3.Connection, path: Path, steps: Sequence[Migration]) -> list[str]:
    """The tables that our own migrations make, and no others: a trigger in a file of strangers would run with us."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as own:
        schema.bring_up_to_date(own, path, steps)
        expected = _parts(own)
    if _parts(sql) != expected:
        raise _foreign(path)
    virtual = {name for kind, name, text in expected if kind == "table" and text.startswith("create virtual")}
    return sorted(
        name
        for kind, name, _ in expected
        if kind == "table" and not any(name == one or name.startswith(f"{one}_") for one in virtual)
    )


def _count(sql: sqlite3.Connection, table: str) -> int:
    # The name is one of our own migrations.
    return int(sql.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0])  # noqa: S608


def _parts(sql: sqlite3.Connection) -> set[tuple[str, str, str]]:
    """Kind, name and text of everything in a schema; the text of tables may differ in how they were altered."""
    rows = sql.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    found = set()
    for kind, name, text in rows:
        said = " ".join(str(text).casefold().split())
        plain = kind == "table" and not said.startswith("create virtual")
        found.add((str(kind), str(name), "" if plain else said))
    return found


def _unusable(path: Path, error: sqlite3.Error) -> StoreError:
    kind = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    if kind in ("SQLITE_CORRUPT", "SQLITE_IOERR"):
        return _damaged(path)
    if kind in ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN"):
        return StoreError(
            said("{path} cannot be opened ({error}).", path=path, error=error),
            hint=said("Close the program that has it open."),
        )
    return _foreign(path)


def _damaged(path: Path) -> StoreError:
    return StoreError(
        said("{file} is damaged, or only a part of it is here.", file=path.name), hint=said("Try another backup.")
    )


def _foreign(path: Path) -> StoreError:
    return StoreError(
        said("{file} is not a backup of this program.", file=path.name),
        hint=said("Choose a file that Back up has written."),
    )
