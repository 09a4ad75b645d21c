"""Downloads: a queue that survives the program, and the work on it."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import Cancelled, DiskFullError, GatedModelError, OfflineError, WorkbenchError
from workbench.hub import part as parts
from workbench.hub.delivery import Delivery
from workbench.hub.digests import Digests
from workbench.hub.disk import FreeBytes, free_bytes
from workbench.hub.download_rows import DownloadRow, DownloadRows, Failure, Promise, State
from workbench.hub.download_state import DownloadState, Meter
from workbench.hub.either import Either
from workbench.hub.failures import Patience, accepted_at
from workbench.hub.locks import DownloadedElsewhereError
from workbench.hub.pace import Bucket
from workbench.hub.switch import BACK_ON
from workbench.hub.transfer import Manners, Network
from workbench.hub.wanted import Wanted
from workbench.hub.worker import Connect
from workbench.jobs import CancelToken, Task
from workbench.store.database import Database
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection

log = logging.getLogger(__name__)

_LOOK_S = 0.5
_OPEN = (State.QUEUED, State.PUBLISHING)


@dataclass(frozen=True, slots=True)
class Download:
    """One entry of the queue.  ``done_bytes`` are on the disk, in finished pieces; ``total_bytes`` is None until
    the hub was asked.  ``files`` are where the model is, or will be.  ``reason`` says why it failed, or why it
    was paused where that was not the user's wish."""

    id: int
    wanted: Wanted
    state: State
    reason: Failure | None
    is_running: bool
    done_bytes: int
    total_bytes: int | None
    files: tuple[Path, ...]
    added_at: str


def connecting(
    endpoint: str, *, offline: bool, token: Callable[[], str | None] | None = None, patience: Patience | None = None
) -> Connect:
    """The way to a hub.  What it gives raises OfflineError, before any socket, where the network may not be used."""

    def connect(cancel: CancelToken) -> Connection:
        if offline:
            raise OfflineError(
                said("Nothing can be downloaded: the network is switched off in the settings."),
                hint=said("{back_on} What was fetched is kept.", back_on=BACK_ON),
            )
        # Imported late: the network's libraries take a moment that only those wait for who use it.
        from workbench.hub.connection import Connection

        return Connection(endpoint, patience=patience, token=token() if token is not None else None, cancel=cancel)

    return connect


class Downloads:
    """The queue of one data folder; any thread, and several processes.

    A download that runs here is stopped by ``pause``, ``cancel`` and ``remove`` within a moment.  What arrived is
    kept until ``remove``.
    """

    def __init__(
        self,
        db: Database,
        folder: Path,
        connect: Connect,
        *,
        endpoint: str,
        manners: Manners | None = None,
        patience: Patience | None = None,
        bytes_per_s: int | None = None,
        free: FreeBytes = free_bytes,
    ) -> None:
        self._rows = DownloadRows(db)
        self._digests = Digests(db)
        self._folder = folder
        self._bucket = Bucket(bytes_per_s)
        manners = manners or Manners()
        self._network = Network(endpoint.rstrip("/"), connect, patience or Patience(), self._bucket, manners, free)
        self._lock = threading.Lock()  # guards _running
        self._running: dict[int, CancelToken] = {}

    # --- the queue ---------------------------------------------------------------------------

    def add(self, wanted: Wanted, *, replaces: bool = False) -> Download:
        """At the end of the queue; one that is there already, of the same file, is queued again in its place.

        ``replaces``: another file of the same name may go once the download is verified.  Raises
        DownloadedElsewhereError where the same file runs here with another commit.
        """
        same = self._rows.same(wanted)
        if same is not None and self._is_running(same.id):
            if same.wanted.commit == wanted.commit:
                return self._download(same)
            raise DownloadedElsewhereError(
                said(
                    "{file} of {repository} is being downloaded already, of another commit.",
                    file=wanted.path,
                    repository=wanted.repository,
                ),
                hint=said("Cancel that one first, or wait for it."),
            )
        return self.get(self._rows.add(wanted, replaces=replaces))

    def listing(self) -> tuple[Download, ...]:
        """In the order of the queue."""
        return tuple(self._download(row) for row in self._rows.all())

    def get(self, download_id: int) -> Download:
        """Raises ModelNotFoundError."""
        return self._download(self._rows.get(download_id))

    def promised(self) -> dict[Path, Promise]:
        """What the hub said that the files are which were downloaded; also of those that are off the list now."""
        return self._rows.promised(self._folder)

    def pause(self, download_id: int, *, reason: WorkbenchError | None = None) -> None:
        """Until ``resume``, whatever happens to the program in between; ``reason`` where it is not the user's wish."""
        told = Failure.of(reason, self._page(self._rows.get(download_id))) if reason is not None else None
        self._become(download_id, State.PAUSED, (State.QUEUED,), told)

    def resume(self, download_id: int) -> None:
        """Queue one again that was paused or cancelled, or failed."""
        self._rows.get(download_id)
        self._rows.become(download_id, State.QUEUED, only_from=(State.PAUSED, State.CANCELLED, State.FAILED))

    def retry(self, download_id: int) -> None:
        """``resume``, by the name that fits one that failed."""
        self.resume(download_id)

    def cancel(self, download_id: int) -> None:
        """Give it up; what arrived is kept, in case it is resumed after all."""
        self._become(download_id, State.CANCELLED, (State.QUEUED, State.PAUSED, State.FAILED))

    def remove(self, download_id: int) -> None:
        """Off the list, and delete what arrived; a finished model stays where it is, and so does what the hub said
        of it.

        Raises ModelNotFoundError, and DownloadedElsewhereError while another process works on it.
        """
        row = self._rows.get(download_id)
        with self._lock:
            stop = self._running.get(download_id)
            if stop is not None:
                self._take_off(row)
                stop.cancel()  # whoever runs it finds its row gone, and deletes what arrived
                return
        self._discard(row)
        self._take_off(row)

    def forget(self, gone: Collection[Path]) -> None:
        """Finished ones whose files are gone: what the hub said counts no more for others in their place."""
        for row in self._rows.finished():
            if all(row.wanted.place(self._folder, file) in gone for file in row.wanted.files):
                self._discard(row)
                self._rows.remove(row.id)

    def _take_off(self, row: DownloadRow) -> None:
        if row.state is State.DONE:
            self._rows.hide(row.id)
        else:
            self._rows.remove(row.id)

    def reorder(self, download_id: int, place: int) -> None:
        """To a place in the queue, counted from 0.  Raises ModelNotFoundError."""
        self._rows.move(download_id, place)

    def limit(self, bytes_per_s: int | None) -> None:
        """How much all downloads together may take from now on; None: everything."""
        self._bucket.limit(bytes_per_s)

    def use(self, endpoint: str, connect: Connect, *, connections: int) -> None:
        """Another hub, or another number of connections, for downloads that begin from now on."""
        manners = dataclasses.replace(self._network.manners, connections=connections)
        self._network = dataclasses.replace(
            self._network, endpoint=endpoint.rstrip("/"), connect=connect, manners=manners
        )

    # --- the work ----------------------------------------------------------------------------

    def fetch(self, download_id: int) -> Task[DownloadState, Download]:
        """One download now, whatever its place; it may end paused, cancelled or removed from elsewhere.

        Raises what stopped it: HubError and its kinds, ModelFileError, and Cancelled, which leaves it queued.
        """

        def task(cancel: CancelToken) -> Generator[DownloadState, None, Download]:
            cancel.raise_if_cancelled()
            self.resume(download_id)
            row = self._rows.get(download_id)
            error = yield from self._run(row, cancel)
            if error is not None:
                raise error
            return self._download(self._rows.find(download_id) or dataclasses.replace(row, state=State.CANCELLED))

        return task

    def work(self) -> Task[DownloadState, int]:
        """Every queued download, one after the other, until none is left; how many ended well.

        One that fails says so in its last state, and the next one begins.  Several may work at once.  Raises
        OfflineError, and Cancelled, which leaves them queued.
        """

        def task(cancel: CancelToken) -> Generator[DownloadState, None, int]:
            done, elsewhere = 0, set[int]()
            while True:
                cancel.raise_if_cancelled()
                row = self._next(elsewhere)
                if row is None:
                    return done
                try:
                    error = yield from self._run(row, cancel)
                    found = self._rows.find(row.id)
                    done += error is None and found is not None and found.state is State.DONE
                except DownloadedElsewhereError as error:
                    log.info("download %d is left to another worker: %s", row.id, error.message)
                    elsewhere.add(row.id)

        return task

    def _next(self, elsewhere: set[int]) -> DownloadRow | None:
        rows = [row for row in self._rows.all() if row.state in _OPEN and row.id not in elsewhere]
        # What was interrupted while its files got their names comes first: only some of them may be visible.
        rows.sort(key=lambda row: row.state is not State.PUBLISHING)
        return next((row for row in rows if not self._is_running(row.id)), None)

    def _run(self, row: DownloadRow, cancel: CancelToken) -> Generator[DownloadState, None, WorkbenchError | None]:
        """What stopped it, recorded already; the last state says how it ended."""
        stop = CancelToken()
        with self._lock:
            if row.id in self._running:
                raise DownloadedElsewhereError(
                    said("{what} is being downloaded already.", what=row.wanted.path),
                    hint=said("Wait for it, or stop it there."),
                )
            self._running[row.id] = stop
        meter = Meter(row, self._network.manners.tick_s, self._page(row))
        error: WorkbenchError | None = None
        try:
            yield from self._deliver(row, Either(cancel, stop), stop, meter)
        except (OfflineError, DownloadedElsewhereError):
            raise
        except Cancelled:
            if not stop.cancelled:
                raise
        except WorkbenchError as failure:
            error = self._failed(row, failure)
        finally:
            with self._lock:
                del self._running[row.id]
        found = self._rows.find(row.id)
        if found is None:
            self._discard(row)
        yield meter.last(found)
        return error

    def _deliver(
        self, row: DownloadRow, cancel: CancelToken, stop: CancelToken, meter: Meter
    ) -> Generator[DownloadState, None, None]:
        delivery = Delivery(
            row.wanted,
            self._folder,
            self._network,
            self._digests,
            replaces=row.replaces,
            described=lambda wanted: self._rows.describe(row.id, wanted),
            publishing=lambda: self._publishing(row.id, stop),
        )
        looked_at = time.monotonic()
        for step in delivery.run(cancel):
            state = meter.state(step)
            if state is not None:
                yield state
            if (now := time.monotonic()) - looked_at > _LOOK_S:
                looked_at = now
                self._stop_where_asked(row.id, stop)
        self._rows.become(row.id, State.DONE, only_from=(*_OPEN, State.DONE))

    def _publishing(self, download_id: int, stop: CancelToken) -> None:
        """From here on it is no longer stopped.  Raises Cancelled where it was before."""
        if not self._rows.become(download_id, State.PUBLISHING, only_from=(*_OPEN, State.DONE)):
            stop.cancel()
            raise Cancelled

    def _stop_where_asked(self, download_id: int, stop: CancelToken) -> None:
        """What was asked in another process stands in the row only."""
        found = self._rows.find(download_id)
        if found is None or found.state not in (*_OPEN, State.DONE):
            stop.cancel()

    def _failed(self, row: DownloadRow, error: WorkbenchError) -> WorkbenchError:
        log.info("download %d stopped: %s", row.id, error.code)
        if isinstance(error, GatedModelError):
            error = accepted_at(error, self._page(row))
        state = State.PAUSED if isinstance(error, DiskFullError) else State.FAILED
        self._rows.become(row.id, state, Failure.of(error, self._page(row)), only_from=(*_OPEN, State.DONE))
        return error

    # --- the state of one --------------------------------------------------------------------

    def _become(
        self, download_id: int, state: State, only_from: tuple[State, ...], reason: Failure | None = None
    ) -> None:
        self._rows.get(download_id)
        with self._lock:
            if self._rows.become(download_id, state, reason, only_from=only_from) and download_id in self._running:
                self._running[download_id].cancel()

    def _is_running(self, download_id: int) -> bool:
        with self._lock:
            return download_id in self._running

    def _download(self, row: DownloadRow) -> Download:
        wanted = row.wanted
        files = tuple(wanted.place(self._folder, file) for file in wanted.files)
        records = [parts.known(file) for file in files] if row.state is not State.DONE else []
        done_bytes = sum(record.done_bytes for record in records if record is not None)
        return Download(
            row.id,
            wanted,
            row.state,
            row.reason,
            self._is_running(row.id),
            (wanted.total_bytes or 0) if row.state is State.DONE else done_bytes,
            wanted.total_bytes,
            files,
            row.added_at,
        )

    def _discard(self, row: DownloadRow) -> None:
        for file in row.wanted.files:
            parts.discard(row.wanted.place(self._folder, file))

    def _page(self, row: DownloadRow) -> str:
        return f"{self._network.endpoint}/{row.wanted.repository}"
