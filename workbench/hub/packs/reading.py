"""Opening files of a pack: regular files only, never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from workbench.errors import PackError
from workbench.models.cursor import quoted
from workbench.words import said

# Of the systems that have them: no link is followed, and a pipe without a writer does not hang.
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_REPARSE_POINT = 0x400  # FILE_ATTRIBUTE_REPARSE_POINT: Windows' links and junctions


def check_regular(status: os.stat_result, name: str) -> None:
    """Raises PackError for a link, and for what is neither file nor link; ``status`` is of the link itself."""
    if stat.S_ISLNK(status.st_mode) or getattr(status, "st_file_attributes", 0) & _REPARSE_POINT:
        raise PackError(
            said("{name} in the pack is a link.", name=quoted(name)),
            hint=said("A pack holds only files. Ask its sender for a new one."),
        )
    if not stat.S_ISREG(status.st_mode):
        raise PackError(
            said("{name} in the pack is a device, a pipe or a socket.", name=quoted(name)),
            hint=said("A pack holds only files. Ask its sender for a new one."),
        )


def open_regular(path: Path, name: str) -> BinaryIO:
    """Raises PackError for a link, for what is no file, and for one that cannot be opened."""
    try:
        check_regular(path.lstat(), name)
        file = os.fdopen(os.open(path, _FLAGS), "rb", buffering=0)
    except OSError as error:
        raise unreadable(name, error) from error
    try:
        check_regular(os.fstat(file.fileno()), name)
    except BaseException:
        file.close()
        raise
    return file


def unreadable(name: str, error: OSError) -> PackError:
    return PackError(
        said("{file} cannot be read ({why}).", file=quoted(name), why=error.strerror or error),
        hint=said("Check that the medium is in place and sound, and that you may read it."),
    )
