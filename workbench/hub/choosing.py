"""What somebody means who names a model of the hub: a repository or an entry of the catalogue, and a file of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from workbench.errors import GatedModelError, HubError, ModelNotFoundError, OfflineError
from workbench.hub.catalogue import Catalogue
from workbench.hub.entries import Entry
from workbench.hub.failures import AccessRefusedError
from workbench.hub.refreshing import quantisation_in
from workbench.hub.remote import HeadProgress, RemoteListing
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.models.split import part_name
from workbench.words import one_of, said

_SUFFIX = ".gguf"
_LONG_WORD = 5
# Host, owner, name, the kind of page, the revision: what follows is a file.
_PAGE = re.compile(r"(?:https?://)?[^/]+/[^/]+/[^/]+/(?:blob|resolve)/[^/]+/(?P<path>[^?#]+)")
_HOSTS = ("huggingface.co/", "www.huggingface.co/", "hf.co/")


@dataclass(frozen=True, slots=True)
class Asked:
    """``name`` is a repository, its address or an entry's id; ``wanted`` a file of it, or a quantisation."""

    name: str
    wanted: str | None = None


def parse(text: str) -> Asked:
    """``NAME``, ``NAME:FILE`` or ``NAME:QUANTISATION``; also ``OWNER/NAME/FILE`` and the address of a file's page."""
    text = text.strip()
    if "://" in text or text.lower().startswith(_HOSTS):
        before, colon, wanted = text.rpartition(":")
        if colon and wanted and "/" not in wanted:
            return Asked(before, wanted)
        page = _PAGE.match(text)
        return Asked(text, _unquoted(page["path"]) if page is not None else None)
    name, _, wanted = text.partition(":")
    parts = name.split("/")
    if not wanted and len(parts) > 2 and name.lower().endswith(_SUFFIX):
        return Asked("/".join(parts[:2]), "/".join(parts[2:]))
    return Asked(name, wanted or None)


def names_repository(asked: Asked) -> bool:
    """Whether the hub could have it; a path of a model file is none, though it may look like one."""
    return "://" in asked.name or (asked.name.count("/") >= 1 and not asked.name.lower().endswith(_SUFFIX))


def matching(catalogue: Catalogue, text: str) -> tuple[Entry, ...]:
    """The entries in whose names or repositories all of the words begin somewhere, smallest model first."""
    words = text.lower().split()
    found = [entry for entry in catalogue.entries if all(_has(entry, word) for word in words)]
    return tuple(sorted(found, key=lambda entry: entry.parameters.value))


def _has(entry: Entry, word: str) -> bool:
    names = " ".join((entry.id, entry.title, entry.publisher, *entry.repositories)).lower()
    if re.search(rf"(?<![a-z0-9]){re.escape(word)}", names):
        return True
    # "gemma3" is "gemma-3" to most people.
    return len(word) >= _LONG_WORD and word in re.sub(r"[^a-z0-9]", "", names)


def entry_of(asked: Asked, catalogue: Catalogue) -> Entry | None:
    return catalogue.entry(asked.name.lower())


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A repository that cannot be had, and why; the next one is looked into."""

    repository: str
    error: HubError


def first_of(
    repositories: Sequence[str],
    look: Callable[[str], Task[HeadProgress, RemoteListing]],
    *,
    wanted: str | None = None,
) -> Task[HeadProgress | PassedOver, RemoteListing]:
    """The first of these that can be had: one that is gone, is not given to this account, holds no model (or, where
    one is ``wanted``, none that ``chosen`` finds), or was never looked at while the network is off, is passed over.

    Raises what was wrong with the last one, and what else ``look`` raises.
    """

    def task(cancel: CancelToken) -> Generator[HeadProgress | PassedOver, None, RemoteListing]:
        for repository in repositories[:-1]:
            try:
                found = yield from look(repository)(cancel)
                if wanted is not None:
                    chosen(found, wanted)
                elif not found.files:
                    raise ModelNotFoundError(said("{repository} has no model that can be used.", repository=repository))
            except (ModelNotFoundError, GatedModelError, AccessRefusedError, OfflineError) as refused:
                yield PassedOver(repository, refused)
            else:
                return found
        found = yield from look(repositories[-1])(cancel)
        if wanted is not None:
            chosen(found, wanted)
        return found

    return task


def repositories_with(entry: Entry) -> tuple[str, ...]:
    """All that are known to have an entry's GGUF files, the publisher's own first where it is open to all.

    Raises ModelNotFoundError where none is known.
    """
    known = sorted(entry.gguf_repositories, key=lambda one: not (one.official and entry.gated is False))
    if not known:
        raise ModelNotFoundError(
            said("No repository with GGUF files of {entry_title} is known.", entry_title=entry.title),
            hint=said("`workbench models search {entry_title!r}` asks the hub for one.", entry_title=entry.title),
        )
    return tuple(one.name for one in known)


def repositories_of(asked: Asked, catalogue: Catalogue) -> tuple[str, ...]:
    """The repositories to look into, one after the other: of an entry all that are known.

    Raises ModelNotFoundError for an entry without any, and for what is neither an entry nor a repository.
    """
    entry = entry_of(asked, catalogue)
    if entry is None:
        if "/" in asked.name:
            return (asked.name,)
        near = difflib.get_close_matches(asked.name.lower(), [one.id for one in catalogue.entries], n=3, cutoff=0.5)
        raise ModelNotFoundError(
            said("“{asked}” is no model of the catalogue, and no OWNER/REPOSITORY.", asked=asked.name),
            hint=said("Did you mean {names}?", names=one_of([f"“{name}”" for name in near]))
            if near
            else said("`workbench models search` finds models of the catalogue and of the hub."),
        )
    return repositories_with(entry)


def chosen(listing: RemoteListing, wanted: str) -> ModelFile:
    """The one model of a repository that is called so: by path, file name or quantisation, in any case.

    Raises ModelNotFoundError for none, and for several.
    """
    for names in (_paths, _file_names, _quantisations):
        found = [file for file in listing.files if wanted.lower() in {name.lower() for name in names(file)}]
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelNotFoundError(
                said(
                    "{repository} has {n} models called {wanted}.",
                    repository=listing.repository,
                    n=len(found),
                    wanted=wanted,
                ),
                hint=said("Name one of its files: {files}.", files=", ".join(_path(file) for file in found[:6])),
            )
    there = ", ".join(dict.fromkeys(_label(file) for file in listing.files))
    raise ModelNotFoundError(
        said("{repository} has no model called {wanted}.", repository=listing.repository, wanted=wanted),
        hint=said("It has {there}.", there=there) if there else said("It has no model that can be used."),
    )


def name_of(file: ModelFile) -> str:
    """What ``parse`` takes for exactly this file of the hub; of a file on disk its name in the library."""
    return f"{file.origin.repository}:{file.origin.path}" if file.origin is not None else file.name


def _unquoted(path: str) -> str:
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes.fromhex(found[1].decode()), path.encode()).decode(
        "utf-8", "replace"
    )


def _path(file: ModelFile) -> str:
    return file.origin.path if file.origin is not None else file.path.name


def _paths(file: ModelFile) -> set[str]:
    folder, slash, _ = _path(file).rpartition("/")
    return {_path(file), *(f"{folder}{slash}{path.name}" for path in file.files)}


def _file_names(file: ModelFile) -> set[str]:
    names = {path.name for path in file.files}
    split = part_name(file.path.name)
    stems = {name[: -len(_SUFFIX)] for name in names} | ({split.prefix} if split is not None else set())
    return names | stems


def _quantisations(file: ModelFile) -> set[str]:
    return {_label(file), file.quantisation}


def _label(file: ModelFile) -> str:
    return quantisation_in(_path(file)) or file.quantisation
