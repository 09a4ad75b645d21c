"""The hub's rooms on one data folder, each made and imported when it is first used: a start needs none of them."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import OfflineError, PackError
from workbench.hub.packs.destination import Destination

if TYPE_CHECKING:
    from workbench.hub.downloads import Downloads
    from workbench.hub.gate import Texts
    from workbench.hub.library import Library
    from workbench.hub.places.cached import CachedPlaces
    from workbench.hub.places.place import Place
    from workbench.hub.switch import Switch
    from workbench.hub.tokens import Tokens
    from workbench.hub.worker import Connect
    from workbench.store.database import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders and choices.  ``places`` finds what other programs keep; ``in_use`` says whether a file is open."""

    data: Path
    models: Path
    cache: Path
    starter_wheels: Path
    endpoint: str
    connections: int
    places: Callable[[], Sequence[Place]]
    in_use: Callable[[Path], bool]


class Rooms:
    """Any thread."""

    def __init__(self, db: Database, sources: Sources, switch: Switch, tokens: Tokens) -> None:
        self.db = db
        self.switch = switch
        self.tokens = tokens
        self._sources = sources
        self._connect = self._connecting(sources.endpoint)
        self._bytes_per_s: int | None = None
        self._making = threading.RLock()  # held while downloads are made, or told how to work: neither is missed

    @cached_property
    def library(self) -> Library:
        """What an earlier run was interrupted at is finished first."""
        from workbench.hub import moving
        from workbench.hub.library import Library

        made = Library(self.db, self._sources.models, places=self._places)
        moving.tidy(made, self.db)
        if self._destination.packs.is_dir():
            self._finish_packs(made)
        return made

    @cached_property
    def downloads(self) -> Downloads:
        """Those that only the switch had paused are queued again."""
        from workbench.hub.downloads import Downloads
        from workbench.hub.transfer import Manners

        with self._making:
            sources, manners = self._sources, Manners(connections=self._sources.connections)
            made = Downloads(
                self.db,
                sources.models,
                self._connect,
                endpoint=sources.endpoint,
                manners=manners,
                bytes_per_s=self._bytes_per_s,
            )
            if not self.switch.offline:
                resume_unswitched(made)
            self.__dict__["downloads"] = made  # before the lock is free
        return made

    @cached_property
    def _places(self) -> CachedPlaces:
        from workbench.hub.places.cached import CachedPlaces

        return CachedPlaces(self._sources.places)

    @cached_property
    def _texts(self) -> Texts:
        from workbench.hub.gate import Texts

        return Texts(self._sources.data / "licences")

    @property
    def _destination(self) -> Destination:
        return Destination.below(self._sources.data)

    def _finish_packs(self, library: Library) -> None:
        from workbench.hub.packs.install import finish_interrupted

        try:
            finish_interrupted(self._destination, library, self.db)
        except PackError as error:  # the next installation tries again; the program starts all the same
            log.warning("the installation of a pack is still to be finished: %s", error.message)

    def _limit(self, bytes_per_s: int | None) -> None:
        """How much all downloads together may take from now on."""
        with self._making:
            self._bytes_per_s = bytes_per_s
            if "downloads" in self.__dict__:
                self.downloads.limit(bytes_per_s)

    def _use(self, endpoint: str, *, connections: int) -> None:
        """For what begins from now on; what goes on does so where it began."""
        with self._making:
            if endpoint != self._sources.endpoint:
                self._connect = self._connecting(endpoint)
            self._sources = dataclasses.replace(self._sources, endpoint=endpoint, connections=connections)
            if "downloads" in self.__dict__:
                self.downloads.use(endpoint, self._connect, connections=connections)

    def _connecting(self, endpoint: str) -> Connect:
        return self.switch.connecting(endpoint, token=partial(self.tokens.token, endpoint))


def resume_unswitched(downloads: Downloads) -> None:
    """Queue those again that only the network's switch had paused."""
    from workbench.hub.download_rows import State

    for one in downloads.listing():
        if one.state is State.PAUSED and one.reason is not None and one.reason.code == OfflineError.code:
            downloads.resume(one.id)
