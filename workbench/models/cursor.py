"""Read little-endian values from the start of a file, never past a limit and never the whole file."""

from __future__ import annotations

import itertools
import operator
import struct
from collections.abc import Callable
from typing import TypeAlias

from workbench.errors import BadGgufError
from workbench.words import said

MAX_HEADER_BYTES = 64 << 20
MAX_STRING_BYTES = 16 << 20
MAX_SKIPPED_STRINGS = 4 << 20

_CHUNK_BYTES = 1 << 20
_U64 = struct.Struct("<Q")

FirstBytes: TypeAlias = bytes | bytearray | memoryview


class HeaderIncomplete(Exception):  # noqa: N818 - no error: the header goes on, and more of it can be had
    """At least the first ``needed_bytes`` of the file are needed to read on; a lower bound, never more than that."""

    def __init__(self, needed_bytes: int) -> None:
        super().__init__(f"at least {needed_bytes} bytes are needed")
        self.needed_bytes = needed_bytes


class Cursor:
    """A position in a file's first bytes: those given, and what ``more`` (at most so many bytes) adds to them.

    Every method raises BadGgufError where the file ends early or the header passes its limit, and
    HeaderIncomplete where the file goes on but there is no ``more``.  ``still_bytes`` is what must come after
    the next value at the least; whoever reads keeps it up to date.
    """

    def __init__(
        self, data: FirstBytes, name: str, file_size_bytes: int, more: Callable[[int], bytes] | None = None
    ) -> None:
        self._data: FirstBytes = bytearray(data) if more else memoryview(data)[:file_size_bytes]
        self._name = name
        self._file_size_bytes = file_size_bytes
        self._more = more
        self.position = 0
        self.still_bytes = 0

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
            raise self.bad(said("it holds a text of {length} bytes", length=length))
        return self.raw(length).decode("utf-8", "replace")

    def skip(self, count: int) -> None:
        self._advance(count)

    def skip_strings(self, count: int) -> None:
        """Pass ``count`` strings: a vocabulary of 262 144 tokens takes some 20 milliseconds."""
        if count > MAX_SKIPPED_STRINGS:
            raise self.bad(said("it promises a list of {count} texts", count=count))
        position = self.position
        left = count
        while left:
            left, position = self._skip_at_hand(left, position)
            if position > len(self._data) + MAX_STRING_BYTES:
                raise self.bad(
                    said("it holds a text of more than {max_string_bytes} MiB", max_string_bytes=MAX_STRING_BYTES >> 20)
                )
            if left:
                self._fill(position + left * _U64.size)
        self._fill(position)
        self.position = position

    def _skip_at_hand(self, left: int, position: int) -> tuple[int, int]:
        """How many strings are left, and where the next one begins, when the bytes at hand end."""
        data, read = self._data, _U64.unpack_from
        turns = itertools.repeat(None, left)
        # Nothing is checked per string: a length that leads out of the bytes at hand makes the next read
        # fail, whatever it is, and the caller judges where it led.
        try:
            for _ in turns:
                position += read(data, position)[0] + 8
        except (struct.error, OverflowError):
            return operator.length_hint(turns) + 1, position
        return 0, position

    def bad(self, reason: str) -> BadGgufError:
        return BadGgufError(
            said("{name} is damaged: {reason}.", name=self._name, reason=reason),
            hint=said("Download the file again, from a publisher you trust."),
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
        needed = end + self.still_bytes
        if needed > self._file_size_bytes:
            raise self._cut_off(self._file_size_bytes)
        if needed > MAX_HEADER_BYTES:
            raise self.bad(
                said("its header is longer than {max_header_bytes} MiB", max_header_bytes=MAX_HEADER_BYTES >> 20)
            )
        if self._more is None:
            raise HeaderIncomplete(needed)
        wanted = min(max(needed, 2 * len(self._data), _CHUNK_BYTES), MAX_HEADER_BYTES)
        assert isinstance(self._data, bytearray)
        self._data += self._more(wanted - len(self._data))
        if end > len(self._data):
            raise self._cut_off(len(self._data))

    def _cut_off(self, length: int) -> BadGgufError:
        return BadGgufError(
            said(
                "{name} ends at {length} bytes, inside its own header: the download is probably incomplete.",
                name=self._name,
                length=length,
            ),
            hint=said("Download the file again."),
        )


def quoted(text: str) -> str:
    """Text from a file that may be hostile, short and without control characters."""
    return ascii(text) if len(text) <= 64 else f"{ascii(text[:64])[:-1]}…'"
