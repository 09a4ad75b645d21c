"""A model hub on 127.0.0.1: real files, the hub's own API, a second origin for the bytes, and faults on demand.

    with LoopbackHub() as hub:
        hub.add("owner/name", {"model-Q4_K_M.gguf": path})
        Hub(cache, models, endpoint=hub.endpoint, offline=False).listing("owner/name")
        assert hub.sent_bytes("model-Q4_K_M.gguf") < 2**20

Files are served from disk by range, so a sparse giant costs nothing.  Every request and every byte is counted.
"""

from __future__ import annotations

import email.utils
import functools
import hashlib
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.loopback_server import Server
from tests.loopback_types import MAIN, Faults, Published, Served, Stored

__all__ = ["Faults", "LoopbackHub", "Served", "http_date"]

HASHED_BYTES = 1 << 30


class LoopbackHub:
    """Serves from entering to leaving; any number of repositories, at any time."""

    def __init__(self) -> None:
        self._repositories: dict[str, Published] = {}
        self._served: list[Served] = []
        self._lock = threading.Lock()  # guards both, and the countdowns: each request has its thread
        self.closing = threading.Event()
        self.accounts: dict[str, str] = {}  # whose each token is
        self._servers = [Server(self, "hub"), Server(self, "cdn")]
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in self._servers]

    def __enter__(self) -> LoopbackHub:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()

    @property
    def endpoint(self) -> str:
        return self._servers[0].address

    @property
    def cdn(self) -> str:
        return self._servers[1].address

    def add(
        self,
        repository: str,
        files: Mapping[str, Path],
        *,
        faults: Faults | None = None,
        gated: str | bool = False,
        private: bool = False,
        redirects: bool = True,
        revision: str = MAIN,
        promised: Mapping[str, str] | None = None,
        card: Mapping[str, Any] | None = None,
    ) -> str:
        """Publish files, by their paths in the repository, as a new commit on a branch; the commit.

        ``promised`` are SHA-256 that the hub says instead of the true ones, or of giants, whose true one it does
        not compute; ``card`` is the front matter of its page, the licence in it.
        """
        promised = promised or {}
        entries = {
            path: Stored(file, file.stat().st_size, promised.get(path) or _digest(file)) for path, file in files.items()
        }
        with self._lock:
            found = self._repositories.setdefault(
                repository, Published(repository, Faults(), gated, private, redirects)
            )
            found.gated, found.private, found.redirects = gated, private, redirects
            found.faults = faults or found.faults
            found.card = card if card is not None else found.card
            said = f"{repository} {len(found.commits)} {[(path, entry.sha256) for path, entry in entries.items()]}"
            commit = hashlib.sha1(said.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
            found.commits[commit] = entries
            found.branches[revision] = commit
        return commit

    def break_(self, repository: str, faults: Faults) -> None:
        with self._lock:
            self._repositories[repository].faults = faults

    # --- what was asked ----------------------------------------------------------------------

    @property
    def served(self) -> list[Served]:
        with self._lock:
            return list(self._served)

    def requests(self, file: str | None = None, *, origin: str | None = None) -> list[Served]:
        """Requests for a file's bytes; of any file, where none is named."""
        return [
            one
            for one in self.served
            if one.file is not None and file in (None, one.file) and origin in (None, one.origin)
        ]

    def sent_bytes(self, file: str | None = None) -> int:
        """The bytes of bodies that left for a file, or for all files; metadata do not count."""
        return sum(one.sent_bytes for one in self.requests(file))

    def forget(self) -> None:
        """Count from nothing."""
        with self._lock:
            self._served.clear()

    # --- for the handlers --------------------------------------------------------------------

    def repository(self, name: str) -> Published | None:
        with self._lock:
            return self._repositories.get(name)

    def search(self, words: str) -> list[Published]:
        """What strangers may know of, whose names hold the words."""
        with self._lock:
            return [one for one in self._repositories.values() if words.lower() in one.name.lower() and not one.private]

    def record(self, served: Served) -> None:
        with self._lock:
            self._served.append(served)

    def spend(self, faults: Faults, name: str) -> bool:
        """One of a countdown, if any is left."""
        with self._lock:
            left: int = getattr(faults, name)
            setattr(faults, name, max(0, left - 1))
            return left > 0


def http_date(seconds_from_now: float) -> str:
    """A date as Retry-After may hold it."""
    return email.utils.formatdate(time.time() + seconds_from_now, usegmt=True)


def _digest(path: Path) -> str:
    """The file's SHA-256; of a giant only of its beginning and its size, which is as stable."""
    status = path.stat()
    return _digest_of(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache
def _digest_of(path: Path, size_bytes: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        if size_bytes <= HASHED_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(file.read(1 << 16) + str(size_bytes).encode()).hexdigest()
