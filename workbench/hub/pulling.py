"""From a model of the hub to a download of it: which files, and whether they are on this machine already."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from workbench.errors import AlreadyHereError, ModelNotFoundError
from workbench.hub.digests import Digests
from workbench.hub.library import Library
from workbench.hub.places.same import Held
from workbench.hub.repository import RemoteFile, Repository, is_safe_path
from workbench.hub.wanted import Wanted
from workbench.models.file import ModelFile
from workbench.words import said

_PROJECTOR = re.compile(r"(?:^|[-_./])mmproj(?:[-_.].*)?\.gguf$", re.IGNORECASE)


def wanted(model: ModelFile, found: Repository | None, companions: Sequence[RemoteFile] = ()) -> Wanted:
    """Every part of a model, and the companions asked for; what the hub promises of them as far as it was asked.

    Raises ModelNotFoundError for a model that is not on the hub, and what ``Wanted`` raises.
    """
    if model.origin is None:
        raise ModelNotFoundError(
            said("{model} is a file of this machine.", model=model.name), hint=said("There is nothing to download.")
        )
    if found is None or found.commit != model.origin.commit:
        own = Wanted.of_origin(model.origin)
    else:
        own = Wanted.of_repository(found, model.origin.path)
    return dataclasses.replace(own, files=(*own.files, *companions)) if companions else own


def companions(found: Repository) -> tuple[RemoteFile, ...]:
    """The image and audio projectors of a repository, the smallest first; by their names, which is all there is
    before they are here."""
    named = [file for file in found.files if _PROJECTOR.search(file.path) and is_safe_path(file.path) and file.sha256]
    return tuple(sorted(named, key=lambda file: (file.size_bytes or 0, file.path)))


def here(model: ModelFile, asked: Wanted, library: Library) -> Held | None:
    """The model of the library that is these very files: by SHA-256, computed or as the program that keeps them says.

    None also where the hub has not said yet what they hash to.
    """
    count = max(1, len(model.parts))
    promised = tuple(file.sha256 for file in asked.files[:count])
    if None in promised:
        promised = (model.sha256,)
    if None in promised or len(promised) != count:
        return None
    for held in library.listing().held:
        same_size = held.file.size_bytes == model.size_bytes
        if same_size and not held.damaged and _sha256(held, library.digests) == promised:
            return held
    return None


def refuse_here(held: Held, model: ModelFile) -> None:
    """Raises AlreadyHereError, which says where."""
    raise AlreadyHereError(
        said(
            "{model} is on this machine already, as “{file}”: {file_path} ({program_value}).",
            model=model.name,
            file=held.file.name,
            file_path=held.file.path,
            program_value=held.program.value,
        ),
        hint=said("Use it where it lies; nothing needs to be downloaded."),
    )


def _sha256(held: Held, digests: Digests) -> tuple[str | None, ...]:
    claims = dict(held.claims)
    return tuple(digests.known(path) or claims.get(path) for path in held.file.files)
