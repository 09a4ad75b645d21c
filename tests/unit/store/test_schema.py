"""Migrations: each one whole or not at all, a copy first, and never backwards."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from workbench.errors import DatabaseTooNewError, StoreError
from workbench.store import schema
from workbench.store.database import Database
from workbench.store.schema import COPIES_KEPT, Migration

FIRST = Migration(1, "0001_first.sql", "CREATE TABLE note (text TEXT); -- a comment; with a semicolon\n")
SECOND = Migration(
    2, "0002_more.sql", "ALTER TABLE note ADD COLUMN stars INTEGER NOT NULL DEFAULT 0;\nUPDATE note\nSET stars = 5;\n"
)
BROKEN = Migration(3, "0003_broken.sql", "CREATE TABLE half (a);\nINSERT INTO nowhere VALUES (1);\n")


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as sql:
        return int(sql.execute("PRAGMA user_version").fetchone()[0])


def test_the_shipped_migrations_are_numbered_without_gaps() -> None:
    migrations = schema.shipped()
    assert [migration.version for migration in migrations] == list(range(1, len(migrations) + 1))


def test_an_older_database_keeps_its_rows_and_gains_the_new_step(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with Database(path, migrations=[FIRST]) as db, db.transaction() as sql:
        sql.execute("INSERT INTO note VALUES ('kept')")
    with Database(path, migrations=[FIRST, SECOND]) as db, db.read() as sql:
        assert tuple(sql.execute("SELECT text, stars FROM note").fetchone()) == ("kept", 5)
    assert version(path) == 2


def test_the_copy_made_before_a_step_is_a_whole_private_database_of_the_old_version(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with Database(path, migrations=[FIRST]) as db, db.transaction() as sql:
        sql.execute("INSERT INTO note VALUES ('kept')")
    Database(path, migrations=[FIRST, SECOND]).close()
    (copy,) = schema.copies(path)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert version(copy) == 1
    with closing(sqlite3.connect(copy)) as sql:
        assert sql.execute("SELECT text FROM note").fetchall() == [("kept",)]


def test_a_new_database_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    Database(path, migrations=[FIRST, SECOND]).close()
    assert schema.copies(path) == []


def test_only_the_last_copies_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    steps = [FIRST]
    for number in range(2, 2 + COPIES_KEPT + 2):
        Database(path, migrations=steps).close()
        steps.append(Migration(number, f"{number:04}.sql", f"CREATE TABLE t{number} (a);"))
    Database(path, migrations=steps).close()
    kept = schema.copies(path)
    assert [version(copy) for copy in kept] == [steps[-1].version - n for n in range(COPIES_KEPT, 0, -1)]


def test_a_step_that_fails_leaves_the_database_at_the_step_before(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    Database(path, migrations=[FIRST]).close()
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Database(path, migrations=[FIRST, SECOND, BROKEN])
    assert version(path) == 2
    with Database(path, migrations=[FIRST, SECOND]) as db, db.read() as sql:
        assert {row["name"] for row in sql.execute("SELECT name FROM sqlite_schema")} == {"note"}


def test_a_step_that_leaves_dangling_references_is_undone(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    dangling = Migration(
        2,
        "0002.sql",
        "CREATE TABLE child (note INTEGER REFERENCES parent);\nCREATE TABLE parent (id INTEGER PRIMARY KEY);"
        "\nINSERT INTO child VALUES (7);\n",
    )
    Database(path, migrations=[FIRST]).close()
    with pytest.raises(StoreError, match="rows refer to rows"):
        Database(path, migrations=[FIRST, dangling])
    assert version(path) == 1


def test_a_database_from_a_later_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    Database(path, migrations=[FIRST, SECOND]).close()
    before = path.read_bytes()
    with pytest.raises(DatabaseTooNewError, match="later version") as caught:
        Database(path, migrations=[FIRST])
    assert "Update the program" in (caught.value.hint or "")
    assert caught.value.code == "database_too_new"
    assert path.read_bytes() == before
