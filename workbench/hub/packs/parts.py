"""A zip as one run of bytes, whether it lies in one file or, for media with small files, in several parts."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from workbench.errors import PackError
from workbench.hub.packs.progress import CHUNK_BYTES
from workbench.hub.packs.reading import check_regular, open_regular, unreadable
from workbench.models.cursor import quoted
from workbench.words import said

MAX_PARTS = 999
PART_NAME = re.compile(r"(?P<base>.+\.zip)\.(?P<number>\d{3})", re.DOTALL)
SUMS_SUFFIX = ".sha256"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_MAX_SUMS_BYTES = 2**20


def part_name(base: str, number: int) -> str:
    """The name of part ``number``, from 1: joined in order of their names, the parts are the zip."""
    return f"{base}.{number:03d}"


class Parts:
    """Reads anywhere; one file is open at a time.

    Bytes that are read with ``stream`` one after the other, from the first on, are hashed part by part.
    ``sums`` are the SHA-256 that the parts should have; empty for a single file.
    """

    def __init__(self, paths: Sequence[Path], sums: Sequence[str] = ()) -> None:
        self.paths = tuple(paths)
        self._sums = tuple(sums)
        try:
            statuses = [path.stat() for path in self.paths]
        except OSError as error:
            raise unreadable(Path(error.filename).name, error) from error
        for path, status in zip(self.paths, statuses, strict=True):
            check_regular(status, path.name)
        self._ends = tuple(accumulate(status.st_size for status in statuses))
        self.size_bytes = self._ends[-1]
        self._open: tuple[int, BinaryIO] | None = None
        self._streamed_bytes = 0
        self._digest = hashlib.sha256()
        self._damaged: list[str] = []

    @property
    def name(self) -> str:
        return self.paths[0].name if len(self.paths) == 1 else self.paths[0].stem

    def read_at(self, offset: int, size_bytes: int) -> bytes:
        """As many bytes as that, or as there are."""
        chunks = []
        while size_bytes > 0 and (chunk := self._read_some(offset, size_bytes)):
            chunks.append(chunk)
            offset += len(chunk)
            size_bytes -= len(chunk)
        return b"".join(chunks)

    def stream(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a range.  Raises PackError where a file became shorter."""
        while start < stop:
            chunk = self._read_some(start, min(CHUNK_BYTES, stop - start))
            if not chunk:
                raise PackError(
                    said("{file} changed while it was read.", file=quoted(self.name)),
                    hint=said("Copy it again, completely."),
                )
            if self._sums and start == self._streamed_bytes:
                self._hash(chunk)
            start += len(chunk)
            yield chunk

    def hash_rest(self) -> Iterator[tuple[int, int]]:
        """Stream what was not streamed yet, yielding how far that is, of how much.

        Raises PackError with the names of the parts that are not what their checksums say.
        """
        for _chunk in self.stream(self._streamed_bytes, self.size_bytes):
            yield self._streamed_bytes, self.size_bytes
        if self._damaged:
            raise PackError(
                said("{part} was damaged on the way.", part=self._damaged[0])
                if len(self._damaged) == 1
                else said("{parts} were damaged on the way.", parts=", ".join(self._damaged)),
                hint=said("Copy it again, then check the pack again."),
            )

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _read_some(self, offset: int, size_bytes: int) -> bytes:
        """Of one part only."""
        if offset >= self.size_bytes:
            return b""
        number = bisect_right(self._ends, offset)
        begin = self._ends[number - 1] if number else 0
        path = self.paths[number]
        try:
            if self._open is None or self._open[0] != number:
                self.close()
                # What the user named may be a link; what lies beside it may not.
                opened = path.open("rb", buffering=0) if len(self.paths) == 1 else open_regular(path, path.name)
                self._open = (number, opened)
            file = self._open[1]
            file.seek(offset - begin)
            return file.read(min(size_bytes, self._ends[number] - offset))
        except OSError as error:
            raise unreadable(path.name, error) from error

    def _hash(self, chunk: bytes) -> None:
        number = bisect_right(self._ends, self._streamed_bytes)
        self._digest.update(chunk)
        self._streamed_bytes += len(chunk)
        if self._streamed_bytes == self._ends[number]:
            if self._digest.hexdigest() != self._sums[number]:
                self._damaged.append(self.paths[number].name)
            self._digest = hashlib.sha256()


def single(path: Path) -> Parts:
    """Raises PackError for what cannot be read."""
    return Parts([path])


def in_parts(folder: Path, base: str) -> Parts:
    """The parts of the zip ``base`` in a folder.

    Raises PackError where the list of checksums or a part is missing, or there is a part too many.
    """
    names, sums = _listed(folder, base)
    try:
        present = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise unreadable(folder.name, error) from error
    missing = [name for name in names if name not in present]
    if missing:
        raise PackError(
            said("{missing} is missing: the pack has {names_count} parts.", missing=missing[0], names_count=len(names)),
            hint=said("Copy all parts into one folder."),
        )
    other = sorted(
        name
        for name in present - set(names)
        if (found := PART_NAME.fullmatch(name)) is not None and found["base"] == base
    )
    if other:
        raise PackError(
            said("{other} lies beside the parts of the pack and is none of them.", other=quoted(other[0])),
            hint=said("Move it away, then check the pack again."),
        )
    for name in names:
        check_regular((folder / name).lstat(), name)
    parts = Parts([folder / name for name in names], sums)
    if 0 in {path.stat().st_size for path in parts.paths}:
        raise PackError(said("A part of the pack is empty."), hint=said("Copy all parts again."))
    return parts


def sums_text(base: str, sums: Sequence[str]) -> str:
    """What lies beside the parts, for ``sha256sum --check``."""
    return "".join(f"{digest}  {part_name(base, number)}\n" for number, digest in enumerate(sums, start=1))


def _listed(folder: Path, base: str) -> tuple[list[str], list[str]]:
    name = base + SUMS_SUFFIX
    if not (folder / name).exists():
        raise PackError(
            said("{name} is missing: it lists the parts of the pack.", name=name),
            hint=said("Copy it too; without it parts may be missing."),
        )
    with open_regular(folder / name, name) as file:
        text = file.read(_MAX_SUMS_BYTES)
    found = [_LINE.fullmatch(line) for line in text.decode("utf-8", "replace").splitlines()]
    pairs = [(match[2], match[1]) for match in found if match]
    expected = [part_name(base, number) for number in range(1, len(found) + 1)]
    if not pairs or [pair[0] for pair in pairs] != expected or len(pairs) > MAX_PARTS:
        raise PackError(
            said("{name} is damaged: it is no list of the pack's parts.", name=name), hint=said("Copy it again.")
        )
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
