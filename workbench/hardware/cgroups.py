"""What a Linux control group (a container, a systemd slice) lets this process use."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

log = logging.getLogger(__name__)

CGROUP_OF_PROCESS = Path("/proc/self/cgroup")
CGROUP_ROOT = Path("/sys/fs/cgroup")

# Version 1 writes "no limit" as the largest page-aligned number; nothing real comes near.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory_room_bytes`` is what may still be taken; page cache that the kernel can drop counts as free."""

    cores: float | None = None
    memory_bytes: int | None = None
    memory_room_bytes: int | None = None


def limits_now() -> Limits:
    """Of this process; none on other systems than Linux."""
    if not sys.platform.startswith("linux"):
        return Limits()
    try:
        return read_limits(CGROUP_OF_PROCESS.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        log.debug("no control groups: %s", error)
        return Limits()


def read_limits(process_groups: str, root: Path = CGROUP_ROOT) -> Limits:
    """The tightest limits of the process's groups and all groups around them.

    ``process_groups`` is the text of /proc/self/cgroup; versions 1 and 2 and their mixture are read.
    """
    cores: list[float] = []
    limits: list[int] = []
    rooms: list[int] = []
    for folder in _folders(process_groups, root):
        cores += _cores(folder)
        for limit in _memory_limits(folder):
            limits.append(limit)
            rooms.append(max(0, limit - _memory_in_use(folder)))
    return Limits(min(cores, default=None), min(limits, default=None), min(rooms, default=None))


def _folders(process_groups: str, root: Path) -> Iterator[Path]:
    """Each group's folder and its parents up to the mount point."""
    for line in process_groups.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        for mount in _mounts(controllers, root):
            # In a container the named group may lie outside what is mounted: then its root is ours.
            named = PurePosixPath(group).parts
            parts = [] if ".." in named else [part for part in named if part != "/"]
            for depth in range(len(parts), -1, -1):
                folder = mount.joinpath(*parts[:depth])
                if folder.is_dir():
                    yield folder


def _mounts(controllers: str, root: Path) -> Iterable[Path]:
    if not controllers:
        return (root, root / "unified")
    if not {"memory", "cpu"} & set(controllers.split(",")):
        return ()
    return {root / controllers, *(root / name for name in controllers.split(","))}


def _cores(folder: Path) -> Iterator[float]:
    maximum = (_read(folder / "cpu.max") or "").split()
    if len(maximum) == 2 and all(word.isdigit() for word in maximum) and int(maximum[1]):
        yield int(maximum[0]) / int(maximum[1])
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    if quota and period:
        yield quota / period


def _memory_limits(folder: Path) -> Iterator[int]:
    for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
        limit = _number(folder / name)
        if limit is not None and limit < _NO_LIMIT:
            yield limit


def _memory_in_use(folder: Path) -> int:
    used = _number(folder / "memory.current")
    if used is None:
        used = _number(folder / "memory.usage_in_bytes") or 0
    pairs = [line.split() for line in (_read(folder / "memory.stat") or "").splitlines()]
    stat = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
    return max(0, used - int(stat.get("total_inactive_file", stat.get("inactive_file", "0"))))


def _number(path: Path) -> int | None:
    """None for a file that is missing, "max", or -1."""
    text = (_read(path) or "").strip()
    return int(text) if text.isdigit() else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:  # a controller that is not there, or not ours to read, sets no limit we could know
        return None
