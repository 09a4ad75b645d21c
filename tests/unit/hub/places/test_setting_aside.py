"""A removal can be undone until its files are deleted, and never half."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.hub.places.layouts import model
from tests.unit.models.gguf_files import split_model
from workbench.errors import ModelFileError
from workbench.hub import moving
from workbench.hub.library import Library
from workbench.hub.moving import move_to
from workbench.hub.places.same import Held
from workbench.hub.setting_aside import SetAside, delete, put_back, set_aside
from workbench.hub.upkeep import removal
from workbench.jobs import run
from workbench.store.database import Database

Aside = Callable[[str], SetAside]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def library(db: Database, folder: Path) -> Library:
    return Library(db, folder)


def held(library: Library, name: str) -> Held:
    (found,) = (one for one in library.listing().held if one.file.name == name)
    return found


@pytest.fixture
def aside(library: Library, db: Database) -> Aside:
    def gone(name: str) -> SetAside:
        return set_aside(removal(held(library, name), library.owned, in_use=lambda _: False), db, library.owned)

    return gone


def test_what_is_set_aside_is_gone_from_the_library_and_comes_back_as_it_was(
    aside: Aside, library: Library, db: Database, folder: Path
) -> None:
    path = model(folder / "owner" / "repository" / "m.gguf")
    content = path.read_bytes()
    gone = aside("m")
    assert library.files() == ()
    assert not path.parent.exists()
    put_back(gone, db)
    assert path.read_bytes() == content
    assert [file.name for file in library.files()] == ["m"]
    assert held(library, "m").own
    assert [one for one in folder.iterdir() if one.name.startswith(".")] == []


def test_a_split_model_comes_back_whole(
    aside: Aside, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    parts = split_model(model(tmp_path / "Big.gguf"), folder, (3, 2, 2))
    gone = aside(library.files()[0].name)
    assert not any(part.exists() for part in parts)
    put_back(gone, db)
    assert all(part.exists() for part in parts)


def test_a_model_that_was_moved_to_another_folder_is_ours_again(
    aside: Aside, library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    model(folder / "m.gguf")
    run(move_to(held(library, "m"), tmp_path / "disk", library, db, in_use=lambda _: False))
    gone = aside("m")
    assert library.files() == ()
    put_back(gone, db)
    assert held(library, "m").own
    assert held(library, "m").file.path == tmp_path / "disk" / "m.gguf"


def test_what_is_deleted_cannot_be_put_back_and_leaves_nothing(aside: Aside, db: Database, folder: Path) -> None:
    model(folder / "m.gguf")
    gone = aside("m")
    delete(gone, db)
    assert list(folder.iterdir()) == []
    with pytest.raises(ModelFileError, match="deleted already"):
        put_back(gone, db)


def test_a_start_after_a_crash_deletes_what_was_set_aside(
    aside: Aside, library: Library, db: Database, folder: Path
) -> None:
    model(folder / "m.gguf")
    aside("m")
    moving.tidy(library, db)
    assert list(folder.iterdir()) == []


def test_what_came_in_the_place_meanwhile_is_not_overwritten(aside: Aside, db: Database, folder: Path) -> None:
    path = model(folder / "m.gguf")
    gone = aside("m")
    path.write_bytes(b"another")
    with pytest.raises(ModelFileError, match=r"another m\.gguf"):
        put_back(gone, db)
    assert path.read_bytes() == b"another"


def test_where_one_part_cannot_be_set_aside_all_stay(
    library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    parts = split_model(model(tmp_path / "Big.gguf"), folder, (3, 2, 2))
    plan = removal(library.listing().held[0], library.owned, in_use=lambda _: False)
    parts[-1].unlink()
    with pytest.raises(ModelFileError, match="cannot be removed"):
        set_aside(plan, db, library.owned)
    assert all(part.exists() for part in parts[:-1])
    assert [one for one in folder.iterdir() if one.name.startswith(".")] == []
