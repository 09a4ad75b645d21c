"""A model that a GPU has no room for is loaded again with less of it there, and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import replace

from workbench.engine.base import Backend, Engine, LoadEvent, LoadRequest
from workbench.errors import DeviceMemoryError
from workbench.hardware.facts import Hardware
from workbench.jobs import CancelToken
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.plans import Case, largest
from workbench.words import said

log = logging.getLogger(__name__)

TRIES = 4  # after the one that was asked for; the last is without a GPU

# What was planned did not fit: fragments, another program, a driver's own needs.  A fifth less each time.
_KEPT_SHARE = 0.8


class SmallerBackend:
    """Opens what ``inner`` opens; only the placement is ever changed, never the context or the model.

    ``machine`` is asked when a load has failed: how much is free then decides.
    """

    def __init__(self, inner: Backend, machine: Callable[[], Hardware]) -> None:
        self._inner = inner
        self._machine = machine

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def version(self) -> str:
        return self._inner.version

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        """As the inner one's; DeviceMemoryError only where no smaller placement did, or could."""
        params, notes = request.params, []
        for left in reversed(range(TRIES + 1)):
            try:
                engine = yield from self._inner.open(replace(request, params=params), cancel)
            except DeviceMemoryError as error:
                cancel.raise_if_cancelled()
                case = Case.of(request.model.header, self._machine(), {})
                smaller = smaller_placement(case, params, without_gpu=left <= 1) if left else None
                if smaller is None:
                    raise
                notes.append(
                    said(
                        "{message} Loaded with {less} instead of {asked}.",
                        message=error.message,
                        less=_words(case, smaller),
                        asked=_words(case, params),
                    )
                )
                log.warning("%s: %s", request.model.name, notes[-1])
                params = smaller
            else:
                for note in notes:
                    engine.note(note)
                return engine
        raise AssertionError("the last try ends in an engine or an error")

    def close(self) -> None:
        self._inner.close()


def smaller_placement(case: Case, params: RunParams, *, without_gpu: bool = False) -> RunParams | None:
    """The largest placement with a fifth less on the devices, and no more than fits there now.

    Experts leave before layers.  None where nothing is on a device, or main memory cannot take the rest.
    """
    everything = case.everything
    layers = everything if params.n_gpu_layers == ALL_LAYERS else min(params.n_gpu_layers, everything)
    if layers == 0:
        return None
    nowhere = replace(params, n_gpu_layers=0, n_cpu_moe=0)
    tried = replace(params, n_gpu_layers=layers)
    now = case.best(replace(params, n_gpu_layers=ALL_LAYERS)).params
    at_most = min(_KEPT_SHARE * _on_devices(case, tried), _on_devices(case, now))
    found = nowhere if without_gpu or at_most <= 0 else _largest_below(case, tried, at_most)
    return found if case.shares(found)[-1].short_by_bytes == 0 else None


def _largest_below(case: Case, params: RunParams, at_most_bytes: float) -> RunParams:
    def allowed(candidate: RunParams) -> bool:
        return _on_devices(case, candidate) <= at_most_bytes

    if case.has_experts:
        n_layer = case.subject.shape.n_layer
        kept = largest(lambda count: allowed(replace(params, n_cpu_moe=n_layer - count)), n_layer - params.n_cpu_moe)
        if kept or allowed(replace(params, n_cpu_moe=n_layer)):
            return replace(params, n_cpu_moe=n_layer - kept)
        params = replace(params, n_cpu_moe=n_layer)
    layers = largest(lambda count: allowed(replace(params, n_gpu_layers=count)), params.n_gpu_layers - 1)
    return replace(params, n_gpu_layers=layers, n_cpu_moe=params.n_cpu_moe if layers else 0)


def _on_devices(case: Case, params: RunParams) -> int:
    return sum(share.total_bytes for share in case.shares(params)[:-1])


def _words(case: Case, params: RunParams) -> str:
    everything = case.everything
    layers = everything if params.n_gpu_layers == ALL_LAYERS else min(params.n_gpu_layers, everything)
    placed = said("{layers} of {everything} layers on the GPU", layers=layers, everything=everything)
    if not layers or not params.n_cpu_moe:
        return placed
    return said("{placed}, the experts of {n} in main memory", placed=placed, n=params.n_cpu_moe)
