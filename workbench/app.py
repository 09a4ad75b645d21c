"""Composition root: builds the rooms and ends them.  The faces are given one ``Workbench``."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from workbench import logs, settings
from workbench.chat.history import History
from workbench.engine.sentinel import Sentinel
from workbench.engine.stored_isolation import StoredIsolation
from workbench.engine.stored_tunings import Tunings
from workbench.errors import SettingsError, WorkbenchError
from workbench.hub.rooms import Sources
from workbench.hub.switch import Switch
from workbench.hub.tokens import Tokens
from workbench.jobs import JobRunner, Task
from workbench.paths import Paths, resolve
from workbench.planning import Planning
from workbench.settings import Settings
from workbench.store.database import Database, timestamp
from workbench.words import said

if TYPE_CHECKING:
    from workbench.chat.comparison import Comparison
    from workbench.chat.journal import Journal
    from workbench.chat.options import Advice
    from workbench.engine.base import Backend
    from workbench.hub.packs.contents import Extra
    from workbench.hub.packs.create import Created, Form
    from workbench.hub.packs.progress import PackProgress
    from workbench.hub.packs.signing import SecretKey
    from workbench.hub.places.place import Place
    from workbench.models.file import ModelFile

log = logging.getLogger(__name__)


class Workbench(Planning):
    """Every room, opened on one data folder; where models come from is ``Supply``'s, and what fits ``Planning``'s."""

    def __init__(self, paths: Paths, chosen: Settings, db: Database, backend: Backend) -> None:
        sources = Sources(
            paths.data,
            paths.models,
            paths.cache,
            paths.starter_wheels,
            chosen.hub_endpoint,
            chosen.download_connections,
            self._elsewhere,
            self.in_use,
        )
        super().__init__(db, sources, Switch(offline=chosen.offline, look=self.follow_settings), Tokens())
        self.paths = paths
        self.sentinel = Sentinel(paths.opening)
        self._watched = settings.Watched(paths.settings)
        self._following = threading.RLock()  # held while a change is put into force: nobody connects meanwhile
        self.settings = chosen
        self.backend = backend
        self._flags: Mapping[str, object] = {}
        self._comparisons: weakref.WeakSet[Comparison] = weakref.WeakSet()
        self.history = History(db)
        self.conversations = self.history.conversations
        self.tunings = Tunings(db)
        self._isolation = StoredIsolation(db)
        self._session = timestamp()
        self._closing = contextlib.ExitStack()

    @classmethod
    def open(
        cls, *, data_dir: Path | None = None, backend: Backend | None = None, flags: Mapping[str, object] | None = None
    ) -> Workbench:
        """Raises SettingsError and StoreError; ``flags`` are settings given on the command line."""
        paths = resolve(data_dir)
        chosen = settings.load(paths.settings, **(flags or {}))
        closing = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(closing.close)
            closing.enter_context(logs.setup(paths, chosen.log_level))
            db = closing.enter_context(Database(paths.database))
            opened = backend or _backend(chosen, db, paths, lambda: workbench)
            closing.callback(opened.close)
            workbench = cls(paths, chosen, db, opened)
            workbench._flags = flags or {}
            workbench._closing = closing
            undo.pop_all()
        return workbench

    def close(self) -> None:
        self._closing.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _elsewhere(self) -> Sequence[Place]:
        from workbench.hub.places import finding

        return finding.here() if self.settings.other_programs else ()

    # --- what the faces ask ------------------------------------------------------------------

    def comparison(self, runner: JobRunner, journal: Journal | None = None, *, name: str = "context") -> Comparison:
        """Panes on this machine; what they load and answer is learnt from.  ``name`` is that of their lanes."""
        from workbench.chat.comparison import Comparison
        from workbench.chat.ledger import StoredLedger
        from workbench.hardware.power import PowerWatch

        ledger = StoredLedger(
            lambda: self._receipts, lambda: self._runs, self._last_seen,
            predict=self._predicted, changed=self._learn_again, session=self._session,
        )  # fmt: skip
        made = Comparison(
            runner,
            self.backend,
            self.machine,
            journal,
            ledger=ledger,
            fit=self._fit,
            together=self._together,
            advise=self.advice,
            isolate=self.isolates,
            power=PowerWatch(),
            name=name,
        )
        self._comparisons.add(made)
        return made

    def advice(self, model: ModelFile) -> Advice | None:
        """The sampling that a model's publisher recommends: in the file, else in the catalogue."""
        from workbench.chat.options import Advice
        from workbench.engine.recommended import IN_FILE, recommended, stated
        from workbench.hub.installed import entry_of

        entry = entry_of(model, self.catalogue.entries)
        known = entry.recommended if entry is not None else None
        offered = None
        if entry is not None and known is not None:
            values = {"temperature": known.temperature, "top_p": known.top_p, "min_p": known.min_p}
            offered = stated(said("the catalogue, {entry}", entry=entry.title), top_k=known.top_k, **values)
        found = recommended(model.header, offered)
        if found is None:
            return None
        return Advice(
            found.sampling, said("the file itself") if found.source == IN_FILE else found.source, found.unheeded
        )

    def isolates(self, model: ModelFile) -> bool:
        """Whether a model always runs in a process of its own, whatever the settings say."""
        return self._isolation.isolates(model)

    def isolate(self, model: ModelFile, *, isolated: bool) -> None:
        """Remember it of a model, for its next load."""
        self._isolation.isolate(model, isolated=isolated)

    def in_use(self, path: Path) -> bool:
        """Whether a pane has this file loaded, or is about to; one that merely chose it follows it, or is told."""
        panes = [pane for comparison in list(self._comparisons) for pane in list(comparison.panes)]
        return any(pane.model and path in pane.model.files and (pane.loaded or pane.busy) for pane in panes)

    @property
    def settings(self) -> Settings:
        """The options in force; those of the network are put into force by setting this."""
        return self._settings

    @settings.setter
    def settings(self, chosen: Settings) -> None:
        self._settings = chosen
        rate = chosen.download_mb_per_s
        self._limit(round(rate * 1e6) if rate is not None else None)
        self._use(chosen.hub_endpoint, connections=chosen.download_connections)
        self._turn(offline=chosen.offline)

    def follow_settings(self) -> bool:
        """Put into force what another process has written into the settings since; True where that changed anything.

        Cheap enough to be asked before each use of the network.  A file with a mistake changes nothing.
        """
        with self._following:
            if not self._watched.changed():
                return False
            try:
                chosen = settings.load(self.paths.settings, **self._flags)
                if chosen == self.settings:
                    return False
                self.settings = chosen
            except WorkbenchError as error:
                log.warning("the settings were changed, and stay as they were here: %s", error.message)
                return False
            return True

    def set_offline(self, offline: bool) -> None:
        """Turn the network off or on, for now and for the next start; downloads are paused, or go on.

        Raises SettingsError where it cannot be kept, and where a flag or the environment says otherwise.
        """
        self.take_settings({"offline": offline})
        if self.settings.offline != offline:
            raise SettingsError(
                said(
                    "The setting is kept, but the command line or the environment still says offline = {value}.",
                    value=str(self.settings.offline).lower(),
                ),
                hint=said("Start without --offline, and take WORKBENCH_OFFLINE out of the environment."),
            )

    def take_settings(self, changes: Mapping[str, object]) -> None:
        """Keep options, such as those of a pack; flags and the environment still come before them.

        Raises SettingsError where they cannot be kept, or are none.
        """
        settings.save(self.paths.settings, changes)
        self.settings = settings.load(self.paths.settings, **self._flags)

    def create_pack(
        self,
        name: str,
        models: Sequence[ModelFile],
        target: Path,
        *,
        signer: SecretKey | None,
        form: Form = "zip",
        part_bytes: int | None = None,
        extras: Sequence[Extra] = (),
        with_settings: bool = False,
    ) -> Task[PackProgress, Created]:
        """A pack of models with their projectors, licences and catalogue entries; see ``packs.create``."""
        kept = dataclasses.asdict(self.settings) if with_settings else {}
        return self.packs.create(
            name, models, target, signer=signer, form=form, part_bytes=part_bytes, extras=extras, settings=kept
        )


def _backend(chosen: Settings, db: Database, paths: Paths, made: Callable[[], Workbench]) -> Backend:
    """``made`` is the workbench that it is for, once there is one."""
    if chosen.engine == "fake":
        from workbench.engine.fake import FakeBackend

        return FakeBackend(tokens_per_s=40)
    from workbench.engine.later import llama_later

    cache = paths.prompt_cache, lambda: made().settings.prompt_cache_gb
    return llama_later(db, Sentinel(paths.opening), lambda: made().machine(), *cache)
