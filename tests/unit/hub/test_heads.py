"""Headers of a repository's files: few bytes, kept on disk, and never another model's by mistake."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.hub import big_gguf
from workbench.errors import BadGgufError, DiskFullError, HubError
from workbench.hub import kept as keeping
from workbench.hub.connection import Connection
from workbench.hub.failures import Patience
from workbench.hub.heads import HeadReader, RemoteHead
from workbench.hub.kept import Kept, KeptListing
from workbench.hub.ranges import FileChangedError
from workbench.hub.repository import Address, Repository, look_up
from workbench.jobs import CancelToken, run
from workbench.models.header import read_header

REPOSITORY = "owner/name"
HASTY = Patience(connect_s=5, read_s=5, tries=3, first_wait_s=0.001, longest_wait_s=2)


class Bench:
    """A hub, and a reader of one of its repositories' headers."""

    def __init__(self, hub: LoopbackHub, folder: Path) -> None:
        self.hub = hub
        self.folder = folder
        self.kept = Kept(folder / "cache", hub.endpoint)

    def publish(self, faults: Faults | None = None, **files: Path) -> None:
        self.hub.add(REPOSITORY, {f"{name}.gguf": path for name, path in files.items()}, faults=faults)
        self.hub.forget()

    def read(self, *names: str) -> list[RemoteHead]:
        """Headers in the order asked for, by a reader that begins anew."""
        with Connection(self.hub.endpoint, patience=HASTY) as connection:
            repository = look_up(connection, Address(REPOSITORY, "main"), CancelToken())
            self.reader = HeadReader(connection, self.kept, repository)
            return [run(lambda cancel, name=name: self._one(repository, name, cancel)) for name in names]

    def _one(self, repository: Repository, name: str, cancel: CancelToken) -> Iterator[None]:
        file = next(file for file in repository.files if file.path == f"{name}.gguf")
        return self.reader.read(file, cancel)

    def spent(self, name: str) -> int:
        return self.hub.sent_bytes(f"{name}.gguf")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with LoopbackHub() as hub:
        yield Bench(hub, tmp_path)


@pytest.fixture
def q8(tmp_path: Path) -> Path:
    return big_gguf.write(tmp_path / "files" / "q8.gguf")


def test_a_header_costs_little_more_than_itself(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8)
    (found,) = bench.read("a")
    local = read_header(q8)
    assert (found.header.sha256, found.header.file_size_bytes) == (local.sha256, local.file_size_bytes)
    assert local.end_bytes > 6_000_000
    assert bench.spent("a") == bench.reader.fetched_bytes < local.end_bytes + (1 << 20)


def test_a_second_quantisation_costs_less_than_a_megabyte(bench: Bench, q8: Path, tmp_path: Path) -> None:
    f32 = big_gguf.write(tmp_path / "files" / "f32.gguf", file_type=0, name="Big 1B, of another length")
    bench.publish(a=q8, b=f32)
    found = bench.read("a", "b")[1]
    assert found.header.sha256 == read_header(f32).sha256, "byte for byte the file's own"
    assert bench.spent("b") < 400_000
    assert found.head.path.read_bytes() == f32.read_bytes()[: found.header.end_bytes]


def test_a_real_models_sibling_costs_less_than_a_megabyte(bench: Bench, gemma_path: Path) -> None:
    bench.publish(a=gemma_path, b=gemma_path)
    first, second = bench.read("a", "b")
    assert first.header.sha256 == second.header.sha256 == read_header(gemma_path).sha256
    assert bench.spent("a") < 7_700_000
    assert bench.spent("b") < 500_000


@pytest.mark.parametrize(
    "other",
    [
        {"vocabulary": "Token"},
        {"tokens": big_gguf.MANY_TOKENS - 1},
        {"tokens": big_gguf.MANY_TOKENS + 1},
        {"text": {"general.description": "long " * 100_000}},
    ],
    ids=["other words", "one word less", "one word more", "far behind"],
)
def test_another_vocabulary_is_read_whole(bench: Bench, q8: Path, tmp_path: Path, other: dict[str, object]) -> None:
    path = big_gguf.write(tmp_path / "files" / "other.gguf", **other)  # type: ignore[arg-type]  # one option each
    bench.publish(a=q8, b=path)
    found = bench.read("a", "b")[1]
    assert found.header.sha256 == read_header(path).sha256
    assert bench.spent("b") > 5_000_000


@pytest.mark.parametrize(
    "mended",
    [
        {"eos": 5, "template": "{{ words }}" * 2000},
        {"kinds": {0: 3}},
        {"kinds": {big_gguf.MANY_TOKENS - 1: 3}},
    ],
    ids=["the end token, before a long template", "the first token's kind", "the last token's kind"],
)
def test_a_mended_vocabulary_of_the_same_length_is_seen(
    bench: Bench, tmp_path: Path, mended: dict[str, object]
) -> None:
    plain = {**mended, **({"kinds": {}} if "kinds" in mended else {"eos": 3})}
    paths = [
        big_gguf.write(tmp_path / "files" / f"{name}.gguf", **options)  # type: ignore[arg-type]  # one option each
        for name, options in (("a", plain), ("b", mended), ("c", plain))
    ]
    bench.publish(a=paths[0], b=paths[1], c=paths[2])
    found = bench.read("a", "b", "c")
    assert [one.header.sha256 for one in found] == [read_header(path).sha256 for path in paths]
    assert found[0].header.sha256 != found[1].header.sha256
    assert bench.spent("b") > 5_000_000
    assert bench.spent("c") < 1_000_000


def test_a_sibling_with_a_long_tail_is_still_cheap(bench: Bench, q8: Path, tmp_path: Path) -> None:
    deep = big_gguf.write(tmp_path / "files" / "deep.gguf", layers=500)
    bench.publish(a=q8, b=deep)
    found = bench.read("a", "b")[1]
    assert found.header.sha256 == read_header(deep).sha256
    assert bench.spent("b") < 1_000_000


def test_a_kept_header_costs_nothing(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8)
    (first,) = bench.read("a")
    bench.hub.forget()
    (again,) = bench.read("a")
    assert bench.hub.requests() == []
    assert again == first


def test_a_kept_header_serves_its_siblings_too(bench: Bench, q8: Path, tmp_path: Path) -> None:
    bench.publish(a=q8, b=big_gguf.write(tmp_path / "files" / "f32.gguf", file_type=0))
    bench.read("a")
    bench.read("a", "b")
    assert bench.spent("b") < 400_000


def test_a_damaged_kept_header_is_fetched_again(bench: Bench, q8: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench.publish(a=q8)
    (first,) = bench.read("a")
    data = bytearray(first.head.path.read_bytes())
    data[100] ^= 1
    first.head.path.write_bytes(data)
    bench.hub.forget()
    (again,) = bench.read("a")
    assert bench.spent("a") > 1 << 20
    assert "damaged" in caplog.text
    assert again.head.path.read_bytes() == q8.read_bytes()[: again.header.end_bytes]


def test_a_new_commit_shares_nothing_with_the_old_one(bench: Bench, q8: Path, tmp_path: Path) -> None:
    bench.publish(a=q8)
    (old,) = bench.read("a")
    bench.publish(a=big_gguf.write(tmp_path / "files" / "new.gguf", name="Big 1B v2"))
    (new,) = bench.read("a")
    assert new.header.text("general.name") == "Big 1B v2"
    assert new.head.path != old.head.path


def test_what_is_kept_has_no_name_of_the_hubs_and_only_the_header(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8)
    (found,) = bench.read("a")
    kept = [path for path in (bench.folder / "cache").rglob("*") if path.is_file()]
    assert kept == [found.head.path]
    assert set(found.head.path.stem) <= set("0123456789abcdef-")
    assert found.head.path.stat().st_size == found.header.end_bytes
    assert (found.head.name, found.head.size_bytes) == ("a.gguf", q8.stat().st_size)


def test_the_oldest_heads_make_room_for_new_ones(bench: Bench, tmp_path: Path) -> None:
    files = {name: big_gguf.write(tmp_path / f"{name}.gguf", tokens=4000, name=name) for name in "abcd"}
    bench.publish(**files)
    bench.kept = Kept(tmp_path / "cache", bench.hub.endpoint, limit_bytes=250_000)
    paths = []
    for age, name in enumerate("abc"):
        bench.kept._in_use.clear()  # another listing each time
        paths.append(bench.read(name)[0].head.path)
        if paths[-1].exists():
            os.utime(paths[-1], (age, age))
    bench.kept._in_use.clear()
    paths.append(bench.read("d")[0].head.path)
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_heads_in_use_are_never_removed(bench: Bench, tmp_path: Path) -> None:
    files = {name: big_gguf.write(tmp_path / f"{name}.gguf", tokens=4000, name=name) for name in "ab"}
    bench.publish(**files)
    bench.kept = Kept(tmp_path / "cache", bench.hub.endpoint, limit_bytes=1)
    assert all(found.head.path.exists() for found in bench.read("a", "b"))


def test_a_file_that_changes_once_is_read_anew(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8, faults=Faults(changed_etags=1))
    (found,) = bench.read("a")
    assert found.header.sha256 == read_header(q8).sha256


def test_a_file_that_keeps_changing_is_refused(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8, faults=Faults(changed_etags=99))
    with pytest.raises(FileChangedError, match="another version"):
        bench.read("a")
    assert not list((bench.folder / "cache").rglob("*.head"))


def test_a_server_without_ranges_sends_one_answer(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8, faults=Faults(ignores_range=True))
    (found,) = bench.read("a")
    assert found.header.sha256 == read_header(q8).sha256
    assert len(bench.hub.requests("a.gguf", origin="cdn")) == 1
    assert bench.reader.fetched_bytes < read_header(q8).end_bytes + (2 << 20)


def test_what_is_no_gguf_is_said_and_not_kept(bench: Bench, tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_text("<!doctype html><p>Sign in" + " " * 4000)
    bench.publish(a=page)
    with pytest.raises(BadGgufError, match="web page"):
        bench.read("a")
    assert not list((bench.folder / "cache").rglob("*.head"))


def test_a_header_without_an_end_stops_at_the_limit(bench: Bench, tmp_path: Path) -> None:
    endless = tmp_path / "endless.gguf"
    head = b"GGUF" + (3).to_bytes(4, "little") + (0).to_bytes(8, "little") + (60_000).to_bytes(8, "little")
    with endless.open("wb") as file:
        file.write(head)
        for number in range(60_000):
            key = f"key{number:05}".encode()
            text = b"x" * 2000
            file.write(len(key).to_bytes(8, "little") + key + (8).to_bytes(4, "little"))
            file.write(len(text).to_bytes(8, "little") + text)
    bench.publish(a=endless)
    with pytest.raises(BadGgufError, match="64 MiB"):
        bench.read("a")
    assert bench.spent("a") <= 64 << 20


def test_a_full_disk_is_named(bench: Bench, q8: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.publish(a=q8)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keeping.tempfile, "mkstemp", full)
    with pytest.raises(DiskFullError, match="no room"):
        bench.read("a")


def test_a_cache_that_cannot_be_written_is_named(bench: Bench, q8: Path) -> None:
    bench.publish(a=q8)
    (bench.folder / "cache").write_text("a file where the folder should be")
    with pytest.raises(HubError, match="cannot be written"):
        bench.read("a")


def test_a_listing_is_kept_until_the_next_one(tmp_path: Path) -> None:
    kept, address = Kept(tmp_path, "https://hub.example"), Address("Owner/name", "main")
    listing = KeptListing(Repository("Owner/name", "main", "0" * 40, False, ()), (("a", "b"),), "2026-01-01T00:00:00Z")
    assert kept.listing(address) is None
    kept.keep_listing(address, listing)
    assert kept.listing(Address("owner/NAME", "main")) == listing
    kept.keep_listing(address, dataclasses.replace(listing, asked_at="2026-02-01T00:00:00Z"))
    assert kept.listing(address) == dataclasses.replace(listing, asked_at="2026-02-01T00:00:00Z")
    assert len(list(tmp_path.rglob("*.json"))) == 1
    assert kept.listing(Address("owner/name", "v2")) is None
    assert Kept(tmp_path, "https://other.example").listing(address) is None
