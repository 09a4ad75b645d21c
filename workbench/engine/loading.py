"""Weights, loaded one file at a time and shared between the contexts on them."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from workbench.engine import adapter_loading, native
from workbench.engine.base import Loading, Waiting
from workbench.engine.native_adapters import LoadedAdapter
from workbench.engine.native_params import Placement
from workbench.engine.refusal import refusal
from workbench.errors import BadGgufError, Cancelled
from workbench.jobs import CancelToken
from workbench.words import said

POLL_S = 0.02

FileKey: TypeAlias = tuple[str, int, int, int]
Key: TypeAlias = tuple[Placement, tuple[FileKey, ...]]


def identity(files: Sequence[Path], placement: Placement) -> Key:
    """The same files placed the same way.  Raises BadGgufError when one is gone."""
    return placement, tuple(map(_file_key, files))


def _file_key(path: Path) -> FileKey:
    try:
        resolved = path.resolve(strict=True)
        now = resolved.stat()
    except OSError as error:
        raise BadGgufError(
            said("{file} is gone or cannot be read.", file=path.name), hint=said("Add the file again.")
        ) from error
    return str(resolved), now.st_size, now.st_mtime_ns, now.st_ino


@dataclass(slots=True)
class _Entry:
    weights: native.Weights
    users: int
    adapters: dict[FileKey, LoadedAdapter] = field(default_factory=dict)


class Lease:
    """One user's hold on shared weights; the last one frees them."""

    def __init__(self, shelf: Shelf, key: Key, weights: native.Weights, *, shared: bool) -> None:
        self._shelf = shelf
        self._key: Key | None = key
        self.weights = weights
        self.shared = shared

    def adapter(self, path: Path) -> LoadedAdapter:
        """An adapter on these weights, loaded unless somebody has it.  Only in one's ``turn``.  Raises AdapterError."""
        assert self._key is not None
        return self._shelf.adapter(self._key, path)

    def release(self) -> None:
        if self._key is not None:
            key, self._key = self._key, None
            self._shelf.give_back(key)


class Shelf:
    """The weights that are loaded now.  Safe from any thread."""

    def __init__(self) -> None:
        self._loading = threading.Lock()  # held by the one load, so that two never plan for the same free memory
        self._lock = threading.Lock()  # guards _entries
        self._entries: dict[Key, _Entry] = {}

    @property
    def count(self) -> int:
        with self._lock:
            return len(self._entries)

    def turn(self, cancel: CancelToken) -> Generator[Waiting, None, None]:
        """Wait until no other load runs; then it is this one's turn, until ``end_turn``.  Raises Cancelled."""
        if self._loading.acquire(blocking=False):
            return
        yield Waiting()
        while not self._loading.acquire(timeout=POLL_S):
            cancel.raise_if_cancelled()

    def end_turn(self) -> None:
        self._loading.release()

    def take(self, files: Sequence[Path], placement: Placement, cancel: CancelToken) -> Generator[Loading, None, Lease]:
        """A hold on a model's weights, loaded unless somebody has them.  Only in one's ``turn``.

        ``files`` are all its parts, the first one first.

        Raises ModelLoadError, UnsupportedArchitectureError, BadGgufError, Cancelled.
        """
        key = identity(files, placement)
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                entry.users += 1
                return Lease(self, key, entry.weights, shared=True)
        weights = yield from _load(files[0], placement, cancel)
        with self._lock:
            self._entries[key] = _Entry(weights, 1)
        return Lease(self, key, weights, shared=False)

    def adapter(self, key: Key, path: Path) -> LoadedAdapter:
        """For ``Lease`` alone.  It stays until the weights go: taking it away would race with other contexts."""
        with self._lock:
            entry = self._entries[key]
        file = _file_key(path)
        if file not in entry.adapters:
            entry.adapters[file] = adapter_loading.load(entry.weights, path)
        return entry.adapters[file]

    def give_back(self, key: Key) -> None:
        """One user less; for ``Lease`` alone."""
        with self._lock:
            entry = self._entries[key]
            entry.users -= 1
            if entry.users:
                return
            del self._entries[key]
        entry.weights.close()


def _load(path: Path, placement: Placement, cancel: CancelToken) -> Generator[Loading, None, native.Weights]:
    """Load on a thread of its own, so that this one can tell how far it is."""
    given_up = threading.Event()
    reached = 0.0

    def progress(fraction: float) -> bool:
        nonlocal reached
        reached = fraction
        return not (cancel.cancelled or given_up.is_set())

    yield Loading(0.0)
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        future = pool.submit(
            native.Weights,
            path,
            n_gpu_layers=placement.n_gpu_layers,
            n_cpu_moe=placement.n_cpu_moe,
            progress=progress,
        )
        try:
            told = 0.0
            while not concurrent.futures.wait([future], timeout=POLL_S).done:
                if reached > told:
                    told = reached
                    yield Loading(told)
            weights = future.result()
        except native.LoadStopped as error:
            raise Cancelled from error
        except native.LoadFailed as error:
            raise refusal(path.name, error.lines) from error
        except GeneratorExit:
            given_up.set()
            _discard(future)
            raise
    if cancel.cancelled:
        weights.close()
        raise Cancelled
    return weights


def _discard(future: concurrent.futures.Future[native.Weights]) -> None:
    """Free what an abandoned load still brings."""
    concurrent.futures.wait([future])
    if future.exception() is None:
        future.result().close()
