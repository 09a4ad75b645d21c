"""From a model of the hub to a download: all its files, and none that is here already."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_hub import LoopbackHub
from tests.unit.hub import big_gguf
from tests.unit.hub.conftest import GgufWriter
from workbench.errors import AlreadyHereError, ModelNotFoundError
from workbench.hub import pulling
from workbench.hub.library import Library
from workbench.hub.places.place import Place, PlacedFile, Program
from workbench.hub.remote import Hub, RemoteListing
from workbench.jobs import run
from workbench.store.database import Database

REPOSITORY = "Owner/Tiny-GGUF"


class Bench:
    def __init__(self, hub: LoopbackHub, db: Database, home: Path) -> None:
        self.hub, self.home = hub, home
        self.elsewhere: list[PlacedFile] = []
        places = lambda: (Place(Program.OLLAMA, home / "ollama", tuple(self.elsewhere)),)  # noqa: E731
        self.library = Library(db, home / "models", places=places)

    def listing(self) -> RemoteListing:
        return run(
            Hub(self.home / "cache", self.home / "models", endpoint=self.hub.endpoint, offline=False).listing(
                REPOSITORY
            )
        )


@pytest.fixture
def bench(tmp_path: Path, db: Database) -> Iterator[Bench]:
    with LoopbackHub() as hub:
        yield Bench(hub, db, tmp_path)


@pytest.fixture
def published(bench: Bench, tmp_path: Path) -> Path:
    file = big_gguf.write(tmp_path / "published" / "tiny-Q4_0.gguf", tokens=50)
    bench.hub.add(REPOSITORY, {"tiny-Q4_0.gguf": file})
    return file


def test_a_repository_that_was_looked_at_promises_sizes_and_hashes_at_once(bench: Bench, published: Path) -> None:
    listing = bench.listing()
    asked = pulling.wanted(listing.files[0], listing.found)
    assert asked.is_described
    assert (asked.repository, asked.commit, asked.path) == (REPOSITORY, listing.commit, "tiny-Q4_0.gguf")
    assert asked.total_bytes == published.stat().st_size


def test_without_it_the_hub_is_asked_when_it_is_the_model_s_turn(bench: Bench, published: Path) -> None:
    asked = pulling.wanted(bench.listing().files[0], None)
    assert not asked.is_described
    assert asked.commit == bench.listing().commit


def test_another_commit_than_the_model_s_promises_nothing_of_it(bench: Bench, published: Path) -> None:
    model = bench.listing().files[0]
    bench.hub.add(REPOSITORY, {"tiny-Q4_0.gguf": published, "other.gguf": published})
    later = bench.listing()
    assert model.origin is not None
    assert later.commit != model.origin.commit
    assert pulling.wanted(model, later.found).commit == model.origin.commit


def test_a_split_model_comes_with_every_part(bench: Bench, tmp_path: Path) -> None:
    parts = big_gguf.write_parts(tmp_path / "published", "tiny-Q4_0", 3, tokens=50)
    bench.hub.add(REPOSITORY, parts)
    listing = bench.listing()
    (model,) = listing.files
    asked = pulling.wanted(model, listing.found)
    assert [file.path for file in asked.files] == sorted(parts)
    assert asked.is_described
    assert [file.path for file in pulling.wanted(model, None).files] == sorted(parts)


def test_a_split_model_is_here_when_every_part_is(bench: Bench, tmp_path: Path) -> None:
    parts = big_gguf.write_parts(tmp_path / "published", "tiny-Q4_0", 2, tokens=50)
    bench.hub.add(REPOSITORY, parts)
    listing = bench.listing()
    (model,) = listing.files
    asked = pulling.wanted(model, listing.found)
    (tmp_path / "models").mkdir()
    copies = [Path(shutil.copy(path, tmp_path / "models" / path.name)) for path in parts.values()]
    run(bench.library.sha256_of(copies[0]))
    assert pulling.here(model, asked, bench.library) is None
    run(bench.library.sha256_of(copies[1]))
    assert pulling.here(model, asked, bench.library) is not None


def test_projectors_are_offered_smallest_first_and_come_only_where_asked_for(
    bench: Bench, published: Path, tmp_path: Path
) -> None:
    files = {"tiny-Q4_0.gguf": published}
    for name, size in {"mmproj-F32.gguf": 900, "sub/tiny-mmproj-Q8_0.gguf": 300, "notes-mmproj.txt": 5}.items():
        files[name] = tmp_path / "published" / name.replace("/", "-")
        files[name].write_bytes(b"GGUF" + bytes(size))
    bench.hub.add(REPOSITORY, files)
    listing = bench.listing()
    assert listing.found is not None
    offered = pulling.companions(listing.found)
    assert [file.path for file in offered] == ["sub/tiny-mmproj-Q8_0.gguf", "mmproj-F32.gguf"]
    model = listing.files[0]
    assert [file.path for file in pulling.wanted(model, listing.found).files] == ["tiny-Q4_0.gguf"]
    assert len(pulling.wanted(model, listing.found, offered[:1]).files) == 2


def test_a_file_of_this_machine_cannot_be_pulled(bench: Bench, tmp_path: Path, write_gguf: GgufWriter) -> None:
    write_gguf(tmp_path / "models" / "own.gguf")
    with pytest.raises(ModelNotFoundError, match="own"):
        pulling.wanted(bench.library.resolve("own"), None)


def test_the_same_bytes_in_the_library_are_here_already(bench: Bench, published: Path, tmp_path: Path) -> None:
    listing = bench.listing()
    model, asked = listing.files[0], pulling.wanted(listing.files[0], listing.found)
    copy = tmp_path / "models" / "under another name.gguf"
    copy.parent.mkdir()
    shutil.copy(published, copy)
    assert pulling.here(model, asked, bench.library) is None, "nobody has hashed it yet: it may be anything"
    run(bench.library.sha256_of(copy))
    held = pulling.here(model, asked, bench.library)
    assert held is not None
    assert held.file.path == copy
    with pytest.raises(AlreadyHereError) as told:
        pulling.refuse_here(held, model)
    assert str(copy) in told.value.message


def test_what_another_program_keeps_counts_by_the_hash_it_gives(bench: Bench, published: Path, tmp_path: Path) -> None:
    listing = bench.listing()
    model, asked = listing.files[0], pulling.wanted(listing.files[0], listing.found)
    blob = tmp_path / "ollama" / "sha256-blob"
    blob.parent.mkdir()
    shutil.copy(published, blob)
    bench.elsewhere.append(PlacedFile(blob, "tiny:latest", claimed_sha256="0" * 64))
    assert pulling.here(model, asked, bench.library) is None
    bench.elsewhere[0] = dataclasses.replace(bench.elsewhere[0], claimed_sha256=model.sha256)
    held = pulling.here(model, asked, bench.library)
    assert held is not None
    assert held.program is Program.OLLAMA


def test_a_model_whose_hash_the_hub_has_not_said_is_not_here(bench: Bench, published: Path) -> None:
    model = dataclasses.replace(bench.listing().files[0], sha256=None)
    assert pulling.here(model, pulling.wanted(model, None), bench.library) is None
