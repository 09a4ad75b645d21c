"""Writing an uncompressed zip from beginning to end, by PKWARE's APPNOTE.TXT; 64-bit sizes where they are needed."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from workbench.hub.packs.writing import Output
from workbench.hub.packs.zipped import (
    CENTRAL,
    CENTRAL_MARK,
    END,
    END64,
    END64_MARK,
    END_MARK,
    FULL16,
    FULL32,
    LOCAL,
    LOCAL_MARK,
    LOCATOR64,
    LOCATOR64_MARK,
    UTF8_FLAG,
    ZIP64_EXTRA,
)

_UNIX, _FILE_MODE = 3 << 8, 0o100644 << 16
_OLD, _WIDE = 20, 45  # versions of the format that a reader has to know


@dataclass(frozen=True, slots=True)
class _Written:
    name: bytes
    size_bytes: int
    crc: int
    offset: int


class ZipSink:
    """Sizes and CRCs are known beforehand: what was written is never changed.  ``made_at`` is each file's time."""

    def __init__(self, output: Output, made_at: datetime) -> None:
        self._output = output
        self._time, self._date = _dos(made_at)
        self._written: list[_Written] = []
        self._at = 0

    def begin(self, path: str, size_bytes: int, crc: int) -> None:
        file = _Written(path.encode(), size_bytes, crc, self._at)
        extra = _extra(size_bytes, size_bytes) if size_bytes >= FULL32 else b""
        shown = min(size_bytes, FULL32)
        version = _WIDE if extra else _OLD
        fields = (LOCAL_MARK, version, UTF8_FLAG, 0, self._time, self._date, crc, shown, shown)
        self._put(LOCAL.pack(*fields, len(file.name), len(extra)) + file.name + extra)
        self._written.append(file)

    def write(self, chunk: bytes) -> None:
        self._put(chunk)

    def finish(self) -> None:
        begin = self._at
        for file in self._written:
            self._put(self._central(file))
        length, count = self._at - begin, len(self._written)
        if count >= FULL16 or max(length, begin) >= FULL32:
            at = self._at
            record = (END64_MARK, END64.size - 12, _UNIX | _WIDE, _WIDE, 0, 0, count, count, length, begin)
            self._put(END64.pack(*record) + LOCATOR64.pack(LOCATOR64_MARK, 0, at, 1))
        few = min(count, FULL16)
        self._put(END.pack(END_MARK, 0, 0, few, few, min(length, FULL32), min(begin, FULL32), 0))
        self._output.finish()

    def close(self) -> None:
        self._output.close()

    def _central(self, file: _Written) -> bytes:
        wide = [value for value in (file.size_bytes, file.size_bytes, file.offset) if value >= FULL32]
        extra = _extra(*wide) if wide else b""
        version, shown = _WIDE if wide else _OLD, min(file.size_bytes, FULL32)
        fields = (CENTRAL_MARK, _UNIX | version, version, UTF8_FLAG, 0, self._time, self._date, file.crc, shown, shown)
        rest = (len(file.name), len(extra), 0, 0, 0, _FILE_MODE, min(file.offset, FULL32))
        return CENTRAL.pack(*fields, *rest) + file.name + extra

    def _put(self, data: bytes) -> None:
        self._output.write(data)
        self._at += len(data)


def zip_bytes(files: Iterable[tuple[str, int]]) -> int:
    """The size of a zip of files with these paths and sizes; at most some bytes a file too many."""
    fixed = LOCAL.size + CENTRAL.size + 2 * (4 + 3 * 8)
    end = END.size + END64.size + LOCATOR64.size
    return end + sum(fixed + 2 * len(path.encode()) + size_bytes for path, size_bytes in files)


def _extra(*values: int) -> bytes:
    return struct.pack(f"<2H{len(values)}Q", ZIP64_EXTRA, 8 * len(values), *values)


def _dos(moment: datetime) -> tuple[int, int]:
    """Time and date as zips keep them: whole pairs of seconds, from 1980 on."""
    utc = moment.astimezone(UTC)
    year = min(max(utc.year, 1980), 2107) - 1980
    return utc.hour << 11 | utc.minute << 5 | utc.second // 2, year << 9 | utc.month << 5 | utc.day
