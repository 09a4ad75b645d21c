"""The library: what is found, what it is called, and what is wrong with the rest."""

from __future__ import annotations

import os
from pathlib import Path

import gguf
import pytest

from tests.unit.hub.conftest import GgufWriter
from tests.unit.models.gguf_files import split_model, write_model
from workbench.errors import ModelFileError, ModelNotFoundError
from workbench.hub.library import Library
from workbench.jobs import run
from workbench.store.database import Database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def library(db: Database, folder: Path) -> Library:
    return Library(db, folder)


def listed(library: Library) -> list[str]:
    return [file.name for file in library.files()]


def test_without_a_folder_the_library_is_empty(library: Library) -> None:
    assert library.listing().files == ()
    assert library.listing().problems == ()


def test_every_gguf_below_the_folder_is_found_and_nothing_else(
    library: Library, folder: Path, write_gguf: GgufWriter
) -> None:
    for name in ("b.gguf", "a/deep/A.GGUF", "c.gguf.part", ".hidden.gguf", ".cache/d.gguf", "notes.txt"):
        write_gguf(folder / name)
    assert listed(library) == ["b", "A"]
    assert library.listing().problems == ()


def test_a_link_that_leads_back_up_is_entered_once(library: Library, folder: Path, write_gguf: GgufWriter) -> None:
    write_gguf(folder / "sub" / "a.gguf")
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "loop.gguf").symlink_to(folder / "loop.gguf")
    listing = library.listing()
    assert [file.name for file in listing.files] == ["a"]
    assert [problem.path.name for problem in listing.problems] == ["loop.gguf"]


def test_two_links_to_one_file_are_one_model(library: Library, folder: Path, write_gguf: GgufWriter) -> None:
    write_gguf(folder / "a.gguf")
    (folder / "b.gguf").symlink_to(folder / "a.gguf")
    assert listed(library) == ["a"]


def test_what_cannot_be_used_is_reported_with_its_reason(
    library: Library, folder: Path, write_gguf: GgufWriter
) -> None:
    write_gguf(folder / "good.gguf")
    write_gguf(folder / "mmproj.gguf", kind="mmproj")
    (folder / "broken.gguf").write_bytes(b"GGUF")
    (folder / "empty.gguf").write_bytes(b"")
    listing = library.listing()
    assert [file.name for file in listing.files] == ["good"]
    assert {problem.path.name for problem in listing.problems} == {"broken.gguf", "empty.gguf", "mmproj.gguf"}
    assert all(problem.error.hint for problem in listing.problems)


def test_a_name_that_is_no_text_is_reported(library: Library, folder: Path, write_gguf: GgufWriter) -> None:
    write_gguf(folder / "a.gguf")
    try:
        (folder / "a.gguf").rename(folder / os.fsdecode(b"\xff.gguf"))
    except OSError:
        pytest.skip("this file system has text names only")
    (problem,) = library.listing().problems
    assert "not valid text" in problem.error.message
    assert problem.error.message.encode()


def test_names_are_made_unique_and_the_first_keeps_its_own(
    library: Library, folder: Path, write_gguf: GgufWriter
) -> None:
    write_gguf(folder / "m.gguf")
    write_gguf(folder / "x" / "M.gguf", file_type=gguf.LlamaFileType.MOSTLY_Q8_0)
    write_gguf(folder / "y" / "m.gguf", file_type=gguf.LlamaFileType.MOSTLY_Q8_0)
    write_gguf(folder / "y" / "z" / "y" / "m.gguf", file_type=gguf.LlamaFileType.MOSTLY_Q8_0)
    assert listed(library) == ["m", "M-Q8_0", "m-Q8_0-y", "m-Q8_0-2"]
    assert listed(library) == ["m", "M-Q8_0", "m-Q8_0-y", "m-Q8_0-2"]


def test_a_quantisation_that_stands_in_the_name_is_not_repeated(
    library: Library, folder: Path, write_gguf: GgufWriter
) -> None:
    for place in ("x", "y"):
        write_gguf(folder / place / "m-q8_0.gguf", file_type=gguf.LlamaFileType.MOSTLY_Q8_0)
    assert listed(library) == ["m-q8_0", "m-q8_0-y"]


def test_an_added_file_stays_where_it_lies_and_is_remembered(
    library: Library, db: Database, folder: Path, tmp_path: Path, write_gguf: GgufWriter
) -> None:
    path = write_gguf(tmp_path / "elsewhere" / "mine.gguf")
    assert library.add(path).name == "mine"
    library.add(path)
    assert [file.path for file in Library(db, folder).files()] == [path]


def test_adding_a_file_of_the_folder_changes_nothing(
    library: Library, db: Database, folder: Path, write_gguf: GgufWriter
) -> None:
    path = write_gguf(folder / "a.gguf")
    assert library.add(path).name == "a"
    with db.read() as sql:
        assert sql.execute("SELECT count(*) FROM library_file").fetchone()[0] == 0


def test_a_file_that_cannot_be_used_is_not_added(library: Library, tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    for name in ("broken.gguf", "missing.gguf"):
        with pytest.raises(ModelFileError, match=name):
            library.add(tmp_path / name)
    assert library.listing().problems == ()


def test_an_added_file_that_vanished_is_a_problem_until_it_is_removed(
    library: Library, tmp_path: Path, write_gguf: GgufWriter
) -> None:
    path = write_gguf(tmp_path / "mine.gguf")
    library.add(path)
    path.unlink()
    (problem,) = library.listing().problems
    assert problem.error.message == f"{path} is not there."
    library.remove(path)
    assert library.listing().problems == ()


def test_removing_forgets_the_file_and_never_deletes_it(
    library: Library, tmp_path: Path, write_gguf: GgufWriter
) -> None:
    path = write_gguf(tmp_path / "mine.gguf")
    library.add(path)
    library.remove(path)
    assert path.exists()
    assert library.files() == ()
    with pytest.raises(ModelNotFoundError, match="not one of the files"):
        library.remove(path)


def test_a_model_is_found_by_path_and_by_name_whatever_its_case(
    library: Library, folder: Path, tmp_path: Path, write_gguf: GgufWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = write_gguf(folder / "SmolLM2.gguf")
    outside = write_gguf(tmp_path / "other.gguf")
    monkeypatch.chdir(tmp_path)
    assert library.resolve(str(inside)).name == "SmolLM2"
    assert library.resolve("smollm2").path == inside
    assert library.resolve("other.gguf").path == outside
    assert library.resolve("./models/SmolLM2.gguf").path == inside
    assert library.files()[0].path == inside


def test_a_folder_of_the_same_name_does_not_hide_the_model(
    library: Library, folder: Path, tmp_path: Path, write_gguf: GgufWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gguf(folder / "smollm2.gguf")
    (tmp_path / "smollm2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert library.resolve("smollm2").name == "smollm2"


def refusal(library: Library, text: str) -> ModelNotFoundError:
    with pytest.raises(ModelNotFoundError) as caught:
        library.resolve(text)
    assert caught.value.code == "model_not_found"
    return caught.value


def test_an_unknown_name_is_answered_with_the_nearest(library: Library, folder: Path, write_gguf: GgufWriter) -> None:
    write_gguf(folder / "SmolLM2-135M.gguf")
    error = refusal(library, "smolm2")
    assert error.message == "No model of the library is called “smolm2”."
    assert error.hint == "Did you mean “SmolLM2-135M”?"
    assert "SmolLM2-135M" in (refusal(library, "zzz").hint or "")


def test_an_empty_library_says_how_to_fill_it(library: Library) -> None:
    assert "models starter" in (refusal(library, "llama").hint or "")


@pytest.mark.parametrize("text", ["/nowhere/m.gguf", "m.gguf", "a/b/c", "~nobody/m.gguf", "./x"])
def test_a_path_to_nothing_is_called_that(library: Library, text: str) -> None:
    assert refusal(library, text).message.startswith("There is no file ")


def test_a_folder_is_no_model(library: Library, tmp_path: Path) -> None:
    assert "is a folder" in refusal(library, str(tmp_path)).message


def test_a_repository_is_refused_in_honest_words(library: Library) -> None:
    error = refusal(library, "google/gemma-3-270m")
    assert "not in the library" in error.message
    assert error.hint


@pytest.mark.parametrize("text", ["x" * 5000, "a\nb\tc", ""])
def test_odd_names_are_refused_and_nothing_breaks(library: Library, text: str) -> None:
    with pytest.raises((ModelNotFoundError, ModelFileError)):
        library.resolve(text)


def test_a_broken_file_named_by_its_stem_is_told_as_broken(library: Library, folder: Path) -> None:
    folder.mkdir()
    (folder / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelFileError, match="broken"):
        library.resolve("broken")


def test_a_file_that_changed_is_described_anew(library: Library, folder: Path, write_gguf: GgufWriter) -> None:
    path = write_gguf(folder / "a.gguf")
    assert library.files()[0] is not None
    assert library.files()[0].header is library.files()[0].header
    write_gguf(path, file_type=gguf.LlamaFileType.MOSTLY_Q8_0)
    assert library.files()[0].quantisation == "Q8_0"
    path.write_bytes(b"GGUF")
    assert [problem.path for problem in library.listing().problems] == [path]


# --- split models ----------------------------------------------------------------------------


@pytest.fixture
def parts(folder: Path, tmp_path: Path) -> tuple[Path, ...]:
    return split_model(write_model(tmp_path / "whole" / "Big.gguf"), folder / "big", (3, 2, 2))


def test_a_split_model_is_listed_once_and_its_other_parts_are_no_problems(
    library: Library, parts: tuple[Path, ...]
) -> None:
    listing = library.listing()
    (file,) = listing.files
    assert (file.name, file.path, file.parts) == ("Big", parts[0], parts)
    assert listing.problems == ()
    assert library.files()[0].header is file.header, "its headers are read once"


def test_a_split_model_is_found_by_its_name_and_by_any_of_its_parts(library: Library, parts: tuple[Path, ...]) -> None:
    for text in ("big", *map(str, parts)):
        assert library.resolve(text).parts == parts


def test_a_split_model_has_no_hash_of_its_own(library: Library, parts: tuple[Path, ...]) -> None:
    run(library.sha256_of(parts[0]))
    assert library.digests.known(parts[0])
    assert library.files()[0].sha256 is None
    assert library.resolve(str(parts[0])).sha256 is None


def test_a_missing_part_is_one_problem_until_it_arrives(library: Library, parts: tuple[Path, ...]) -> None:
    parts[1].rename(parts[1].with_suffix(".part"))
    (problem,) = library.listing().problems
    assert problem.error.message == "Big-00002-of-00003.gguf is missing: Big is split into 3 parts."
    assert library.files() == ()
    with pytest.raises(ModelFileError, match="is missing"):
        library.resolve("big")
    parts[1].with_suffix(".part").rename(parts[1])
    assert listed(library) == ["Big"]
    assert library.listing().problems == ()


def test_a_damaged_part_is_one_problem_and_a_change_of_any_part_is_seen(
    library: Library, parts: tuple[Path, ...]
) -> None:
    assert listed(library) == ["Big"]
    content = parts[2].read_bytes()
    parts[2].write_bytes(content[:-100])
    (problem,) = library.listing().problems
    assert "Big-00003-of-00003.gguf ends at" in problem.error.message
    parts[2].write_bytes(content)
    assert listed(library) == ["Big"]


def test_an_added_split_model_is_kept_by_its_first_part_and_removed_by_any(
    library: Library, db: Database, folder: Path, tmp_path: Path
) -> None:
    parts = split_model(write_model(tmp_path / "Far.gguf"), tmp_path / "elsewhere", (4, 3))
    assert library.add(parts[1]).path == parts[0]
    library.add(parts[0])
    assert [file.parts for file in Library(db, folder).files()] == [parts]
    library.remove(parts[1])
    assert library.files() == ()
    assert all(part.exists() for part in parts)


def test_two_split_models_of_one_name_are_told_apart(
    library: Library, folder: Path, parts: tuple[Path, ...], tmp_path: Path
) -> None:
    split_model(write_model(tmp_path / "q8" / "Big.gguf", file_type=7), folder / "other", (3, 4))
    assert listed(library) == ["Big", "Big-Q8_0"]
