"""Any folder that somebody names, and programs that keep plain GGUF files below one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from workbench.hub.places.place import Place, PlacedFile, Problem, Program
from workbench.hub.places.walk import gguf_files


def place(folder: Path, program: Program = Program.FOLDER, *, together: bool = False) -> Place:
    """The folder as it is now; ``together`` as in ``PlacedFile``."""
    files: list[PlacedFile] = []
    problems: list[Problem] = []
    for found in gguf_files(folder):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            files.append(PlacedFile(found, together=together and found.parent != folder))
    return Place(program, folder, tuple(files), tuple(problems))


def places(folders: Iterable[Path]) -> tuple[Place, ...]:
    """One place each; a folder that is not there (an unplugged disk) is a place without files."""
    return tuple(place(folder) for folder in folders)
