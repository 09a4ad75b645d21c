"""When to ask a hub again that failed, for several connections at once, with the wait told."""

from __future__ import annotations

import random
import threading
import time

from workbench.errors import Cancelled, HubError
from workbench.hub.failures import Interrupted, Patience
from workbench.jobs import CancelToken

# So much counts as progress: a server that sends a byte and breaks off is not asked for ever.
PROGRESS_BYTES = 64 << 10


class Backoff:
    """Failures that may pass, met by any of several threads; all of them wait for the same moment.

    What several meet at once counts once.  After ``tries`` failures without a byte of progress in between the last
    one is raised; None: never.  So is one whose wait, asked for by the server, is longer than ``longest_asked_s``.
    """

    def __init__(self, patience: Patience, *, tries: int | None, longest_asked_s: float) -> None:
        self._patience = patience
        self._tries = tries
        self._longest_asked_s = longest_asked_s
        self._lock = threading.Lock()  # guards all below
        self._failures = 0
        self._unrewarded_bytes = 0
        self._turn = 0
        self._until = 0.0
        self._waiting = 0
        self._last: HubError | None = None

    def turn(self, stop: CancelToken) -> int:
        """Wait until asking is allowed; a number to hand back with ``failed``.  Raises Cancelled."""
        with self._lock:
            self._waiting += 1
        try:
            while True:
                stop.raise_if_cancelled()
                with self._lock:
                    wait_s, turn = self._until - time.monotonic(), self._turn
                if wait_s <= 0:
                    return turn
                if stop.wait(wait_s):
                    raise Cancelled
        finally:
            with self._lock:
                self._waiting -= 1

    def failed(self, error: HubError, turn: int) -> None:
        """Raises the error where it is none that may pass, or where there is no further attempt."""
        failure = error.__cause__
        if not isinstance(failure, Interrupted):
            raise error
        with self._lock:
            self._last = error
            if turn == self._turn:
                self._turn += 1
                self._failures += 1
            if self._failures == self._tries or failure.wait_s > self._longest_asked_s:
                raise error
            doublings = min(max(self._failures, 1) - 1, 30)
            # A little apart from everybody else who met the same failure at the same time.
            backoff_s = self._patience.first_wait_s * 2**doublings * random.uniform(1, 1.25)  # noqa: S311
            wait_s = max(failure.wait_s, min(backoff_s, self._patience.longest_wait_s))
            self._until = max(self._until, time.monotonic() + wait_s)

    def received(self, size_bytes: int) -> None:
        """Bytes came, to whichever connection; enough of them are progress."""
        with self._lock:
            self._unrewarded_bytes += size_bytes
            if self._unrewarded_bytes >= PROGRESS_BYTES:
                self._unrewarded_bytes = self._failures = 0

    def progressed(self) -> None:
        """What comes next counts as a first failure."""
        with self._lock:
            self._unrewarded_bytes = self._failures = 0

    @property
    def left_s(self) -> float:
        """Seconds until asking is allowed."""
        with self._lock:
            return max(0.0, self._until - time.monotonic())

    @property
    def waits_s(self) -> float | None:
        """Seconds to the next attempt, where somebody waits for it."""
        with self._lock:
            wait_s = self._until - time.monotonic()
            return wait_s if self._waiting and wait_s > 0 else None

    @property
    def waiting(self) -> int:
        """How many wait now."""
        with self._lock:
            return self._waiting

    @property
    def last(self) -> HubError | None:
        """What failed most lately."""
        with self._lock:
            return self._last
