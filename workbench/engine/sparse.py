"""Files as large as a model that hold only its header: the rest is a hole that takes no room."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from workbench.errors import ProbeError
from workbench.models.exact import Head
from workbench.words import said

HEADER_BYTES = 128 << 20  # copied of a file that holds more than its header: far beyond any real one
TRIAL_HOLE_BYTES = 64 << 20  # what a file system without holes is made to write before it is found out

_FSCTL_SET_SPARSE = 0x900C4


def in_place(heads: Sequence[Head]) -> Path | None:
    """The first part's path where all parts are whole files that llama.cpp will find by their names."""
    folder = heads[0].path.parent
    for head in heads:
        if head.path.parent != folder or head.path.name != head.name:
            return None
        try:
            if head.path.stat().st_size != head.size_bytes:
                return None
        except OSError as error:
            raise _unreadable(head, error) from error
    return heads[0].path


def lay_out(heads: Sequence[Head], folder: Path) -> Path:
    """Write every part to ``folder``, as long as it will be; the first one's path.

    Raises ProbeError where the file system makes no holes, and when a head cannot be read or written.
    """
    for head in heads:
        if Path(head.name).name != head.name:
            raise ProbeError(
                said("{head!r} is no file name.", head=head.name),
                hint=said("The list of files it came from is damaged."),
            )
        _write(head, folder / head.name)
    return folder / heads[0].name


def _write(head: Head, target: Path) -> None:
    try:
        with head.path.open("rb") as file:
            first_bytes = file.read(min(HEADER_BYTES, head.size_bytes))
    except OSError as error:
        raise _unreadable(head, error) from error
    try:
        with target.open("xb") as file:
            _let_it_have_holes(file)
            file.write(first_bytes)
            trial_bytes = min(head.size_bytes, len(first_bytes) + TRIAL_HOLE_BYTES)
            file.truncate(trial_bytes)
            if _allocated_bytes(file, trial_bytes) > len(first_bytes) + TRIAL_HOLE_BYTES // 2:
                raise _no_holes(head)
            file.truncate(head.size_bytes)
    except OSError as error:  # a full disk, a limit on sizes, a file system for files below 4 GiB
        raise _no_holes(head, f" ({error.strerror})") from error


def _allocated_bytes(file: BinaryIO, length_bytes: int) -> int:
    """What the file takes on the disk, and at least nothing where the system does not tell."""
    file.flush()
    blocks: int | None = getattr(os.fstat(file.fileno()), "st_blocks", None)
    return 0 if blocks is None else min(512 * blocks, length_bytes)


def _let_it_have_holes(file: BinaryIO) -> None:
    """On Windows a file must be told; written after Microsoft's documentation, not tried there."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        done = ctypes.c_ulong(0)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(file.fileno()))
        control = ctypes.windll.kernel32.DeviceIoControl
        if not control(handle, _FSCTL_SET_SPARSE, None, 0, None, 0, ctypes.byref(done), None):
            raise ctypes.WinError()


def _no_holes(head: Head, reason: str = "") -> ProbeError:
    return ProbeError(
        said(
            "{head} cannot be asked about: the temporary folder holds no file with a hole{reason}.",
            head=head.name,
            reason=reason,
        ),
        hint=said(
            "The estimate stands. A temporary folder on another file system (TMPDIR) makes exact answers possible."
        ),
    )


def _unreadable(head: Head, error: OSError) -> ProbeError:
    return ProbeError(
        said(
            "{head} cannot be asked about: {head_path} cannot be read ({strerror}).",
            head=head.name,
            head_path=head.path,
            strerror=error.strerror,
        ),
        hint=said("Add the file again, or list the repository again."),
    )
