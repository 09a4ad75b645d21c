"""What panes' loads and answers teach, written down as they happen."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from workbench.engine.base import Completion, EngineFacts, Request
from workbench.errors import WorkbenchError
from workbench.store.database import timestamp

if TYPE_CHECKING:
    from workbench.hardware.facts import Hardware
    from workbench.models.breakdown import Share
    from workbench.models.file import ModelFile
    from workbench.models.fit import Fit
    from workbench.models.receipt import Growth, Receipt
    from workbench.models.receipts import Receipts, SpeedRuns

log = logging.getLogger(__name__)

SCRIPTED = "fake"

V = TypeVar("V")


class Ledger(Protocol):
    """Keeps what loads took and how fast answers were; called on the face's thread."""

    def loaded(self, model: ModelFile, fit: Fit, facts: EngineFacts) -> Receipt | None:
        """The receipt of a load that just ended, not stored yet; None where there is nothing to learn from."""
        ...

    def settled(self, receipt: Receipt, facts: EngineFacts) -> Receipt:
        """The receipt as it is stored: with the growth there was once the first answer ended."""
        ...

    def answered(
        self, model: ModelFile, fit: Fit, facts: EngineFacts, request: Request, completion: Completion
    ) -> None:
        """An answer beside which no other was being written."""
        ...

    def load_s(self, model: ModelFile) -> tuple[float, float] | None:
        """How long a load of this model takes, by what past loads took; None where nobody knows."""
        ...


Predict: TypeAlias = "Callable[[ModelFile, Fit], Fit]"
"""The fit with llama.cpp's own numbers, if they are known for these very parameters, else as it is."""


class StoredLedger:
    """Writes receipts and speeds into the store; the scripted engine leaves none."""

    def __init__(
        self,
        receipts: Callable[[], Receipts],
        runs: Callable[[], SpeedRuns],
        machine: Callable[[], Hardware],
        *,
        predict: Predict = lambda _, fit: fit,
        changed: Callable[[], None] = lambda: None,
        session: str | None = None,
    ) -> None:
        """``machine`` may be as it was some time ago: its devices are asked for, not what is free.

        ``receipts`` and ``runs`` are asked for with the first load.  ``changed`` is called after each thing written
        down.  ``session`` names this run of the program.
        """
        self._receipts = receipts
        self._runs = runs
        self._machine = machine
        self._predict = predict
        self._changed = changed
        self._session = session or timestamp()

    def loaded(self, model: ModelFile, fit: Fit, facts: EngineFacts) -> Receipt | None:
        # What was loaded otherwise than it was judged says nothing about the judgement.
        from workbench.models.receipt import Receipt

        if facts.engine == SCRIPTED or not facts.buffers or facts.params != fit.params:
            return None
        predicted = self._predict(model, fit)
        keys = device_keys(self._machine())
        return Receipt(
            id=0,
            made_at=timestamp(),
            model_name=model.name,
            model_path=str(model.path),
            header_sha256=model.header.sha256,
            architecture=model.architecture,
            quantisation=model.quantisation,
            engine=f"{facts.engine} {facts.engine_version}",
            device_key=keys.get(main_device(predicted.shares), ""),
            params=facts.params,
            predicted=predicted.shares,
            predicted_basis=predicted.basis,
            reported=facts.buffers,
            growth=_growth(facts),
            load_ms=facts.load_ms,
            weights_shared=facts.weights_shared,
            device_keys=tuple(keys.items()),
            session=self._session,
        )

    def settled(self, receipt: Receipt, facts: EngineFacts) -> Receipt:
        final = replace(receipt, growth=_growth(facts))
        return self._written(lambda: self._receipts().keep(final), final)

    def answered(
        self, model: ModelFile, fit: Fit, facts: EngineFacts, request: Request, completion: Completion
    ) -> None:
        from workbench.models.derived import subject_of
        from workbench.models.fit import Verdict
        from workbench.models.learnt import SpeedRun
        from workbench.models.speeds import bytes_per_token, operations_per_token

        main = main_device(fit.shares)
        timings = completion.timings
        # Of a model on two kinds of memory a run says how fast neither is.
        if facts.engine == SCRIPTED or fit.verdict is Verdict.SPLIT or timings.completion_tokens < 2:
            return
        if facts.params != fit.params:
            return
        key = device_keys(self._machine()).get(main)
        if key is None:
            return
        shape = subject_of(model.header).shape
        mean_position = timings.reused_tokens + timings.prefill_tokens + timings.completion_tokens // 2
        run = SpeedRun(
            ran_at=timestamp(),
            device_key=key,
            engine=f"{facts.engine} {facts.engine_version}",
            architecture=model.architecture,
            header_sha256=model.header.sha256,
            n_threads=request.n_threads,
            bytes_per_token=bytes_per_token(model, shape, facts.params, mean_position),
            decode_tokens=timings.completion_tokens - 1,
            decode_ms=timings.decode_ms,
            operations_per_token=operations_per_token(model, shape, facts.params, timings.prefill_tokens // 2),
            prefill_tokens=timings.prefill_tokens,
            prefill_ms=timings.prefill_ms,
        )
        self._written(lambda: self._runs().keep(run), None)

    def load_s(self, model: ModelFile) -> tuple[float, float] | None:
        from workbench.models.together import load_range_s

        known = self._receipts().load_s(model.header.sha256)
        return load_range_s(model.size_bytes, known, self._receipts().rate_bytes_per_s() if known is None else None)

    def _written(self, write: Callable[[], V], otherwise: V) -> V:
        """An answer is not lost because nothing could be learnt from it."""
        try:
            written = write()
        except WorkbenchError as error:
            log.warning("what a run taught could not be kept: %s", error)
            return otherwise
        self._changed()
        return written


def _growth(facts: EngineFacts) -> Growth:
    """None of an engine means that nobody could measure."""
    from workbench.models.receipt import Growth

    return replace(facts.growth or Growth(None, (), alone=False), warm=facts.warm)


def device_keys(machine: Hardware) -> dict[str, str]:
    """Under which key each device's figures are kept, by its name, and main memory's."""
    from workbench.models.breakdown import RAM

    return {device.name: device.key for device in machine.devices} | {RAM: machine.cpu.key}


def main_device(shares: Sequence[Share]) -> str:
    """The device that most of the weights are on."""
    from workbench.models.breakdown import Kind

    return max(shares, key=lambda share: share.of(Kind.WEIGHTS)).device
