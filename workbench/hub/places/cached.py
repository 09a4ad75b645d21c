"""What other programs keep, found once for as long as somebody watches their folders."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from pathlib import Path

from workbench.hub.places.place import Place
from workbench.hub.places.watching import Changed, Watching, watch
from workbench.jobs import CancelToken, Task


class CachedPlaces:
    """Any thread.  While nobody watches, every call looks anew: what is remembered could be old."""

    def __init__(self, find: Callable[[], Sequence[Place]]) -> None:
        self._find = find
        self._lock = threading.Lock()  # guards the four below
        self._watchers = 0
        self._changes = 0
        self._awaited: tuple[Path, ...] = ()  # folders that were not there when the watch looked
        self._found: tuple[Place, ...] | None = None

    def __call__(self) -> tuple[Place, ...]:
        with self._lock:
            known, awaited, changes = self._found, self._awaited, self._changes
        # The watch comes by a folder that was missing only now and then: once it is there, it tells nothing yet.
        if known is not None and not any(map(os.path.isdir, awaited)):
            return known
        found = tuple(self._find())
        with self._lock:
            # What changed while it was looked at is looked at again the next time.
            if self._watchers and changes == self._changes:
                self._found = found
        return found

    def forget(self) -> None:
        with self._lock:
            self._found = None
            self._changes += 1

    def watch(self, others: Callable[[], Iterable[Path]] = tuple) -> Task[Watching | Changed, None]:
        """Tells when something below these places or the ``others`` changed, until it is cancelled; those that come
        later are watched too."""

        def folders() -> list[Path]:
            return [*others(), *(place.folder for place in self._find())]

        def task(cancel: CancelToken) -> Generator[Watching | Changed, None, None]:
            cancel.raise_if_cancelled()
            watching = False
            try:
                for event in watch(folders)(cancel):
                    with self._lock:
                        self._watchers += not watching
                        if isinstance(event, Watching):
                            self._awaited = event.missing
                    watching = True
                    self.forget()
                    yield event
            finally:
                with self._lock:
                    self._watchers -= watching
                    self._found = None

        return task
