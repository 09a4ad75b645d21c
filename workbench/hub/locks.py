"""A file that is being written, held so that no other process writes it too."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import HubError
from workbench.store import locks


class DownloadedElsewhereError(HubError):
    """Another process, or another download of this one, writes the same file."""


class Lock(locks.Lock):
    """Held from making it to ``release``.  Raises DownloadedElsewhereError, and OSError."""

    def __init__(self, path: Path, *, what: str) -> None:
        try:
            super().__init__(path)
        except locks.HeldElsewhereError as error:
            by = f", by process {error.process}" if error.process is not None else ""
            raise DownloadedElsewhereError(
                f"{what} is being downloaded already{by}.", hint="Wait for it, or stop it there."
            ) from error
