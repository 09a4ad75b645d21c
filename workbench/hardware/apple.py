"""What macOS says of itself, asked of its own commands; written from their documentation, not tried on a Mac.

Reading is apart from asking, and tested with output as documented.
"""

from __future__ import annotations

import logging
import re
import subprocess
from dataclasses import dataclass
from functools import cache

log = logging.getLogger(__name__)

_MIB = 1 << 20
# kern.memorystatus_vm_pressure_level: the dispatch library's DISPATCH_MEMORYPRESSURE_NORMAL, _WARN, _CRITICAL.
_PRESSURE = {"1": "normal", "2": "warning", "4": "critical"}


@dataclass(frozen=True, slots=True)
class Moment:
    """What changes from moment to moment; ``gpu_limit_bytes`` was set by hand (iogpu.wired_limit_mb), usually None."""

    available_bytes: int | None
    swap_free_bytes: int | None
    pressure: str | None
    gpu_limit_bytes: int | None


def moment() -> Moment:
    """Memory now, by vm_stat and sysctl."""
    return moment_from(
        _output("/usr/bin/vm_stat"),
        _output("/usr/sbin/sysctl", "vm.swapusage", "kern.memorystatus_vm_pressure_level", "iogpu.wired_limit_mb"),
    )


def moment_from(vm_stat: str, sysctl: str) -> Moment:
    values = dict(line.split(": ", 1) for line in sysctl.splitlines() if ": " in line)
    swap = re.search(r"\bfree = ([\d.]+)M", values.get("vm.swapusage", ""))
    limit = values.get("iogpu.wired_limit_mb", "0").strip()
    return Moment(
        available_bytes=available_bytes(vm_stat),
        swap_free_bytes=int(float(swap.group(1)) * _MIB) if swap else None,
        pressure=_PRESSURE.get(values.get("kern.memorystatus_vm_pressure_level", "").strip()),
        gpu_limit_bytes=int(limit) * _MIB if limit.isdigit() and limit != "0" else None,
    )


def available_bytes(vm_stat: str) -> int | None:
    """What can be had without compressing or swapping: free, file-backed and purgeable pages.

    That is the complement of Activity Monitor's "Memory Used".  "Pages inactive" is no measure: it holds pages of
    programs too, which have to be compressed first.  Where the files' pages are not listed (macOS before 10.9):
    free, inactive and speculative.  None when the text is not vm_stat's.
    """
    size = re.search(r"page size of (\d+) bytes", vm_stat)
    pages = {name: int(count) for name, count in re.findall(r'^"?([^":\n]+)"?:\s+(\d+)\.$', vm_stat, re.MULTILINE)}
    if size is None or "Pages free" not in pages:
        return None
    if "File-backed pages" in pages:
        names = ("Pages free", "File-backed pages", "Pages purgeable")
    else:
        names = ("Pages free", "Pages inactive", "Pages speculative")
    return int(size.group(1)) * sum(pages.get(name, 0) for name in names)


@cache
def sysctl(name: str) -> str | None:
    """A value that stays the same while the machine runs; None where this Mac has no such name."""
    return _output("/usr/sbin/sysctl", "-n", name).strip() or None


def sysctl_number(name: str) -> int | None:
    text = sysctl(name)
    return int(text) if text is not None and text.isdigit() else None


def _output(*command: str) -> str:
    """Standard output, whatever the exit status: sysctl fails for one unknown name and still tells the others."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=5).stdout
    except (OSError, subprocess.SubprocessError) as error:
        log.debug("%s: %s", command, error)
        return ""
