"""The SHA-256 of a file that is still growing, piece by piece behind those who write it."""

from __future__ import annotations

import hashlib
import time
import zlib
from types import TracebackType

from workbench.hub.disk import FolderError, writing
from workbench.hub.part import Part
from workbench.words import said

BLOCK_BYTES = 1 << 20
MAX_DROPS = 3


class Follower:
    """Reads finished pieces in the file's order, as far as they go.  One thread; close it.

    A piece that is not what its journal says, spoilt on the disk or never quite written, is dropped.
    """

    def __init__(self, part: Part) -> None:
        self._part = part
        with writing(part.path):
            self._file = part.path.open("rb", buffering=0)
        self._record = part.record
        self._sha256 = hashlib.sha256()
        self._before = self._sha256.copy()
        self._piece = 0
        self._crc32 = 0
        self._drops = 0
        self.position = 0

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Follower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_finished(self) -> bool:
        return self._piece == self._record.piece_count

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def follow(self, seconds: float) -> tuple[bool, int | None]:
        """Hash what there is, for about so long: whether there was anything, and a piece that was dropped."""
        until = time.monotonic() + seconds
        pieces = self._part.record.pieces
        moved = False
        while self._piece in pieces:
            moved = True
            if not self._hash(pieces[self._piece]):
                self._sha256 = self._before.copy()
                self._part.drop(self._piece)
                self._count_drop()
                return True, self._piece
            if time.monotonic() >= until:
                break
        return moved, None

    def _hash(self, crc32: int) -> bool:
        """One block; False where its piece turns out to be spoilt."""
        start, end = self._record.span(self._piece)
        with writing(self._part.path):
            self._file.seek(self.position)
            block = self._file.read(min(BLOCK_BYTES, end - self.position))
        self._sha256.update(block)
        self._crc32 = zlib.crc32(block, self._crc32)
        self.position += len(block)
        if block and self.position < end:
            return True
        is_intact = self.position == end and self._crc32 == crc32
        self._crc32 = 0
        if is_intact:
            self._before = self._sha256.copy()
            self._piece += 1
        else:
            self.position = start
        return is_intact

    def _count_drop(self) -> None:
        self._drops += 1
        if self._drops > MAX_DROPS + self._record.piece_count:
            raise FolderError(
                said("{part_path} does not keep what is written to it.", part_path=self._part.path),
                hint=said("Check the disk, or use another one."),
            )
