"""One model of each family to begin with, chosen so that they fit this machine side by side."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from workbench.hardware.facts import Hardware
from workbench.hub.catalogue import Catalogue
from workbench.hub.choosing import PassedOver, chosen, first_of, repositories_with
from workbench.hub.entries import Entry
from workbench.hub.remote import HeadProgress, RemoteListing
from workbench.jobs import CancelToken, Task
from workbench.models.file import Family, ModelFile

FAMILIES = (Family.LLAMA, Family.MISTRAL, Family.GEMMA)
QUANTISATION = "Q4_K_M"
LARGEST_BYTES = 6_000_000_000  # a first download should not take the evening
BESIDE = 1.15  # what a load takes for each byte of the file, about: context and compute come to the weights
BESIDE_BYTES = 400_000_000
_GB = 1e9


@dataclass(frozen=True, slots=True)
class Suggestion:
    """``size_bytes`` is the file's, published or computed; ``needs_bytes`` a rough guess at the memory, which the
    ladder's verdict replaces."""

    entry: Entry
    size_bytes: int
    needs_bytes: int


@dataclass(frozen=True, slots=True)
class Suggested:
    """``budget_bytes`` is the memory that is free where they would run; ``together``: all of them at once fit in it,
    else one after the other does."""

    models: tuple[Suggestion, ...]
    budget_bytes: int

    @property
    def size_bytes(self) -> int:
        return sum(each.size_bytes for each in self.models)

    @property
    def needs_bytes(self) -> int:
        return sum(each.needs_bytes for each in self.models)

    @property
    def together(self) -> bool:
        return self.needs_bytes <= self.budget_bytes

    @property
    def too_large(self) -> tuple[Suggestion, ...]:
        """Those that do not fit even alone."""
        return tuple(each for each in self.models if each.needs_bytes > self.budget_bytes)


def suggested(catalogue: Catalogue, machine: Hardware) -> Suggested:
    """The largest of each family that leaves room for the other two; the smallest where none does."""
    budget = _budget(machine)
    found: list[Suggestion] = []
    for family in FAMILIES:
        known = sorted(_known(catalogue.of_family(family)), key=lambda each: each.size_bytes)
        fitting = [each for each in known if each.needs_bytes <= budget / len(FAMILIES)]
        found += fitting[-1:] or known[:1]
    return Suggested(tuple(found), budget)


def listing_with(
    entry: Entry, remote: Callable[[str], Task[HeadProgress, RemoteListing]]
) -> Task[HeadProgress | PassedOver, RemoteListing]:
    """What the first repository holds that has a suggestion's file, which ``file_of`` gives.

    Raises what ``first_of`` and ``repositories_with`` do.
    """

    def task(cancel: CancelToken) -> Generator[HeadProgress | PassedOver, None, RemoteListing]:
        return (yield from first_of(repositories_with(entry), remote, wanted=QUANTISATION)(cancel))

    return task


def file_of(listing: RemoteListing) -> ModelFile:
    """The file to download for a suggestion.  Raises ModelNotFoundError."""
    return chosen(listing, QUANTISATION)


def _budget(machine: Hardware) -> int:
    """The memory that is free now where models would run."""
    gpus = sum(device.free_bytes for device in machine.devices)
    return max(gpus, machine.memory.available_bytes)


def _known(entries: Iterable[Entry]) -> Iterable[Suggestion]:
    for entry in entries:
        if entry.status != "released" or entry.purpose != "chat" or not entry.gguf_repositories:
            continue
        size = _size(entry)
        if size is not None and size <= LARGEST_BYTES:
            yield Suggestion(entry, size, round(size * BESIDE) + BESIDE_BYTES)


def _size(entry: Entry) -> int | None:
    published = [
        file.size.size_bytes for file in entry.files if file.quantisation == QUANTISATION and not file.companion
    ]
    if published:
        return min(published)
    computed = entry.estimates.gigabytes.get(QUANTISATION) if entry.estimates is not None else None
    return round(computed * _GB) if computed is not None else None
