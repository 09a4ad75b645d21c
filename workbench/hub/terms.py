"""The licences that models carry, in plain words; what binds is the licence's own text."""

from __future__ import annotations

import datetime
import functools
import re
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from workbench.errors import CatalogueError
from workbench.hub import documents
from workbench.hub.entries import STRICT, Cited, HttpAddress, Key, Line, Source, Text, remember_sources
from workbench.hub.repository import RemoteFile, Repository
from workbench.paths import resources
from workbench.words import said

FOLDER = "licences"

CommercialUse: TypeAlias = Literal["yes", "conditions", "research only", "unknown"]

# What repositories call the texts that belong to a model's licence.
_LEGAL = re.compile(
    r"(?:licen[sc]e|notice|copying|(?:acceptable_|prohibited_)?use_?policy|terms(?:_of_use)?)"
    r"(?:[-_.][\w.-]{0,40})?",
    re.IGNORECASE | re.ASCII,
)


_NO_TEXTS = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".onnx", ".zip", ".gz", ".json")


@dataclass(frozen=True, slots=True, config=STRICT)
class Threshold:
    """Where a licence asks more of the large: above ``limit`` ``unit``, ``then``."""

    measure: Text
    limit: Annotated[int, Field(gt=0)]
    unit: Line
    then: Text


@dataclass(frozen=True, slots=True, config=STRICT)
class Link:
    """The official page of a text."""

    title: Line
    address: HttpAddress


@dataclass(frozen=True, slots=True, config=STRICT)
class Terms:
    """A licence in plain words.

    ``names`` are what hubs, files and people call it.  ``eu_multimodal`` binds multimodal models only
    (``eu_clause``).  ``text`` is the whole licence where it may be shipped; a repository may have it otherwise
    (``legal_files``).  A licence nobody described has ``known`` False and ``commercial`` "unknown".
    """

    id: Line
    title: Line
    commercial: CommercialUse
    summary: Text
    sources: tuple[Cited, ...] = ()
    names: tuple[Line, ...] = ()
    duties: tuple[Text, ...] = ()
    limits: tuple[Text, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    eu_multimodal: Text | None = None
    notes: tuple[Text, ...] = ()
    links: tuple[Link, ...] = ()
    text_file: Annotated[str, Field(pattern=r"^[a-z0-9.-]+\.txt$")] | None = None

    @classmethod
    def of(cls, licence: str | None, name: str | None = None) -> Terms:
        """The terms of a licence as a hub or a file calls it; ``name`` is what a hub adds to “other”.

        For a name nobody described the terms say so, and nothing else: what it allows is never guessed.
        """
        other = licence is not None and _normal(licence) == "other"
        asked = name if other and name else licence
        found = _by_name().get(_normal(asked)) if asked else None
        return found if found is not None else _unknown(asked)

    @property
    def known(self) -> bool:
        """Whether this program can say anything about it."""
        return self.commercial != "unknown"

    @property
    def text(self) -> str | None:
        """The whole licence, where this program ships it."""
        return (resources() / FOLDER / self.text_file).read_text("utf-8") if self.text_file else None

    def eu_clause(self, *, multimodal: bool) -> str | None:
        """What the European Union means for a model under these terms; text-only models are not concerned."""
        return self.eu_multimodal if multimodal else None


@dataclass(frozen=True, slots=True, config=STRICT, kw_only=True)
class _TermsFile:
    format: Literal[1]
    dated: datetime.date
    sources: Annotated[dict[Key, Source], AfterValidator(remember_sources)]
    terms: Terms


_FILE: TypeAdapter[_TermsFile] = TypeAdapter(_TermsFile)


def read_all(folder: Path) -> tuple[Terms, ...]:
    """Every described licence of a folder.  Raises CatalogueError for a mistake, and for a name given twice."""
    found = [
        documents.read(_FILE, documents.read_file(path), path.name).terms for path in sorted(folder.glob("*.json"))
    ]
    names = [name for terms in found for name in {_normal(name) for name in (terms.id, *terms.names)}]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise CatalogueError(
            said("Two licences are called {repeated}.", repeated=repeated[0]), hint=said("Install the program again.")
        )
    return tuple(found)


def described() -> tuple[Terms, ...]:
    """Every licence this program can speak of."""
    return tuple(dict.fromkeys(_by_name().values()))


def legal_files(repository: Repository) -> tuple[RemoteFile, ...]:
    """The files at a repository's root that hold the licence itself, its notices and policies, the licence first."""
    found = [
        file for file in repository.files if _LEGAL.fullmatch(file.path) and not file.path.lower().endswith(_NO_TEXTS)
    ]
    return tuple(sorted(found, key=lambda file: (not file.path.lower().startswith("licen"), file.path)))


@functools.cache
def _by_name() -> dict[str, Terms]:
    return {_normal(name): terms for terms in read_all(resources() / FOLDER) for name in (terms.id, *terms.names)}


def _normal(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().lower())


def _unknown(name: str | None) -> Terms:
    kept = "".join(character if character.isprintable() else " " for character in name or "")
    shown = " ".join(kept.split())[:80]
    if not shown or _normal(shown) in ("other", "unknown"):
        summary = said("The model does not say which licence it carries, or only that it is one of its own.")
    else:
        summary = said("The model calls its licence “{shown}”; this program does not know it.", shown=shown)
    return Terms(
        id=shown or "unknown",
        title=said("Unknown licence"),
        commercial="unknown",
        summary=said("{summary} Read it on the model’s page before you use the model.", summary=summary),
    )
