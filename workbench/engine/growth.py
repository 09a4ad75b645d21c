"""What a load changed, measured from outside llama.cpp: the other side of a receipt."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.engine import registry
from workbench.hardware.nvidia import read_nvml
from workbench.models.receipt import Growth

log = logging.getLogger(__name__)

_STATUS = Path("/proc/self/status")
_COUNTED = ("RssAnon:", "RssFile:")  # a mapped model file is resident as file pages


class Activity:
    """Who loads, answers or unloads in this process now.  Any thread may take part."""

    def __init__(self) -> None:
        self._running = 0
        self._begun = 0
        self._lock = threading.Lock()  # guards both counts

    @contextmanager
    def taking_part(self) -> Iterator[Presence]:
        """Hold for as long as memory may change; the presence tells whether anybody else held at the same time."""
        with self._lock:
            self._running += 1
            self._begun += 1
            presence = Presence(self, self._begun, alone=self._running == 1)
        try:
            yield presence
        finally:
            with self._lock:
                self._running -= 1

    def begun_since(self, count: int) -> bool:
        with self._lock:
            return self._begun != count


class Presence:
    def __init__(self, activity: Activity, begun: int, *, alone: bool) -> None:
        self._activity = activity
        self._begun = begun
        self._alone_at_first = alone

    @property
    def alone(self) -> bool:
        """Nobody else has been active since this presence began."""
        return self._alone_at_first and not self._activity.begun_since(self._begun)


ACTIVITY = Activity()  # memory is the process's, so this is too


@dataclass(frozen=True, slots=True)
class Moment:
    """``free_bytes`` is what each device has free, by its normalised PCI id."""

    process_bytes: int | None
    free_bytes: Mapping[str, int]

    @classmethod
    def now(cls, *, devices: bool) -> Moment:
        """``devices`` False asks no GPU, for a load that keeps out of them."""
        return cls(process_bytes(), _free_bytes() if devices else {})


def process_bytes() -> int | None:
    """Linux: anonymous and file pages in memory; elsewhere the unique set size; None where neither is told."""
    try:
        lines = _STATUS.read_text().splitlines()
        counted = [int(line.split()[1]) * 1024 for line in lines if line.startswith(_COUNTED)]
        if counted:
            return sum(counted)
    except OSError as error:
        log.debug("no %s, so asked another way: %s", _STATUS, error)
    try:
        return int(psutil.Process().memory_full_info().uss)
    except psutil.Error as error:
        log.info("this process's memory is not told: %s", error)
        return None


def between(before: Moment, after: Moment, *, alone: bool) -> Growth:
    """Device bytes are by llama.cpp's device names; only devices that NVIDIA's library knows are listed."""
    return Growth(
        process_bytes=_difference(before.process_bytes, after.process_bytes),
        device_bytes=tuple(
            (name, before.free_bytes[pci] - after.free_bytes[pci])
            for pci, name in (registry.names_by_pci().items() if before.free_bytes and after.free_bytes else ())
            if pci in before.free_bytes and pci in after.free_bytes
        ),
        alone=alone,
    )


def added(first: Growth, second: Growth) -> Growth:
    """Of two spans, whatever happened between them left out."""
    sums = dict(first.device_bytes)
    for name, size in second.device_bytes:
        sums[name] = sums.get(name, 0) + size
    process = None
    if first.process_bytes is not None and second.process_bytes is not None:
        process = first.process_bytes + second.process_bytes
    return Growth(process, tuple(sums.items()), first.alone and second.alone)


def _difference(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def _free_bytes() -> dict[str, int]:
    devices, note = read_nvml()
    if note is not None:
        log.info("%s", note)
    return {pci: nvml.free_bytes for pci, nvml in devices.items()}
