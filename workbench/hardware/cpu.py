"""The processor: its name, its cores, and how many of them this process should use.

Linux is tried here; macOS and Windows are written from their documentation and untried.
"""

from __future__ import annotations

import logging
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from workbench.hardware.facts import Cpu

log = logging.getLogger(__name__)

_CPUINFO = Path("/proc/cpuinfo")
_CPU_FOLDER = Path("/sys/devices/system/cpu")
_PERFORMANCE_CPUS = Path("/sys/devices/cpu_core/cpus")


def read_cpu(cgroup_cores: float | None) -> Cpu:
    logical = psutil.cpu_count(logical=True) or os.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    return Cpu(
        name=_name(),
        architecture=platform.machine(),
        physical_cores=physical,
        logical_cores=logical,
        usable_cores=usable_cores(_allowed_cores(physical), cgroup_cores),
        cgroup_cores=cgroup_cores,
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


def cpus_from_list(text: str) -> frozenset[int]:
    """The kernel's list form: "0-3,8" is 0, 1, 2, 3 and 8."""
    cpus: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit() and (last or first).isdigit():
            cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def cores_of(cpus: Iterable[int], folder: Path = _CPU_FOLDER) -> int | None:
    """How many physical cores these logical ones belong to; None where the kernel does not say."""
    cores: set[tuple[str, str]] = set()
    for cpu in cpus:
        topology = folder / f"cpu{cpu}" / "topology"
        try:
            package, core = (topology / "physical_package_id").read_text(), (topology / "core_id").read_text()
        except OSError:
            return None
        cores.add((package.strip(), core.strip()))
    return len(cores) or None


def _allowed_cores(physical: int) -> int:
    """Physical cores within the affinity; of mixed processors the fast ones, as slow ones hold up the rest."""
    if sys.platform == "darwin":
        fast = _sysctl("hw.perflevel0.physicalcpu")
        return min(physical, int(fast)) if fast and fast.isdigit() else physical
    if sys.platform == "win32":
        return min(physical, len(psutil.Process().cpu_affinity() or ()) or physical)
    allowed = os.sched_getaffinity(0)
    try:
        allowed = (allowed & cpus_from_list(_PERFORMANCE_CPUS.read_text())) or allowed
    except OSError:
        log.debug("this processor has one kind of core only")
    return cores_of(allowed) or min(physical, len(allowed))


def _name() -> str:
    found: str | None = None
    if sys.platform == "darwin":
        found = _sysctl("machdep.cpu.brand_string")
    elif sys.platform == "win32":
        found = _windows_name()
    else:
        try:
            found = name_from_cpuinfo(_CPUINFO.read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            log.debug("no cpuinfo: %s", error)
    return found or platform.processor() or platform.machine()


def _sysctl(name: str) -> str | None:
    try:
        answer = subprocess.run(["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        log.debug("sysctl %s: %s", name, error)
        return None
    return answer.stdout.strip() or None


if sys.platform == "win32":

    def _windows_name() -> str | None:
        import winreg

        path = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, path) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError as error:
            log.debug("the registry does not name the processor: %s", error)
            return None
