"""One file from the hub to the disk: ranges in parallel, hashed as they come, published by nobody unless right."""

from __future__ import annotations

import enum
import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from workbench.errors import ChecksumError, HubError
from workbench.hub.backoff import Backoff
from workbench.hub.board import Board, OtherVersionError
from workbench.hub.disk import FreeBytes, check_room, free_bytes
from workbench.hub.failures import Patience
from workbench.hub.hashing import Follower
from workbench.hub.pace import Bucket
from workbench.hub.part import PIECE_BYTES, Part
from workbench.hub.ranges import FileChangedError, Source
from workbench.hub.worker import Connect, Worker
from workbench.jobs import CancelToken
from workbench.words import said

log = logging.getLogger(__name__)

# So often a file that changes under our hands is begun again.
MAX_RESTARTS = 2
_JOIN_S = 2.0


class Phase(enum.Enum):
    """What a download is doing."""

    QUEUED = "queued"
    ASKING = "asking"  # the hub, for sizes and hashes
    CHECKING = "checking"  # what lies there already
    FETCHING = "fetching"
    WAITING = "waiting"  # before the next attempt
    VERIFYING = "verifying"  # all bytes are here, and are read
    REPAIRING = "repairing"  # the SHA-256 is wrong: everything is fetched again and compared
    PAUSED = "paused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Manners:
    """How to fetch.  ``tries`` is how often in a row an attempt may fail without bringing anything, None: for ever;
    a hub that asks to wait for longer than ``longest_asked_s`` fails the download.

    ``floor_bytes`` are left free on the disk.  Something is said at least every ``tick_s``.
    """

    connections: int = 3
    piece_bytes: int = PIECE_BYTES
    floor_bytes: int = 1 << 30
    tries: int | None = None
    longest_asked_s: float = 3600
    tick_s: float = 0.2


@dataclass(frozen=True, slots=True)
class Moment:
    """How far one file is.  ``fetched_bytes`` came over the network in this session, wasted bytes too;
    ``checked_bytes`` are hashed.  ``note`` says what the user should know that is no error."""

    phase: Phase
    done_bytes: int
    checked_bytes: int
    fetched_bytes: int
    waits_s: float | None = None
    error: HubError | None = None
    note: str | None = None


Moments: TypeAlias = Generator[Moment, None, None]


@dataclass(frozen=True, slots=True)
class Network:
    """The way to the hub at ``endpoint``, and what is asked of whoever uses it."""

    endpoint: str
    connect: Connect
    patience: Patience
    bucket: Bucket
    manners: Manners
    free_bytes: FreeBytes = free_bytes

    def backoff(self) -> Backoff:
        return Backoff(self.patience, tries=self.manners.tries, longest_asked_s=self.manners.longest_asked_s)


class Transfer:
    """Brings a part to its end, from whatever state it is in.  One run; the part stays open and is not published."""

    def __init__(self, part: Part, source: Source, network: Network) -> None:
        self._part = part
        self._source = source
        self._network = network
        self._fetched_bytes = 0
        self._note: str | None = None

    def run(self, cancel: CancelToken) -> Moments:
        """Returns when the SHA-256 is right.

        Raises ChecksumError with the bytes put aside under another name where it stays wrong, FileChangedError,
        GatedModelError, ModelNotFoundError, OfflineError, DiskFullError, other HubErrors, and Cancelled.  What
        arrived is kept.
        """
        if self._part.is_verified:
            return
        for restarts in range(MAX_RESTARTS + 1):
            try:
                yield from self._verified(cancel)
                return
            except OtherVersionError as change:
                if restarts == MAX_RESTARTS:
                    raise
                log.info("%s is begun anew: the hub has another version", self._part.path.name)
                self._part.start_over(change.etag)
                self._note = said(
                    "{source} was replaced on the hub, so it is fetched from its beginning.", source=self._source.name
                )
            except FileChangedError:
                if restarts == MAX_RESTARTS:
                    raise

    def _verified(self, cancel: CancelToken) -> Moments:
        expected = self._part.record.identity.sha256
        found = yield from self._fetched(cancel, self._part.missing, Phase.FETCHING)
        if found != expected:
            log.warning("%s has SHA-256 %s instead of %s", self._part.path.name, found, expected)
            self._note = said(
                "{source} came with a wrong SHA-256; it is fetched again and compared.", source=self._source.name
            )
            pieces = list(range(self._part.record.piece_count))
            found = yield from self._fetched(cancel, pieces, Phase.REPAIRING, before=found)
            self._note = None
        if found == expected:
            self._part.verified()
            return
        aside = self._part.quarantine(found)
        raise ChecksumError(
            said(
                "The hub sent a file that is not the one it promised: {source} has the SHA-256 {found}, "
                "promised was {expected}, twice.",
                source=self._source.name,
                found=found,
                expected=expected,
            ),
            hint=said("It was put aside as {aside}. Try again later, or from another mirror.", aside=aside),
        )

    def _fetched(
        self, cancel: CancelToken, missing: list[int], phase: Phase, *, before: str = ""
    ) -> Generator[Moment, None, str]:
        """Fetch pieces, hash everything; the SHA-256, which was ``before`` where nothing comes otherwise."""
        repairing, part, tick_s = phase is Phase.REPAIRING, self._part, self._network.manners.tick_s
        board = Board(self._source.name, missing, part.record.etag, self._network.backoff())
        with self._workers(board, comparing=repairing) as workers, Follower(part) as follower:
            # A repair is hashed when it is over: what lies there until then is known to be wrong.
            while repairing and not board.is_complete:
                yield from self._tick(board, workers, cancel, phase, 0)
                board.wait(tick_s)
            if repairing and not board.replaced:
                return before
            while not follower.is_finished:
                yield from self._tick(board, workers, cancel, phase, follower.position)
                moved, dropped = follower.follow(tick_s)
                if dropped is not None:
                    board.missing(dropped)
                elif not moved:
                    board.wait(tick_s)
            return follower.sha256

    def _tick(self, board: Board, workers: _Workers, cancel: CancelToken, phase: Phase, checked_bytes: int) -> Moments:
        cancel.raise_if_cancelled()
        board.check()
        if not board.is_complete:
            self._check_floor()
            workers.fill()
        elif phase is Phase.FETCHING:
            phase = Phase.VERIFYING
        on_the_way = board.on_the_way
        record = self._part.record  # looked at second: a piece may be finished meanwhile, and counts once
        done_bytes = record.done_bytes + sum(size for one, size in on_the_way.items() if one not in record.pieces)
        fetched_bytes = self._fetched_bytes + board.fetched_bytes
        waits_s, error = board.backoff.waits_s, board.backoff.last
        if waits_s is not None and board.backoff.waiting >= workers.busy:
            yield Moment(Phase.WAITING, done_bytes, checked_bytes, fetched_bytes, waits_s, error, self._note)
        else:
            yield Moment(phase, done_bytes, checked_bytes, fetched_bytes, note=self._note)

    def _check_floor(self) -> None:
        check_room(self._network.free_bytes, self._part.final.parent, 0, self._network.manners.floor_bytes)

    @contextmanager
    def _workers(self, board: Board, *, comparing: bool) -> Iterator[_Workers]:
        workers = _Workers(self._part, self._source, board, self._network, comparing=comparing)
        try:
            yield workers
        finally:
            workers.stop()
            self._fetched_bytes += board.fetched_bytes


class _Workers:
    """As many connections as are of use.  Stop them."""

    def __init__(self, part: Part, source: Source, board: Board, network: Network, *, comparing: bool) -> None:
        self._part = part
        self._source = source
        self._board = board
        self._network = network
        self._comparing = comparing
        self._stop = CancelToken()
        self._workers: list[Worker] = []

    @property
    def busy(self) -> int:
        return sum(worker.is_alive for worker in self._workers)

    def fill(self) -> None:
        self._workers = [worker for worker in self._workers if worker.is_alive]
        for _ in range(self._board.wanted(self._network.manners.connections, len(self._workers))):
            self._workers.append(
                Worker(
                    self._part,
                    self._source,
                    self._board,
                    self._network.connect,
                    self._network.bucket,
                    self._stop,
                    comparing=self._comparing,
                )
            )

    def stop(self) -> None:
        """One that hangs in a look-up is left behind: it ends by itself, and can write nothing any more."""
        self._stop.cancel()
        for worker in self._workers:
            worker.join(_JOIN_S)
