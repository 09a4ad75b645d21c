"""One connection's share of a file: takes pieces, fetches them, and resumes what breaks off."""

from __future__ import annotations

import dataclasses
import logging
import threading
import zlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from workbench.errors import Cancelled, HubError
from workbench.hub.board import Board
from workbench.hub.failures import captive_portal
from workbench.hub.pace import Bucket
from workbench.hub.part import Part
from workbench.hub.ranges import RangedReader, Source
from workbench.jobs import CancelToken

if TYPE_CHECKING:
    from workbench.hub.connection import Connection

log = logging.getLogger(__name__)

# The token stops whatever the connection waits for.  Raises OfflineError where the network may not be used.
Connect: TypeAlias = Callable[[CancelToken], "Connection"]

_PAGE = (b"<!doctype", b"<html", b"<head", b"<script", b"<?xml")


@dataclass
class _Piece:
    number: int
    position: int
    end: int
    crc32: int = 0
    replaced: bool = False


class Worker:
    """Works in a thread of its own until no piece is left, ``stop`` is set or an error is final.

    ``comparing`` it writes only what differs from what lies on the disk.
    """

    def __init__(
        self,
        part: Part,
        source: Source,
        board: Board,
        connect: Connect,
        bucket: Bucket,
        stop: CancelToken,
        *,
        comparing: bool = False,
    ) -> None:
        self._part = part
        self._source = source
        self._board = board
        self._connect = connect
        self._bucket = bucket
        self._stop = stop
        self._comparing = comparing
        self._reader: RangedReader | None = None
        # Not waited for at the program's end: a look-up of a host's name has no time-out.
        self._thread = threading.Thread(target=self._run, name="download", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            with self._connect(self._stop) as connection:
                # Its own patience would wait unseen: here it fails at once, and the wait is told.
                connection.patience = dataclasses.replace(connection.patience, tries=1)
                try:
                    while (number := self._board.take()) is not None:
                        self._fetch(connection, number)
                finally:
                    self._forget_reader()
        except Cancelled:
            return
        except BaseException as error:  # noqa: BLE001 - border of a thread: the watcher raises it
            self._board.failed(error)

    def _fetch(self, connection: Connection, number: int) -> None:
        piece = self._taken_up(number)
        try:
            self._read_all(connection, piece)
        except BaseException:
            self._keep(piece)
            raise
        if not self._comparing or piece.replaced:
            self._part.finish(number, piece.crc32)
        self._board.backoff.progressed()
        self._board.finished(number, replaced=piece.replaced)

    def _taken_up(self, number: int) -> _Piece:
        start, end = self._part.record.span(number)
        if self._comparing:
            return _Piece(number, start, end)
        size_bytes, crc32 = self._part.begun(number)
        return _Piece(number, start + size_bytes, end, crc32)

    def _keep(self, piece: _Piece) -> None:
        """What came of a piece that is left: stopping costs nobody a byte."""
        size_bytes = piece.position - self._part.record.span(piece.number)[0]
        if size_bytes > 0 and not self._comparing:
            try:
                self._part.keep(piece.number, size_bytes, piece.crc32)
            except HubError as error:  # a full disk: it comes again
                log.info("piece %d of %s is not kept: %s", piece.number, self._part.path.name, error.message)

    def _read_all(self, connection: Connection, piece: _Piece) -> None:
        while True:
            turn = self._board.backoff.turn(self._stop)
            try:
                self._read(connection, piece)
                return
            except HubError as error:
                self._stop.raise_if_cancelled()
                self._forget_reader()
                self._board.backoff.failed(error, turn)

    def _read(self, connection: Connection, piece: _Piece) -> None:
        reader = self._reader = self._reader or RangedReader(connection, self._source)
        is_first = True
        with closing(reader.chunks(piece.position, piece.end, self._stop)) as chunks:
            for chunk in chunks:
                if is_first:
                    is_first = False
                    self._begin(connection, reader, piece, chunk)
                self._take(piece, chunk)
                self._board.backoff.received(len(chunk))
        if reader.etag is None and not reader.ignores_ranges:
            # Answers without a name for their version are not joined by a reader; the SHA-256 says at the end.
            self._forget_reader()

    def _begin(self, connection: Connection, reader: RangedReader, piece: _Piece, chunk: bytes) -> None:
        """Whether an answer is of the file, before a byte of it is kept."""
        if piece.position == 0 and chunk[:64].lstrip().lower().startswith(_PAGE):
            raise captive_portal(connection.host, self._source.name)
        if self._board.identify(reader.etag, sequential=reader.ignores_ranges) and reader.etag is not None:
            self._part.named(reader.etag)

    def _take(self, piece: _Piece, chunk: bytes) -> None:
        if not self._comparing:
            self._part.write(piece.position, chunk, self._stop)
        elif self._part.differs(piece.position, chunk):
            self._part.write(piece.position, chunk, self._stop)
            piece.replaced = True
        piece.crc32 = zlib.crc32(chunk, piece.crc32)
        piece.position += len(chunk)
        self._board.received(piece.number, len(chunk))
        self._bucket.take(len(chunk), self._stop)

    def _forget_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
