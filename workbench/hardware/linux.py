"""What Linux says of memory beside psutil, and whether it runs under Windows (WSL)."""

from __future__ import annotations

import logging
import re
from pathlib import Path

log = logging.getLogger(__name__)

_PRESSURE = Path("/proc/pressure/memory")
_MEMINFO = Path("/proc/meminfo")
_VERSION = Path("/proc/version")
_WSL_MARKS = tuple(Path("/proc/sys/fs/binfmt_misc") / name for name in ("WSLInterop", "WSLInterop-late"))

# Our own thresholds: per cent of the last ten seconds in which some, or all, programs waited for memory.
_WAITING_SOME, _WAITING_ALL = 10.0, 5.0


def pressure() -> str | None:
    """None where the kernel was built without pressure figures, or does not let us read them."""
    text = _text(_PRESSURE)
    return None if text is None else pressure_from(text)


def pressure_from(text: str) -> str | None:
    """ "normal", "warning" or "critical", of /proc/pressure/memory."""
    waited = {kind: float(share) for kind, share in re.findall(r"^(some|full) avg10=(\d+\.\d+)", text, re.MULTILINE)}
    if "some" not in waited:
        return None
    if waited.get("full", 0.0) >= _WAITING_ALL:
        return "critical"
    return "warning" if waited["some"] >= _WAITING_SOME else "normal"


def swap_free_bytes() -> int | None:
    return swap_free_from(_text(_MEMINFO) or "")


def swap_free_from(meminfo: str) -> int | None:
    found = re.search(r"^SwapFree:\s+(\d+) kB$", meminfo, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def is_wsl() -> bool:
    return wsl_from(_text(_VERSION) or "", any(mark.exists() for mark in _WSL_MARKS))


def wsl_from(version: str, has_mark: bool) -> bool:
    """``version`` is /proc/version: the release of WSL's kernels has "microsoft" in it ("4.4.0-19041-Microsoft",
    "5.15.90.1-microsoft-standard-WSL2").  ``has_mark``: Windows programs can be started from here."""
    words = version.split()
    return has_mark or (len(words) > 2 and "microsoft" in words[2].lower())


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        log.debug("%s: %s", path, error)
        return None
