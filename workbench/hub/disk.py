"""Room on the disk, and what the system says when it does not take a file, in the user's words."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from workbench.errors import DiskFullError, HubError
from workbench.words import said

FreeBytes: TypeAlias = Callable[[Path], int]

_FULL = (errno.ENOSPC, errno.EDQUOT)


class FileTooLargeError(HubError):
    """The file system, or a limit of the system's, has no place for a file of this size."""


class FolderError(HubError):
    """The folder for models cannot be written or read."""


def free_bytes(folder: Path) -> int:
    """What the disk below a folder, or below its nearest parent that is there, has left for this user."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def check_room(free: FreeBytes, folder: Path, needed_bytes: int, floor_bytes: int) -> None:
    """Raises DiskFullError where fewer than ``floor_bytes`` would be left on the disk."""
    with writing(folder):
        left = free(folder)
    if left - needed_bytes < floor_bytes:
        what = (
            said("{size} are still to come", size=_gb(needed_bytes))
            if needed_bytes
            else said("the download stops short of the rest")
        )
        raise DiskFullError(
            said(
                "{left} are free on the disk of {folder}; {what}, and {floor} are left alone.",
                left=_gb(left),
                folder=folder,
                what=what,
                floor=_gb(floor_bytes),
            ),
            hint=said("Free some space on that disk, then resume: what was fetched is kept."),
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """The system's refusals as ours.  Raises DiskFullError, FileTooLargeError and FolderError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise DiskFullError(
                said("The disk is full: {path} could not be written.", path=path),
                hint=said("Free some space on that disk, then resume: what was fetched is kept."),
            ) from error
        if error.errno == errno.EFBIG:
            raise FileTooLargeError(
                said(
                    "{file} is too large for the file system of {parent}, or for a limit set on this program.",
                    file=path.name,
                    parent=path.parent,
                ),
                hint=said("FAT32 ends at 4 GiB a file: choose a folder on another disk, or a smaller quantisation."),
            ) from error
        raise FolderError(
            said("{path} cannot be written or read ({strerror}).", path=path, strerror=error.strerror),
            hint=said("Check that its disk is there, and the folder's permissions."),
        ) from error


def make_folder(folder: Path) -> None:
    """With its parents, each of them as safe from a power cut as the next."""
    missing = []
    while not folder.is_dir() and folder != folder.parent:
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        sync_folder(one.parent)


def sync_folder(folder: Path) -> None:
    """Names in a folder are safe from a power cut only after this; Windows does it by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems know no such thing
            os.fsync(handle)
    finally:
        os.close(handle)


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 10**8 else f"{size_bytes / 1e6:.1f} MB"
