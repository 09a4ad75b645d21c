"""Reading an uncompressed zip, and refusing every other: all its bytes are headers, files, or its directory."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.errors import PackError
from workbench.hub.packs.manifest import MAX_ENTRIES
from workbench.hub.packs.parts import Parts
from workbench.models.cursor import quoted
from workbench.words import said

LOCAL, CENTRAL, END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")
END64, LOCATOR64 = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
LOCAL_MARK, CENTRAL_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
END64_MARK, LOCATOR64_MARK = b"PK\x06\x06", b"PK\x06\x07"
ZIP64_EXTRA, _UNICODE_PATH_EXTRA = 0x0001, 0x7075
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
UTF8_FLAG = 0x800

_ENCRYPTED_FLAGS, _STREAMED_FLAG = 0x1 | 0x40 | 0x2000, 0x8
_UNIX, _DARWIN = 3, 19
_DOS_FOLDER = 0x10
_MAX_DIRECTORY_BYTES = 32 * 2**20
_MAX_TAIL_BYTES = END.size + FULL16
_ASK = said("Nothing was installed. Ask the sender of the pack for a new one.")


@dataclass(frozen=True, slots=True)
class Member:
    """One file: its header begins at ``offset``, its bytes at ``start``."""

    path: str
    offset: int
    start: int
    size_bytes: int
    crc: int


@dataclass(frozen=True, slots=True)
class _Listed:
    """What the directory says of a member."""

    raw_name: bytes
    path: str
    flags: int
    crc: int
    size_bytes: int
    offset: int


class ZippedPack:
    """Raises PackError on opening, in its own words for each way in which a zip is not as packs are."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        begin, count, directory = _directory(parts)
        listed = _entries(directory, count)
        self._members = {member.path: member for member in _located(parts, listed, begin)}

    @property
    def in_parts(self) -> bool:
        return len(self._parts.paths) > 1

    @property
    def sizes(self) -> dict[str, int]:
        return {member.path: member.size_bytes for member in self._members.values()}

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file's bytes, with their CRC checked at the end.  Raises PackError."""
        member = self._members[path]
        crc = 0
        skip = member.start - member.offset
        # The header too, so that parts can be hashed on the way.
        for chunk in self._parts.stream(member.offset, member.start + member.size_bytes):
            data = chunk[skip:] if skip else chunk
            skip = max(0, skip - len(chunk))
            crc = zlib.crc32(data, crc)
            if data:
                yield data
        if crc != member.crc:
            raise PackError(
                said("{path} was damaged: its CRC in the zip is another.", path=quoted(path)),
                hint=said("Copy the pack again, completely."),
            )

    def rest(self) -> Iterator[tuple[int, int]]:
        """Of a zip in parts, what was not read yet, yielding how far it is, of how much.

        Raises PackError with the names of damaged parts.
        """
        if self.in_parts:
            yield from self._parts.hash_rest()

    def close(self) -> None:
        self._parts.close()


def _directory(parts: Parts) -> tuple[int, int, bytes]:
    """Where the directory begins, how many files it lists, and its bytes."""
    size_bytes = parts.size_bytes
    tail = parts.read_at(max(0, size_bytes - _MAX_TAIL_BYTES), _MAX_TAIL_BYTES)
    if parts.read_at(0, 4) not in (LOCAL_MARK, END_MARK) and END_MARK not in tail:
        raise PackError(
            said(
                "{parts} is no pack: it is neither a folder with a pack.json nor an uncompressed zip.",
                parts=quoted(parts.name),
            ),
            hint=said("Choose the folder, or the file that ends in .zip."),
        )
    if len(tail) < END.size or not tail[-END.size :].startswith(END_MARK) or tail[-2:] != b"\0\0":
        if END_MARK in tail:
            raise _refused(said("has data after its end"))
        raise PackError(said("The end of the pack is missing."), hint=said("Copy it again, completely."))
    _, disk, start_disk, here, count, length, begin, _ = END.unpack(tail[-END.size :])
    end = size_bytes - END.size
    if FULL16 in (disk, start_disk, here, count) or FULL32 in (length, begin):
        end, disk, start_disk, here, count, length, begin = _end64(parts, end)
    if disk or start_disk or here != count:
        raise _refused(said("says it is one disk of several, which no program writes today"))
    if count > MAX_ENTRIES or length > _MAX_DIRECTORY_BYTES:
        raise _refused(
            said("lists more than {max_entries} files, or its directory is too long", max_entries=MAX_ENTRIES)
        )
    if begin + length < end:
        raise _refused(said("has data before its beginning or beside its directory"))
    if begin + length > end:
        raise _refused(said("has a directory that ends after the file"))
    return begin, count, parts.read_at(begin, length)


def _end64(parts: Parts, end: int) -> tuple[int, int, int, int, int, int, int]:
    locator = parts.read_at(end - LOCATOR64.size, LOCATOR64.size) if end >= LOCATOR64.size + END64.size else b""
    if not locator.startswith(LOCATOR64_MARK):
        raise _refused(said("has a damaged directory"))
    _, _, at, disks = LOCATOR64.unpack(locator)
    record = parts.read_at(at, END64.size)
    if at + END64.size != end - LOCATOR64.size or not record.startswith(END64_MARK) or disks != 1:
        raise _refused(said("has a damaged directory"))
    _, length, _, _, disk, start_disk, here, count, size, begin = END64.unpack(record)
    if length != END64.size - 12:
        raise _refused(said("has a damaged directory"))
    return at, disk, start_disk, here, count, size, begin


def _entries(directory: bytes, count: int) -> list[_Listed]:
    found: list[_Listed] = []
    at = 0
    while at < len(directory):
        entry, at = _entry(directory, at)
        found.append(entry)
    if len(found) != count:
        raise _refused(said("says it has {count} files but lists {found_count}", count=count, found_count=len(found)))
    return found


def _entry(directory: bytes, at: int) -> tuple[_Listed, int]:
    if len(directory) < at + CENTRAL.size or directory[at : at + 4] != CENTRAL_MARK:
        raise _refused(said("has a damaged directory"))
    fields = CENTRAL.unpack_from(directory, at)
    _, made_by, _, flags, method, _, _, crc, stored, size_bytes = fields[:10]
    name_length, extra_length, comment_length, disk, _, attributes, offset = fields[10:]
    name_at = at + CENTRAL.size
    extra_at = name_at + name_length
    end = extra_at + extra_length + comment_length
    if end > len(directory):
        raise _refused(said("has a damaged directory"))
    raw_name = directory[name_at:extra_at]
    path = _decoded(raw_name, flags)
    _check_kind(path, made_by >> 8, attributes)
    _check_stored(path, flags, method)
    wide = _wide(directory[extra_at : extra_at + extra_length], size_bytes, stored, offset)
    if wide[0] != wide[1]:
        raise _refused(said("says that {path} is of another size than it takes", path=quoted(path)))
    if disk:
        raise _refused(said("says it is one disk of several, which no program writes today"))
    return _Listed(raw_name, path, flags, crc, wide[0], wide[2]), end


def _decoded(raw: bytes, flags: int) -> str:
    try:
        return raw.decode("utf-8" if flags & UTF8_FLAG else "ascii")
    except UnicodeDecodeError as error:
        raise _refused(
            said("has a file name that is not valid text: {name}", name=quoted(raw.decode("latin-1")))
        ) from error


def _check_kind(path: str, system: int, attributes: int) -> None:
    mode = stat.S_IFMT(attributes >> 16) if system in (_UNIX, _DARWIN) else 0
    if mode == stat.S_IFLNK:
        raise _refused(said("holds a link: {path}", path=quoted(path)))
    if path.endswith("/") or mode == stat.S_IFDIR or attributes & _DOS_FOLDER:
        raise _refused(said("lists a folder, {path}, where only files belong", path=quoted(path)))
    if mode not in (0, stat.S_IFREG):
        raise _refused(said("holds a device, a pipe or a socket: {path}", path=quoted(path)))


def _check_stored(path: str, flags: int, method: int) -> None:
    if flags & _ENCRYPTED_FLAGS:
        raise _refused(said("is encrypted: {path} cannot be checked", path=quoted(path)))
    if method != 0:
        raise _refused(said("is compressed: {path} is not stored as it is", path=quoted(path)))
    if flags & _STREAMED_FLAG:
        raise _refused(said("was written as a stream: {path} has its size behind it", path=quoted(path)))


def _wide(extra: bytes, size_bytes: int, stored: int, offset: int | None) -> tuple[int, int, int]:
    """Size, stored size and offset, with those that take 64 bits from the extra field."""
    wide: bytes | None = None
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, at)
        body = extra[at + 4 : at + 4 + length]
        if len(body) != length or tag == _UNICODE_PATH_EXTRA or (tag == ZIP64_EXTRA and wide is not None):
            raise _refused(said("has an extra field that no pack has"))
        wide = body if tag == ZIP64_EXTRA else wide
        at += 4 + length
    values = []
    left = wide or b""
    for value in (size_bytes, stored, *([] if offset is None else [offset])):
        if value == FULL32 and wide is not None:
            if len(left) < 8:
                raise _refused(said("has an extra field that no pack has"))
            values.append(int.from_bytes(left[:8], "little"))
            left = left[8:]
        else:
            values.append(value)
    return values[0], values[1], values[2] if offset is not None else 0


def _located(parts: Parts, listed: list[_Listed], directory_start: int) -> Iterator[Member]:
    """The members in the order of their bytes, each right after the one before."""
    expected = 0
    names: set[str] = set()
    for entry in sorted(listed, key=lambda entry: entry.offset):
        if entry.path in names:
            raise _refused(said("holds {entry_path} twice", entry_path=quoted(entry.path)))
        names.add(entry.path)
        if entry.offset < expected:
            raise _refused(
                said("has files that overlap: {entry_path} begins inside another", entry_path=quoted(entry.path))
            )
        if entry.offset > expected:
            raise _refused(said("has data before {entry_path} that belongs to no file", entry_path=quoted(entry.path)))
        member = _member(parts, entry)
        expected = member.start + member.size_bytes
        if expected > directory_start:
            raise _refused(
                said("has files that overlap: {entry_path} runs into the directory", entry_path=quoted(entry.path))
            )
        yield member
    if expected != directory_start:
        raise _refused(said("has data before its directory that belongs to no file"))


def _member(parts: Parts, entry: _Listed) -> Member:
    header = parts.read_at(entry.offset, LOCAL.size)
    if len(header) < LOCAL.size or not header.startswith(LOCAL_MARK):
        raise _refused(said("has no file where its directory says {entry_path} begins", entry_path=quoted(entry.path)))
    _, _, flags, method, _, _, crc, stored, size_bytes, name_length, extra_length = LOCAL.unpack(header)
    rest = parts.read_at(entry.offset + LOCAL.size, name_length + extra_length)
    _check_stored(entry.path, flags, method)
    sizes = _wide(rest[name_length:], size_bytes, stored, None)[:2]
    told = (rest[:name_length], flags, crc, *sizes)
    if told != (entry.raw_name, entry.flags, entry.crc, entry.size_bytes, entry.size_bytes):
        raise _refused(said("describes {entry_path} differently in two places", entry_path=quoted(entry.path)))
    start = entry.offset + LOCAL.size + name_length + extra_length
    return Member(entry.path, entry.offset, start, entry.size_bytes, entry.crc)


def _refused(what: str) -> PackError:
    return PackError(said("The zip {what}.", what=what), hint=_ASK)
