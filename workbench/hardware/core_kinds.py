"""Fast and slow cores of mixed processors; Linux on one kind of core is tried here, the rest from documentation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

log = logging.getLogger(__name__)

_DEVICES = Path("/sys/devices")
# The scheduler's capacities reach to 1024.  Small cores stand at 250 to 530, the middle kind of three at 650 and more.
_SLOW_CAPACITY = 0.6
# Without capacities: small cores run at 60 to 75 % of the highest frequency, the middle kind at 80 % and more.
_SLOW_FREQUENCY = 0.77


def slow_cpus(cpus: Iterable[int], folder: Path = _DEVICES, *, arm: bool) -> frozenset[int]:
    """Those of ``cpus``, logical numbers, that belong to slow cores; empty where all are of one kind.

    Intel's processors are asked by kind (cpu_core, cpu_atom, cpu_lowpower: the kernel's names of their counters),
    ARM's by the scheduler's capacity, else by highest frequency.  ``folder`` is /sys/devices.
    """
    present = frozenset(cpus)
    fast = _listed(folder / "cpu_core" / "cpus")
    if fast:
        return present - fast
    if not arm:
        return frozenset()
    return _below(present, lambda cpu: _number(folder / f"system/cpu/cpu{cpu}/cpu_capacity"), _SLOW_CAPACITY) or _below(
        present, lambda cpu: _number(folder / f"system/cpu/cpu{cpu}/cpufreq/cpuinfo_max_freq"), _SLOW_FREQUENCY
    )


def cpus_from_list(text: str) -> frozenset[int]:
    """The kernel's list form: "0-3,8" is 0, 1, 2, 3 and 8."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def cores_of(cpus: Iterable[int], folder: Path = _DEVICES) -> int | None:
    """How many physical cores these logical ones belong to; None where the kernel does not say."""
    cores: set[tuple[str, str]] = set()
    for cpu in cpus:
        topology = folder / f"system/cpu/cpu{cpu}/topology"
        try:
            package, core = (topology / "physical_package_id").read_text(), (topology / "core_id").read_text()
        except OSError:
            return None
        # Some ARM kernels give every core the number -1 or count on within clusters: siblings tell them apart.
        siblings = _text(topology / "thread_siblings_list") or ""
        cores.add((package.strip(), siblings.strip() or core.strip()))
    return len(cores) or None


def _below(cpus: frozenset[int], figure: Callable[[int], int | None], share: float) -> frozenset[int]:
    figures = {cpu: value for cpu in cpus if (value := figure(cpu))}
    highest = max(figures.values(), default=0)
    return frozenset(cpu for cpu, value in figures.items() if value < share * highest)


def _listed(path: Path) -> frozenset[int]:
    return cpus_from_list(_text(path) or "")


def _number(path: Path) -> int | None:
    text = (_text(path) or "").strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:  # one kind of core, or a kernel that does not tell
        return None
