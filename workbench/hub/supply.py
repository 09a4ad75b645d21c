"""Where models come from and where they are: the hub's rooms, joined on one data folder and one switch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelNotFoundError, OfflineError, PackError
from workbench.hub import catalogues, gate, moving, network_uses, pulling, upkeep
from workbench.hub.catalogue import Catalogue
from workbench.hub.download_rows import State
from workbench.hub.download_state import DownloadState
from workbench.hub.downloads import Download, Downloads
from workbench.hub.entries import Entry
from workbench.hub.finding import Found, find
from workbench.hub.gate import Gate
from workbench.hub.library import Held, Library
from workbench.hub.moving import Moved, Moving
from workbench.hub.network_uses import NetworkUse
from workbench.hub.packing import Packing
from workbench.hub.packs.install import finish_interrupted
from workbench.hub.packs.planning import Destination
from workbench.hub.places.cached import CachedPlaces
from workbench.hub.places.place import Place
from workbench.hub.places.watching import Changed, Watching
from workbench.hub.remote import HeadProgress, Hub, RemoteListing
from workbench.hub.repository import RemoteFile, Repository
from workbench.hub.search import SearchHit, search
from workbench.hub.switch import BACK_ON, Switch
from workbench.hub.tokens import Tokens
from workbench.hub.transfer import Manners
from workbench.hub.upkeep import Removal, Verified, Verifying
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.paths import resources
from workbench.store.database import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sources:
    """Folders and choices.  ``places`` finds what other programs keep; ``in_use`` says whether a file is open."""

    data: Path
    models: Path
    cache: Path
    endpoint: str
    places: Callable[[], Sequence[Place]]
    in_use: Callable[[Path], bool]


class Supply:
    """Any thread, unless a method says otherwise.  Nothing is kept open between calls."""

    def __init__(self, db: Database, sources: Sources, switch: Switch, tokens: Tokens, manners: Manners) -> None:
        self.db = db
        self.switch = switch
        self.tokens = tokens
        self._sources = sources
        self._places = CachedPlaces(sources.places)
        self.library = Library(db, sources.models, places=self._places)
        self._connect = switch.connecting(sources.endpoint, token=self._token)
        self.downloads = Downloads(db, sources.models, self._connect, endpoint=sources.endpoint, manners=manners)
        self._texts = gate.Texts(sources.data / "licences")
        self._lock = threading.Lock()  # guards _catalogue and _known
        self._catalogue: Catalogue | None = None
        self._known: dict[tuple[str, str], Repository] = {}
        self.packs = Packing(
            db,
            Destination.below(sources.data),
            self.library,
            self.downloads,
            self._texts,
            catalogue=lambda: self.catalogue,
            changed=self.read_catalogue_again,
        )
        self.trusted_keys = self.packs.trusted
        self.pack_listing = self.packs.listing
        self.verify_pack = self.packs.verify
        self.unagreed = self.packs.unagreed
        self.install_pack = self.packs.install

    def tidy(self) -> None:
        """Finish what an earlier run was interrupted at; once, before the first listing."""
        moving.tidy(self.library, self.db)
        try:
            finish_interrupted(Destination.below(self._sources.data), self.library, self.db)
        except PackError as error:  # the next installation tries again; the program starts all the same
            log.warning("the installation of a pack is still to be finished: %s", error.message)
        if not self.switch.offline:
            self._resume_downloads()

    # --- the catalogue -----------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        """Read once, and again after a catalogue was added.  Raises CatalogueError for a damaged installation."""
        with self._lock:
            if self._catalogue is None:
                self._catalogue = Catalogue.load(resources(), self._user_catalogues)
            return self._catalogue

    def refresh(self, entry: Entry) -> Task[None, Entry]:
        """What the hub says of an entry's repositories now; in the catalogue until the program ends.

        Raises OfflineError, HubError and Cancelled.
        """

        def task(cancel: CancelToken) -> Generator[None, None, Entry]:
            fresh = yield from catalogues.refreshed(entry, self._connect)(cancel)
            with self._lock:
                if self._catalogue is not None:
                    self._catalogue = self._catalogue.with_entry(fresh)
            return fresh

        return self.switch.under("Refreshing the catalogue", task)

    def add_catalogue(self, source: str) -> Task[None, Path]:
        """Keep a catalogue from a file, or from an https:// address.

        Raises CatalogueError, OfflineError, HubError and Cancelled.
        """

        def task(cancel: CancelToken) -> Generator[None, None, Path]:
            path = yield from catalogues.added(source, self._user_catalogues, self.switch)(cancel)
            self.read_catalogue_again()
            return path

        is_address = source.strip().startswith(("https://", "http://"))
        return self.switch.under("This catalogue", task) if is_address else task

    def read_catalogue_again(self) -> None:
        with self._lock:
            self._catalogue = None

    @property
    def _user_catalogues(self) -> Path:
        return Destination.below(self._sources.data).catalogue

    # --- the hub -----------------------------------------------------------------------------

    def search(self, text: str) -> Task[None, tuple[SearchHit, ...]]:
        """Repositories with GGUF files by words, name or address.  Raises OfflineError, HubError and Cancelled."""
        return self.switch.under("Searching", search(text, self._sources.endpoint, self._connect))

    def remote(self, repository: str, *, revision: str = "main") -> Task[HeadProgress, RemoteListing]:
        """The model files of a repository on the hub, described from their headers alone; offline what was kept."""

        def task(cancel: CancelToken) -> Generator[HeadProgress, None, RemoteListing]:
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
        return find(names, self.library, self.remote)

    def gate(self, listing: RemoteListing) -> Task[None, Gate]:
        """The licence of a repository's models; offline with the text that was kept or is shipped."""
        asking = gate.gate(listing, self.db, self._texts, self._connect)

        def task(cancel: CancelToken) -> Generator[None, None, Gate]:
            try:
                return (yield from self.switch.under("The licence", asking)(cancel))
            except OfflineError:
                return (yield from asking(cancel))

        return task

    def agree(self, found: Gate) -> Gate:
        """Record the user's agreement; asked again only for another revision."""
        return gate.agree(found, self.db)

    def companions(self, model: ModelFile) -> tuple[RemoteFile, ...]:
        """The projectors in a remote model's repository, as far as it was looked at since the program started."""
        found = self._repository(model)
        return pulling.companions(found) if found is not None else ()

    def here(self, model: ModelFile) -> Held | None:
        """The model of the library that is this very one, by its SHA-256; where ``pull`` would refuse."""
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

        def task(cancel: CancelToken) -> Generator[DownloadState, None, int]:
            if any(one.state in (State.QUEUED, State.PUBLISHING) for one in self.downloads.listing()):
                self.switch.refuse("Downloading")
            try:
                return (yield from self.downloads.work()(cancel))
            except OfflineError:
                self._pause_downloads()
                return 0

        return task

    # --- the network -------------------------------------------------------------------------

    def network_uses(self) -> tuple[NetworkUse, ...]:
        """Everything the program can use the network for, and whether it may now."""
        return network_uses.network_uses(endpoint=self._sources.endpoint, offline=self.switch.offline)

    def _turn(self, *, offline: bool) -> None:
        if not self.switch.turn(offline=offline):
            return
        if offline:
            self._pause_downloads()
        else:
            self._resume_downloads()

    def _resume_downloads(self) -> None:
        """Those that only the switch had paused."""
        for one in self.downloads.listing():
            if one.state is State.PAUSED and one.reason is not None and one.reason.code == OfflineError.code:
                self.downloads.resume(one.id)

    def _pause_downloads(self) -> None:
        reason = OfflineError("Paused: the network was switched off.", hint=BACK_ON)
        for one in self.downloads.listing():
            if one.state is State.QUEUED:
                self.downloads.pause(one.id, reason=reason)

    # --- the library -------------------------------------------------------------------------

    def held(self, model: ModelFile) -> Held:
        """Who keeps a model of the library, and where else it lies.  Raises ModelNotFoundError."""
        for held in self.library.listing().held:
            if held.file.path == model.path or model.path in held.file.files:
                return held
        raise ModelNotFoundError(f"{model.name} is not in the library any more.", hint="List the library again.")

    def verify(self, model: ModelFile) -> Task[Verifying, Verified]:
        """Read every byte and compare it with what is known of it.  Raises ModelNotFoundError, ModelFileError."""
        held = self.held(model)
        return upkeep.verify(held.file.files, self.library.digests, upkeep.expectations(held, self.library.digests))

    def removal(self, model: ModelFile) -> Removal:
        """What removing a model would delete and free, its projectors with it.  Raises ModelFileError for what is
        not this program's own, or is open."""
        held = self.held(model)
        return upkeep.removal(held, self.library.owned, in_use=self._sources.in_use, also=self._own_companions(held))

    def remove(self, plan: Removal) -> None:
        """Carry it out.  Raises ModelFileError."""
        upkeep.remove(plan, self.db, self.library.owned)
        for one in self.downloads.listing():
            if one.state is State.DONE and set(one.files) <= set(plan.paths):
                self.downloads.remove(one.id)

    def move(self, model: ModelFile, folder: Path) -> Task[Moving, Moved]:
        """Move a model of our own to another folder or disk.  Raises what ``moving.move_to`` does."""
        held = self.held(model)
        also = self._own_companions(held)
        return moving.move_to(held, folder, self.library, self.db, in_use=self._sources.in_use, also=also)

    def places(self) -> tuple[Place, ...]:
        """What other programs keep on this machine."""
        return self._places()

    def watch(self) -> Task[Watching | Changed, None]:
        """Tells when the library has to be listed again, until it is cancelled.  A folder that is added later is
        watched from the next start of this on."""
        return self._places.watch((self._sources.models, *self.library.folders()))

    def _own_companions(self, held: Held) -> tuple[Path, ...]:
        """Those that no other model has."""
        others = {
            companion.path
            for other in self.library.listing().held
            if other.file.path != held.file.path
            for companion in other.companions
        }
        own = (companion.path for companion in held.companions if self.library.owned.owns(companion.path))
        return tuple(path for path in own if path not in others)

    # --- how the rooms are joined ------------------------------------------------------------

    def _token(self) -> str | None:
        return self.tokens.token(self._sources.endpoint)

    def _repository(self, model: ModelFile) -> Repository | None:
        if model.origin is None:
            return None
        with self._lock:
            return self._known.get((model.origin.repository.lower(), model.origin.commit))
