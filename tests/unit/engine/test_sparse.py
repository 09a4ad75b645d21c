"""Files that hold a header and a hole: as long as the model, taking next to nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from workbench.engine import sparse
from workbench.errors import ProbeError
from workbench.models.exact import Head

GIB = 1 << 30

posix = pytest.mark.skipif(os.name != "posix", reason="sizes on the disk are told by POSIX systems")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def head(tmp_path: Path, name: str = "m.gguf", size_bytes: int = 40 * GIB, first_bytes: bytes = b"GGUF" * 1000) -> Head:
    path = tmp_path / f"{name}.head"
    path.write_bytes(first_bytes)
    return Head(path, name, size_bytes)


@posix
def test_a_file_of_forty_gigabytes_takes_its_header_only(tmp_path: Path, folder: Path) -> None:
    path = sparse.lay_out([head(tmp_path)], folder)
    assert path == folder / "m.gguf"
    assert path.stat().st_size == 40 * GIB
    assert path.stat().st_blocks * 512 < 1 << 20
    with path.open("rb") as file:
        assert file.read(4001) == b"GGUF" * 1000 + b"\0"


def test_every_part_has_its_own_name_and_the_first_is_opened(tmp_path: Path, folder: Path) -> None:
    names = [f"m-{number:05}-of-00003.gguf" for number in (1, 2, 3)]
    path = sparse.lay_out([head(tmp_path, name, 1 << 20) for name in names], folder)
    assert path.name == names[0]
    assert sorted(file.name for file in folder.iterdir()) == names


def test_a_head_with_more_bytes_than_the_file_is_cut(tmp_path: Path, folder: Path) -> None:
    path = sparse.lay_out([head(tmp_path, size_bytes=1000)], folder)
    assert path.stat().st_size == 1000


def test_whole_files_are_used_where_they_are(tmp_path: Path) -> None:
    file = tmp_path / "m.gguf"
    file.write_bytes(b"GGUF" * 10)
    whole = Head(file, "m.gguf", 40)
    assert sparse.in_place([whole]) == file
    assert sparse.in_place([Head(file, "m.gguf", 41)]) is None
    assert sparse.in_place([Head(file, "m-00001-of-00002.gguf", 40)]) is None
    (tmp_path / "elsewhere").mkdir()
    other = tmp_path / "elsewhere" / "n.gguf"
    other.write_bytes(b"GGUF" * 10)
    assert sparse.in_place([whole, Head(other, "n.gguf", 40)]) is None


def test_a_disk_that_makes_no_holes_is_found_out_before_it_is_filled(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sparse, "_allocated_bytes", lambda file, length_bytes: length_bytes)
    with pytest.raises(ProbeError, match="no file with a hole") as error:
        sparse.lay_out([head(tmp_path)], folder)
    assert (folder / "m.gguf").stat().st_size <= sparse.TRIAL_HOLE_BYTES + 4000
    assert error.value.hint is not None
    assert "estimate stands" in error.value.hint


@posix
def test_a_limit_on_the_size_of_files_is_an_error(tmp_path: Path, folder: Path) -> None:
    if sys.platform == "win32":
        return
    import resource

    wanted = head(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (GIB, hard))
    try:
        with pytest.raises(ProbeError, match="File too large"):
            sparse.lay_out([wanted], folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
