"""One model in several places is one model: how that is known, and what it is called for ever."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.hub.places.layouts import cached, jan_model, model, ollama_model, write_projector
from tests.unit.models.gguf_files import split_model
from workbench.errors import ModelFileError, ModelNotFoundError
from workbench.hub.library import Library
from workbench.hub.places.finding import find
from workbench.hub.places.place import Program
from workbench.hub.places.same import Held, Sameness
from workbench.jobs import run
from workbench.store.database import Database

Listed = Callable[[], dict[str, Held]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def library(db: Database, home: Path, tmp_path: Path) -> Library:
    return Library(db, tmp_path / "models", places=lambda: find(home, {}, system="linux", root=tmp_path / "nothing"))


@pytest.fixture
def listed(library: Library) -> Listed:
    return lambda: {held.file.name: held for held in library.listing().held}


def studio(home: Path, name: str) -> Path:
    return home / ".lmstudio" / "models" / "owner" / "repository" / name


def copied(source: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, target))


def shown(held: Held) -> list[tuple[Program, Sameness]]:
    return [(copy.program, copy.sameness) for copy in held.copies]


def test_a_link_of_either_kind_is_the_same_file(listed: Listed, home: Path, tmp_path: Path) -> None:
    own = model(tmp_path / "models" / "m.gguf")
    studio(home, "x").parent.mkdir(parents=True)
    os.link(own, studio(home, "Hard.gguf"))
    studio(home, "Soft.gguf").symlink_to(own)
    (held,) = listed().values()
    assert (held.file.path, held.program) == (own, Program.WORKBENCH)
    assert shown(held) == [(Program.LM_STUDIO, Sameness.FILE)] * 2


def test_equal_size_and_header_make_a_copy_probable_and_hashes_make_it_certain(
    listed: Listed, library: Library, home: Path, tmp_path: Path
) -> None:
    own = model(tmp_path / "models" / "m.gguf")
    other = copied(own, studio(home, "m.gguf"))
    assert shown(listed()["m"]) == [(Program.LM_STUDIO, Sameness.PROBABLY)]
    for path in (own, other):
        run(library.sha256_of(path))
    assert shown(listed()["m"]) == [(Program.LM_STUDIO, Sameness.HASHED)]


def test_hashes_tell_apart_what_looks_the_same(listed: Listed, library: Library, home: Path, tmp_path: Path) -> None:
    own = model(tmp_path / "models" / "m.gguf")
    other = copied(own, studio(home, "m.gguf"))
    with other.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")
    assert set(listed()) == {"m"}
    for path in (own, other):
        run(library.sha256_of(path))
    assert {name: held.program for name, held in listed().items()} == {
        "m": Program.WORKBENCH,
        "m-F16": Program.LM_STUDIO,
    }


def test_two_programs_claims_make_a_copy_until_one_of_them_is_found_false(
    listed: Listed, library: Library, home: Path, tmp_path: Path
) -> None:
    source = model(tmp_path / "aside" / "m.gguf")
    in_cache = cached(
        home / ".cache" / "huggingface" / "hub", "owner/name", "m.gguf", copied(source, tmp_path / "aside" / "2.gguf")
    )
    blob = ollama_model(home / ".ollama" / "models", "registry.ollama.ai/library/m/1b", source)
    (held,) = listed().values()
    assert held.file.path == blob
    assert held.claimed_sha256 == blob.name.removeprefix("sha256-")
    assert (held.file.sha256, held.damaged) == (None, False)
    assert shown(held) == [(Program.HUGGING_FACE, Sameness.CLAIMED)]
    status = blob.stat()
    with blob.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    run(library.sha256_of(blob))
    assert {held.file.path: held.damaged for held in listed().values()} == {blob: True, in_cache: False}


def test_split_models_are_one_by_the_hashes_of_their_parts(listed: Listed, home: Path, tmp_path: Path) -> None:
    parts = split_model(model(tmp_path / "Big.gguf"), tmp_path / "models", (3, 2, 2))
    for part in parts:
        copied(part, studio(home, part.name))
    (held,) = listed().values()
    assert len(held.file.parts) == 3
    assert shown(held) == [(Program.LM_STUDIO, Sameness.PROBABLY)]


def test_a_split_model_linked_from_a_cache_is_one_copy(listed: Listed, home: Path, tmp_path: Path) -> None:
    for part in split_model(model(tmp_path / "Big.gguf"), tmp_path / "aside", (3, 2, 2)):
        real = cached(home / ".cache" / "huggingface" / "hub", "owner/name", part.name, part)
        studio(home, part.name).parent.mkdir(parents=True, exist_ok=True)
        studio(home, part.name).symlink_to(real)
    (held,) = listed().values()
    assert held.program is Program.LM_STUDIO
    assert shown(held) == [(Program.HUGGING_FACE, Sameness.FILE)]


def test_the_users_own_files_stay_each_for_itself(listed: Listed, tmp_path: Path) -> None:
    copied(model(tmp_path / "models" / "m.gguf"), tmp_path / "models" / "again" / "m.gguf")
    assert len(listed()) == 2


def test_a_missing_part_is_named(library: Library, home: Path, tmp_path: Path) -> None:
    parts = split_model(model(tmp_path / "Big.gguf"), studio(home, "Big.gguf").parent, (3, 2, 2))
    parts[1].unlink()
    (problem,) = library.listing().problems
    assert problem.error.message == "Big-00002-of-00003.gguf is missing: Big is split into 3 parts."


# --- companions ------------------------------------------------------------------------------


def test_a_projector_goes_with_every_quantisation_beside_it(listed: Listed, home: Path) -> None:
    model(studio(home, "Seer-F16.gguf"), "Seer")
    model(studio(home, "Seer-Q8_0.gguf"), "Seer", file_type=7)
    projector = write_projector(studio(home, "mmproj.gguf"))
    for held in listed().values():
        (companion,) = held.companions
        assert (companion.path, companion.what, companion.by) == (projector, "an image projector", "metadata")
        assert companion.size_bytes == projector.stat().st_size


@pytest.mark.parametrize(
    ("width", "name", "owner"),
    [(64, "Seer mmproj", "Seer"), (64, "Other", "Other"), (65, "Seer", None), (None, "Seer", None)],
)
def test_in_a_folder_of_many_models_a_projector_finds_its_own_by_its_metadata(
    library: Library, tmp_path: Path, width: int | None, name: str, owner: str | None
) -> None:
    model(tmp_path / "models" / "Seer.gguf", "Seer")
    model(tmp_path / "models" / "Other.gguf", "Other")
    write_projector(tmp_path / "models" / "mmproj.gguf", width=width, name=name)
    listing = library.listing()
    assert [held.file.name for held in listing.held if held.companions] == ([owner] if owner else [])
    assert [problem.path.name for problem in listing.problems] == ([] if owner else ["mmproj.gguf"])


def test_a_projector_of_unknown_width_goes_with_the_model_of_its_repository(listed: Listed, home: Path) -> None:
    model(studio(home, "Seer.gguf"))
    write_projector(studio(home, "mmproj.gguf"), width=None)
    assert [companion.by for companion in listed()["Seer"].companions] == ["beside"]


def test_a_projector_that_its_program_lists_is_taken_at_its_word(listed: Listed, home: Path, tmp_path: Path) -> None:
    ollama_model(
        home / ".ollama" / "models",
        "registry.ollama.ai/library/seer/1b",
        model(tmp_path / "Seer.gguf"),
        projector=write_projector(tmp_path / "mmproj.gguf", width=3),
    )
    (companion,) = listed()["seer-1b"].companions
    assert (companion.by, companion.what) == ("list", "an image projector")
    assert [path.read_text() for path in listed()["seer-1b"].licences] == ["Do as you like."]


# --- names and folders -----------------------------------------------------------------------


def test_a_name_once_given_is_not_taken_by_a_file_that_comes_first(listed: Listed, home: Path, tmp_path: Path) -> None:
    theirs = model(studio(home, "m.gguf"), "Theirs")
    assert listed()["m"].file.path == theirs
    ours = model(tmp_path / "models" / "m.gguf", "Ours")
    assert {name: held.file.path for name, held in listed().items()} == {"m": theirs, "m-F16": ours}
    theirs.unlink()
    assert set(listed()) == {"m-F16"}, "a name is kept although a better one became free"
    model(tmp_path / "models" / "sub" / "m.gguf", "Third")
    assert listed()["m"].file.title == "Third", "a name whose file is gone is free"


def test_a_name_waits_for_the_disk_that_is_not_plugged_in(listed: Listed, library: Library, tmp_path: Path) -> None:
    away = model(tmp_path / "disk" / "m.gguf", "Away")
    library.add(away)
    assert set(listed()) == {"m"}
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    model(tmp_path / "models" / "m.gguf", "Ours")
    assert set(listed()) == {"m-F16"}
    (tmp_path / "unplugged").rename(tmp_path / "disk")
    assert {name: held.file.title for name, held in listed().items()} == {"m": "Away", "m-F16": "Ours"}


def test_a_tag_that_was_pulled_again_keeps_its_name(listed: Listed, home: Path, tmp_path: Path) -> None:
    for title in ("Old", "New"):
        ollama_model(home / ".ollama/models", "registry.ollama.ai/library/m/1b", model(tmp_path / "a.gguf", title))
        assert {name: held.file.title for name, held in listed().items()} == {"m-1b": title}


def test_jans_imports_and_added_folders_belong_to_the_library(
    listed: Listed, library: Library, home: Path, tmp_path: Path
) -> None:
    path = model(tmp_path / "shelf" / "m.gguf")
    library.add_folder(tmp_path / "shelf")
    jan_model(home / ".local/share/Jan/data", "mine", {"model_path": str(path)})
    (held,) = listed().values()
    assert (held.program, held.own) == (Program.FOLDER, False)
    assert shown(held) == [(Program.JAN, Sameness.FILE)]
    assert library.resolve("mine").path == path
    library.remove_folder(tmp_path / "shelf")
    assert [held.program for held in listed().values()] == [Program.JAN]
    assert path.exists()
    with pytest.raises(ModelNotFoundError, match="not one of the folders"):
        library.remove_folder(tmp_path / "shelf")
    with pytest.raises(ModelFileError, match="not a folder"):
        library.add_folder(path)
