"""What the catalogue says of one model: every statement with its source and its date."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import field, fields
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo
from pydantic.dataclasses import dataclass

from workbench.models.file import Family

STRICT = ConfigDict(extra="forbid", strict=True)

T = TypeVar("T")

SourceKind: TypeAlias = Literal["publisher", "hub", "code", "listing", "report", "computed", "unconfirmed"]
"""Who says it: the model's publisher; the hub's own metadata; the code of a library or engine; a third party's
listing; somebody's page; our own arithmetic; or nobody who was found, so that it is to be checked."""

Gate: TypeAlias = Literal["open", "acceptance", "unknown"]
"""Whether the original repository hands out files at once, or after agreeing to something first."""

SystemPrompt: TypeAlias = Literal["native", "merged", "refused"]
"""A system prompt has its own place; is written into a user turn by the template; or makes the template fail."""

# In a file by name; an entry that is copied has the value itself.
_FAMILIES = ("llama", "mistral", "gemma", Family.LLAMA, Family.MISTRAL, Family.GEMMA)
_UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
_REPOSITORY = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$"
_ROUNDED = re.compile(r"(\d+(?:\.\d+)?) (MB|GB|MiB|GiB)")


def _plain(text: str) -> str:
    if not all(character.isprintable() or character == "\n" for character in text):
        raise ValueError("holds characters that cannot be shown")
    return text


Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_plain)]
Line: TypeAlias = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\n]*$"), AfterValidator(_plain)]
Key: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
HttpAddress: TypeAlias = Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=500)]
RepositoryName: TypeAlias = Annotated[str, Field(pattern=_REPOSITORY)]
Commit: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Moment: TypeAlias = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT[0-9:.]{5,15}(Z|[+-]\d\d:\d\d)$")]
Bytes: TypeAlias = Annotated[int, Field(ge=0, le=1 << 50)]
Count: TypeAlias = Annotated[int, Field(ge=1, le=10**15)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Source:
    """Where a statement comes from.  ``dated`` is the date of the text itself, or of the copy that was read,
    as far as it is known ("2025", "2025-07" or a day); ``read`` is the day it was read."""

    title: Line
    kind: SourceKind
    read: datetime.date
    dated: Annotated[str, Field(pattern=r"^\d{4}(-\d\d){0,2}$")] | None = None
    address: HttpAddress | None = None

    @property
    def citation(self) -> str:
        """One line to show: what it is, of when, and when it was read."""
        of_when = f"{self.dated}, " if self.dated else ""
        return f"{self.title} ({of_when}read {self.read.isoformat()})"


def remember_sources(sources: dict[Key, Source], info: ValidationInfo) -> dict[Key, Source]:
    """For the list of sources of a document: what comes after it names them by key."""
    if info.context is not None:
        info.context["sources"] = sources
    return sources


def _by_key(value: object, info: ValidationInfo) -> object:
    """In a file a source is named by its key; the file's list of sources comes before everything else."""
    if not isinstance(value, str):
        return value
    known = (info.context or {}).get("sources")
    if known is None:
        raise ValueError("the list of sources has a mistake, or is missing")
    if value not in known:
        raise ValueError("names no source of this file’s list")
    return known[value]


def _key_of(source: Source, info: Any) -> object:
    return info.context["keys"][source] if info.context else source


def _at_least_one(sources: tuple[Source, ...]) -> tuple[Source, ...]:
    if not sources:
        raise ValueError("names no source; every statement has one")
    return sources


def _family(value: object) -> object:
    if value not in _FAMILIES:
        raise ValueError("should be llama, mistral or gemma")
    return value


Cited: TypeAlias = Annotated[Source, BeforeValidator(_by_key), PlainSerializer(_key_of)]
Sources: TypeAlias = Annotated[tuple[Cited, ...], AfterValidator(_at_least_one)]


# No slots: ``Fact[int](...)`` sets an attribute of typing's own.
@dataclass(frozen=True, config=STRICT)
class Fact(Generic[T]):
    """One statement; ``note`` is what to know about it, such as where sources differ."""

    value: T
    sources: Sources
    note: Text | None = None

    @property
    def confirmed(self) -> bool:
        """Whether a source was found that says so."""
        return all(source.kind != "unconfirmed" for source in self.sources)


@dataclass(frozen=True, slots=True, config=STRICT)
class Size:
    """A file's size.  ``rounded`` is the figure as it was published where the exact one is not known."""

    size_bytes: Bytes
    rounded: str | None = None


def _size(value: object) -> object:
    if isinstance(value, str):
        match = _ROUNDED.fullmatch(value)
        if match is None:
            raise ValueError("should be a number of bytes, or a rounded size like “13.3 GiB”")
        return Size(round(float(match[1]) * _UNITS[match[2]]), value)
    return Size(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else value


WrittenSize: TypeAlias = Annotated[
    Size, BeforeValidator(_size), PlainSerializer(lambda size: size.rounded or size.size_bytes)
]


@dataclass(frozen=True, slots=True, config=STRICT)
class GgufRepository:
    """Where GGUF files are.  ``commit``, ``gated`` and ``asked_at`` (ISO 8601) are what the hub said last."""

    name: RepositoryName
    sources: Sources
    official: bool = False
    note: Text | None = None
    commit: Commit | None = None
    gated: bool | None = None
    asked_at: Moment | None = None


def _each_once(repositories: tuple[GgufRepository, ...]) -> tuple[GgufRepository, ...]:
    names = [repository.name.lower() for repository in repositories]
    if len(set(names)) < len(names):
        raise ValueError("names one repository twice")
    return repositories


@dataclass(frozen=True, slots=True, config=STRICT)
class PublishedFile:
    """One file as published, all its parts together; ``repository`` is None where the source does not say whose."""

    name: Line
    size: WrittenSize
    sources: Sources
    quantisation: Line | None = None
    repository: RepositoryName | None = None
    companion: bool = False
    sha256: Sha256 | None = None
    note: Text | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Shape:
    """Hyper-parameters, as in the GGUF's keys; a tuple of values, "local" and "global", where layers differ."""

    sources: Sources
    n_layer: Count
    n_embd: Count
    n_head: Count | None = None
    n_head_kv: Count | None = None
    head_dim: Count | None = None
    n_ff: Count | None = None
    n_vocab: Count | None = None
    tied_embeddings: bool | None = None
    sliding_window: Count | None = None
    window_pattern: Line | None = None
    rope_base: Annotated[float, Field(gt=0)] | None = None
    experts: Count | None = None
    experts_used: Count | None = None
    note: Text | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Sampling:
    """The publisher's advice on sampling; None: it says nothing.  ``when`` names the use it is for."""

    sources: Sources
    temperature: Annotated[float, Field(ge=0, le=5)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    when: Line | None = None
    note: Text | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Turns:
    """How turns are written; for people to read, never to render with: the file's own template does that."""

    rendering: Text
    stop: tuple[Line, ...]
    sources: Sources
    note: Text | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Estimates:
    """File sizes in GB (10⁹ bytes) by quantisation, computed from the hyper-parameters, header included."""

    sources: Sources
    gigabytes: dict[Line, Annotated[float, Field(gt=0)]] = field(hash=False)
    note: Text | None = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Figure:
    """A published figure; ``about`` says of what, under which conditions."""

    measure: Line
    value: float
    about: Text
    sources: Sources


@dataclass(frozen=True, slots=True, config=STRICT)
class Claim:
    """Something said of this model that its primary source contradicts; shown with both, never as a fact."""

    claim: Text
    said_by: Line
    finding: Text
    sources: Sources


@dataclass(frozen=True, slots=True, config=STRICT, kw_only=True)
class WrittenEntry:
    """One model, as a catalogue file has it."""

    id: Key
    family: Annotated[Family, BeforeValidator(_family)]
    title: Line
    publisher: Line
    status: Literal["released", "announced"] = "released"
    purpose: Literal["chat", "reasoning", "code"] = "chat"
    released: Fact[Line] | None = None
    original: Fact[RepositoryName]
    original_commit: Commit | None = None
    variants: tuple[Fact[RepositoryName], ...] = ()
    gguf_repositories: Annotated[tuple[GgufRepository, ...], AfterValidator(_each_once)] = ()
    parameters: Fact[Count]
    active_parameters: Fact[Count] | None = None
    vision_parameters: Fact[Count] | None = None
    multimodal: Fact[bool]
    context: Fact[Count] | None = None
    architecture: Fact[Line] | None = None
    shape: Shape | None = None
    licence: Fact[Line]
    gate: Fact[Gate]
    sampling: tuple[Sampling, ...] = ()
    system_role: Fact[SystemPrompt] | None = None
    turns: Turns | None = None
    files: tuple[PublishedFile, ...] = ()
    estimates: Estimates | None = None
    figures: tuple[Figure, ...] = ()
    claims: tuple[Claim, ...] = ()
    notes: tuple[Fact[Text], ...] = ()

    @property
    def gated(self) -> bool | None:
        """Whether the original repository asks for agreement first; None where that is not known."""
        return {"open": False, "acceptance": True, "unknown": None}[self.gate.value]

    @property
    def repositories(self) -> tuple[str, ...]:
        """Every repository of this model: the original, its variants, then those with GGUF files."""
        return (
            self.original.value,
            *(variant.value for variant in self.variants),
            *(repository.name for repository in self.gguf_repositories),
        )

    @property
    def recommended(self) -> Sampling | None:
        """The publisher's sampling for ordinary use."""
        return self.sampling[0] if self.sampling else None

    def stated(self) -> Iterator[tuple[str, Any]]:
        """Everything that carries sources, with the name of its field."""
        for declared in fields(self):
            value = getattr(self, declared.name)
            for item in value if isinstance(value, tuple) else (value,):
                if hasattr(item, "sources"):
                    yield declared.name, item

    @property
    def cited(self) -> tuple[Source, ...]:
        """Its sources, each once, in the order of the fields."""
        return tuple(dict.fromkeys(source for _, item in self.stated() for source in item.sources))


@dataclass(frozen=True, slots=True, config=STRICT)
class Provenance:
    """Which catalogue an entry is from: the shipped one, or one that the user added from ``came_from``."""

    title: str
    dated: datetime.date
    file: str
    shipped: bool
    came_from: str | None = None


@dataclass(frozen=True, slots=True, config=STRICT, kw_only=True)
class Entry(WrittenEntry):
    """One model of the catalogue.  ``replaces`` is where the entry stood before a user's catalogue replaced it;
    ``asked_at`` is when the hub was last asked about it (ISO 8601)."""

    provenance: Provenance
    replaces: Provenance | None = None
    asked_at: str | None = None
