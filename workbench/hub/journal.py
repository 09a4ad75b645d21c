"""Which pieces of a file have arrived, beside the file itself, in a form that a power cut cannot spoil."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.hub.disk import sync_folder
from workbench.hub.repository import MAX_FILE_BYTES

log = logging.getLogger(__name__)

VERSION = 1
SMALLEST_PIECE, LARGEST_PIECE = 1 << 12, 1 << 30
MAX_JOURNAL_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """Which bytes a journal is about.  ``sha256`` and ``size_bytes`` decide; the rest says where they came from."""

    size_bytes: int
    sha256: str
    repository: str
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a journal says: the checksum (CRC-32) of every finished piece by its number; of pieces that were begun
    how many bytes are there, and their checksum.

    ``etag`` is what the server called the bytes.  ``verified`` are the size and time that the file of pieces
    had when its SHA-256 was found right.
    """

    identity: Identity
    piece_bytes: int
    etag: str | None = None
    pieces: Mapping[int, int] = field(default_factory=dict)
    verified: tuple[int, int] | None = None
    begun: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def piece_count(self) -> int:
        return -(-self.identity.size_bytes // self.piece_bytes)

    def span(self, piece: int) -> tuple[int, int]:
        """Where a piece begins and where it ends."""
        start = piece * self.piece_bytes
        return start, min(start + self.piece_bytes, self.identity.size_bytes)

    @property
    def done_bytes(self) -> int:
        finished_bytes = sum(end - start for start, end in map(self.span, self.pieces))
        return finished_bytes + sum(size_bytes for size_bytes, _ in self.begun.values())


def read(path: Path) -> Record | None:
    """What stands in a journal, as far as it is whole; None where it has no beginning.  Raises OSError."""
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_JOURNAL_BYTES).split(b"\n")
    except FileNotFoundError:
        return None
    found = _beginning(_entry(lines[0]))
    if found is None:
        return None
    etag: str | None = None
    verified: tuple[int, int] | None = None
    pieces: dict[int, int] = {}
    begun: dict[int, tuple[int, int]] = {}
    for line in lines[1:]:
        match _entry(line):
            case {"piece": int(piece), "crc32": int(crc32)} if 0 <= piece < found.piece_count:
                pieces[piece] = crc32
                begun.pop(piece, None)
            case {"begun": int(piece), "bytes": int(size_bytes), "crc32": int(crc32)} if (
                0 <= piece < found.piece_count and 0 < size_bytes < found.piece_bytes
            ):
                begun[piece] = (size_bytes, crc32)
            case {"dropped": int(piece)}:
                pieces.pop(piece, None)
                begun.pop(piece, None)
            case {"etag": str(name)}:
                etag = name
            case {"verified": [int(size_bytes), int(mtime_ns)]}:
                verified = (size_bytes, mtime_ns)
            case _:  # torn by a power cut, or of a later version: what it said is fetched again
                continue
    begun = {piece: part for piece, part in begun.items() if piece not in pieces}
    return Record(found.identity, found.piece_bytes, etag, pieces, verified, begun)


def remove(path: Path) -> None:
    """With what is left of one that was being written.  Raises OSError."""
    path.unlink(missing_ok=True)
    _new(path).unlink(missing_ok=True)


class Journal:
    """Written at the end, line by line, each with its own checksum; every line is on the disk when its method
    returns.  Opening writes it anew from what is known, whole or not at all.  Close it.  Raises OSError."""

    def __init__(self, path: Path, record: Record) -> None:
        part = _new(path)
        with part.open("wb") as file:
            file.write(b"".join(map(_line, _entries(record))))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
        self._file = path.open("ab", buffering=0)

    def finished(self, pieces: Iterable[tuple[int, int]]) -> None:
        """Pieces by number and CRC-32; what they say has to be on the disk already."""
        self._append([{"piece": piece, "crc32": crc32} for piece, crc32 in pieces])

    def begun(self, piece: int, size_bytes: int, crc32: int) -> None:
        """So many bytes of a piece, which have to be on the disk already."""
        self._append([{"begun": piece, "bytes": size_bytes, "crc32": crc32}])

    def dropped(self, piece: int) -> None:
        self._append([{"dropped": piece}])

    def named(self, etag: str) -> None:
        self._append([{"etag": etag}])

    def verified(self, size_bytes: int, mtime_ns: int) -> None:
        self._append([{"verified": [size_bytes, mtime_ns]}])

    def close(self) -> None:
        self._file.close()

    def _append(self, entries: list[dict[str, Any]]) -> None:
        # A line of its own, whatever became of the one before.
        data = b"\n" + b"".join(map(_line, entries))
        if self._file.write(data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._file.fileno())


def _new(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _entries(record: Record) -> Iterable[dict[str, Any]]:
    identity = record.identity
    yield {
        "journal": VERSION,
        "size_bytes": identity.size_bytes,
        "sha256": identity.sha256,
        "repository": identity.repository,
        "commit": identity.commit,
        "path": identity.path,
        "piece_bytes": record.piece_bytes,
    }
    if record.etag is not None:
        yield {"etag": record.etag}
    for piece, crc32 in sorted(record.pieces.items()):
        yield {"piece": piece, "crc32": crc32}
    for piece, (size_bytes, crc32) in sorted(record.begun.items()):
        yield {"begun": piece, "bytes": size_bytes, "crc32": crc32}
    if record.verified is not None:
        yield {"verified": list(record.verified)}


def _beginning(entry: dict[str, Any] | None) -> Record | None:
    match entry:
        case {
            "journal": int(version),
            "size_bytes": int(size_bytes),
            "sha256": str(sha256),
            "repository": str(repository),
            "commit": str(commit),
            "path": str(path),
            "piece_bytes": int(piece_bytes),
        } if version == VERSION and SMALLEST_PIECE <= piece_bytes <= LARGEST_PIECE and 0 < size_bytes <= MAX_FILE_BYTES:
            return Record(Identity(size_bytes, sha256, repository, commit, path), piece_bytes)
    return None


def _line(entry: dict[str, Any]) -> bytes:
    text = json.dumps(entry, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _entry(line: bytes) -> dict[str, Any] | None:
    """What a line says; None where it is not whole."""
    checksum, _, text = line.partition(b" ")
    with contextlib.suppress(ValueError, RecursionError):
        if int(checksum, 16) == zlib.crc32(text):
            entry = json.loads(text)
            return entry if isinstance(entry, dict) else None
    return None
