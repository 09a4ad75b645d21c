"""Backups are whole, of one moment and read back; nothing else is ever taken for one."""

from __future__ import annotations

import resource
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from workbench.errors import Cancelled, DatabaseTooNewError, StoreError, UsageError
from workbench.jobs import CancelToken, run
from workbench.store import backup
from workbench.store.backup import Copying, Phase, back_up, restore
from workbench.store.database import Database, timestamp
from workbench.store.inspecting import inspect

ROWS = 300


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    (tmp_path / "data").mkdir()
    with Database(tmp_path / "data" / "workbench.sqlite3") as opened:
        for number in range(ROWS):
            converse(opened, f"No {number}")
        yield opened


def converse(db: Database, title: str) -> None:
    with db.transaction() as sql:
        now = timestamp()
        sql.execute("INSERT INTO conversation (title, created_at, changed_at) VALUES (?, ?, ?)", (title, now, now))


def titles(db: Database) -> list[str]:
    with db.read() as sql:
        return [row["title"] for row in sql.execute("SELECT title FROM conversation ORDER BY id")]


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if ".part" in path.name or "restoring" in path.name]


# --- backing up --------------------------------------------------------------------------------


def test_a_backup_is_one_file_with_everything_in_it(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "mine.backup"
    found = run(back_up(database.path, target))
    assert found.rows["conversation"] == ROWS
    assert found.size_bytes == target.stat().st_size
    with closing(sqlite3.connect(target)) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone()[0] == "delete"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mine.backup"]
    if sys.platform != "win32":
        assert target.stat().st_mode & 0o077 == 0, "others can read it"


def test_what_is_written_meanwhile_is_not_in_it_and_hinders_nobody(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 1)
    events: list[Copying] = []

    def told(event: Copying) -> None:
        events.append(event)
        converse(database, "written meanwhile")

    found = run(back_up(database.path, tmp_path / "b"), on_event=told)
    assert found.rows["conversation"] == ROWS
    assert len(titles(database)) == ROWS + len(events)
    copying = [event for event in events if event.phase is Phase.COPYING]
    assert copying[-1].done == copying[-1].total > 5
    assert [event.done for event in copying] == sorted(event.done for event in copying)
    assert events[-1].phase is Phase.CHECKING


def test_a_cancelled_backup_leaves_nothing_and_the_older_one(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 1)
    target = tmp_path / "b"
    run(back_up(database.path, target))
    before = target.read_bytes()
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run(back_up(database.path, target), cancel=cancel, on_event=lambda _: cancel.cancel())
    assert target.read_bytes() == before
    assert left_behind(tmp_path) == []


def test_a_backup_is_never_written_over_the_data_itself(database: Database, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(database.path)
    for place in (database.path, tmp_path / "link", database.path.with_name("workbench.sqlite3-wal")):
        with pytest.raises(UsageError, match="the data itself"):
            run(back_up(database.path, place))
    with pytest.raises(UsageError, match="is a folder"):
        run(back_up(database.path, tmp_path))
    with pytest.raises(UsageError, match="does not exist"):
        run(back_up(database.path, tmp_path / "nowhere" / "b"))
    assert len(titles(database)) == ROWS


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file of this process may grow beyond 32 kB: what a full disk looks like from here."""
    import signal

    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are Unix's")
def test_on_a_full_disk_a_backup_says_so_and_leaves_nothing(
    database: Database, tmp_path: Path, full_disk: None
) -> None:
    with pytest.raises(StoreError, match=r"full|cannot be"):
        run(back_up(database.path, tmp_path / "b"))
    assert not (tmp_path / "b").exists()
    assert left_behind(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are Unix's")
def test_a_folder_that_cannot_be_written_is_said(database: Database, ordinary_folder: Path) -> None:
    locked = ordinary_folder / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="cannot be written"):
        run(back_up(database.path, locked / "b"))


# --- restoring ---------------------------------------------------------------------------------


def test_restoring_brings_back_what_was_and_keeps_what_is(database: Database, tmp_path: Path) -> None:
    target = tmp_path / "b"
    run(back_up(database.path, target))
    converse(database, "since then")
    phases: list[Phase] = []
    restored = run(restore(database.path, target), on_event=lambda event: phases.append(event.phase))
    assert titles(database) == [f"No {number}" for number in range(ROWS)]  # through the connection that was open
    assert database.check() == ()
    assert inspect(restored.kept).rows["conversation"] == ROWS + 1
    assert list(dict.fromkeys(phases)) == [Phase.CHECKING, Phase.COPYING, Phase.KEEPING]
    assert left_behind(database.path.parent) == []
    converse(database, "and on it goes")
    run(restore(database.path, restored.kept))
    assert titles(database)[-1] == "since then"


def test_a_backup_of_an_older_version_is_brought_up_to_date(database: Database, tmp_path: Path) -> None:
    from workbench.store import schema

    old = tmp_path / "old"
    with Database(old, migrations=schema.shipped()[:2]) as db:
        converse(db, "from long ago")
    run(restore(database.path, old))
    assert titles(database) == ["from long ago"]
    assert inspect(database.path).schema == schema.shipped()[-1].version
    assert inspect(old).schema == 2, "the backup itself was changed"


def test_a_cancelled_restore_changes_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(back_up(database.path, tmp_path / "b"))
    converse(database, "newest")
    monkeypatch.setattr(backup, "PAGES_PER_STEP", 1)
    for phase in Phase:
        cancel = CancelToken()

        def at_once(event: Copying, phase: Phase = phase, cancel: CancelToken = cancel) -> None:
            if event.phase is phase:
                cancel.cancel()

        with pytest.raises(Cancelled):
            run(restore(database.path, tmp_path / "b"), cancel=cancel, on_event=at_once)
        assert titles(database)[-1] == "newest"
    assert left_behind(database.path.parent) == []


# --- what is no backup -------------------------------------------------------------------------


def refused(database: Database, path: Path) -> StoreError:
    before = titles(database)
    with pytest.raises(StoreError) as caught:
        run(restore(database.path, path))
    assert titles(database) == before
    assert left_behind(database.path.parent) == []
    assert [path.name for path in database.path.parent.glob("*.copy")] == []
    return caught.value


def test_a_file_of_something_else_is_refused(database: Database, tmp_path: Path) -> None:
    for content in (b"", b"hello", b"SQLite format 3\x00", b"SQLite format 3\x00" + bytes(5000), bytes(100_000)):
        (tmp_path / "other").write_bytes(content)
        error = refused(database, tmp_path / "other")
        assert "is not a backup of this program" in error.message or "is damaged" in error.message
        assert error.hint
    with pytest.raises(UsageError, match="cannot be read"):
        run(restore(database.path, tmp_path / "nothing"))


def test_a_database_of_another_program_is_refused(database: Database, tmp_path: Path) -> None:
    for script in ("CREATE TABLE bookmark (url)", "PRAGMA user_version=3; CREATE TABLE bookmark (url)"):
        path = tmp_path / f"{len(script)}.sqlite"
        with closing(sqlite3.connect(path)) as raw:
            raw.executescript(script)
        assert "is not a backup of this program" in refused(database, path).message


def test_a_backup_with_a_strangers_trigger_is_refused(database: Database, tmp_path: Path) -> None:
    run(back_up(database.path, tmp_path / "b"))
    with closing(sqlite3.connect(tmp_path / "b")) as raw:
        raw.execute("CREATE TRIGGER t AFTER INSERT ON turn BEGIN DELETE FROM conversation; END")
    assert "is not a backup of this program" in refused(database, tmp_path / "b").message


def test_a_backup_of_a_later_version_is_refused(database: Database, tmp_path: Path) -> None:
    run(back_up(database.path, tmp_path / "b"))
    with closing(sqlite3.connect(tmp_path / "b")) as raw:
        raw.execute("PRAGMA user_version=9000")
    assert isinstance(refused(database, tmp_path / "b"), DatabaseTooNewError)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.99])
def test_a_truncated_backup_is_refused(database: Database, tmp_path: Path, share: float) -> None:
    run(back_up(database.path, tmp_path / "b"))
    whole = (tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(whole[: int(len(whole) * share)])
    assert "is damaged" in refused(database, tmp_path / "b").message


def test_a_backup_with_torn_pages_is_refused(database: Database, tmp_path: Path) -> None:
    run(back_up(database.path, tmp_path / "b"))
    whole = bytearray((tmp_path / "b").read_bytes())
    middle = len(whole) // 2 // 4096 * 4096
    whole[middle : middle + 4096 * 4] = b"\xa5" * 4096 * 4
    (tmp_path / "b").write_bytes(whole)
    assert "is damaged" in refused(database, tmp_path / "b").message


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are Unix's")
def test_on_a_full_disk_a_restore_changes_nothing(database: Database, tmp_path: Path, full_disk: None) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    run(back_up(database.path, tmp_path / "b"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (32 * 1024, resource.RLIM_INFINITY))
    with pytest.raises(StoreError, match=r"full|cannot be"):
        run(restore(database.path, tmp_path / "b"))
    assert len(titles(database)) == ROWS
    assert left_behind(database.path.parent) == []
