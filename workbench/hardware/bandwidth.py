"""How fast main memory can be read: measured once when the machine is idle, kept by processor.

Decoding on the processor reads all weights once for each token, so this bounds its speed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from workbench.hardware.caches import last_level_cache_bytes
from workbench.hardware.facts import Cpu
from workbench.hardware.load import Load
from workbench.hardware.memory import available_bytes
from workbench.jobs import CancelToken, Task
from workbench.words import said

if TYPE_CHECKING:  # a library that most starts of the program never need
    import numpy as np
    import numpy.typing as npt

    _Array: TypeAlias = npt.NDArray[np.uint64]

log = logging.getLogger(__name__)

ROUNDS = 6
MAX_READING_S = 0.5
_TIMES_CACHE = 4
# Filling more takes seconds on virtual machines, whose last-level cache may be the whole server's.
_MAX_ARRAYS_BYTES = 512 << 20
_MIN_ARRAYS_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class BandwidthProgress:
    """After each round; ``best_bytes_per_s`` is 0 while the arrays are being filled."""

    round: int
    rounds: int
    best_bytes_per_s: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """``bytes_per_s`` is None when it was not measured or not kept; ``said`` tells the figure or the reason."""

    bytes_per_s: float | None
    said: str


class _Sql(Protocol):
    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...


class Tables(Protocol):
    """What is needed of the program's database, which this room may not know."""

    def transaction(self) -> AbstractContextManager[_Sql]: ...

    def read(self) -> AbstractContextManager[_Sql]: ...


class Bandwidths:
    """Measured bandwidths by ``Cpu.key``.  Reading and writing raise StoreError."""

    def __init__(self, db: Tables, load: Callable[[int], Load] = Load) -> None:
        self._db = db
        self._load = load

    def measured(self, key: str) -> float | None:
        """Bytes per second, as last measured; None when it never was."""
        with self._db.read() as sql:
            row = sql.execute("SELECT bytes_per_s FROM bandwidth WHERE device_key = ?", (key,)).fetchone()
        return None if row is None else float(row["bytes_per_s"])

    def keep(self, key: str, bytes_per_s: float) -> None:
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO bandwidth (device_key, bytes_per_s, measured_at) VALUES (?, ?, ?)",
                (key, bytes_per_s, datetime.now(UTC).isoformat()),
            )

    def measure(self, cpu: Cpu) -> Task[BandwidthProgress, Measurement]:
        """Measure this machine's memory and keep the figure.

        Where something else keeps the processor busy, before or meanwhile, nothing is kept and the result says so.
        """

        def task(cancel: CancelToken) -> Generator[BandwidthProgress, None, Measurement]:
            cancel.raise_if_cancelled()
            load = self._load(cpu.physical_cores)
            busy = load.busy(cancel)
            if busy is not None:
                return Measurement(None, said("Not measured: {busy}. Try again when the computer is idle", busy=busy))
            try:
                found = yield from read_bandwidth(cpu.usable_cores, _arrays_bytes(available_bytes()))(cancel)
            except MemoryError:
                return Measurement(None, said("Not measured: there is too little free memory"))
            meanwhile = load.others_since()
            if meanwhile is not None:
                return Measurement(
                    None,
                    said("Measured, but not kept: {busy}. Try again when the computer is idle", busy=meanwhile),
                )
            self.keep(cpu.key, found)
            log.info("main memory is read at %.1f GB/s", found / 1e9)
            return Measurement(found, said("Main memory is read at {n:.0f} GB/s", n=found / 1e9))

        return task


def read_bandwidth(n_threads: int, arrays_bytes: int) -> Task[BandwidthProgress, float]:
    """Bytes per second that ``n_threads`` read together, the best of six rounds, half a second at most.

    Each thread reads its own part of ``arrays_bytes``; a barrier starts them together.  Raises MemoryError.
    """

    def task(cancel: CancelToken) -> Generator[BandwidthProgress, None, float]:
        best = spent_s = 0.0
        with ThreadPoolExecutor(n_threads, thread_name_prefix="bandwidth") as pool:
            yield BandwidthProgress(0, ROUNDS, 0)
            arrays = list(pool.map(_filled, [arrays_bytes // n_threads] * n_threads))
            for number in range(1, ROUNDS + 1):
                cancel.raise_if_cancelled()
                seconds = _read_together(pool, arrays)
                best = max(best, sum(array.nbytes for array in arrays) / seconds)
                spent_s += seconds
                yield BandwidthProgress(number, ROUNDS, best)
                if spent_s + seconds > MAX_READING_S:
                    break
        return best

    return task


def _filled(size_bytes: int) -> _Array:
    """Written to once: pages never written are all the same page of zeros, which stays in the cache."""
    import numpy as np

    array = np.empty(max(1, size_bytes // 8), dtype=np.uint64)
    array.fill(1)
    return array


def _read_together(pool: ThreadPoolExecutor, arrays: Sequence[_Array]) -> float:
    """Seconds from the first start to the last end."""
    import numpy as np

    barrier = threading.Barrier(len(arrays), timeout=10)

    def read(array: _Array) -> tuple[float, float]:
        barrier.wait()
        started = time.perf_counter()
        np.bitwise_or.reduce(array)  # of NumPy's reductions the one that computes least; it releases the GIL
        return started, time.perf_counter()

    times = list(pool.map(read, arrays))
    return max(end for _, end in times) - min(start for start, _ in times)


def _arrays_bytes(available: int) -> int:
    """Four times the last-level cache, as far as memory and patience allow."""
    wanted = _TIMES_CACHE * last_level_cache_bytes()
    allowed = min(_MAX_ARRAYS_BYTES, available // 8)
    return max(_MIN_ARRAYS_BYTES, min(wanted, allowed))
