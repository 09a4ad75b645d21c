"""A zip that is not exactly as packs are is refused, whatever readers more lenient would make of it."""

from __future__ import annotations

import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.hub.packs.conftest import MADE, Packer, Receiver, members
from workbench.errors import PackError
from workbench.hub.packs.parts import single
from workbench.hub.packs.writing import FileOutput
from workbench.hub.packs.zipped import CENTRAL, END, LOCAL, ZippedPack
from workbench.hub.packs.zipping import ZipSink, zip_bytes

Damage = Callable[[bytearray], object]
_CENTRAL_AT = {
    "made_by": 5,
    "flags": 8,
    "method": 10,
    "crc": 16,
    "stored": 20,
    "size": 24,
    "attributes": 38,
    "offset": 42,
}
_LOCAL_AT = {"flags": 6, "method": 8, "crc": 14, "stored": 18, "size": 22}
_WIDTH = {"made_by": 1, "flags": 2, "method": 2}


def central(data: bytearray, number: int) -> int:
    """Where the directory describes file ``number``."""
    (begin,) = struct.unpack_from("<L", data, len(data) - END.size + 16)
    for _ in range(number):
        name, extra, comment = struct.unpack_from("<3H", data, begin + 28)
        begin += CENTRAL.size + name + extra + comment
    return int(begin)


def local(data: bytearray, number: int) -> int:
    return int(struct.unpack_from("<L", data, central(data, number) + 42)[0])


def put(data: bytearray, at: int, field: str, value: int) -> None:
    width = _WIDTH.get(field, 4)
    data[at : at + width] = value.to_bytes(width, "little")


def both(field: str, value: int) -> Damage:
    """In both descriptions of a model."""

    def damage(data: bytearray) -> None:
        put(data, local(data, 5) + _LOCAL_AT[field], field, value)
        put(data, central(data, 5) + _CENTRAL_AT[field], field, value)

    return damage


def listed(field: str, value: int) -> Damage:
    return lambda data: put(data, central(data, 5) + _CENTRAL_AT[field], field, value)


def of_unix(mode: int) -> Damage:
    return listed("attributes", mode << 16)


def end_field(at: int, value: int, width: int = 2) -> Damage:
    def damage(data: bytearray) -> None:
        begin = len(data) - END.size + at
        data[begin : begin + width] = value.to_bytes(width, "little")

    return damage


def prefixed(data: bytearray) -> None:
    data[:0] = b"#!/bin/sh\n"


def prefixed_and_repaired(data: bytearray) -> None:
    """As a self-extracting archive is: all offsets count from the new beginning."""
    count = struct.unpack_from("<H", data, len(data) - END.size + 10)[0]
    for number in range(count):
        at = central(data, number) + 42
        struct.pack_into("<L", data, at, struct.unpack_from("<L", data, at)[0] + 10)
    struct.pack_into("<L", data, len(data) - 6, central(data, 0) + 10)
    data[:0] = b"#!/bin/sh\n"


def commented(data: bytearray) -> None:
    data[-2:] = (5).to_bytes(2, "little")
    data += b"hello"


def smuggled(data: bytearray) -> None:
    """Bytes between the last file and the directory."""
    begin = central(data, 0)
    data[begin:begin] = b"hidden"
    struct.pack_into("<L", data, len(data) - 6, begin + 6)


def overlapping(data: bytearray) -> None:
    """Two names for the same bytes: the way of the denser zip bombs."""
    struct.pack_into("<L", data, central(data, 5) + 42, local(data, 4))


def renamed_once(data: bytearray) -> None:
    data[local(data, 5) + LOCAL.size] ^= 1


def unicode_extra(data: bytearray) -> None:
    at = central(data, 5)
    name = struct.unpack_from("<H", data, at + 28)[0]
    struct.pack_into("<H", data, at + 30, 8)
    data[at + CENTRAL.size + name : at + CENTRAL.size + name] = struct.pack("<2H4s", 0x7075, 4, b"evil")
    struct.pack_into("<L", data, len(data) - 10, struct.unpack_from("<L", data, len(data) - 10)[0] + 8)


def bad_name(data: bytearray) -> None:
    data[central(data, 5) + CENTRAL.size] = 0xFF


DAMAGES: list[tuple[str, Damage, str]] = [
    ("data before", prefixed, "has data before its beginning"),
    ("data before, repaired", prefixed_and_repaired, "that belongs to no file"),
    ("data after", lambda data: data.extend(b"more"), "has data after its end"),
    ("a comment", commented, "has data after its end"),
    ("data between", smuggled, "that belongs to no file"),
    ("cut off", lambda data: data.__delitem__(slice(-30, None)), "The end of the pack is missing"),
    ("compressed", both("method", zipfile.ZIP_DEFLATED), "is compressed"),
    ("compressed in its header alone", lambda data: put(data, local(data, 5) + 8, "method", 8), "is compressed"),
    ("encrypted", both("flags", 0x801), "is encrypted"),
    ("strongly encrypted", both("flags", 0x840), "is encrypted"),
    ("streamed", both("flags", 0x808), "written as a stream"),
    ("another CRC", both("crc", 1), "its CRC in the zip is another"),
    ("two CRCs", listed("crc", 1), "differently in two places"),
    ("two names", renamed_once, "differently in two places"),
    ("two flags", listed("flags", 0), "differently in two places"),
    ("sizes that differ", listed("size", 7), "of another size than it takes"),
    ("overlapping files", overlapping, "has files that overlap"),
    ("a file without a header", listed("offset", 1), "has files that overlap|has no file where"),
    ("a link", of_unix(0o120777), "holds a link"),
    ("a folder", of_unix(0o040755), "lists a folder"),
    ("a DOS folder", listed("attributes", 0x10), "lists a folder"),
    ("a device", of_unix(0o060644), "holds a device"),
    ("a pipe", of_unix(0o010644), "holds a device"),
    ("another name in an extra field", unicode_extra, "an extra field that no pack has"),
    ("a name that is no text", bad_name, "is not valid text"),
    ("one disk of two", end_field(4, 1), "one disk of several"),
    ("fewer files", lambda data: (end_field(8, 3)(data), end_field(10, 3)(data)), "says it has 3 files but lists 11"),
    ("a short directory", end_field(12, 60, 4), "has data before its beginning"),
    ("a long directory", end_field(12, 2**20, 4), "ends after the file"),
    ("a directory of gigabytes", end_field(12, 2**32 - 2, 4), "or its directory is too long"),
    ("64 bits and no record of them", end_field(12, 2**32 - 1, 4), "has a damaged directory"),
]


@pytest.mark.parametrize(("damage", "message"), [case[1:] for case in DAMAGES], ids=[case[0] for case in DAMAGES])
def test_a_zip_of_another_kind_is_refused(damage: Damage, message: str, pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    data = bytearray(path.read_bytes())
    damage(data)
    path.write_bytes(data)
    with pytest.raises(PackError, match=message):
        receiver.install(path)
    assert receiver.files() == set()


def test_a_zip_that_others_compressed_is_refused(pack: Packer, receiver: Receiver, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members(pack("folder")):
            archive.writestr(name, data)
        archive.writestr("zeros", bytes(50_000_000))
    assert bomb.stat().st_size < 200_000
    with pytest.raises(PackError, match="is compressed"):
        receiver.verify(bomb)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_file_that_is_there_twice_is_refused(pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("pack.json", b"{}")
    with pytest.raises(PackError, match=r"holds 'pack\.json' twice"):
        receiver.verify(path)


@pytest.mark.parametrize("name", ["../evil", "/evil", "C:evil", "a\\b", "PACK.JSON", "con.txt", "a//b"])
def test_a_name_in_a_zip_is_judged_before_its_list_is_read(name: str, pack: Packer, receiver: Receiver) -> None:
    path = pack("zip")
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("x")
        info.filename = name
        archive.writestr(info, b"evil")
    with pytest.raises(PackError, match=r"has a file whose path|differ in capitals"):
        receiver.verify(path)


def test_a_tar_is_no_pack(pack: Packer, receiver: Receiver, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "pack.tar", "w") as archive:
        archive.add(pack("folder"), "pack")
    with pytest.raises(PackError, match="neither a folder with"):
        receiver.verify(tmp_path / "pack.tar")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_any_byte_passes_or_breaks_anything(data: st.DataObject, once: tuple[Path, Receiver]) -> None:
    path, receiver = once
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    changed = path.with_name("changed.zip")
    changed.write_bytes(content)
    try:
        verified = receiver.verify(changed)
    except PackError:
        return
    # Times, versions and attributes in headers are nobody's: what a pack holds is the same.
    assert verified.identity == receiver.verify(path).identity


@pytest.fixture
def once(pack: Packer, receiver: Receiver) -> tuple[Path, Receiver]:
    return pack("zip"), receiver


class Sparse:
    """An output in which all that is long is taken for zeros, which take no room."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def write(self, data: bytes) -> None:
        if len(data) > 1000:
            self._file.seek(len(data), os.SEEK_CUR)
        else:
            self._file.write(data)

    def finish(self) -> None:
        self._file.close()

    def close(self) -> None:
        self._file.close()


def test_files_beyond_four_gigabytes_are_found_again(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    sink = ZipSink(Sparse(path), MADE)
    chunk = bytes(64 * 2**20)
    large_bytes = 5 * 2**30
    for name, size_bytes in (("large", large_bytes), ("behind", 4), ("last", 2**32)):
        sink.begin(name, size_bytes, 0)
        for begin in range(0, size_bytes, len(chunk)):
            sink.write(chunk[: size_bytes - begin])
    sink.finish()
    expected = {"large": large_bytes, "behind": 4, "last": 2**32}
    with zipfile.ZipFile(path) as archive:
        assert {entry.filename: entry.file_size for entry in archive.infolist()} == expected
        assert archive.infolist()[1].header_offset > 2**32
    zipped = ZippedPack(single(path))
    assert zipped.sizes == expected
    zipped.close()
    assert path.stat().st_size <= zip_bytes(expected.items())


def test_more_files_than_sixteen_bits_can_count_are_written_for_others(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    sink = ZipSink(FileOutput(path), datetime(1970, 1, 1, tzinfo=UTC))
    for number in range(65_600):
        sink.begin(f"{number}", 1, zlib.crc32(b"x"))
        sink.write(b"x")
    sink.finish()
    sink.close()
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == 65_600
    parts = single(path)
    with pytest.raises(PackError, match="more than 20000 files"):
        ZippedPack(parts)
    parts.close()
