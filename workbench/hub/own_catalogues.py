"""The catalogues that the user added: what they are, and taking one away."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import CatalogueError
from workbench.hub import catalogue, documents
from workbench.words import said


@dataclass(frozen=True, slots=True)
class OwnCatalogue:
    """``file`` is its name in the user's folder; ``error`` says why it is not in force, and nothing else is known of
    it then."""

    file: str
    title: str = ""
    dated: datetime.date | None = None
    came_from: str | None = None
    entry_count: int = 0
    error: CatalogueError | None = None


@dataclass(frozen=True, slots=True)
class RemovedCatalogue:
    """What ``put_back`` needs to undo a removal."""

    path: Path
    data: bytes


def own_catalogues(folder: Path) -> tuple[OwnCatalogue, ...]:
    """Every catalogue of the user's folder, in the order in which they come into force."""
    return tuple(_read(path) for path in sorted(folder.glob("*.json")))


def remove(folder: Path, file: str) -> RemovedCatalogue:
    """Take a catalogue away.  Raises CatalogueError for one that is not there, or cannot be removed."""
    path = folder / file
    if path.parent != folder or path.suffix != ".json":
        raise CatalogueError(
            said("{file} is no catalogue that was added.", file=file), hint=said("The list says which there are.")
        )
    try:
        removed = RemovedCatalogue(path, path.read_bytes())
        path.unlink()
    except FileNotFoundError as error:
        raise CatalogueError(
            said("The catalogue {file} is gone already.", file=file), hint=said("Look at the list again.")
        ) from error
    except OSError as error:
        raise CatalogueError(
            said("The catalogue {path} cannot be removed ({strerror}).", path=path, strerror=error.strerror),
            hint=said("Check the folder's permissions."),
        ) from error
    return removed


def put_back(removed: RemovedCatalogue) -> None:
    """As if it had not been removed; one that was added under its name since stays.  Raises CatalogueError."""
    try:
        with removed.path.open("xb") as file:
            file.write(removed.data)
    except FileExistsError as error:
        raise CatalogueError(
            said("{removed} was added again meanwhile.", removed=removed.path.name),
            hint=said("The one that is there stays."),
        ) from error
    except OSError as error:
        raise CatalogueError(
            said(
                "The catalogue could not be put back to {path} ({strerror}).",
                path=removed.path,
                strerror=error.strerror,
            ),
            hint=said("Check the permissions of the folder and the space on the disk."),
        ) from error


def _read(path: Path) -> OwnCatalogue:
    try:
        found = catalogue.read(documents.read_file(path), path.name)
    except CatalogueError as error:
        return OwnCatalogue(path.name, error=error)
    return OwnCatalogue(path.name, found.title, found.dated, found.came_from, len(found.entries))
