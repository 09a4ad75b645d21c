"""The catalogue of models: the shipped files, and over them the user's own, an entry at a time."""

from __future__ import annotations

import dataclasses
import datetime
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, TypeAdapter
from pydantic.dataclasses import dataclass

from workbench.errors import CatalogueError
from workbench.hub import documents, entries
from workbench.hub.entries import (
    STRICT,
    Entry,
    Key,
    Line,
    Provenance,
    Source,
    Sources,
    Text,
    WrittenEntry,
    remember_sources,
)
from workbench.models.file import Family
from workbench.words import said

log = logging.getLogger(__name__)

SHIPPED_FOLDER = "catalogue"


def _ids_once(written: tuple[WrittenEntry, ...]) -> tuple[WrittenEntry, ...]:
    ids = [entry.id for entry in written]
    repeated = sorted({name for name in ids if ids.count(name) > 1})
    if repeated:
        raise ValueError(f"has two entries called {', '.join(f'“{name}”' for name in repeated)}")
    return written


@dataclass(frozen=True, slots=True, config=STRICT)
class QualityRow:
    """What quantising cost one model at one quantisation; None: the source has no such figure."""

    quantisation: Line
    importance_matrix: bool | None = None
    bits_per_weight: float | None = None
    size_gib: float | None = None
    perplexity: float | None = None
    perplexity_rise: float | None = None
    mean_kl_divergence: float | None = None
    mean_probability_change_percent: float | None = None
    rms_probability_change_percent: float | None = None
    same_top_token_percent: float | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class QualityTable:
    """Published measurements of one model's quantisations; never comparable between models (``note``)."""

    model: Line
    against: Text
    sources: Sources
    rows: tuple[QualityRow, ...]
    note: Text | None = None


@dataclass(frozen=True, slots=True, config=STRICT, kw_only=True)
class CatalogueFile:
    """A catalogue as it is written.  ``sources`` come first: everything after them names them by key."""

    format: Literal[1]
    title: Line
    dated: datetime.date
    about: Text | None = None
    came_from: Line | None = None
    sources: Annotated[dict[Key, Source], AfterValidator(remember_sources)]
    entries: Annotated[tuple[WrittenEntry, ...], AfterValidator(_ids_once)]
    quality: tuple[QualityTable, ...] = ()


_FILE: TypeAdapter[CatalogueFile] = TypeAdapter(CatalogueFile)
_VALUES: tuple[Any, ...] = (
    CatalogueFile, QualityTable, QualityRow, WrittenEntry, Source, entries.Fact, entries.GgufRepository,
    entries.PublishedFile, entries.Shape, entries.Sampling, entries.Turns, entries.Estimates, entries.Figure,
    entries.Claim,
)  # fmt: skip
_KEYS = frozenset(field.name for value in _VALUES for field in dataclasses.fields(value))

Refusal: TypeAlias = tuple[str, CatalogueError]


@dataclasses.dataclass(frozen=True, slots=True)
class Catalogue:
    """Every entry in force.  ``refused`` are the user's files that have mistakes, by name; the rest is in force."""

    entries: tuple[Entry, ...]
    quality: tuple[QualityTable, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @classmethod
    def load(cls, resources: Path, user_folder: Path | None = None) -> Catalogue:
        """The shipped catalogue, and over it every ``*.json`` of the user's folder, in the order of their names.

        Raises CatalogueError for a shipped file with a mistake; the user's are refused one at a time.
        """
        found = cls(())
        for path in sorted((resources / SHIPPED_FOLDER).glob("*.json")):
            found = found.with_file(read(documents.read_file(path), path.name), file=path.name, shipped=True)
        if not found.entries:
            raise CatalogueError(
                said("There is no catalogue in {resources}.", resources=resources / SHIPPED_FOLDER),
                hint=said("Install the program again."),
            )
        for path in sorted(user_folder.glob("*.json")) if user_folder is not None else ():
            try:
                found = found.with_file(read(documents.read_file(path), path.name), file=path.name, shipped=False)
            except CatalogueError as error:
                log.warning("the catalogue %s is left out: it has a mistake", path.name)
                found = dataclasses.replace(found, refused=(*found.refused, (path.name, error)))
        return found

    def with_file(self, written: CatalogueFile, *, file: str, shipped: bool = False) -> Catalogue:
        """With the entries of a file: those of the same id are replaced as a whole, where they stand."""
        provenance = Provenance(written.title, written.dated, file, shipped, written.came_from)
        merged = {entry.id: entry for entry in self.entries}
        for entry in written.entries:
            before = merged.get(entry.id)
            fields = {field.name: getattr(entry, field.name) for field in dataclasses.fields(entry)}
            merged[entry.id] = Entry(
                **fields, provenance=provenance, replaces=before.provenance if before is not None else None
            )
        return dataclasses.replace(self, entries=tuple(merged.values()), quality=(*self.quality, *written.quality))

    def entry(self, entry_id: str) -> Entry | None:
        """The entry with this id."""
        return next((entry for entry in self.entries if entry.id == entry_id), None)

    def of_family(self, family: Family) -> tuple[Entry, ...]:
        """The entries of one family, smallest model first."""
        found = [entry for entry in self.entries if entry.family is family]
        return tuple(sorted(found, key=lambda entry: entry.parameters.value))

    def for_repository(self, name: str) -> Entry | None:
        """The entry that names this repository ("owner/name", in any case)."""
        wanted = name.lower()
        return next(
            (entry for entry in self.entries if wanted in (known.lower() for known in entry.repositories)), None
        )

    def with_entry(self, entry: Entry) -> Catalogue:
        """With one entry in the place of the one of the same id; for one that was refreshed."""
        return dataclasses.replace(
            self, entries=tuple(entry if known.id == entry.id else known for known in self.entries)
        )


def read(data: bytes, name: str) -> CatalogueFile:
    """A catalogue file's bytes, checked; ``name`` is a file's name or an address, for the messages.

    Raises CatalogueError with the file, the entry and the field of each mistake.
    """
    return documents.read(_FILE, data, name, known_keys=_KEYS)


def write(found: Sequence[WrittenEntry], *, title: str, dated: datetime.date, about: str | None = None) -> bytes:
    """Entries as a catalogue file that ``read`` takes, with the sources they name and no others."""
    sources: dict[str, Source] = {}
    for source in (source for entry in found for source in entry.cited):
        if source not in sources.values():
            sources[_free_key(source.title, sources)] = source
    written = CatalogueFile(
        format=1, title=title, dated=dated, about=about, sources=sources, entries=tuple(map(_plain_entry, found))
    )
    keys = {source: key for key, source in sources.items()}
    return _FILE.dump_json(written, indent=1, exclude_defaults=True, context={"keys": keys}) + b"\n"


def add(user_folder: Path, data: bytes, came_from: str) -> Path:
    """Keep a catalogue that the user brings, from a file or an address, under its own name; the same one again
    replaces it.  Raises CatalogueError, before anything is written, for one with a mistake.
    """
    read(data, came_from)
    raw = documents.parsed(data, came_from)
    raw["came_from"] = came_from[:200]
    kept = documents.written(raw)
    read(kept, came_from)
    path = user_folder / f"{_slug(came_from.removesuffix('.json'))[-80:].strip('-') or 'catalogue'}.json"
    try:
        _write_atomic(path, kept)
    except OSError as error:
        raise CatalogueError(
            said(
                "The catalogue could not be kept in {user_folder} ({strerror}).",
                user_folder=user_folder,
                strerror=error.strerror,
            ),
            hint=said("Check the permissions of the folder and the space on the disk."),
        ) from error
    return path


def _plain_entry(entry: WrittenEntry) -> WrittenEntry:
    names = [field.name for field in dataclasses.fields(WrittenEntry)]
    return WrittenEntry(**{name: getattr(entry, name) for name in names})


def _free_key(title: str, taken: Iterable[str]) -> str:
    key = base = _slug(title)[:40].strip("-") or "source"
    number = 2
    while key in taken:
        key, number = f"{base}-{number}", number + 1
    return key


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"^https?://", "", text.lower())).strip("-")


def _write_atomic(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
