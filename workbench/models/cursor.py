"""Read little-endian values from the start of a file, never past a limit and never the whole file."""

from __future__ import annotations

import struct
from typing import BinaryIO

from workbench.errors import BadGgufError

MAX_HEADER_BYTES = 64 << 20
MAX_STRING_BYTES = 16 << 20
MAX_SKIPPED_STRINGS = 4 << 20

_CHUNK_BYTES = 1 << 20
_U64 = struct.Struct("<Q")


class Cursor:
    """A position in a growing copy of a file's first bytes.

    Every method raises BadGgufError where the file ends early, or the header passes its limit.
    """

    def __init__(self, file: BinaryIO, name: str, file_size_bytes: int) -> None:
        self._file = file
        self._name = name
        self._file_size_bytes = file_size_bytes
        self._data = bytearray()
        self.position = 0

    def head(self) -> memoryview:
        """What was passed so far."""
        return memoryview(self._data)[: self.position]

    def remaining_bytes(self) -> int:
        return self._file_size_bytes - self.position

    def unpack(self, fields: struct.Struct) -> tuple[int | float, ...]:
        start = self._advance(fields.size)
        return fields.unpack_from(self._data, start)

    def u32(self) -> int:
        return int.from_bytes(self.raw(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.raw(8), "little")

    def raw(self, count: int) -> bytes:
        start = self._advance(count)
        return bytes(self._data[start : self.position])

    def text(self) -> str:
        """A length and its UTF-8; bytes that are no UTF-8 become the replacement character."""
        length = self.u64()
        if length > MAX_STRING_BYTES:
            raise self.bad(f"it holds a text of {length} bytes")
        return self.raw(length).decode("utf-8", "replace")

    def skip(self, count: int) -> None:
        self._advance(count)

    def skip_strings(self, count: int) -> None:
        """Pass ``count`` strings: a vocabulary of 262 144 tokens takes some tens of milliseconds."""
        if count > MAX_SKIPPED_STRINGS or count * _U64.size > self.remaining_bytes():
            raise self.bad(f"it promises a list of {count} texts")
        position, data, read = self.position, self._data, _U64.unpack_from
        available = len(data) - _U64.size
        for _ in range(count):
            if position > available:
                self._fill(position + _U64.size)
                available = len(data) - _U64.size
            length = read(data, position)[0]
            if length > MAX_STRING_BYTES:
                raise self.bad(f"it holds a text of {length} bytes")
            position += _U64.size + length
        self._fill(position)
        self.position = position

    def bad(self, reason: str) -> BadGgufError:
        return BadGgufError(
            f"{self._name} is damaged: {reason}.",
            hint="Download the file again, from a publisher you trust.",
        )

    def _advance(self, count: int) -> int:
        start = self.position
        self._fill(start + count)
        self.position = start + count
        return start

    def _fill(self, end: int) -> None:
        """Have the first ``end`` bytes; reads ahead in growing steps."""
        if end <= len(self._data):
            return
        if end > MAX_HEADER_BYTES:
            raise self.bad(f"its header is longer than {MAX_HEADER_BYTES >> 20} MiB")
        wanted = min(max(end, 2 * len(self._data), _CHUNK_BYTES), MAX_HEADER_BYTES)
        self._data += self._file.read(wanted - len(self._data))
        if end > len(self._data):
            raise BadGgufError(
                f"{self._name} ends at {len(self._data)} bytes, inside its own header: "
                "the download is probably incomplete.",
                hint="Download the file again.",
            )
