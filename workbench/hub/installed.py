"""Which models of the catalogue are on this machine already."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.hub.places.same import Held
from workbench.models.file import ModelFile

if TYPE_CHECKING:
    from workbench.hub.entries import Entry


def installed(entries: Sequence[Entry], held: Sequence[Held]) -> frozenset[str]:
    """The ids of the entries of which the library holds any quantisation.

    By the repository in a file's path, by a published SHA-256, or by the title in its metadata; a synthetic model is
    nobody's.
    """
    real = [one for one in held if not one.file.synthetic]
    repositories = {_repository(one.file.path) for one in real}
    hashes = {one.file.sha256 for one in real if one.file.sha256 is not None}
    titles = {_plain(one.file.title) for one in real}
    return frozenset(entry.id for entry in entries if _is_here(entry, repositories, hashes, titles))


def entry_of(file: ModelFile, entries: Sequence[Entry]) -> Entry | None:
    """The entry that a file is a quantisation of: by its published SHA-256, else by the repository in its path, else
    by its title; a synthetic model is nobody's."""
    if file.synthetic:
        return None
    nothing: frozenset[str] = frozenset()
    hashes = frozenset({file.sha256} if file.sha256 is not None else ())
    ways = (
        (nothing, hashes, nothing),
        (frozenset({_repository(file.path)}), nothing, nothing),
        (nothing, nothing, frozenset({_plain(file.title)})),
    )
    return next((entry for way in ways for entry in entries if _is_here(entry, *way)), None)


def _is_here(entry: Entry, repositories: Set[str], hashes: Set[str], titles: Set[str]) -> bool:
    return (
        _plain(entry.title) in titles
        or not repositories.isdisjoint(name.lower() for name in entry.repositories)
        or not hashes.isdisjoint(file.sha256 for file in entry.files if file.sha256 is not None)
    )


def _repository(path: Path) -> str:
    return "/".join(path.parts[-3:-1]).lower()


def _plain(title: str) -> str:
    return "".join(character for character in title.lower() if character.isalnum())
