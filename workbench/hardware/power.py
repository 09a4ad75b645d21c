"""Whether the computer runs on its battery, and whether heat or power held its processor back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from workbench.words import said

_CPUS = Path("sys/devices/system/cpu")
_COUNTERS = ("core_throttle_count", "package_throttle_count")
# Below this share of its base clock a processor at work is held back: base is what it promises under full load.
_HELD_BACK = 0.9


@dataclass(frozen=True, slots=True)
class Power:
    """None is unknown.  ``throttled`` is about the time between two looks; ``why`` says what it was told from, or why
    it is not known."""

    on_battery: bool | None
    percent: float | None
    throttled: bool | None
    why: str

    @property
    def conditions(self) -> tuple[str, ...]:
        """What must be known beside a speed that was measured so, in plain words; nothing where all is well."""
        found = []
        if self.on_battery:
            found.append(
                said("on battery")
                if self.percent is None
                else said("on battery ({percent:.0f} %)", percent=self.percent)
            )
        if self.throttled:
            found.append(said("processor held back: {why}", why=self.why))
        return tuple(found)


UNKNOWN = Power(None, None, None, said("nothing was asked"))


class Battery(Protocol):
    """As psutil tells it."""

    @property
    def percent(self) -> float: ...

    @property
    def power_plugged(self) -> bool | None: ...


def _battery() -> Battery | None:
    import psutil

    ask = getattr(psutil, "sensors_battery", None)  # psutil has it only where the system does
    return ask() if ask is not None else None


@dataclass(frozen=True, slots=True)
class Mark:
    """The throttling counters at one moment, by file; empty where there are none."""

    counts: dict[str, int]


class PowerWatch:
    """``root`` is the file system that Linux's counters are read from."""

    def __init__(self, root: Path = Path("/"), battery: Callable[[], Battery | None] = _battery) -> None:
        self._cpus = root / _CPUS
        self._battery = battery

    def mark(self) -> Mark:
        """Where the counters stand now: ``since`` compares with it."""
        cores = self._cores()
        files = [core / "thermal_throttle" / name for core in cores for name in _COUNTERS]
        return Mark({str(file): count for file in files if (count := _number(file)) is not None})

    def since(self, mark: Mark) -> Power:
        """The power now, and whether the processor was held back since the mark."""
        on_battery, percent = self._supply()
        throttled, why = self._throttled(mark)
        return Power(on_battery, percent, throttled, why)

    def _supply(self) -> tuple[bool | None, float | None]:
        try:
            battery = self._battery()
        except (OSError, ValueError, RuntimeError):  # a driver that answers nonsense: unknown
            return None, None
        if battery is None:
            return None, None
        plugged = battery.power_plugged
        return (None if plugged is None else not plugged), battery.percent

    def _throttled(self, mark: Mark) -> tuple[bool | None, str]:
        now = self.mark().counts
        both = now.keys() & mark.counts.keys()
        if any(now[name] > mark.counts[name] for name in both):
            return True, said("too hot")
        clock = self._clock()
        if clock is not None and clock < _HELD_BACK:
            return True, said("{share:.0f} % of its base clock", share=100 * clock)
        if both:
            return False, said("no throttling was counted")
        if clock is not None:
            return False, said("it ran at its base clock or above")
        return None, said("this system does not tell")

    def _clock(self) -> float | None:
        """The fastest core's clock as a share of the base clock: an idle core says nothing, one at work does."""
        shares = []
        for core in self._cores():
            base, now = _number(core / "cpufreq/base_frequency"), _number(core / "cpufreq/scaling_cur_freq")
            if base and now:
                shares.append(now / base)
        return max(shares, default=None)

    def _cores(self) -> Iterable[Path]:
        try:
            return [one for one in self._cpus.iterdir() if re.fullmatch(r"cpu\d+", one.name)]
        except OSError:
            return []


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        return None
