"""A file on its way: its bytes under another name, the journal of what arrived, and the lock on both."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import Cancelled
from workbench.hub import journal
from workbench.hub.disk import make_folder, sync_folder, writing
from workbench.hub.journal import Identity, Journal, Record
from workbench.hub.locks import Lock
from workbench.jobs import CancelToken

log = logging.getLogger(__name__)

PIECE_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 20

# Data only, where the system knows the difference.
_sync = getattr(os, "fdatasync", os.fsync)


def part_path(final: Path) -> Path:
    return final.with_name(final.name + ".part")


def journal_path(final: Path) -> Path:
    return final.with_name(final.name + ".part.journal")


def lock_path(final: Path) -> Path:
    return final.with_name(final.name + ".part.lock")


def known(final: Path) -> Record | None:
    """What the journal of a file says, without taking it up."""
    with contextlib.suppress(OSError):  # whoever takes it up says what is wrong
        return journal.read(journal_path(final))
    return None


class Part:
    """Taken up by opening, whatever state it is in; pieces that were left by another version are not kept.

    Any thread may write and read; after ``close`` nobody's bytes arrive any more.  Raises DownloadedElsewhereError,
    DiskFullError, FileTooLargeError and FolderError.
    """

    def __init__(self, final: Path, identity: Identity, *, piece_bytes: int = PIECE_BYTES) -> None:
        self.final = final
        self.path = part_path(final)
        self._lock = threading.Lock()  # guards _record, _pending and _closed, and the place in _file
        self._syncing = threading.Lock()  # guards _journal; held while the disk is waited for
        self._pending: list[tuple[int, int]] = []
        self._closed = False
        with writing(final), contextlib.ExitStack() as undo:
            make_folder(final.parent)
            self._held = Lock(lock_path(final), what=final.name)
            undo.callback(self._held.release)
            self._record = self._taken_up(identity, piece_bytes)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
            self._file = undo.enter_context(os.fdopen(handle, "r+b", buffering=0))
            if not self._record.done_bytes:
                self._file.truncate(0)
            self._journal = Journal(journal_path(final), self._record)
            undo.pop_all()

    # --- what is here ------------------------------------------------------------------------

    @property
    def record(self) -> Record:
        with self._lock:
            return self._record

    @property
    def missing(self) -> list[int]:
        record = self.record
        return [piece for piece in range(record.piece_count) if piece not in record.pieces]

    @property
    def is_verified(self) -> bool:
        """Whether its SHA-256 was found right, and nothing was written since."""
        with writing(self.path):
            status = self.path.stat()
        return self.record.verified == (status.st_size, status.st_mtime_ns)

    # --- bytes -------------------------------------------------------------------------------

    def write(self, offset: int, data: bytes, stop: CancelToken) -> None:
        """Raises Cancelled, with nothing written, once ``stop`` is set or the part is closed."""
        with writing(self.path), self._lock:
            if self._closed:
                stop.cancel()
            stop.raise_if_cancelled()
            self._file.seek(offset)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]

    def differs(self, offset: int, data: bytes) -> bool:
        """Whether other bytes than these lie there."""
        with writing(self.path), self._lock:
            if self._closed:
                return False
            self._file.seek(offset)
            return self._file.read(len(data)) != data

    def finish(self, piece: int, crc32: int) -> None:
        """A piece was written whole.  When this returns it survives a power cut."""
        with self._lock:
            self._pending.append((piece, crc32))
        with writing(self.path), self._syncing:
            with self._lock:
                batch, self._pending = self._pending, []
                if not batch or self._closed:  # somebody else's sync took this one along
                    return
            _sync(self._file.fileno())
            self._journal.finished(batch)
            with self._lock:
                pieces = {**self._record.pieces, **dict(batch)}
                begun = {one: part for one, part in self._record.begun.items() if one not in pieces}
                self._record = dataclasses.replace(self._record, pieces=pieces, begun=begun)

    def keep(self, piece: int, size_bytes: int, crc32: int) -> None:
        """A piece is left before its end: what there is of it survives, too."""
        with writing(self.path), self._syncing:
            with self._lock:
                if self._closed:
                    return
            _sync(self._file.fileno())
            self._journal.begun(piece, size_bytes, crc32)
            with self._lock:
                begun = {**self._record.begun, piece: (size_bytes, crc32)}
                self._record = dataclasses.replace(self._record, begun=begun)

    def begun(self, piece: int) -> tuple[int, int]:
        """How many bytes of a piece were kept, and their checksum; none of those that are no longer what they were."""
        size_bytes, crc32 = self.record.begun.get(piece, (0, 0))
        found, position = 0, self.record.span(piece)[0]
        left_bytes = size_bytes
        while left_bytes > 0:
            block = self._read(position, min(left_bytes, _BLOCK_BYTES))
            if not block:
                break
            found, position, left_bytes = zlib.crc32(block, found), position + len(block), left_bytes - len(block)
        if left_bytes or found != crc32:
            log.warning("%s: what was kept of piece %d is not what it was", self.path.name, piece)
            self.drop(piece)
            return 0, 0
        return size_bytes, crc32

    def _read(self, offset: int, size_bytes: int) -> bytes:
        with writing(self.path), self._lock:
            if self._closed:
                raise Cancelled
            self._file.seek(offset)
            return self._file.read(size_bytes) or b""

    def drop(self, piece: int) -> None:
        """A piece is not what was written; it has to come again."""
        with writing(self.path), self._syncing:
            self._journal.dropped(piece)
            with self._lock:
                pieces = {one: crc32 for one, crc32 in self._record.pieces.items() if one != piece}
                begun = {one: part for one, part in self._record.begun.items() if one != piece}
                self._record = dataclasses.replace(self._record, pieces=pieces, begun=begun)

    def named(self, etag: str) -> None:
        """What the server calls the bytes, which holds for all that is fetched from now on."""
        with writing(self.path), self._syncing:
            self._journal.named(etag)
            with self._lock:
                self._record = dataclasses.replace(self._record, etag=etag)

    def start_over(self, etag: str | None) -> None:
        """Forget every piece: they are of another version."""
        with writing(self.path), self._syncing, self._lock:
            self._record = dataclasses.replace(self._record, etag=etag, pieces={}, verified=None, begun={})
            self._journal.close()
            self._journal = Journal(journal_path(self.final), self._record)
            self._file.truncate(0)

    # --- its end -----------------------------------------------------------------------------

    def verified(self) -> None:
        """Its SHA-256 is right: it need not be read again before it is published."""
        with writing(self.path), self._syncing, self._lock:
            os.fsync(self._file.fileno())
            status = os.fstat(self._file.fileno())
            self._journal.verified(status.st_size, status.st_mtime_ns)
            self._record = dataclasses.replace(self._record, verified=(status.st_size, status.st_mtime_ns))

    def publish(self) -> None:
        """Give the file its name, and close."""
        with self._ending(self.final):
            self.path.replace(self.final)
            sync_folder(self.final.parent)
            journal.remove(journal_path(self.final))

    def quarantine(self, sha256: str) -> Path:
        """Keep the bytes under a name that says what they are, and close; that name."""
        aside = self.final.with_name(f"{self.final.name}.wrong-sha256-{sha256[:12]}")
        with self._ending(aside):
            self.path.replace(aside)
            sync_folder(self.final.parent)
            journal.remove(journal_path(self.final))
        return aside

    def discard(self) -> None:
        """Delete what arrived, and close."""
        with self._ending(self.path):
            _unlink(self.final)

    def close(self) -> None:
        """Leave it for another time; harmless when it is closed already."""
        if self._close_files():
            self._held.release()

    @contextmanager
    def _ending(self, path: Path) -> Iterator[None]:
        self._close_files()
        try:
            with writing(path):
                yield
        finally:
            self._held.release()

    def _close_files(self) -> bool:
        with self._syncing, self._lock:
            if self._closed:
                return False
            self._closed = True
            self._file.close()
            self._journal.close()
        return True

    def _taken_up(self, identity: Identity, piece_bytes: int) -> Record:
        """What the journal says, as far as it is of these bytes and the file is long enough for it."""
        fresh = Record(identity, piece_bytes)
        found = journal.read(journal_path(self.final))
        if found is None or not self.path.exists():
            return fresh
        same = (found.identity.sha256, found.identity.size_bytes) == (identity.sha256, identity.size_bytes)
        if not same:
            log.info("%s was begun for other bytes and is begun anew", self.path.name)
            return fresh
        size_bytes = self.path.stat().st_size
        pieces = {piece: crc32 for piece, crc32 in found.pieces.items() if found.span(piece)[1] <= size_bytes}
        begun = {
            piece: (bytes_kept, crc32)
            for piece, (bytes_kept, crc32) in found.begun.items()
            if found.span(piece)[0] + bytes_kept <= min(size_bytes, found.span(piece)[1])
        }
        return dataclasses.replace(found, identity=identity, pieces=pieces, begun=begun)


def discard(final: Path) -> None:
    """Delete what arrived of a file, whoever began it.  Raises DownloadedElsewhereError and FolderError."""
    if not final.parent.is_dir():
        return
    with writing(final):
        held = Lock(lock_path(final), what=final.name)
        try:
            _unlink(final)
        finally:
            held.release()


def _unlink(final: Path) -> None:
    part_path(final).unlink(missing_ok=True)
    journal.remove(journal_path(final))
