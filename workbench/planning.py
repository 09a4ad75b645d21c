"""What is known of this machine, and what fits it: from its measurements, and from what past loads and runs taught."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Generator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.engine.asked_once import AskedOnce
from workbench.errors import ProbeError
from workbench.hub.supply import Supply
from workbench.jobs import CancelToken, Task

if TYPE_CHECKING:
    from workbench.engine.probe import Probe
    from workbench.hardware.bandwidth import BandwidthProgress, Bandwidths, Measurement
    from workbench.hardware.facts import Hardware, Survey
    from workbench.hub.rooms import Sources
    from workbench.hub.switch import Switch
    from workbench.hub.tokens import Tokens
    from workbench.models.file import ModelFile
    from workbench.models.fit import Fit, TogetherFit
    from workbench.models.learnt import Learnt
    from workbench.models.params import RunParams
    from workbench.models.receipt import Receipt
    from workbench.models.receipts import Receipts, SpeedRuns
    from workbench.models.verdict import Ladder
    from workbench.paths import Paths
    from workbench.settings import Settings
    from workbench.store.database import Database

log = logging.getLogger(__name__)


class Planning(Supply):
    """The part of ``Workbench`` that answers before anything is loaded; what it asks is imported when it is asked."""

    paths: Paths
    settings: Settings

    def __init__(self, db: Database, sources: Sources, switch: Switch, tokens: Tokens) -> None:
        super().__init__(db, sources, switch, tokens)
        self._seen: Hardware | None = None
        self._survey = AskedOnce(_survey)
        self._learnt: Learnt | None = None
        self._learnt_lock = threading.Lock()  # guards _learnt: panes' lanes and the face ask for it
        self._closing = contextlib.ExitStack()

    @cached_property
    def _receipts(self) -> Receipts:
        from workbench.models.receipts import Receipts

        return Receipts(self.db)

    @cached_property
    def _runs(self) -> SpeedRuns:
        from workbench.models.receipts import SpeedRuns

        return SpeedRuns(self.db)

    @cached_property
    def _bandwidths(self) -> Bandwidths:
        from workbench.hardware.bandwidth import Bandwidths

        return Bandwidths(self.db)

    def machine(self) -> Hardware:
        """This machine now.  The first call asks llama.cpp in a child process, about a second; later
        ones read free memory only."""
        from workbench.hardware.detect import detect

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
        from workbench.models.fit import exact_fit

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
        from workbench.models.ladder import ladder

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
        from workbench.models import learning

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

    # --- how it is asked ---------------------------------------------------------------------

    @cached_property
    def _probe(self) -> Probe:
        from workbench.engine.probe import Probe  # with the engine behind it: not before it is asked

        self._closing.callback((made := Probe(self.db, devices=lambda: self._survey().devices)).close)
        return made

    def _fit(self, model: ModelFile, hardware: Hardware, *, n_ctx: int, params: RunParams | None) -> Fit:
        from workbench.models.fit import fit

        return fit(model, hardware, n_ctx=n_ctx, params=params, learnt=self.learnt())

    def _together(self, fits: Sequence[Fit], hardware: Hardware) -> TogetherFit:
        from workbench.models.fit import fit_together

        asked = () if hardware.described else {one.model.header.sha256 for one in fits}
        load_s = {sha256: self._receipts.load_s(sha256) for sha256 in asked}
        known = {sha256: seconds for sha256, seconds in load_s.items() if seconds is not None}
        rate = None if hardware.described else self._receipts.rate_bytes_per_s()
        return fit_together(fits, hardware, disk_bytes_per_s=rate, load_s=known, learnt=self.learnt())

    def _predicted(self, model: ModelFile, found: Fit) -> Fit:
        """A load's fit with llama.cpp's own numbers, where it was asked about these very parameters."""
        from workbench.models.answered import with_answer
        from workbench.models.exactness import heads_of

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


def _survey() -> Survey:
    """Imported when it is asked, with all that reads a child process."""
    from workbench.engine import child

    return child.survey()
