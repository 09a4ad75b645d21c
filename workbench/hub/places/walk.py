"""The GGUF files below a folder, whatever else is in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from workbench.hub.places.place import Problem, problem
from workbench.words import said

SUFFIX = ".gguf"
MAX_FOLDERS = 100_000
"""Somebody may name the root of a disk: after so many folders the rest is left, and said to be left."""

_UNFINISHED = ("incomplete-", "downloading_")


def gguf_files(folder: Path, *, max_folders: int = MAX_FOLDERS) -> Iterator[Path | Problem]:
    """GGUF files below a folder in the order of their paths; hidden ones and unfinished downloads left out.

    A folder that cannot be read is a Problem; one that is not there holds nothing.
    """
    visited = {os.path.realpath(folder)}
    failures: list[OSError] = []
    for current, folders, names in os.walk(folder, followlinks=True, onerror=failures.append):
        here = Path(current)
        inside = []
        for name in sorted(folders):
            real = os.path.realpath(here / name)
            # A link may lead back up: each real folder is entered once.
            if not name.startswith(".") and real not in visited:
                visited.add(real)
                inside.append(name)
        folders[:] = inside
        for name in sorted(names):
            if name.lower().endswith(SUFFIX) and not name.startswith((".", *_UNFINISHED)):
                yield here / name
        if len(visited) > max_folders:
            yield problem(
                folder,
                said(
                    "{folder} has more than {max_folders} folders below it; not all were looked into.",
                    folder=folder,
                    max_folders=max_folders,
                ),
                said("Name the folder that holds the models."),
            )
            break
    for failure in failures:
        if not isinstance(failure, FileNotFoundError):
            path = Path(failure.filename)
            yield problem(
                path,
                said("{file} cannot be read ({why}).", file=path, why=failure.strerror),
                said("Check its permissions."),
            )
