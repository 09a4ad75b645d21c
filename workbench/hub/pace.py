"""How fast bytes may come, and how fast they do."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from workbench.errors import Cancelled
from workbench.jobs import CancelToken

Clock = Callable[[], float]

LOWEST_CAP_BYTES_PER_S = 64 << 10


class Bucket:
    """One allowance of bytes for everything that downloads; None is none at all.  Any thread.

    Whoever takes more than there is waits until the debt is paid, so the mean over any second is the limit.
    A limit below 64 KiB/s counts as that: slower answers would be taken for broken ones.
    """

    def __init__(self, bytes_per_s: int | None, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()  # guards the three below
        self._bytes_per_s = _cap(bytes_per_s)
        self._left = 0.0
        self._at = clock()

    def limit(self, bytes_per_s: int | None) -> None:
        """From now on."""
        with self._lock:
            self._bytes_per_s, self._left, self._at = _cap(bytes_per_s), 0.0, self._clock()

    def take(self, size_bytes: int, cancel: CancelToken) -> None:
        """Pay for bytes that came.  Raises Cancelled."""
        debt_s = self.spend(size_bytes)
        if debt_s > 0 and cancel.wait(debt_s):
            raise Cancelled

    def spend(self, size_bytes: int) -> float:
        """The same without waiting: the seconds to wait."""
        with self._lock:
            if self._bytes_per_s is None:
                return 0.0
            now = self._clock()
            # What was not used a moment ago may be used now, but no more than a quarter of a second of it.
            self._left = min(self._left + (now - self._at) * self._bytes_per_s, self._bytes_per_s / 4) - size_bytes
            self._at = now
            return max(0.0, -self._left / self._bytes_per_s)


class Speed:
    """Bytes a second over the last few seconds: it falls to nothing when nothing comes.  One thread."""

    def __init__(self, *, window_s: float = 5, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._window_s = window_s
        self._seen: deque[tuple[float, int]] = deque([(clock(), 0)])

    def now(self, fetched_bytes: int) -> float:
        """The speed, given all that was fetched until now."""
        now = self._clock()
        self._seen.append((now, fetched_bytes))
        # The oldest one kept is from just before the window.
        while len(self._seen) > 2 and self._seen[1][0] <= now - self._window_s:
            self._seen.popleft()
        then, before = self._seen[0]
        elapsed_s = now - then
        return (fetched_bytes - before) / elapsed_s if elapsed_s > 0 else 0.0


def _cap(bytes_per_s: int | None) -> int | None:
    return None if bytes_per_s is None else max(bytes_per_s, LOWEST_CAP_BYTES_PER_S)
