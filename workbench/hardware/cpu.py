"""The processor: its name, its cores, and how many of them this process should use.

Linux is tried here; macOS and Windows are written from their documentation and untried.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from workbench.hardware import apple, windows
from workbench.hardware.core_kinds import cores_of, slow_cpus
from workbench.hardware.facts import Cpu
from workbench.hardware.windows import Core

log = logging.getLogger(__name__)

_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Physical cores: ``fast`` ones this process may use, and the machine's ``slow`` ones."""

    fast: int
    slow: int = 0


def read_cpu(cgroup_cores: float | None) -> Cpu:
    logical = psutil.cpu_count(logical=True) or os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    allowed = _allowed(physical)
    return Cpu(
        name=_name(),
        architecture=platform.machine(),
        physical_cores=physical,
        logical_cores=logical,
        usable_cores=usable_cores(allowed.fast, cgroup_cores),
        cgroup_cores=cgroup_cores,
        efficiency_cores=allowed.slow,
    )


def usable_cores(allowed_cores: int, cgroup_cores: float | None) -> int:
    """Whole cores within the quota: with more threads than that, all of them wait for the slowest."""
    return max(1, allowed_cores if cgroup_cores is None else min(allowed_cores, int(cgroup_cores)))


def name_from_cpuinfo(text: str) -> str | None:
    """Of /proc/cpuinfo: x86 has "model name"; some ARM boards "Model" or "Hardware"."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    for key in ("model name", "Model", "Hardware", "cpu model", "cpu"):
        if fields.get(key):
            return " ".join(fields[key].split())
    return None


def allowed_of_mac(physical: int, fast: int | None, slow: int | None) -> Allowed:
    """``fast`` and ``slow`` are hw.perflevel0.physicalcpu and hw.perflevel1.physicalcpu: Macs with an Intel
    processor have neither.  macOS has no affinity."""
    return Allowed(min(physical, fast), slow or 0) if fast else Allowed(physical)


def allowed_of_windows(physical: int, cores: tuple[Core, ...], affinity: frozenset[int]) -> Allowed:
    """``affinity`` are logical numbers of processor group 0, the only group where it is limited; empty for all."""
    highest = max((core.efficiency_class for core in cores), default=0)
    fast = [core for core in cores if core.efficiency_class == highest]
    slow = len(cores) - len(fast)
    if not cores:
        return Allowed(min(physical, len(affinity) or physical))
    allowed = [core for core in fast if not affinity or core.logical & affinity]
    # A process that was bound to slow cores uses those.
    return Allowed(len(allowed) or sum(1 for core in cores if core.logical & affinity) or physical, slow)


def allowed_of_linux(
    physical: int, affinity: frozenset[int], present: frozenset[int], folder: Path, *, arm: bool
) -> Allowed:
    """``folder`` is /sys/devices; ``present`` are all logical numbers, ``affinity`` those allowed to this process."""
    slow = slow_cpus(present, folder, arm=arm)
    fast = (affinity - slow) or affinity
    return Allowed(cores_of(fast, folder) or min(physical, len(fast)), cores_of(slow, folder) or len(slow))


def _allowed(physical: int) -> Allowed:
    if sys.platform == "darwin":
        fast, slow = (apple.sysctl_number(f"hw.perflevel{level}.physicalcpu") for level in (0, 1))
        return allowed_of_mac(physical, fast, slow)
    if sys.platform == "win32":
        relations = windows.cores_from(windows.processor_relations())
        grouped = any(number >= 64 for core in relations for number in core.logical)
        affinity = frozenset() if grouped else frozenset(psutil.Process().cpu_affinity() or ())
        return allowed_of_windows(physical, relations, affinity)
    affinity = frozenset(os.sched_getaffinity(0))
    present = affinity | frozenset(range(os.cpu_count() or 1))
    arm = platform.machine().lower().startswith(("arm", "aarch64"))
    return allowed_of_linux(physical, affinity, present, Path("/sys/devices"), arm=arm)


@cache
def _name() -> str:
    found: str | None = None
    if sys.platform == "darwin":
        found = apple.sysctl("machdep.cpu.brand_string")
    elif sys.platform == "win32":
        found = windows.processor_name()
    else:
        try:
            found = name_from_cpuinfo(_CPUINFO.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            log.debug("no cpuinfo: %s", error)
    return found or platform.processor() or platform.machine()
