"""What the connections that fetch one file share: the pieces left, how far they are, and what stopped them."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable

from workbench.hub.backoff import Backoff
from workbench.hub.ranges import FileChangedError
from workbench.words import said


class OtherVersionError(FileChangedError):
    """The server's name for the bytes (``etag``) is not the one that the pieces on the disk came with."""

    def __init__(self, name: str, etag: str | None) -> None:
        super().__init__(
            said("{name} is another version on the hub than the one that was begun.", name=name),
            hint=said("Try again: it may be replaced just now."),
        )
        self.etag = etag


OtherVersionError.code = FileChangedError.code  # the same thing to whoever reads it


class Board:
    """Any thread.  Pieces are handed out in the file's order."""

    def __init__(self, name: str, missing: Iterable[int], etag: str | None, backoff: Backoff) -> None:
        self.backoff = backoff
        self._name = name
        self._lock = threading.Lock()  # guards all below
        self._news = threading.Event()
        self._left = list(missing)
        self._unfinished = len(self._left)
        self._etag = etag
        self._identified = False
        self._sequential = False
        self._fetched_bytes = 0
        self._on_the_way: dict[int, int] = {}
        self._replaced = 0
        self._failure: BaseException | None = None

    # --- for the connections -----------------------------------------------------------------

    def take(self) -> int | None:
        """The next piece to fetch, None when there is none."""
        with self._lock:
            return heapq.heappop(self._left) if self._left else None

    def identify(self, etag: str | None, *, sequential: bool) -> bool:
        """What an answer says its bytes are of; True when nobody knew a name for them before.

        Raises OtherVersionError.
        """
        with self._lock:
            if self._etag is not None and etag != self._etag:
                raise OtherVersionError(self._name, etag)
            is_new = self._etag is None and etag is not None
            self._etag = etag
            self._sequential = self._sequential or sequential
            if not self._identified:
                self._identified = True
                self._news.set()
            return is_new

    def received(self, piece: int, size_bytes: int) -> None:
        with self._lock:
            self._fetched_bytes += size_bytes
            self._on_the_way[piece] = self._on_the_way.get(piece, 0) + size_bytes

    def finished(self, piece: int, *, replaced: bool = False) -> None:
        with self._lock:
            self._on_the_way.pop(piece, None)
            self._unfinished -= 1
            self._replaced += replaced
            self._news.set()

    def failed(self, error: BaseException) -> None:
        """Nothing more can come; the first error is the one that counts."""
        with self._lock:
            self._failure = self._failure or error
            self._news.set()

    # --- for whoever watches -----------------------------------------------------------------

    def missing(self, piece: int) -> None:
        """A piece that was thought finished has to come again."""
        with self._lock:
            heapq.heappush(self._left, piece)
            self._unfinished += 1

    def wanted(self, most: int, busy: int) -> int:
        """How many connections more are of use: only one until it is known what the server sends, and only one
        where it sends everything to everybody."""
        with self._lock:
            allowed = most if self._identified and not self._sequential else 1
            return max(0, min(allowed - busy, len(self._left)))

    def check(self) -> None:
        """Raises what stopped a connection."""
        with self._lock:
            if self._failure is not None:
                raise self._failure

    def wait(self, timeout_s: float) -> None:
        """Until something happened that changes what is to be done."""
        self._news.wait(timeout_s)
        self._news.clear()

    @property
    def is_complete(self) -> bool:
        with self._lock:
            return self._unfinished == 0

    @property
    def fetched_bytes(self) -> int:
        """All that came over the network, wasted bytes too."""
        with self._lock:
            return self._fetched_bytes

    @property
    def on_the_way(self) -> dict[int, int]:
        """Bytes that arrived of pieces that are not finished."""
        with self._lock:
            return dict(self._on_the_way)

    @property
    def replaced(self) -> int:
        """How many pieces came otherwise than they lay on the disk."""
        with self._lock:
            return self._replaced
