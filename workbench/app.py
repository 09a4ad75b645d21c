"""Composition root: builds the rooms and ends them.  The faces are given one ``Workbench``."""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from workbench import logs, settings
from workbench.chat.comparison import Comparison
from workbench.chat.history import History
from workbench.chat.journal import Journal
from workbench.chat.ledger import StoredLedger
from workbench.chat.options import Advice
from workbench.engine import child
from workbench.engine.asked_once import AskedOnce
from workbench.engine.base import Backend
from workbench.engine.fake import FakeBackend
from workbench.engine.later import llama_later
from workbench.engine.recommended import IN_FILE, recommended, stated
from workbench.engine.sentinel import Sentinel
from workbench.engine.stored_isolation import StoredIsolation
from workbench.engine.stored_tunings import Tunings
from workbench.errors import ProbeError, SettingsError, WorkbenchError
from workbench.hardware.bandwidth import BandwidthProgress, Bandwidths, Measurement
from workbench.hardware.detect import detect
from workbench.hardware.facts import Hardware
from workbench.hardware.power import PowerWatch
from workbench.hub.installed import entry_of
from workbench.hub.places import finding
from workbench.hub.supply import Sources, Supply
from workbench.hub.switch import Switch
from workbench.hub.tokens import Tokens
from workbench.hub.transfer import Manners
from workbench.jobs import CancelToken, JobRunner, Task
from workbench.models import learning
from workbench.models.answered import with_answer
from workbench.models.exactness import heads_of
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, TogetherFit, exact_fit, fit, fit_together
from workbench.models.ladder import ladder
from workbench.models.learnt import Learnt
from workbench.models.params import RunParams
from workbench.models.receipt import Receipt
from workbench.models.receipts import Receipts, SpeedRuns
from workbench.models.verdict import Ladder
from workbench.paths import Paths, resolve
from workbench.settings import Settings
from workbench.store.database import Database, timestamp

if TYPE_CHECKING:
    from workbench.engine.probe import Probe
    from workbench.hub.packs.contents import Extra
    from workbench.hub.packs.create import Created, Form
    from workbench.hub.packs.progress import PackProgress
    from workbench.hub.packs.signing import SecretKey

log = logging.getLogger(__name__)


class Workbench(Supply):
    """Every room, opened on one data folder; what concerns where models come from is ``Supply``'s."""

    def __init__(self, paths: Paths, chosen: Settings, db: Database, backend: Backend) -> None:
        sources = Sources(
            paths.data,
            paths.models,
            paths.cache,
            paths.starter_wheels,
            chosen.hub_endpoint,
            lambda: finding.here() if self.settings.other_programs else (),
            self.in_use,
        )
        manners = Manners(connections=chosen.download_connections)
        super().__init__(db, sources, Switch(offline=chosen.offline, look=self.follow_settings), Tokens(), manners)
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
        self._receipts = Receipts(db)
        self._runs = SpeedRuns(db)
        self._bandwidths = Bandwidths(db)
        self.tunings = Tunings(db)
        self._isolation = StoredIsolation(db)
        self._session = timestamp()
        self._seen: Hardware | None = None
        self._survey = AskedOnce(child.survey)
        self._learnt: Learnt | None = None
        self._learnt_lock = threading.Lock()  # guards _learnt: panes' lanes and the face ask for it
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
            workbench.tidy()
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

    # --- what the faces ask ------------------------------------------------------------------

    def machine(self) -> Hardware:
        """This machine now.  The first call asks llama.cpp in a child process, about a second; later
        ones read free memory only."""
        self._seen = detect(self._survey, self.paths.data, bandwidth=self._bandwidths.measured)
        return self._seen

    def look(self) -> Task[None, Hardware]:
        """``machine`` as a task."""

        def task(cancel: CancelToken) -> Generator[None, None, Hardware]:
            cancel.raise_if_cancelled()
            yield None
            return self.machine()

        return task

    def fit(
        self,
        model: ModelFile,
        *,
        n_ctx: int | None = None,
        params: RunParams | None = None,
        machine: Hardware | None = None,
    ) -> Fit:
        """The instant verdict.  The context is ``n_ctx``, else that of ``params``, else the setting."""
        return self._fit(model, machine or self.machine(), n_ctx=self._context(n_ctx, params), params=params)

    def exact(
        self,
        model: ModelFile,
        *,
        n_ctx: int | None = None,
        params: RunParams | None = None,
        machine: Hardware | None = None,
    ) -> Task[None, Fit]:
        """``fit``, with llama.cpp's own numbers; where it cannot be asked, the estimate and the reason why."""

        def task(cancel: CancelToken) -> Generator[None, None, Fit]:
            cancel.raise_if_cancelled()
            yield None
            return exact_fit(
                model,
                machine or self.machine(),
                n_ctx=self._context(n_ctx, params),
                params=params,
                learnt=self.learnt(),
                probe=self._probe,
                cancel=cancel,
            )

        return task

    def ladder(
        self,
        files: Sequence[ModelFile],
        *,
        n_ctx: int | None = None,
        params: RunParams | None = None,
        machine: Hardware | None = None,
    ) -> Ladder:
        """Every quantisation of a model with its verdict, one recommended."""
        context = self._context(n_ctx, params)
        return ladder(files, machine or self.machine(), n_ctx=context, params=params, learnt=self.learnt())

    def together(self, fits: Sequence[Fit], *, machine: Hardware | None = None) -> TogetherFit:
        """Whether these fit side by side, and what taking turns would cost."""
        return self._together(fits, machine or self.machine())

    def receipts(self, limit: int = 20) -> tuple[Receipt, ...]:
        """What past loads were said to take, and took; newest first."""
        return self._receipts.latest(limit)

    def learnt(self) -> Learnt:
        """What past loads and runs on this machine taught; computed once, and again after each new one."""
        with self._learnt_lock:
            if self._learnt is None:
                self._learnt = learning.learnt(self._receipts.latest(learning.RECEIPTS_ASKED), self._runs.all())
            return self._learnt

    def measure_bandwidth(self) -> Task[BandwidthProgress, Measurement]:
        """Measure how fast main memory is read, and keep it for ``machine``, unless the computer is busy."""

        def task(cancel: CancelToken) -> Generator[BandwidthProgress, None, Measurement]:
            cancel.raise_if_cancelled()
            return (yield from self._bandwidths.measure(self.machine().cpu)(cancel))

        return task

    def measure_bandwidth_once(self) -> Task[BandwidthProgress, bool]:
        """``measure_bandwidth`` unless it was measured before; True when it was measured just now."""

        def task(cancel: CancelToken) -> Generator[BandwidthProgress, None, bool]:
            cancel.raise_if_cancelled()
            if self.settings.engine == "fake" or self.machine().memory.bandwidth_bytes_per_s is not None:
                return False
            found = yield from self.measure_bandwidth()(cancel)
            return found.bytes_per_s is not None

        return task

    def comparison(self, runner: JobRunner, journal: Journal | None = None, *, name: str = "context") -> Comparison:
        """Panes on this machine; what they load and answer is learnt from.  ``name`` is that of their lanes."""
        ledger = StoredLedger(
            self._receipts, self._runs, self._last_seen,
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
        entry = entry_of(model, self.catalogue.entries)
        known = entry.recommended if entry is not None else None
        said = None
        if entry is not None and known is not None:
            values = {"temperature": known.temperature, "top_p": known.top_p, "min_p": known.min_p}
            said = stated(f"the catalogue, {entry.title}", top_k=known.top_k, **values)
        found = recommended(model.header, said)
        if found is None:
            return None
        return Advice(found.sampling, "the file itself" if found.source == IN_FILE else found.source, found.unheeded)

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
        self.downloads.limit(round(rate * 1e6) if rate is not None else None)
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
                "The setting is kept, but the command line or the environment still says offline = "
                f"{str(self.settings.offline).lower()}.",
                hint="Start without --offline, and take WORKBENCH_OFFLINE out of the environment.",
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
        kept = self.settings.model_dump() if with_settings else {}
        return self.packs.create(
            name, models, target, signer=signer, form=form, part_bytes=part_bytes, extras=extras, settings=kept
        )

    # --- how the rooms are joined ------------------------------------------------------------

    @cached_property
    def _probe(self) -> Probe:
        from workbench.engine.probe import Probe  # with the engine behind it: not before it is asked

        self._closing.callback((made := Probe(self.db, devices=lambda: self._survey().devices)).close)
        return made

    def _fit(self, model: ModelFile, hardware: Hardware, *, n_ctx: int, params: RunParams | None) -> Fit:
        return fit(model, hardware, n_ctx=n_ctx, params=params, learnt=self.learnt())

    def _together(self, fits: Sequence[Fit], hardware: Hardware) -> TogetherFit:
        asked = () if hardware.described else {one.model.header.sha256 for one in fits}
        load_s = {sha256: self._receipts.load_s(sha256) for sha256 in asked}
        known = {sha256: seconds for sha256, seconds in load_s.items() if seconds is not None}
        rate = None if hardware.described else self._receipts.rate_bytes_per_s()
        return fit_together(fits, hardware, disk_bytes_per_s=rate, load_s=known, learnt=self.learnt())

    def _predicted(self, model: ModelFile, found: Fit) -> Fit:
        """A load's fit with llama.cpp's own numbers, where it was asked about these very parameters."""
        try:
            answer = self._probe.known(heads_of(model), model.header.sha256, found.params)
        except ProbeError as error:
            log.info("no exact prediction for %s: %s", model.name, error.message)
            return found
        return found if answer is None else with_answer(found, answer)

    def _last_seen(self) -> Hardware:
        return self._seen or self.machine()

    def _learn_again(self) -> None:
        with self._learnt_lock:
            self._learnt = None

    def _context(self, n_ctx: int | None, params: RunParams | None) -> int:
        return n_ctx or (params.n_ctx if params is not None else self.settings.context)


def _backend(chosen: Settings, db: Database, paths: Paths, made: Callable[[], Workbench]) -> Backend:
    """``made`` is the workbench that it is for, once there is one."""
    if chosen.engine == "fake":
        return FakeBackend(tokens_per_s=40)
    cache = paths.prompt_cache, lambda: made().settings.prompt_cache_gb
    return llama_later(db, Sentinel(paths.opening), lambda: made().machine(), *cache)
