"""kill -9 in the middle of writing: what was acknowledged stays, what was not is gone whole."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from workbench.store.database import Database
from workbench.store.schema import Migration

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

PRELUDE = """
import sys
from pathlib import Path
from workbench.store.database import Database
from workbench.store.schema import Migration
path = Path(sys.argv[1])
"""

WRITES_FOR_EVER = """
db = Database(path)
while True:
    with db.transaction() as sql:
        row = sql.execute("INSERT INTO turn_like (text) VALUES ('half')").lastrowid
        sql.execute("UPDATE turn_like SET text = 'whole' WHERE id = ?", (row,))
    print(row, flush=True)
"""

STOPS_INSIDE = """
with Database(path) as db, db.transaction() as sql:
    sql.execute("INSERT INTO draft (key, text) VALUES ('unfinished', '')")
    print("inside", flush=True)
    sys.stdin.read()
"""

ROWS = 5_000
MANY_ROWS = "CREATE TABLE more (value);\n" + "INSERT INTO more VALUES (1);\n" * ROWS

MIGRATES = """
script = sys.stdin.read()
print("migrating", flush=True)
Database(path, migrations=[Migration(1, "1", "CREATE TABLE n (value);"), Migration(2, "2", script)])
"""


@contextmanager
def child(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PRELUDE + script, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_every_acknowledged_row_survives_and_none_is_half_written(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with Database(path) as db, db.transaction() as sql:
        sql.execute("CREATE TABLE turn_like (id INTEGER PRIMARY KEY, text TEXT)")
    acknowledged = 0
    for round_ in range(1, 5):
        with child(WRITES_FOR_EVER, str(path)) as process:
            # Past the first checkpoint in the last rounds.
            for _ in range(50 * round_):
                acknowledged = int(said(process))
        with Database(path) as db:
            assert db.check() == ()
            with db.read() as sql:
                rows = sql.execute("SELECT id, text FROM turn_like ORDER BY id").fetchall()
        ids = [row["id"] for row in rows]
        assert ids == list(range(1, len(ids) + 1))
        assert len(ids) >= acknowledged
        assert {row["text"] for row in rows} == {"whole"}


def test_a_transaction_that_was_open_never_happened(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    Database(path).close()
    with child(STOPS_INSIDE, str(path)) as process:
        assert said(process) == "inside"
    with Database(path) as db, db.read() as sql:
        assert sql.execute("SELECT count(*) FROM draft").fetchone()[0] == 0


def test_a_killed_migration_leaves_the_old_version_or_the_new_one(tmp_path: Path) -> None:
    steps = [Migration(1, "1", "CREATE TABLE n (value);"), Migration(2, "2", MANY_ROWS)]
    for round_ in range(3):
        path = tmp_path / f"{round_}.sqlite3"
        with Database(path, migrations=steps[:1]) as db, db.transaction() as sql:
            sql.execute("INSERT INTO n VALUES ('kept')")
        with child(MIGRATES, str(path)) as process:
            assert process.stdin is not None
            process.stdin.write(MANY_ROWS)
            process.stdin.close()
            assert said(process) == "migrating"
        with closing(sqlite3.connect(path)) as raw:
            version = raw.execute("PRAGMA user_version").fetchone()[0]
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_schema")}
        assert (version, tables) in [(1, {"n"}), (2, {"n", "more"})]
        with Database(path, migrations=steps) as db, db.read() as sql:
            assert sql.execute("SELECT value FROM n").fetchone()[0] == "kept"
            assert sql.execute("SELECT count(*) FROM more").fetchone()[0] == ROWS
