"""Where a pack is written: a folder, one file, or parts; nothing is ever written twice or out of order."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from workbench.errors import DiskFullError, PackError
from workbench.hub.disk import sync_folder
from workbench.hub.packs.parts import MAX_PARTS, SUMS_SUFFIX, part_name, sums_text
from workbench.words import said

PART_BYTES = 2**32 - 2**20
"""A little below what FAT32 takes."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Sink(Protocol):
    """Takes files one after the other; ``close`` is called whether all went well or not."""

    def begin(self, path: str, size_bytes: int, crc: int) -> None: ...
    def write(self, chunk: bytes) -> None: ...
    def finish(self) -> None:
        """All files are there and safe from a power cut."""

    def close(self) -> None: ...


class Output(Protocol):
    def write(self, data: bytes) -> None: ...
    def finish(self) -> None: ...
    def close(self) -> None: ...


class FolderSink:
    """Each file for itself, below a new folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders = {root}
        self._output: FileOutput | None = None
        root.mkdir(parents=True)

    def begin(self, path: str, size_bytes: int, crc: int) -> None:  # noqa: ARG002 - a zip needs them
        self._end()
        target = self._root.joinpath(*path.split("/"))
        target.parent.mkdir(parents=True, exist_ok=True)
        self._folders.add(target.parent)
        self._output = FileOutput(target)

    def write(self, chunk: bytes) -> None:
        assert self._output is not None
        self._output.write(chunk)

    def finish(self) -> None:
        self._end()
        for folder in sorted(self._folders, reverse=True):
            sync_folder(folder)

    def close(self) -> None:
        if self._output is not None:
            self._output.close()
            self._output = None

    def _end(self) -> None:
        if self._output is not None:
            self._output.finish()
            self.close()


class FileOutput:
    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb")

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class PartedOutput:
    """Files of at most ``part_bytes`` in a new folder, and the list of their checksums."""

    def __init__(self, folder: Path, base: str, part_bytes: int) -> None:
        self._folder = folder
        self._base = base
        self._part_bytes = part_bytes
        self._left_bytes = 0
        self._file: FileOutput | None = None
        self._digest = hashlib.sha256()
        self._sums: list[str] = []
        self._count = 0
        folder.mkdir(parents=True)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._left_bytes == 0:
                self._next()
            assert self._file is not None
            some = bytes(view[: self._left_bytes])
            self._file.write(some)
            self._digest.update(some)
            self._left_bytes -= len(some)
            view = view[len(some) :]

    def finish(self) -> None:
        self._end()
        sums = FileOutput(self._folder / (self._base + SUMS_SUFFIX))
        try:
            sums.write(sums_text(self._base, self._sums).encode())
            sums.finish()
        finally:
            sums.close()
        sync_folder(self._folder)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next(self) -> None:
        self._end()
        self._count += 1
        self._file = FileOutput(self._folder / part_name(self._base, self._count))
        self._digest = hashlib.sha256()
        self._left_bytes = self._part_bytes

    def _end(self) -> None:
        if self._file is not None:
            self._file.finish()
            self._sums.append(self._digest.hexdigest())
            self.close()


def check_part_bytes(part_bytes: int, total_bytes: int) -> None:
    """Raises PackError for parts that would be too many."""
    if part_bytes < 1 or -(-total_bytes // part_bytes) > MAX_PARTS:
        raise PackError(
            said("The pack would have more than {max_parts} parts.", max_parts=MAX_PARTS),
            hint=said(
                "Choose parts of at least {total_bytes:,.1f} MB.", total_bytes=-(-total_bytes // MAX_PARTS) / 1e6
            ),
        )


@contextmanager
def disk_errors_explained(place: Path) -> Iterator[None]:
    """Raises DiskFullError and PackError for what the system says when a file cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(
                said("The disk filled up while {folder} was written.", folder=place),
                hint=said("Free some space on it, then try again."),
            ) from error
        if error.errno == errno.EFBIG:
            raise PackError(
                said("The disk of {place} does not take files as large as this.", place=place),
                hint=said("FAT32 ends at 4 GiB a file: make the pack in parts, or choose another disk."),
            ) from error
        raise PackError(
            said("{path} cannot be written ({why}).", path=error.filename or place, why=error.strerror),
            hint=said("Check that the disk is in place, and the folder's permissions."),
        ) from error
