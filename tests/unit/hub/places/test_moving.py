"""Verifying, showing, removing and moving: our own files only, and never half."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.hub.places.layouts import model, ollama_model, sha256, write_projector
from tests.unit.models.gguf_files import split_model
from workbench.errors import Cancelled, ChecksumError, DiskFullError, ModelFileError
from workbench.hub import moving
from workbench.hub.download_rows import Promise
from workbench.hub.library import Library
from workbench.hub.moving import Moving, move_to, tidy
from workbench.hub.places import ollama
from workbench.hub.places.same import Held
from workbench.hub.upkeep import Expected, Verdict, Verifying, expectations, removal, remove, reveal, verify
from workbench.jobs import CancelToken, run
from workbench.store.database import Database

Find = Callable[[str], Held]


def closed(_path: Path) -> bool:
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def library(db: Database, folder: Path, tmp_path: Path) -> Library:
    return Library(
        db, folder, places=lambda: (ollama.place(tmp_path / "store"),) if (tmp_path / "store").exists() else ()
    )


@pytest.fixture
def find(library: Library) -> Find:
    def found(name: str) -> Held:
        (held,) = (held for held in library.listing().held if held.file.name == name)
        return held

    return found


def unfinished(db: Database) -> int:
    with db.read() as sql:
        return int(sql.execute("SELECT count(*) FROM unfinished_move").fetchone()[0])


def spoil(path: Path) -> None:
    """Change a byte and nothing else, as a failing disk does."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# --- verify and reveal -----------------------------------------------------------------------


def test_a_file_nobody_knows_is_read_and_remembered(find: Find, library: Library, folder: Path) -> None:
    path = model(folder / "m.gguf")
    events: list[Verifying] = []
    known = expectations(find("m"), library.digests)
    result = run(verify((path,), library.digests, known), on_event=events.append)
    assert (result.verdict, result.files[0].sha256) == (Verdict.UNKNOWN, sha256(path))
    assert (events[-1].done_bytes, events[-1].total_bytes) == (path.stat().st_size,) * 2
    assert find("m").file.sha256 == sha256(path)


def test_a_file_that_rotted_since_it_was_read_is_damaged_although_it_looks_the_same(
    find: Find, library: Library, folder: Path
) -> None:
    path = model(folder / "m.gguf")
    good = run(library.sha256_of(path))
    assert run(verify((path,), library.digests, expectations(find("m"), library.digests))).verdict is Verdict.INTACT
    spoil(path)
    for _ in range(2):
        result = run(verify((path,), library.digests, expectations(find("m"), library.digests)))
        assert result.verdict is Verdict.DAMAGED
        assert result.files[0].failed == (Expected(good, "the last time it was read"),)


def test_ollamas_name_for_a_blob_is_what_it_is_compared_with(find: Find, library: Library, tmp_path: Path) -> None:
    blob = ollama_model(tmp_path / "store", "registry.ollama.ai/library/m/1b", model(tmp_path / "m.gguf"))
    held = find("m-1b")
    known = expectations(held, library.digests)
    assert known == {blob: (Expected(sha256(blob), "Ollama"),)}
    assert run(verify(held.file.files, library.digests, known)).verdict is Verdict.INTACT
    assert find("m-1b").file.sha256 == held.claimed_sha256
    spoil(blob)
    assert run(verify(held.file.files, library.digests, known)).verdict is Verdict.DAMAGED


def test_every_part_of_a_split_model_counts(find: Find, library: Library, folder: Path, tmp_path: Path) -> None:
    parts = split_model(model(tmp_path / "Big.gguf"), folder, (3, 2, 2))
    known = {part: (Expected(sha256(part), "the hub"),) for part in parts}
    assert run(verify(find("Big").file.files, library.digests, known)).verdict is Verdict.INTACT
    spoil(parts[2])
    result = run(verify(parts, library.digests, known))
    assert result.verdict is Verdict.DAMAGED
    assert [bool(file.failed) for file in result.files] == [False, False, True]


def test_verifying_stops_when_it_is_cancelled_and_says_what_cannot_be_read(library: Library, folder: Path) -> None:
    path = model(folder / "m.gguf")
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run(verify((path,), library.digests, {}), cancel=cancel)
    with pytest.raises(ModelFileError, match="cannot be read"):
        run(verify((path.with_name("gone.gguf"),), library.digests, {}))


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("linux", ("xdg-open", "/models/a")),
        ("darwin", ("open", "-R", "/models/a/m.gguf")),
        ("win32", ("explorer", "/select,/models/a/m.gguf")),
    ],
)
def test_each_system_shows_a_file_in_its_own_way(system: str, command: tuple[str, ...]) -> None:
    shown = reveal(Path("/models/a/m.gguf"), system=system)
    assert (shown.folder, shown.command) == (Path("/models/a"), command)


# --- remove ----------------------------------------------------------------------------------


def test_removing_frees_what_it_says_and_leaves_no_empty_folder(
    find: Find, library: Library, db: Database, folder: Path
) -> None:
    path = model(folder / "owner" / "repository" / "m.gguf")
    projector = write_projector(path.with_name("mmproj.gguf"))
    other = model(folder / "other.gguf", "Other")
    plan = removal(find("m"), library.owned, in_use=closed, also=(projector,))
    assert plan.frees_bytes == path.stat().st_size + projector.stat().st_size
    remove(plan, db, library.owned)
    assert sorted(folder.rglob("*")) == [other]
    assert [file.name for file in library.files()] == ["other"]


def test_what_another_name_still_holds_frees_nothing(
    find: Find, library: Library, folder: Path, tmp_path: Path
) -> None:
    os.link(model(folder / "m.gguf"), tmp_path / "another")
    assert removal(find("m"), library.owned, in_use=closed).frees_bytes == 0


def test_an_open_model_is_not_removed(find: Find, library: Library, folder: Path) -> None:
    path = model(folder / "m.gguf")
    with pytest.raises(ModelFileError, match="m is open"):
        removal(find("m"), library.owned, in_use=lambda candidate: candidate == path)
    assert path.exists()


def test_what_is_not_ours_is_never_removed_nor_moved(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    theirs = model(tmp_path / "theirs" / "theirs.gguf", "Theirs")
    library.add(theirs)
    folder.mkdir()
    linked = model(tmp_path / "linked" / "real.gguf", "Linked")
    (folder / "linked.gguf").symlink_to(linked)
    (folder / "sub").symlink_to(model(tmp_path / "outside" / "outside.gguf", "Outside").parent)
    blob = ollama_model(tmp_path / "store", "registry.ollama.ai/library/m/1b", model(tmp_path / "m.gguf", "M"))
    hints = {"theirs": "delete it yourself", "linked": "is a link", "outside": "link", "m-1b": "in Ollama"}
    for name, hint in hints.items():
        with pytest.raises(ModelFileError, match="not this program's") as caught:
            removal(find(name), library.owned, in_use=closed)
        assert hint in (caught.value.hint or "")
        with pytest.raises(ModelFileError, match="not this program's"):
            run(move_to(find(name), tmp_path / "disk", library, db, in_use=closed))
    assert all(path.exists() for path in (theirs, linked, blob))
    assert not (tmp_path / "disk").exists()


# --- move ------------------------------------------------------------------------------------


def test_a_moved_model_keeps_its_name_and_stays_ours(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    model(folder / "m.gguf", "Another")
    path = model(folder / "sub" / "m.gguf")
    content = path.read_bytes()
    assert find("m-F16").file.path == path
    events: list[Moving] = []
    moved = run(move_to(find("m-F16"), tmp_path / "disk", library, db, in_use=closed), on_event=events.append)
    assert {event.stage for event in events} == {"copying", "checking"}
    assert (events[-1].done_bytes, events[-1].total_bytes) == (2 * len(content),) * 2
    assert (path.exists(), path.parent.exists(), moved.path.read_bytes()) == (False, False, content)
    held = find("m-F16")
    assert (held.file.path, held.own, held.file.sha256) == (tmp_path / "disk" / "m.gguf", True, sha256(moved.path))
    back = run(move_to(held, folder / "sub", library, db, in_use=closed))
    assert (back.path, find("m-F16").file.path) == (path, path)
    assert list((tmp_path / "disk").iterdir()) == []
    with db.read() as sql:
        for table in ("own_file", "unfinished_move", "library_file"):
            assert sql.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


def test_a_split_model_moves_whole_with_its_companions(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    parts = split_model(model(tmp_path / "Big.gguf"), folder / "big", (3, 2, 2))
    projector = write_projector(folder / "big" / "mmproj.gguf")
    run(move_to(find("Big"), tmp_path / "disk", library, db, in_use=closed, also=(projector,)))
    held = find("Big")
    assert held.file.parts == tuple(tmp_path / "disk" / part.name for part in parts)
    assert [companion.path for companion in held.companions] == [tmp_path / "disk" / "mmproj.gguf"]
    assert list(folder.iterdir()) == []
    remove(removal(held, library.owned, in_use=closed, also=(tmp_path / "disk" / "mmproj.gguf",)), db, library.owned)
    assert list((tmp_path / "disk").iterdir()) == []
    assert library.listing().problems == ()


def test_a_cancelled_move_goes_on_where_it_was(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "CHUNK_BYTES", 4096)
    path = model(folder / "m.gguf")
    content = path.read_bytes()
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run(
            move_to(find("m"), tmp_path / "disk", library, db, in_use=closed),
            cancel=cancel,
            on_event=lambda event: cancel.cancel() if event.done_bytes > len(content) // 2 else None,
        )
    (part,) = (tmp_path / "disk").iterdir()
    assert len(content) // 2 < part.stat().st_size < len(content)
    assert find("m").file.path == path
    spoil(part)
    kept = part.stat().st_ino
    run(move_to(find("m"), tmp_path / "disk", library, db, in_use=closed))
    assert (tmp_path / "disk" / "m.gguf").read_bytes() == content
    assert (tmp_path / "disk" / "m.gguf").stat().st_ino == kept, "the same part was carried on"


def test_a_file_that_is_not_what_it_was_known_to_be_stays(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    path = model(folder / "m.gguf")
    run(library.sha256_of(path))
    spoil(path)
    with pytest.raises(ChecksumError, match=r"m\.gguf is damaged"):
        run(move_to(find("m"), tmp_path / "disk", library, db, in_use=closed))
    assert find("m").file.path == path
    assert not (tmp_path / "disk" / "m.gguf").exists()


def test_nothing_is_overwritten_not_even_by_its_own_likeness(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    path = model(folder / "m.gguf")
    (tmp_path / "disk").mkdir()
    theirs = Path(shutil.copy(path, tmp_path / "disk"))
    with pytest.raises(ModelFileError, match=r"another file called m\.gguf"):
        run(move_to(find("m"), tmp_path / "disk", library, db, in_use=closed))
    with pytest.raises(ModelFileError, match="lies in"):
        run(move_to(find("m"), folder, library, db, in_use=closed))
    assert all(one.exists() for one in (path, theirs))


def test_a_disk_without_room_is_said_before_anything_is_copied(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "SPARE_BYTES", 1 << 60)
    path = model(folder / "m.gguf")
    with pytest.raises(DiskFullError, match="are free"):
        run(move_to(find("m"), tmp_path / "disk", library, db, in_use=closed))
    assert list((tmp_path / "disk").iterdir()) == []
    assert path.exists()


def test_a_model_that_was_opened_while_it_was_copied_stays(
    find: Find, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    path = model(folder / "m.gguf")
    opened: list[Moving] = []
    with pytest.raises(ModelFileError, match="opened meanwhile"):
        run(move_to(find("m"), tmp_path / "disk", library, db, in_use=lambda _: bool(opened)), on_event=opened.append)
    assert find("m").file.path == path


# --- moves that were given up ----------------------------------------------------------------


def begun(held: Held, target: Path, library: Library, db: Database) -> None:
    """Copy a little, then stop."""
    steps = move_to(held, target, library, db, in_use=closed)(CancelToken())
    next(steps)
    steps.close()
    assert [path.name for path in target.iterdir()] == [f".{held.file.path.name}.moving.part"]


def test_the_copy_of_a_move_that_was_given_up_is_gone_at_the_next_start(
    db: Database, folder: Path, library: Library, find: Find, tmp_path: Path
) -> None:
    model(folder / "m.gguf", "M")
    begun(find("m"), tmp_path / "disk", library, db)
    tidy(library, db)
    assert list((tmp_path / "disk").iterdir()) == []
    assert unfinished(db) == 0
    assert find("m").file.path == folder / "m.gguf"


def test_a_move_to_another_place_takes_the_copy_at_the_first_one_away(
    db: Database, folder: Path, library: Library, find: Find, tmp_path: Path
) -> None:
    model(folder / "m.gguf", "M")
    begun(find("m"), tmp_path / "disk", library, db)
    moved = run(move_to(find("m"), tmp_path / "other", library, db, in_use=closed))
    assert list((tmp_path / "disk").iterdir()) == []
    assert list((tmp_path / "other").iterdir()) == [moved.path]
    assert unfinished(db) == 0


def test_what_is_being_moved_is_left_to_whoever_moves_it(
    db: Database, folder: Path, library: Library, find: Find, tmp_path: Path
) -> None:
    model(folder / "m.gguf", "M")
    held = find("m")
    steps = move_to(held, tmp_path / "disk", library, db, in_use=closed)(CancelToken())
    next(steps)
    tidy(library, db)
    with pytest.raises(ModelFileError, match="being moved there already"):
        run(move_to(held, tmp_path / "disk", library, db, in_use=closed))
    list(steps)
    assert find("m").file.path == tmp_path / "disk" / "m.gguf"
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["m.gguf"]
    assert unfinished(db) == 0


def test_a_copy_on_a_disk_that_is_not_there_waits_for_it(
    db: Database, folder: Path, library: Library, find: Find, tmp_path: Path
) -> None:
    model(folder / "m.gguf", "M")
    begun(find("m"), tmp_path / "disk", library, db)
    (tmp_path / "disk").rename(tmp_path / "away")
    tidy(library, db)
    (tmp_path / "away").rename(tmp_path / "disk")
    tidy(library, db)
    assert list((tmp_path / "disk").iterdir()) == []


def test_what_the_hub_promised_and_what_was_put_there_are_compared_with(
    folder: Path, library: Library, find: Find
) -> None:
    path = model(folder / "m.gguf", "M")
    digest = sha256(path)
    promised = {path: Promise(digest, "owner/name", "ab" * 20)}
    known = expectations(find("m"), library.digests, promised=promised, placed={path: digest})
    (file,) = run(verify((path,), library.digests, known)).files
    assert [one.source for one in file.met] == [
        "the model hub (owner/name at commit abababababab)",
        "the check when it was put there",
    ]
    path.write_bytes(path.read_bytes() + b"more")  # another size and time: nothing else is remembered
    (file,) = run(verify((path,), library.digests, known)).files
    assert (file.met, len(file.failed)) == ((), 2)
