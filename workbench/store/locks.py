"""A file that one process at a time may hold; the system lets go of it however that process ends."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from pathlib import Path

from workbench.errors import StoreError
from workbench.words import said

log = logging.getLogger(__name__)

if sys.platform == "win32":
    import msvcrt

    # Far behind the text, which others may then still read.
    _LOCKED_AT = 1 << 30

    def _lock(handle: int) -> None:
        os.lseek(handle, _LOCKED_AT, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

    _TAKEN = (PermissionError,)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    _TAKEN = (BlockingIOError,)


class HeldElsewhereError(StoreError):
    """``process`` holds it, by its number; None where that cannot be told."""

    def __init__(self, path: Path, process: int | None) -> None:
        super().__init__(
            said("{path} is held by another process.", path=path), hint=said("Wait for it, or stop it there.")
        )
        self.process = process


class Lock:
    """Held from making it to ``release``.  Raises HeldElsewhereError, and OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        while True:
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                _lock(self._handle)
            except _TAKEN as error:
                holder = os.pread(self._handle, 20, 0).decode("ascii", "replace") if hasattr(os, "pread") else ""
                os.close(self._handle)
                raise HeldElsewhereError(path, int(holder) if holder.isdigit() else None) from error
            except OSError as error:
                # A network drive without locks: nothing can be said of others there.
                log.warning("%s cannot be locked: %s", path.parent, error.strerror)
                return
            if self._is_still_there():
                break
            os.close(self._handle)  # whoever held it removed it meanwhile; its name is free again
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        os.write(self._handle, str(os.getpid()).encode())

    def release(self) -> None:
        # Removed while it is held, so that nobody can hold the removed one and think it is this.
        with contextlib.suppress(OSError):
            if os.name != "nt":
                self._path.unlink()
        os.close(self._handle)
        if os.name == "nt":
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _is_still_there(self) -> bool:
        try:
            there = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(self._handle)
        return (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino)
