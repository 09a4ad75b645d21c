"""A file that is being written, held so that no other process writes it too."""

from __future__ import annotations

from pathlib import Path

from workbench.errors import HubError
from workbench.store import locks
from workbench.words import said


class DownloadedElsewhereError(HubError):
    """Another process, or another download of this one, writes the same file."""


class Lock(locks.Lock):
    """Held from making it to ``release``.  Raises DownloadedElsewhereError, and OSError."""

    def __init__(self, path: Path, *, what: str) -> None:
        try:
            super().__init__(path)
        except locks.HeldElsewhereError as error:
            raise DownloadedElsewhereError(
                said("{what} is being downloaded already.", what=what)
                if error.process is None
                else said(
                    "{what} is being downloaded already, by process {process}.", what=what, process=error.process
                ),
                hint=said("Wait for it, or stop it there."),
            ) from error
