"""A file that is there when all of it is written, and until then is what it was before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from workbench.errors import UsageError
from workbench.words import said


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """UTF-8, line ends as they are written.  What is raised within leaves nothing behind.

    Raises UsageError where the file cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise UsageError(
            said("{path} cannot be written: {why}.", path=path, why=error.strerror or error),
            hint=said("Choose another folder or name."),
        ) from error
    finally:
        with contextlib.suppress(OSError):  # it is not there any more, or never was
            part.unlink(missing_ok=True)
