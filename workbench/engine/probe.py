"""llama.cpp's own answer to what a load would take, from a child process that stays warm."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence

from workbench.engine import native, probe_child, stored_answers
from workbench.engine.child import Child, ChildCrashedError, ChildGarbledError, ChildTimeoutError, Report, survey
from workbench.engine.native_params import Placement
from workbench.engine.stored_answers import StoredAnswers
from workbench.errors import Cancelled, EngineCrashedError, ProbeError
from workbench.hardware.facts import Device
from workbench.jobs import CancelToken
from workbench.models.exact import Breakdown, Head
from workbench.models.params import RunParams
from workbench.store.database import Database
from workbench.words import said

log = logging.getLogger(__name__)

IDLE_S = 120.0  # how long an unused child keeps a vocabulary's 20 to 130 MB
STAGE_S = 60.0
POLL_S = 0.02

FORM = 1  # of a stored answer; another form is another key

_ADVICE = said("The estimate stands; it needs no answer from llama.cpp.")


class Probe:
    """Implements ``models.exact.Prober``.  Any thread may ask; questions are answered one at a time.

    ``devices`` tells what llama.cpp can use; only asked when an answer could depend on it.  ``close`` ends
    the child and keeps nothing open; a later question starts another.
    """

    def __init__(
        self,
        db: Database,
        *,
        devices: Callable[[], Sequence[Device]] | None = None,
        idle_s: float = IDLE_S,
        stage_s: float = STAGE_S,
    ) -> None:
        self._answers = StoredAnswers(db)
        self._devices = devices or _Surveyed()
        self._idle_s = idle_s
        self._stage_s = stage_s
        self._child: Child | None = None
        self._turn = threading.Lock()  # guards _child: one question at a time

    def __call__(
        self, heads: Sequence[Head], header_sha256: str, wanted: Sequence[RunParams], cancel: CancelToken
    ) -> tuple[Breakdown, ...]:
        cancel.raise_if_cancelled()
        model = _identity(heads, header_sha256)
        keys = {params: self._key(model, params) for params in wanted}
        found = self._answers.all(keys)
        missing = [params for params in dict.fromkeys(wanted) if params not in found]
        if missing:
            self._wait_for_turn(cancel)
            try:
                for placement in dict.fromkeys(map(Placement.of, missing)):
                    alike = [params for params in missing if Placement.of(params) == placement]
                    for fresh in self._ask(heads, model, alike, cancel):
                        found[fresh.params] = fresh
                        self._answers.keep(keys[fresh.params], fresh)
            finally:
                self._turn.release()
        return tuple(found[params] for params in wanted)

    def known(self, heads: Sequence[Head], header_sha256: str, params: RunParams) -> Breakdown | None:
        """The answer about these very parameters, if this build gave it before; nobody is asked."""
        key = self._key(_identity(heads, header_sha256), params)
        return self._answers.all({params: key}).get(params)

    def close(self) -> None:
        with self._turn:
            self._end_child()

    def _wait_for_turn(self, cancel: CancelToken) -> None:
        while not self._turn.acquire(timeout=POLL_S):
            cancel.raise_if_cancelled()

    def _key(self, model: str, params: RunParams) -> str | None:
        """What an answer hangs on; None for one that would not be the same again.

        Several GPUs share a model by what each has free at the moment.
        """
        try:
            devices = () if params.n_gpu_layers == 0 else tuple(self._devices())
        except EngineCrashedError as error:
            raise ProbeError(error.message, hint=error.hint) from error
        if len(devices) > 1:
            return None
        about = [(device.key, device.name, device.total_bytes) for device in devices]
        facts = [FORM, model, native.build_identity(), about, params.as_json()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _ask(self, heads: Sequence[Head], model: str, wanted: list[RunParams], cancel: CancelToken) -> list[Breakdown]:
        """Answers about one placement, from the warm child or a fresh one."""
        request = {
            "model": model,
            "heads": [
                {"path": str(head.path.absolute()), "name": head.name, "size_bytes": head.size_bytes} for head in heads
            ],
            "params": [params.as_json() for params in wanted],
            "idle_s": self._idle_s,
        }
        try:
            with tempfile.TemporaryDirectory(prefix="workbench-probe-", ignore_cleanup_errors=True) as folder:
                report = self._converse({**request, "folder": folder}, heads[0].name, cancel)
        except OSError as error:  # no temporary folder, no process
            raise ProbeError(
                said(
                    "llama.cpp could not be asked about {name}: {strerror}.",
                    name=heads[0].name,
                    strerror=error.strerror or error,
                ),
                hint=_ADVICE,
            ) from error
        if "error" in report:
            refused = report["error"]
            raise ProbeError(refused["message"], hint=refused["hint"] or _ADVICE)
        return [
            stored_answers.breakdown(params, answer)
            for params, answer in zip(wanted, report["result"]["breakdowns"], strict=True)
        ]

    def _converse(self, request: Mapping[str, object], name: str, cancel: CancelToken) -> Report:
        limits = dict.fromkeys((probe_child.SPARSE, probe_child.OPEN, probe_child.CONTEXT), self._stage_s)
        if self._child is not None and not self._child.running:
            self._end_child()
        was_warm = self._child is not None
        if self._child is None:
            self._child = Child()
        child = self._child
        try:
            return child.ask("probe", request, cancel, stage_s=limits)
        except Cancelled:
            if child.stage != probe_child.CONTEXT:  # a context is there in no time, and the open model is worth it
                self._end_child()
            raise
        except ChildCrashedError as error:
            self._end_child()
            if was_warm and error.status == 0:  # it was just ending, for nobody had asked it anything
                return self._converse(request, name, cancel)
            log.info("probing %s: %s (%s)", name, error, error.reason)
            raise _crashed(name, error) from error
        except (ChildTimeoutError, ChildGarbledError) as error:
            self._end_child()
            raise ProbeError(
                said("llama.cpp could not say what {name} would take: {error}.", name=name, error=error), hint=_ADVICE
            ) from error

    def _end_child(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


class _Surveyed:
    """The devices as a child saw them, asked once."""

    def __init__(self) -> None:
        self._devices: tuple[Device, ...] | None = None
        self._lock = threading.Lock()  # guards _devices: one child asks, the others wait for it

    def __call__(self) -> tuple[Device, ...]:
        with self._lock:
            if self._devices is None:
                self._devices = survey().devices
            return self._devices


def _identity(heads: Sequence[Head], header_sha256: str) -> str:
    return hashlib.sha256(json.dumps([header_sha256, [head.size_bytes for head in heads]]).encode()).hexdigest()


def _crashed(name: str, error: ChildCrashedError) -> ProbeError:
    if error.was_killed:
        return ProbeError(
            said("The process that asked llama.cpp about {name} was ended by the system.", name=name),
            hint=said("There was probably too little memory. The estimate stands."),
        )
    return ProbeError(
        said(
            "{name} crashes llama.cpp when it is asked what it would take ({reason}).", name=name, reason=error.reason
        ),
        hint=_ADVICE,
    )
