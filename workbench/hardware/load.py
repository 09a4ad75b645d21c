"""Whether the processor is busy with something else."""

from __future__ import annotations

from typing import NamedTuple

import psutil

from workbench.jobs import CancelToken
from workbench.words import said

_BUSY_SHARE = 0.25  # of the cores, by others: above it a measurement says more about them than about the machine
_SAMPLE_S = 0.1


class _Times(NamedTuple):
    all_s: float
    busy_s: float
    own_s: float


class Load:
    """One look before a measurement and one after it; ``n_cores`` are physical ones."""

    def __init__(self, n_cores: int) -> None:
        self._n_cores = n_cores
        self._start = _times()

    def busy(self, cancel: CancelToken) -> str | None:
        """Why this is no moment to measure, from the load of the last minute and a sample of 0.1 s; None when idle."""
        # Windows has no such figure: psutil computes one there, which begins at 0.
        last_minute = psutil.getloadavg()[0]
        if last_minute > self._n_cores * _BUSY_SHARE:
            return said(
                "the computer is busy (a load of {last_minute:.1f} on {n_cores} cores in the last minute)",
                last_minute=last_minute,
                n_cores=self._n_cores,
            )
        self._start = _times()
        cancel.wait(_SAMPLE_S)
        cancel.raise_if_cancelled()
        sampled = self.others_since()
        self._start = _times()
        return sampled

    def others_since(self) -> str | None:
        """What other programs took of the processor since ``busy`` was asked, if that is too much."""
        share = others_share(self._start, _times())
        return said("other programs use {share:.0%} of the processor", share=share) if share > _BUSY_SHARE else None


def others_share(start: _Times, end: _Times) -> float:
    """The part of all processor time between two looks that went to other programs, or to other machines."""
    passed_s = end.all_s - start.all_s
    if passed_s <= 0:
        return 0.0
    return max(0.0, (end.busy_s - start.busy_s) - (end.own_s - start.own_s)) / passed_s


def _times() -> _Times:
    system = psutil.cpu_times()
    own = psutil.Process().cpu_times()
    # Guests' time is in "user" already.  Time stolen by a virtual machine's neighbours counts as theirs.
    counted = {name: getattr(system, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq", "steal")}
    counted |= {name: getattr(system, name, 0.0) for name in ("interrupt", "dpc")}  # Windows' words
    busy = sum(counted.values())
    idle = system.idle + getattr(system, "iowait", 0.0)
    return _Times(busy + idle, busy, own.user + own.system)
