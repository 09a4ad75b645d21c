"""Bringing an entry up to what the hub says: sizes, hashes, gating and revision; pure, nothing is asked here."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable

from workbench.errors import ModelNotFoundError
from workbench.hub.entries import Entry, Fact, GgufRepository, PublishedFile, Size, Source
from workbench.hub.remote import RemoteListing
from workbench.hub.repository import RemoteFile, Repository, is_safe_path
from workbench.models.ggml_types import FILE_TYPES
from workbench.models.split import part_name
from workbench.words import said

_SUFFIX = ".gguf"
# Other GGUFs that lie beside models: projectors, importance matrices, draft models.  A header says it for
# certain; before one was read the name has to do.
_COMPANION = re.compile(r"mmproj|imatrix|(?:^|[-_])(?:mtp|dflash|draft|eagle3?)[-_]", re.IGNORECASE)
# The last label in a name is the quantisation; publishers put words of their own before and after it.
_LABELS = sorted({*FILE_TYPES.values(), "Q3_K", "Q4_K", "Q5_K", "Q6_K", "FP16", "FP32"}, key=len, reverse=True)
_QUANTISATION = re.compile(rf"(?:^|[-_./])((?:UD-)?(?:{'|'.join(map(re.escape, _LABELS))})(?:_[A-Z]+)?)(?=$|[-_./])")


def refresh(entry: Entry, found: Repository | RemoteListing, *, asked_at: str) -> Entry:
    """The entry with what the hub said of one of its repositories, at ``asked_at`` (ISO 8601).

    The original repository brings gating and commit; one with GGUF files brings commit, gating, and the files in
    place of those known before.  A listing that was kept from earlier counts from when it was made.
    Raises ModelNotFoundError for a repository that is none of the entry's.
    """
    name = found.name if isinstance(found, Repository) else found.repository
    if isinstance(found, RemoteListing) and found.kept_at is not None:
        asked_at = found.kept_at
    day = datetime.datetime.fromisoformat(asked_at).date()
    source = Source(
        title=f"Metadata of {name} at commit {found.commit[:12]}", kind="hub", read=day, dated=day.isoformat()
    )
    wanted = name.lower()
    if wanted == entry.original.value.lower():
        return _with_original(entry, found, source, asked_at)
    repository = next((known for known in entry.gguf_repositories if known.name.lower() == wanted), None)
    if repository is None:
        raise ModelNotFoundError(
            said("{name} is none of the repositories of {entry_title}.", name=name, entry_title=entry.title),
            hint=said("They are {names}.", names=", ".join(entry.repositories)),
        )
    return _with_gguf(entry, repository, found, source, asked_at)


def _with_original(entry: Entry, found: Repository | RemoteListing, source: Source, asked_at: str) -> Entry:
    gate = entry.gate
    if isinstance(found, Repository):
        gate = Fact(value="acceptance" if found.gated else "open", sources=(source,))
    return dataclasses.replace(entry, gate=gate, original_commit=found.commit, asked_at=asked_at)


def _with_gguf(
    entry: Entry, repository: GgufRepository, found: Repository | RemoteListing, source: Source, asked_at: str
) -> Entry:
    gated = found.gated if isinstance(found, Repository) else repository.gated
    asked = dataclasses.replace(repository, commit=found.commit, gated=gated, asked_at=asked_at)
    if isinstance(found, Repository):
        fresh = _of_repository(repository.name, found.files, source)
    else:
        fresh = _of_listing(repository.name, found, source)
    # What an earlier source said without saying whose file it is, is said better now.
    names = {_stem(file.name) for file in fresh}
    kept = [
        file
        for file in entry.files
        if file.repository != repository.name and not (file.repository is None and _stem(file.name) in names)
    ]
    if isinstance(found, RemoteListing):
        # A listing holds models only.
        kept += [file for file in entry.files if file.repository == repository.name and file.companion]
    return dataclasses.replace(
        entry,
        gguf_repositories=tuple(asked if known is repository else known for known in entry.gguf_repositories),
        files=(*kept, *fresh),
        asked_at=asked_at,
    )


def _of_repository(name: str, files: Iterable[RemoteFile], source: Source) -> tuple[PublishedFile, ...]:
    """Its GGUF files whose size is known, the parts of one model as one file under the first part's name."""
    groups: dict[tuple[str, int], list[RemoteFile]] = {}
    for file in files:
        if file.path.lower().endswith(_SUFFIX) and is_safe_path(file.path):
            part = part_name(file.path)
            groups.setdefault((part.prefix, part.count) if part else (file.path, 1), []).append(file)
    found = []
    for (_, count), parts in groups.items():
        sizes = [part.size_bytes for part in parts if part.size_bytes is not None]
        if len(sizes) < count:
            continue
        first = min(parts, key=lambda part: part.path)
        found.append(
            PublishedFile(
                name=first.path,
                size=Size(sum(sizes)),
                sources=(source,),
                quantisation=quantisation_in(first.path),
                repository=name,
                companion=_COMPANION.search(first.path.rsplit("/", 1)[-1]) is not None,
                sha256=first.sha256 if count == 1 else None,
            )
        )
    return tuple(sorted(found, key=lambda file: file.name))


def _of_listing(name: str, listing: RemoteListing, source: Source) -> tuple[PublishedFile, ...]:
    return tuple(
        PublishedFile(
            name=file.origin.path if file.origin is not None else file.path.name,
            size=Size(file.size_bytes),
            sources=(source,),
            quantisation=file.quantisation,
            repository=name,
            sha256=file.sha256,
        )
        for file in listing.files
    )


def quantisation_in(path: str) -> str | None:
    """The quantisation that a file's name tells, None where it tells none; only its header is to be believed."""
    part = part_name(path)
    stem = part.prefix if part is not None else path[: -len(_SUFFIX)] if path.lower().endswith(_SUFFIX) else path
    labels = _QUANTISATION.findall(stem.rsplit("/", 1)[-1].upper())
    return labels[-1] if labels else None


def _stem(name: str) -> str:
    return name.rsplit("/", 1)[-1].lower().removesuffix(_SUFFIX)
