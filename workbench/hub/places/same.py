"""Which files of the library are one model that lies in several places, and how sure that is."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.hub.places.companions import Companion
from workbench.hub.places.place import Program
from workbench.models.file import ModelFile
from workbench.words import said


class Sameness(enum.Enum):
    """The value finishes the sentence "the copy is …"."""

    FILE = said("the same file, under another name")
    HASHED = said("the same, by its SHA-256")
    CLAIMED = said("the same, if its program's own SHA-256 is true")
    PROBABLY = said("probably the same: equal size and header")


@dataclass(frozen=True, slots=True)
class Copy:
    path: Path
    program: Program
    called: str | None
    sameness: Sameness


@dataclass(frozen=True, slots=True)
class Held:
    """A model of the library, and who holds it.

    ``own`` ones are this program's to remove and to move.  ``claims`` are SHA-256 by path, as the program that keeps
    the files says; ``file.sha256`` is what was really computed.  ``identity`` is what its name is remembered by,
    ``listed`` what its program lists as companions.
    """

    file: ModelFile
    program: Program
    own: bool
    identity: str
    called: str | None = None
    stem: str | None = None
    claims: tuple[tuple[Path, str], ...] = ()
    listed: tuple[Path, ...] = ()
    companions: tuple[Companion, ...] = ()
    licences: tuple[Path, ...] = ()
    together: bool = False
    copies: tuple[Copy, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The library's name for it, then those that other programs have for it or its copies."""
        return (self.file.name, *(name for name in (self.called, *(copy.called for copy in self.copies)) if name))

    @property
    def claimed_sha256(self) -> str | None:
        """Of a model in one file."""
        return dict(self.claims).get(self.file.path) if not self.file.parts else None

    @property
    def damaged(self) -> bool:
        """Its bytes were hashed, and are not what its program says they are."""
        return None not in (self.file.sha256, self.claimed_sha256) and self.file.sha256 != self.claimed_sha256


def folded(held: Sequence[Held]) -> list[Held]:
    """With other programs' copies under the first that has them; the user's own files stay each for itself."""
    kept: list[Held] = []
    for candidate in held:
        sameness = None
        if candidate.program not in (Program.WORKBENCH, Program.ADDED):
            for index, other in enumerate(kept):
                sameness = _sameness(candidate, other)
                if sameness is not None:
                    kept[index] = with_copy(other, candidate, sameness)
                    break
        if sameness is None:
            kept.append(candidate)
    return kept


def with_copy(held: Held, other: Held, sameness: Sameness) -> Held:
    copy = Copy(other.file.path, other.program, other.called, sameness)
    return dataclasses.replace(held, copies=(*held.copies, copy, *other.copies))


def _sameness(one: Held, other: Held) -> Sameness | None:
    # A damaged file is a copy of nothing.
    if one.file.size_bytes != other.file.size_bytes or one.damaged or other.damaged:
        return None
    if one.file.sha256 is not None and other.file.sha256 is not None:
        return Sameness.HASHED if one.file.sha256 == other.file.sha256 else None
    first, second = _hashes(one), _hashes(other)
    if first is not None and second is not None:
        return Sameness.CLAIMED if first == second else None
    return Sameness.PROBABLY if one.file.header.sha256 == other.file.header.sha256 else None


def _hashes(held: Held) -> tuple[str, ...] | None:
    """What the files hash to, by computation or by claim; None where one of them is unknown."""
    if held.file.sha256 is not None:
        return (held.file.sha256,)
    claims = dict(held.claims)
    found = tuple(claims[path] for path in held.file.files if path in claims)
    return found if len(found) == len(held.file.files) else None
