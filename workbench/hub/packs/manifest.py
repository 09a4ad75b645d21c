"""What pack.json says: the files of a pack, and the models they make."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, ConfigDict, Field, TypeAdapter, ValidationError

from workbench.errors import PackError
from workbench.hub.packs.names import check_path, check_together
from workbench.models.cursor import quoted
from workbench.words import said

FORMAT = 1
OLDEST_FORMAT = 1
MANIFEST, SIGNATURE, SUMS, BILL = "pack.json", "pack.json.minisig", "SHA256SUMS", "bom.cdx.json"
OUTSIDE = (MANIFEST, SIGNATURE, SUMS)
"""Files of a pack that pack.json does not list."""

MAX_MANIFEST_BYTES = 8 * 2**20
MAX_SMALL_BYTES = 64 * 2**20
"""Of a licence, a suite, settings: whatever is not a model or a result."""
MAX_ENTRIES = 20_000

Kind: TypeAlias = Literal["model", "licence", "catalogue", "suite", "settings", "results", "bill"]
FOLDERS: Mapping[str, str] = {
    "model": "models/",
    "licence": "licences/",
    "catalogue": "catalogue/",
    "suite": "suites/",
    "settings": "settings/",
    "results": "results/",
}
SETTINGS = "settings/settings.json"

Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$")
]
Size: TypeAlias = Annotated[int, Field(ge=0, lt=2**62)]
_CONFIG = ConfigDict(extra="forbid", strict=True)

_MADE_ELSEWHERE = said(
    "The pack was damaged or made by another program. Nothing was installed; ask its sender for a new one."
)


@dataclass(frozen=True, slots=True)
class PackEntry:
    """One file of the pack; ``path`` is relative, with ``/``."""

    __pydantic_config__ = _CONFIG

    path: str
    kind: Kind
    size_bytes: Size
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class PackedModel:
    """A model as its sender's library described it; paths are those of entries.

    ``files`` are its parts in order; ``companions`` go along (an image projector); ``licence`` is None where the
    file states none.  ``repository`` and ``commit`` say where the sender had it from.
    """

    __pydantic_config__ = _CONFIG

    name: Text
    title: Annotated[str, Field(max_length=500)]
    family: Text
    architecture: Text
    quantisation: Text
    parameter_count: Size
    synthetic: bool
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    companions: tuple[str, ...] = ()
    licence: Text | None = None
    licence_texts: tuple[str, ...] = ()
    repository: Text | None = None
    commit: Text | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of pack.json; ``engine`` is the sender's, None where it was not said."""

    __pydantic_config__ = _CONFIG

    format: Annotated[int, Field(ge=OLDEST_FORMAT, le=FORMAT)]
    name: Text
    created_at: AwareDatetime
    program: Text
    engine: Text | None
    entries: tuple[PackEntry, ...]
    models: tuple[PackedModel, ...] = ()

    @property
    def total_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries)

    def by_path(self) -> dict[str, PackEntry]:
        return {entry.path: entry for entry in self.entries}

    def of_kind(self, kind: Kind) -> tuple[PackEntry, ...]:
        return tuple(entry for entry in self.entries if entry.kind == kind)


_MANIFEST = TypeAdapter(Manifest)


def written(manifest: Manifest) -> bytes:
    """pack.json; the same bytes for the same manifest."""
    return _MANIFEST.dump_json(manifest, indent=2) + b"\n"


def identity(data: bytes) -> str:
    """SHA-256 of pack.json: it stands for the pack with all its files."""
    return hashlib.sha256(data).hexdigest()


def sums(manifest: Manifest, data: bytes) -> bytes:
    """SHA256SUMS, for ``sha256sum --check``; ``data`` is pack.json."""
    lines = [f"{identity(data)}  {MANIFEST}\n", *(f"{entry.sha256}  {entry.path}\n" for entry in manifest.entries)]
    return "".join(lines).encode()


def read(data: bytes) -> Manifest:
    """pack.json, checked in itself.

    Raises PackError: no JSON, a key twice or unknown, a value that cannot be, a later format, a path that is
    not acceptable, entries and models that do not belong together.
    """
    _refuse_other_formats(_parsed(data))
    try:
        manifest = _MANIFEST.validate_json(data)
    except ValidationError as error:
        raise _invalid(error) from error
    check_consistent(manifest)
    return manifest


def check_consistent(manifest: Manifest) -> None:
    """Raises PackError where paths are not acceptable or entries and models do not belong together."""
    if len(manifest.entries) > MAX_ENTRIES:
        raise _wrong(
            said(
                "pack.json lists {n} files; at most {max_entries} are read.",
                n=len(manifest.entries),
                max_entries=MAX_ENTRIES,
            )
        )
    for entry in manifest.entries:
        check_path(entry.path)
        _check_place(entry)
    check_together([*OUTSIDE, *(entry.path for entry in manifest.entries)])
    if len(manifest.of_kind("bill")) != 1:
        raise _wrong(
            said(
                "pack.json lists {n} bills of materials; a pack has one.",
                n=len(manifest.of_kind("bill")),
            )
        )
    _check_models(manifest)


def _check_place(entry: PackEntry) -> None:
    if entry.kind == "bill":
        fits = entry.path == BILL
    elif entry.kind == "settings":
        fits = entry.path == SETTINGS
    else:
        fits = entry.path.startswith(FOLDERS[entry.kind])
    if not fits:
        raise _wrong(
            said(
                "pack.json lists {entry_path} as {kind}, which does not belong there.",
                entry_path=quoted(entry.path),
                kind=entry.kind,
            )
        )
    if entry.kind not in ("model", "results") and entry.size_bytes > MAX_SMALL_BYTES:
        raise _wrong(
            said(
                "{entry_path} is too large to be {kind}: {size_bytes:,.0f} MB.",
                entry_path=quoted(entry.path),
                kind=entry.kind,
                size_bytes=entry.size_bytes / 1e6,
            )
        )


def _check_models(manifest: Manifest) -> None:
    kinds = {entry.path: entry.kind for entry in manifest.entries}
    owned: set[str] = set()
    for model in manifest.models:
        for path, kind in _paths_of(model):
            if kinds.get(path) != kind:
                raise _wrong(
                    said(
                        "{model} names {path}, which is no {kind} of the pack.",
                        model=quoted(model.name),
                        path=quoted(path),
                        kind=kind,
                    )
                )
            # Models may share a licence's text and a companion, never weights.
            if path in model.files and path in owned:
                raise _wrong(said("{path} belongs to two models, or to one of them twice.", path=quoted(path)))
            owned.add(path)
    for path, kind in kinds.items():
        if kind == "model" and path not in owned:
            raise _wrong(said("{path} belongs to none of the models that pack.json describes.", path=quoted(path)))


def _paths_of(model: PackedModel) -> Iterable[tuple[str, Kind]]:
    for path in (*model.files, *model.companions):
        yield path, "model"
    for path in model.licence_texts:
        yield path, "licence"


def _parsed(data: bytes) -> object:
    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _wrong(said("pack.json has a key twice."))
        return found

    def refuse(constant: str) -> object:
        raise ValueError(f"{constant} is no number")

    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise _wrong(said("pack.json is not readable: it is not JSON.")) from error


def _refuse_other_formats(parsed: object) -> None:
    stated = parsed.get("format") if isinstance(parsed, dict) else None
    if type(stated) is not int or stated < OLDEST_FORMAT:
        raise _wrong(said("pack.json does not say which format of packs it has, or one that never was."))
    if stated > FORMAT:
        raise PackError(
            said(
                "This pack has format {stated}; this version of the program reads up to {format}.",
                stated=stated,
                format=FORMAT,
            ),
            hint=said("Update the program, or ask for a pack made by an older version."),
        )


def _invalid(error: ValidationError) -> PackError:
    detail = error.errors(include_url=False)[0]
    place = ".".join(str(step) for step in detail["loc"])
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return _wrong(
            said("pack.json has a key that format {format} does not know: {place}.", format=FORMAT, place=quoted(place))
        )
    if detail["type"] in ("missing", "missing_argument"):
        return _wrong(said("pack.json lacks {place}.", place=quoted(place)))
    return _wrong(
        said("pack.json has a value that cannot be at {place}: {detail}.", place=quoted(place), detail=detail["msg"])
    )


def _wrong(message: str) -> PackError:
    return PackError(message, hint=_MADE_ELSEWHERE)
