"""A folder in which this process has no more rights than an ordinary user."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _file_permissions_count(*, for_root: bool) -> None:
    """Take from this thread root's right to ignore permissions, or give it back."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(CAPABILITY_VERSION_3, 0), (_Sets * 2)()
    if libc.capget(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    mask = (1 << CAP_DAC_OVERRIDE) | (1 << CAP_DAC_READ_SEARCH)
    sets[0].effective = sets[0].effective & ~mask if for_root else sets[0].effective | (sets[0].permitted & mask)
    if libc.capset(ctypes.byref(header), sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


@pytest.fixture
def ordinary_folder(tmp_path: Path) -> Iterator[Path]:
    """Permissions mean nothing to root, who may run the suite: they count while this fixture is in use."""
    if os.geteuid() != 0:
        yield tmp_path
        return
    if sys.platform != "linux":
        pytest.skip("run as root, and only Linux lets root lay down its rights for a while")
    _file_permissions_count(for_root=True)
    try:
        yield tmp_path
    finally:
        _file_permissions_count(for_root=False)
        tmp_path.chmod(0o700)
