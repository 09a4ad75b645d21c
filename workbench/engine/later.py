"""A backend that is made when it is first asked for something: the program starts without what it imports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.engine.base import Backend, Engine, LoadEvent, LoadRequest
from workbench.jobs import CancelToken

if TYPE_CHECKING:
    from workbench.engine.sentinel import Sentinel
    from workbench.hardware.facts import Hardware
    from workbench.store.database import Database


def llama_later(
    db: Database,
    sentinel: Sentinel,
    machine: Callable[[], Hardware],
    cache_folder: Path,
    cache_gb: Callable[[], float],
) -> LaterBackend:
    """llama.cpp as the program uses it, see ``choosing.llama_backend``; prompts are kept in ``cache_folder``."""

    def make() -> Backend:
        from workbench.engine.choosing import llama_backend
        from workbench.engine.prompt_cache import PromptCache
        from workbench.engine.stored_verdicts import StoredVerdicts
        from workbench.engine.vet import Vetter

        cache = PromptCache(cache_folder, lambda: round(cache_gb() * 1e9))
        return llama_backend(Vetter(StoredVerdicts(db)), sentinel, machine, cache)

    return LaterBackend(make)


class LaterBackend:
    """Any thread; ``make`` is called once at most."""

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._lock = threading.Lock()  # guards _made
        self._made: Backend | None = None

    @property
    def name(self) -> str:
        return self._backend().name

    @property
    def version(self) -> str:
        return self._backend().version

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        return self._backend().open(request, cancel)

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def _backend(self) -> Backend:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
