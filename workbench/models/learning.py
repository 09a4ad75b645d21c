"""What can be learnt from past loads and runs: reserves and speeds, by device."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from workbench.models.breakdown import RAM
from workbench.models.learnt import DeviceSpeed, Learnt, Reserve, SpeedRun
from workbench.models.receipt import Receipt
from workbench.models.speeds import refit

RUNS_COUNTED = 10  # of the program, the newest on each device
RECEIPTS_ASKED = 200  # enough to find that many
MIN_DECODE_TOKENS = 16  # a shorter answer's speed is mostly noise
MIN_PREFILL_TOKENS = 32  # a kept prefix leaves but a few tokens to evaluate, each at the price of a decoded one
# What a device needs for being used at all is below this everywhere; more is other programs' doing.
PLAUSIBLE_BYTES = 2 << 30

_SCRIPTED = "fake"


def learnt(receipts: Sequence[Receipt], runs: Sequence[SpeedRun]) -> Learnt:
    """Reserves from ``receipts`` (newest first) and speeds from ``runs`` (oldest first); pure.

    The scripted engine teaches nothing.
    """
    return Learnt(reserves=_reserves(receipts), speeds=_speeds(runs))


# --- reserves --------------------------------------------------------------------------------


def _reserves(receipts: Sequence[Receipt]) -> dict[str, Reserve]:
    """For each device what a run of the program needed at most, of the newest runs all but one in ten.

    Only the first load of a run pays for a device's context and modules: a run whose first load tells nothing
    is left out, lest the next one be given too little.
    """
    runs: dict[tuple[str, str], list[int | None]] = defaultdict(list)
    for receipt in reversed(receipts):  # the oldest first, so that the newest runs end up last
        for key, size_bytes in unreported(receipt).items():
            runs[key, receipt.session].append(size_bytes if _tells(receipt, size_bytes) else None)
    largest: dict[str, list[int]] = defaultdict(list)
    loads: Counter[str] = Counter()
    for (key, _), sizes in reversed(runs.items()):
        if sizes[0] is not None and len(largest[key]) < RUNS_COUNTED:
            told = [max(0, size) for size in sizes if size is not None]
            largest[key].append(max(told))
            loads[key] += len(told)
    return {key: Reserve(_high(sizes), loads[key]) for key, sizes in largest.items() if sizes}


def _tells(receipt: Receipt, size_bytes: int) -> bool:
    """Whether nothing else of this program ran beside the load, and all of its memory had been touched."""
    growth = receipt.growth
    scripted = receipt.engine.startswith(_SCRIPTED)
    return growth.alone and growth.warm and not scripted and size_bytes <= PLAUSIBLE_BYTES


def _high(sizes: Sequence[int]) -> int:
    """Nine tenths of them are no larger: of fewer than ten the largest."""
    return sorted(sizes)[math.ceil(0.9 * len(sizes)) - 1]


def unreported(receipt: Receipt) -> Mapping[str, int]:
    """Bytes that a load took beyond what was accounted for, by device key; below 0 it took less.

    Of a GPU: what its free memory fell by, less llama.cpp's own report.  Of main memory: what the process
    grew by, less everything predicted.  Weights that were there already make both meaningless.
    """
    if receipt.weights_shared:
        return {}
    keys = dict(receipt.device_keys)
    found = {
        keys[name]: fell_bytes - receipt.reported_on(name)
        for name, fell_bytes in receipt.growth.device_bytes
        if name in keys
    }
    beyond = receipt.beyond_prediction_bytes
    if beyond is not None and RAM in keys:
        found[keys[RAM]] = beyond
    return found


# --- speeds ----------------------------------------------------------------------------------


def _speeds(runs: Sequence[SpeedRun]) -> dict[str, DeviceSpeed]:
    by_device: dict[str, list[SpeedRun]] = defaultdict(list)
    for run in runs:
        if run.decode_tokens >= MIN_DECODE_TOKENS and not run.engine.startswith(_SCRIPTED):
            by_device[run.device_key].append(run)
    fitted = {key: refit(_comparable(own)) for key, own in by_device.items()}
    return {key: speed for key, speed in fitted.items() if speed is not None}


def _comparable(runs: Sequence[SpeedRun]) -> tuple[SpeedRun, ...]:
    """Those of the newest run's engine version, with as many threads as were ever given.

    An engine's next version may be faster, and an answer on half the cores says little about one on all.
    """
    same = [run for run in runs if family(run.engine) == family(runs[-1].engine)]
    threads = max(run.n_threads for run in same)
    return tuple(_without_short_prefill(run) for run in same if run.n_threads == threads)


def _without_short_prefill(run: SpeedRun) -> SpeedRun:
    return run if run.prefill_tokens >= MIN_PREFILL_TOKENS else replace(run, prefill_tokens=0, prefill_ms=0.0)


def family(engine: str) -> str:
    """An engine's name and version without its build: "llama.cpp 0.3.36 (b7000, 0c1e570)" → "llama.cpp 0.3"."""
    found = re.match(r"\s*(\D*)(\d+(?:\.\d+)?)", engine)
    return f"{found[1]}{found[2]}" if found else engine
