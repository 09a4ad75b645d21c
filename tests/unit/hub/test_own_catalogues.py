"""Catalogues that the user added: listed with what is wrong with them, taken away, put back."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import CatalogueError
from workbench.hub import catalogue
from workbench.hub.catalogue import Catalogue
from workbench.hub.own_catalogues import own_catalogues, put_back, remove
from workbench.paths import resources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with one catalogue of one entry."""
    entry = Catalogue.load(resources()).entries[0]
    catalogue.add(
        tmp_path, catalogue.write([entry], title="Mine", dated=entry.provenance.dated), "/elsewhere/mine.json"
    )
    return tmp_path


def test_each_is_listed_with_where_it_came_from(folder: Path) -> None:
    (found,) = own_catalogues(folder)
    assert (found.title, found.came_from, found.entry_count) == ("Mine", "/elsewhere/mine.json", 1)


def test_one_with_a_mistake_is_listed_with_it(folder: Path) -> None:
    (folder / "broken.json").write_text("{")
    broken, _ = own_catalogues(folder)
    assert broken.file == "broken.json"
    assert isinstance(broken.error, CatalogueError)


def test_one_that_was_taken_away_can_be_put_back(folder: Path) -> None:
    before = own_catalogues(folder)
    removed = remove(folder, before[0].file)
    assert own_catalogues(folder) == ()
    put_back(removed)
    assert own_catalogues(folder) == before


def test_one_that_was_added_again_is_not_overwritten(folder: Path) -> None:
    removed = remove(folder, own_catalogues(folder)[0].file)
    removed.path.write_text("{}")
    with pytest.raises(CatalogueError, match="added again"):
        put_back(removed)
    assert removed.path.read_text() == "{}"


@pytest.mark.parametrize("name", ["../x.json", "gone.json", "x.txt"])
def test_nothing_else_can_be_taken_away(folder: Path, name: str) -> None:
    outside = folder.parent / "x.json"
    outside.write_text("{}")
    (folder / "x.txt").write_text("")
    with pytest.raises(CatalogueError):
        remove(folder, name)
    assert outside.exists()
    assert (folder / "x.txt").exists()
