"""One model of each family to begin with, chosen so that they fit this machine side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.hardware.facts import Hardware
from workbench.hub.catalogue import Catalogue
from workbench.hub.entries import Entry
from workbench.models.file import Family

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
    """``together``: all of them at once, else one after the other."""

    models: tuple[Suggestion, ...]
    together: bool


def suggested(catalogue: Catalogue, machine: Hardware) -> Suggested:
    """The largest of each family that leaves room for the other two; the smallest where none does."""
    budget = _budget(machine)
    found = []
    for family in FAMILIES:
        known = sorted(_known(catalogue.of_family(family)), key=lambda each: each.size_bytes)
        fitting = [each for each in known if each.needs_bytes <= budget / len(FAMILIES)]
        found += fitting[-1:] or known[:1]
    return Suggested(tuple(found), sum(each.needs_bytes for each in found) <= budget)


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
