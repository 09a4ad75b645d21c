"""Other programs' small files, read as what a stranger wrote: bounded, and never trusted."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from workbench.words import said

MAX_BYTES = 2 << 20


class Unreadable(Exception):  # noqa: N818 - never reaches a user: whoever reads says what it means for him
    """``str()`` is the reason, fit to stand behind "cannot be read: "."""


def small_text(path: Path, *, limit_bytes: int = MAX_BYTES) -> str | None:
    """The text of a settings file or a manifest; None where there is none.  Raises Unreadable."""
    try:
        status = path.stat()
        # Checked before opening: opening a pipe would wait for its writer.
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(said("it is not an ordinary file"))
        if status.st_size > limit_bytes:
            raise Unreadable(said("it has {n} bytes, far more than such a file needs", n=status.st_size))
        with path.open("rb") as file:
            return file.read(limit_bytes).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise Unreadable(said("it is not text")) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error


def small_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file.  Raises Unreadable."""
    text = small_text(path)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(said("it is not the JSON that was expected")) from error
    if not isinstance(value, dict):
        raise Unreadable(said("it is not the JSON that was expected"))
    return value


def inside(path: Path, folder: Path) -> bool:
    """Whether a path really lies below a folder, wherever links lead; False for a loop of links."""
    real = os.path.realpath(path)
    if os.path.islink(real):  # noqa: PTH114 - what realpath leaves of a loop
        return False
    return Path(real).is_relative_to(os.path.realpath(folder))
