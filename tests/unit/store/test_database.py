"""The database: transactions that hold, two processes at once, and files that cannot be used."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from workbench.errors import StoreError
from workbench.store.database import COMMITS_PER_CHECKPOINT, Database, timestamp


def save_draft(db: Database, key: str, text: str = "text") -> None:
    with db.transaction() as sql:
        sql.execute("INSERT INTO draft (key, text) VALUES (?, ?)", (key, text))


def drafts(db: Database) -> list[str]:
    with db.read() as sql:
        return [row["key"] for row in sql.execute("SELECT key FROM draft ORDER BY key")]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_was_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "data" / "w.sqlite3"
    with Database(path) as db:
        save_draft(db, "composer")
    with Database(path) as db:
        assert drafts(db) == ["composer"]


def test_a_block_that_raises_changes_nothing(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:
        with contextlib.suppress(KeyError), db.transaction() as sql:
            sql.execute("INSERT INTO draft (key, text) VALUES ('a', 'b')")
            raise KeyError
        assert drafts(db) == []
        save_draft(db, "next")
        assert drafts(db) == ["next"]


def test_what_is_read_within_a_transaction_is_a_part_of_it(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:
        with db.transaction() as sql:
            sql.execute("INSERT INTO draft (key, text) VALUES ('a', 'text')")
            assert drafts(db) == ["a"]
            sql.execute("INSERT INTO draft (key, text) VALUES ('b', 'text')")
        with db.read() as outer:
            assert drafts(db) == ["a", "b"]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                outer.execute("DELETE FROM draft")


def test_a_transaction_inside_a_transaction_is_refused_and_the_outer_one_goes_on(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:
        with db.transaction() as sql:
            with pytest.raises(RuntimeError, match="open on this thread already"), db.transaction():
                pass
            sql.execute("INSERT INTO draft (key, text) VALUES ('outer', '')")
        assert drafts(db) == ["outer"]


def test_reading_cannot_write(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:
        with pytest.raises(StoreError), db.read() as sql:
            sql.execute("INSERT INTO draft (key, text) VALUES ('a', 'b')")
        save_draft(db, "writing still works")
        assert drafts(db) == ["writing still works"]


def test_deleting_a_conversation_deletes_all_that_belongs_to_it(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:
        with db.transaction() as sql:
            now = timestamp()
            sql.execute("INSERT INTO conversation (id, title, created_at, changed_at) VALUES (1, '', ?, ?)", (now, now))
            sql.execute("INSERT INTO pane (conversation_id, slot, n_ctx) VALUES (1, 0, 4096)")
            sql.execute(
                "INSERT INTO turn (id, conversation_id, position, prompt, asked_at) VALUES (1, 1, 0, 'hello', ?)",
                (now,),
            )
            sql.execute(
                "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
                " synthetic, started_at) VALUES (1, 0, 0, 'running', 'm', '/m', 'other', 'Q4_0', 0, ?)",
                (now,),
            )
        with db.transaction() as sql:
            sql.execute("DELETE FROM conversation")
        with db.read() as sql:
            left = [
                sql.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("pane", "turn", "generation")
            ]
    assert left == [0, 0, 0]


def add_generation(db: Database, state: str) -> None:
    with db.transaction() as sql:
        sql.execute(
            "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
            " synthetic, started_at) VALUES (1, 0, 0, ?, 'm', '/m', 'other', 'Q4_0', 0, '')",
            (state,),
        )


@pytest.mark.parametrize(("state", "refusal"), [("odd", "CHECK"), ("done", "FOREIGN KEY")])
def test_a_row_that_only_a_bug_could_write_is_refused_as_a_bug(tmp_path: Path, state: str, refusal: str) -> None:
    with Database(tmp_path / "w.sqlite3") as db, pytest.raises(sqlite3.IntegrityError, match=refusal):
        add_generation(db, state)


def test_threads_take_turns(tmp_path: Path) -> None:
    with Database(tmp_path / "w.sqlite3") as db:

        def save_ten(name: int) -> None:
            for number in range(10):
                save_draft(db, f"{name}-{number}")

        threads = [threading.Thread(target=save_ten, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(drafts(db)) == 40


WRITER = """
import sys
from pathlib import Path
from workbench.store.database import Database
with Database(Path(sys.argv[1])) as db:
    for number in range(30):
        with db.transaction() as sql:
            sql.execute("INSERT INTO draft (key, text) VALUES (?, '')", (f"{sys.argv[2]}-{number}",))
"""


def test_two_processes_create_and_write_one_database_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with Database(path) as db:
        assert len(drafts(db)) == 60
        assert db.check() == ()


def test_a_file_that_another_connection_is_just_writing_for_the_first_time_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pauses: list[float] = []

    def let_go(seconds: float) -> None:
        pauses.append(seconds)
        other.rollback()

    monkeypatch.setattr("workbench.store.database.time.sleep", let_go)
    with Database(path) as db:
        save_draft(db, "after the wait")
        assert len(drafts(db)) == 1
    assert len(pauses) == 1
    other.close()


def test_a_file_that_another_connection_never_lets_go_of_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        Database(path, busy_timeout_ms=50)
    other.close()


def test_the_write_ahead_log_is_emptied_after_a_number_of_commits(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    log = tmp_path / "w.sqlite3-wal"
    with Database(path) as db:
        save_draft(db, "first")
        assert log.stat().st_size > 0
        for number in range(COMMITS_PER_CHECKPOINT - 1):
            save_draft(db, str(number))
        assert log.stat().st_size == 0


def test_a_reader_elsewhere_postpones_the_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    log = tmp_path / "w.sqlite3-wal"
    with Database(path) as db, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM draft").fetchone()
        for number in range(COMMITS_PER_CHECKPOINT):
            save_draft(db, str(number))
        assert log.stat().st_size > 0
        other.execute("COMMIT")
        save_draft(db, "one more")
        assert log.stat().st_size == 0


def test_folder_and_files_are_the_users_own(tmp_path: Path) -> None:
    path = tmp_path / "data" / "w.sqlite3"
    with Database(path) as db:
        save_draft(db, "private")
        assert mode(path.parent) == 0o700
        assert {mode(entry) for entry in path.parent.iterdir()} == {0o600}


def test_a_lock_held_by_another_program_is_named_after_the_time_out(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with Database(path, busy_timeout_ms=1) as db, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"w\.sqlite3 is locked by another program") as caught:
            save_draft(db, "a")
        assert caught.value.hint
        with pytest.raises(StoreError, match="locked"):
            Database(path, busy_timeout_ms=1)
        other.execute("ROLLBACK")
        save_draft(db, "a")
        assert drafts(db) == ["a"]


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    path.write_text("Dear diary, " * 1000)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"w\.sqlite3 is not a database") as caught:
        Database(path)
    assert "Move it away" in (caught.value.hint or "")
    assert path.read_bytes() == before


def test_damage_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    Database(path).close()
    schema_ends = path.stat().st_size
    with Database(path) as db:
        for number in range(200):
            save_draft(db, str(number), "x" * 500)
    damaged = bytearray(path.read_bytes())
    damaged[schema_ends:] = b"\xff" * (len(damaged) - schema_ends)
    path.write_bytes(damaged)
    db = Database(path)
    with pytest.raises(StoreError, match="is damaged"), db.read() as sql:
        sql.execute("SELECT text FROM draft").fetchall()
    assert db.check()
    db.close()
    assert path.read_bytes() == damaged


def test_a_database_of_another_program_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE song (title TEXT)")
    with pytest.raises(StoreError, match="another program"):
        Database(path)
    with closing(sqlite3.connect(path)) as other:
        assert [name for (name,) in other.execute("SELECT name FROM sqlite_schema")] == ["song"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened for writing") as caught:
        Database(tmp_path / "file" / "w.sqlite3")
    assert "--data-dir" in (caught.value.hint or "")


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "w.sqlite3").mkdir()
    with pytest.raises(StoreError, match=r"w\.sqlite3 cannot be opened"):
        Database(tmp_path / "w.sqlite3")


def test_a_read_only_folder_is_named(ordinary_folder: Path) -> None:
    ordinary_folder.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        Database(ordinary_folder / "w.sqlite3")


def test_a_database_that_became_read_only_is_refused_at_opening(ordinary_folder: Path) -> None:
    path = ordinary_folder / "w.sqlite3"
    Database(path).close()
    path.chmod(0o400)
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        Database(path)


def test_a_database_in_a_folder_that_became_read_only_is_refused_at_opening(ordinary_folder: Path) -> None:
    path = ordinary_folder / "w.sqlite3"
    Database(path).close()
    ordinary_folder.chmod(0o500)
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        Database(path)


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    db = Database(tmp_path / "w.sqlite3")
    db.close()
    db.close()
    assert [entry.name for entry in tmp_path.iterdir()] == ["w.sqlite3"]


def test_a_file_written_anew_holds_no_byte_of_what_was_deleted(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with Database(path) as db:
        for number in range(50):
            save_draft(db, f"draft {number}", "quetzal" * 500)
        save_draft(db, "stays", "heron")
        with db.transaction() as sql:
            sql.execute("DELETE FROM draft WHERE key <> 'stays'")
        db.compact()
        written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
        assert b"quetzal" not in written
        assert b"heron" in written
        assert db.check() == ()
