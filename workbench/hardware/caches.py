"""How large the processor's last-level cache is; Linux is tried here, the rest written from documentation."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path

from workbench.hardware import apple, windows

ASSUMED_BYTES = 32 << 20  # a usual desktop processor's
# Apple does not tell the size of the cache that processor and GPU share: 96 MB on the largest chips that were measured.
_ASSUMED_APPLE_BYTES = 96 << 20

_CPU_FOLDER = Path("/sys/devices/system/cpu")
_SIZE = re.compile(r"(\d+)([KMG]?)")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@cache
def last_level_cache_bytes() -> int:
    """Of all its pieces together; ``ASSUMED_BYTES`` where the system does not say."""
    if sys.platform == "darwin":
        return max(_ASSUMED_APPLE_BYTES, apple.sysctl_number("hw.l3cachesize") or 0)
    if sys.platform == "win32":
        return windows.level_3_cache_bytes(windows.processor_relations()) or ASSUMED_BYTES
    return linux_cache_bytes(_CPU_FOLDER) or ASSUMED_BYTES


def linux_cache_bytes(folder: Path) -> int | None:
    """The highest level's caches below /sys/devices/system/cpu, those shared by several processors once."""
    found: dict[tuple[int, str], int] = {}
    for index in folder.glob("cpu[0-9]*/cache/index[0-9]*"):
        try:
            level, kind = int((index / "level").read_text()), (index / "type").read_text().strip()
            shared, size = (index / "shared_cpu_list").read_text().strip(), (index / "size").read_text().strip()
        except (OSError, ValueError):  # virtual machines leave files out
            continue
        match = _SIZE.fullmatch(size)
        if match and kind != "Instruction":
            found[level, shared] = int(match.group(1)) * _UNITS[match.group(2)]
    highest = max((level for level, _ in found), default=None)
    return sum(size for (level, _), size in found.items() if level == highest) or None
