"""Folders that say when something in them changed."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Collection, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil

from workbench.jobs import CancelToken, Task

log = logging.getLogger(__name__)

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "drvfs"}
    | {"fuse.rclone", "fuse.s3fs", "fuse.gvfsd-fuse", "virtiofs", "vboxsf", "fuse.vmhgfs-fuse", "prl_fs"}
)
"""Those on which another machine's writes are not told of."""

_UNFINISHED = (".part", ".incomplete", ".tmp", ".lock", ".crdownload", ".download")


@dataclass(frozen=True, slots=True)
class Mount:
    path: Path
    file_system: str
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Watching:
    """The first event, and again when it changed: which folders tell by themselves, and which have to be looked at.

    ``missing`` are those of the latter that were not there.
    """

    told: tuple[Path, ...]
    looked_at: tuple[Path, ...]
    missing: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Changed:
    """Something below these folders is not what it was; look again."""

    folders: tuple[Path, ...]


def mounts() -> tuple[Mount, ...]:
    """What is mounted on this machine now."""
    return tuple(
        Mount(Path(part.mountpoint), part.fstype.lower(), "remote" in part.opts.split(","))
        for part in psutil.disk_partitions(all=True)
    )


def on_network(folder: Path, mounted: Collection[Mount]) -> bool:
    """Whether a folder is another machine's: by the innermost mount that holds it, or by its ``\\\\server`` name."""
    if str(folder).startswith("\\\\"):
        return True
    real = Path(os.path.realpath(folder))
    holding = [mount for mount in mounted if real.is_relative_to(mount.path)]
    if not holding:
        return False
    # Of two mounts at one path the later hides the earlier.
    innermost = max(enumerate(holding), key=lambda entry: (len(entry[1].path.parts), entry[0]))[1]
    return innermost.remote or innermost.file_system in NETWORK_FILE_SYSTEMS


def watch(
    folders: Callable[[], Iterable[Path]],
    *,
    mounted: Callable[[], Collection[Mount]] = mounts,
    quiet_ms: int = 400,
    longest_ms: int = 3_000,
    again_s: float = 30,
) -> Task[Watching | Changed, None]:
    """Yields ``Watching`` first, then ``Changed`` whenever files came, went or changed, until it is cancelled.

    Changes are told when none came for ``quiet_ms``, or after ``longest_ms`` of them.  Folders on network disks,
    folders that are not there yet, and those that the system refuses to watch are looked at every ``again_s``;
    so often ``folders`` is asked again, too.  A later ``Watching`` is a reason to look at everything again.
    """

    def task(cancel: CancelToken) -> Generator[Watching | Changed, None, None]:
        cancel.raise_if_cancelled()
        refused = False
        while not cancel.cancelled:
            present, wanted = mounted(), tuple(dict.fromkeys(folders()))
            told = () if refused else tuple(folder for folder in wanted if _can_be_told(folder, present))
            plan = _Plan(told, tuple(folder for folder in wanted if folder not in told), again_s, folders)
            try:
                yield from _watched(plan, cancel, quiet_ms, longest_ms) if told else _looked_at(plan, cancel)
            except (OSError, RuntimeError) as error:
                if not told:
                    raise
                # No more watches to be had from the system: looking still works.
                log.warning("folders cannot be watched and are looked at instead: %s", error)
                refused = True

    return task


@dataclass(frozen=True, slots=True)
class _Plan:
    told: tuple[Path, ...]
    looked_at: tuple[Path, ...]
    again_s: float
    wanted: Callable[[], Iterable[Path]]


class _Stop:
    """A cancel token as watchfiles asks for it."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel

    def is_set(self) -> bool:
        return self._cancel.cancelled


def _watched(
    plan: _Plan, cancel: CancelToken, quiet_ms: int, longest_ms: int
) -> Generator[Watching | Changed, None, None]:
    """Until it is cancelled, or the plan is no longer good: a folder went or came, or others are wanted."""
    import watchfiles  # with asyncio behind it: not before something is watched

    look = _Look(plan)
    said = False
    changes = watchfiles.watch(
        *plan.told,
        watch_filter=lambda _change, path: _matters(path),
        debounce=longest_ms,
        step=quiet_ms,
        rust_timeout=100,
        yield_on_timeout=True,
        stop_event=_Stop(cancel),
        ignore_permission_denied=True,
    )
    with closing(changes):
        for batch in changes:
            if not said:
                said = True
                yield Watching(plan.told, plan.looked_at, tuple(sorted(look.missing)))
            changed = tuple(folder for folder in plan.told if any(_below(folder, path) for _, path in batch))
            came = look.changed()
            if changed or came:
                yield Changed((*changed, *came))
            if not all(map(os.path.isdir, changed)) or any(map(os.path.isdir, look.missing.intersection(came))):
                return
            if look.outdated():
                return


def _looked_at(plan: _Plan, cancel: CancelToken) -> Generator[Watching | Changed, None, None]:
    look = _Look(plan)
    yield Watching(plan.told, plan.looked_at, tuple(sorted(look.missing)))
    while not cancel.wait(min(plan.again_s, 0.2)):
        if changed := look.changed():
            yield Changed(changed)
            if any(map(os.path.isdir, look.missing.intersection(changed))):
                return
        if look.outdated():
            return


class _Look:
    """What was in some folders when they were last looked at."""

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self._again_s = plan.again_s
        self._seen = {folder: _content(folder) for folder in plan.looked_at}
        self._next = self._next_plan = time.monotonic() + plan.again_s
        self.missing = frozenset(folder for folder in plan.looked_at if not os.path.isdir(folder))  # noqa: PTH112

    def changed(self) -> tuple[Path, ...]:
        """The folders that are not as they were; () while it is not time to look again."""
        if not self._seen or time.monotonic() < self._next:
            return ()
        now = {folder: _content(folder) for folder in self._seen}
        changed = tuple(folder for folder, content in now.items() if content != self._seen[folder])
        self._seen = now
        self._next = time.monotonic() + self._again_s
        return changed

    def outdated(self) -> bool:
        """Whether other folders are wanted by now; False while it is not time to ask."""
        if time.monotonic() < self._next_plan:
            return False
        wanted = set(self._plan.wanted())
        self._next_plan = time.monotonic() + self._again_s
        return wanted != {*self._plan.told, *self._plan.looked_at}


def _content(folder: Path) -> frozenset[tuple[str, int, int]]:
    found = set()
    for current, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = os.path.join(current, name)  # noqa: PTH118 - a share may hold a hundred thousand names
            try:
                status = os.stat(path)  # noqa: PTH116
            except OSError:  # gone again, or not ours to read
                continue
            if _matters(path):
                found.add((path, status.st_size, status.st_mtime_ns))
    return frozenset(found)


def _matters(path: str) -> bool:
    name = os.path.basename(path)  # noqa: PTH119
    # A download at work changes its file ten times a second; it matters when it gets its name.
    return not (
        name.startswith((".", "incomplete-", "downloading_")) or name.endswith(_UNFINISHED) or "-partial" in name
    )


def _below(folder: Path, path: str) -> bool:
    # Links in the folder's own path are resolved by some systems and kept by others.
    return Path(path).is_relative_to(folder) or Path(path).is_relative_to(os.path.realpath(folder))


def _can_be_told(folder: Path, present: Collection[Mount]) -> bool:
    return os.path.isdir(folder) and not on_network(folder, present)  # noqa: PTH112
