"""kill -9 in the middle of removing or moving a split model: all of it, or none, and never a foreign file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.models.gguf_files import split_model, write_model
from workbench.errors import ModelFileError
from workbench.hub.library import Library
from workbench.hub.moving import move_to, tidy
from workbench.hub.upkeep import removal, remove
from workbench.jobs import run
from workbench.store.database import Database

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

# Dies at its n-th change to the disk: a rename, a deletion or a folder, whoever asks for it.
CHILD = """
import os, signal, sys
from pathlib import Path
from workbench.hub.library import Library
from workbench.hub.moving import move_to
from workbench.hub.upkeep import removal, remove
from workbench.jobs import run
from workbench.store.database import Database
root, deed, left = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
db = Database(root / "w.sqlite3")
library = Library(db, root / "models")
(held,) = library.listing().held
CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "sqlite3.commit"}
def count(event, arguments):
    global left
    if event in CHANGES:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
transaction = db.transaction
def counted():
    sys.audit("sqlite3.commit")
    return transaction()
db.transaction = counted
sys.addaudithook(count)
if deed == "move":
    run(move_to(held, root / "disk", library, db, in_use=lambda path: False))
else:
    remove(removal(held, library.owned, in_use=lambda path: False), db, library.owned)
print("done", left)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def prepared(root: Path) -> dict[str, bytes]:
    parts = split_model(write_model(root.parent / f"{root.name}.gguf"), root / "models" / "big", (3, 2, 2), stem="Big")
    Database(root / "w.sqlite3").close()
    return {part.name: part.read_bytes() for part in parts}


def killed_at(root: Path, deed: str, change: int) -> bool:
    """Whether it was killed at that change; False when it was through before."""
    result = subprocess.run([sys.executable, "-c", CHILD, str(root), deed, str(change)], capture_output=True, text=True)
    assert result.returncode in (0, -9), result.stderr
    return result.returncode == -9


def on_disk(root: Path) -> dict[str, bytes]:
    """Every file below the models folder and the disk, but for unfinished copies."""
    return {
        path.name: path.read_bytes()
        for folder in ("models", "disk")
        for path in (root / folder).rglob("*")
        if path.is_file() and not path.name.endswith(".part")
    }


def test_a_killed_removal_is_whole_or_never_happened(tmp_path: Path) -> None:
    outcomes = set()
    change = 0
    while True:
        root = tmp_path / f"remove{change}"
        content = prepared(root)
        killed = killed_at(root, "remove", change)
        with Database(root / "w.sqlite3") as db:
            library = Library(db, root / "models")
            tidy(library, db)
            listing = library.listing()
            assert listing.problems == ()
            assert on_disk(root) == (content if listing.files else {})
            assert not [path for path in root.rglob(".removing-*") if any(path.iterdir())]
        outcomes.add(len(listing.files))
        if not killed:
            break
        change += 1
    assert outcomes == {0, 1}
    assert change > 5


def test_a_killed_move_leaves_the_model_whole_in_one_place(tmp_path: Path) -> None:
    places = set()
    change = 0
    while True:
        root = tmp_path / f"move{change}"
        content = prepared(root)
        killed = killed_at(root, "move", change)
        with Database(root / "w.sqlite3") as db:
            library = Library(db, root / "models")
            tidy(library, db)
            listing = library.listing()
            (held,) = listing.held
            assert (held.own, held.file.name, listing.problems) == (True, "Big", ())
            assert {path.name: path.read_bytes() for path in held.file.files} == content
            assert on_disk(root) == content
            places.add(held.file.path.parent.name)
            if held.file.path.parent.name == "big":
                run(move_to(held, root / "disk", library, db, in_use=lambda _: False))
                (held,) = library.listing().held
            assert held.file.path.parent == root / "disk"
            assert sorted((root / "disk").iterdir()) == sorted(held.file.files)
            with db.read() as sql:
                assert sql.execute("SELECT count(*) FROM unfinished_move").fetchone()[0] == 0
        if not killed:
            break
        change += 1
    assert places == {"big", "disk"}
    assert change > 10


def test_a_hostile_list_of_a_removal_deletes_nothing_outside(root: Path) -> None:
    content = prepared(root)
    outside = root / "outside.gguf"
    outside.write_bytes(b"keep")
    (root / "models" / "link.gguf").symlink_to(outside)
    leaving = root / "models" / ".removing-0"
    leaving.mkdir()
    listed = ["../outside.gguf", "link.gguf", str(outside), 3, "a/../../outside.gguf"]
    (leaving / "list.json").write_text(json.dumps({"files": listed}))
    (root / "models" / ".removing-1").mkdir()
    (root / "models" / ".removing-1" / "list.json").write_text("[" * 100_000)
    (root / "models" / ".removing-2").symlink_to(root)
    with Database(root / "w.sqlite3") as db:
        tidy(Library(db, root / "models"), db)
    assert outside.read_bytes() == b"keep"
    assert content.items() <= on_disk(root).items()


def test_a_file_that_cannot_go_is_told_and_goes_later(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared(root)
    with Database(root / "w.sqlite3") as db:
        library = Library(db, root / "models")
        (held,) = library.listing().held
        replace = os.replace

        def busy(source: str, target: str) -> None:
            if str(source).endswith("00002-of-00003.gguf"):
                raise PermissionError(13, "in use", str(source))
            replace(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", busy)
            with pytest.raises(ModelFileError, match="cannot be removed"):
                remove(removal(held, library.owned, in_use=lambda _: False), db, library.owned)
        tidy(library, db)
        assert (library.files(), on_disk(root)) == ((), {})
