"""Image and audio projectors, and the models they belong to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workbench.errors import ModelFileError
from workbench.models.companions import companion_of
from workbench.models.file import ModelFile
from workbench.models.header import Header, read_header

By = Literal["list", "metadata", "beside"]

_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that a model can use beside its own.

    ``by`` says how that is known: its program's own list, what both headers say, or its lying beside the model.
    """

    path: Path
    what: str
    size_bytes: int
    by: By


@dataclass(frozen=True, slots=True)
class Loose:
    """A projector that was met; ``width`` is that of the embeddings it makes, ``base`` whose model it is of."""

    path: Path
    what: str
    size_bytes: int
    width: int | None
    base: str | None


def projector(path: Path) -> Loose | None:
    """The file as a projector, None where it is something else or cannot be read."""
    try:
        header = read_header(path)
    except ModelFileError:  # whoever describes the file says what is wrong with it
        return None
    what = companion_of(header)
    if what is None or "projector" not in what:
        return None
    widths = [header.integer(f"clip.{part}projection_dim") for part in ("vision.", "audio.", "")]
    return Loose(path, what, header.file_size_bytes, next((width for width in widths if width), None), _base(header))


def companions_of(
    file: ModelFile, loose: Sequence[Loose], listed: Sequence[Path], *, together: bool
) -> list[Companion]:
    """The model's projectors: those its program lists, else of those beside it the ones that fit.

    One fits whose embeddings are as wide as the model's and, where several models could be meant, whose base model
    has the same name.  In a folder of one repository (``together``) lying there is enough.
    """
    if listed:
        return [_listed(path) for path in listed]
    width = file.header.integer(f"{file.architecture}.embedding_length")
    found: list[Companion] = []
    for other in loose:
        if other.path.parent != file.path.parent:
            continue
        fits = other.width is not None and other.width == width
        if fits and (together or _agree(other.base, _base(file.header))):
            found.append(Companion(other.path, other.what, other.size_bytes, "metadata"))
        elif together and (other.width is None or width is None):
            found.append(Companion(other.path, other.what, other.size_bytes, "beside"))
    return found


def _listed(path: Path) -> Companion:
    known = projector(path)
    size_bytes = os.path.getsize(path) if os.path.exists(path) else 0  # noqa: PTH110, PTH202
    return Companion(path, known.what if known else "a companion", size_bytes, "list")


def _base(header: Header) -> str | None:
    return header.text("general.basename") or header.text("general.name")


def _agree(one: str | None, other: str | None) -> bool:
    """Whether two names can be of one model: all words of the shorter are in the longer, "mmproj" aside."""
    if one is None or other is None:
        return True
    first, second = (set(_WORD.findall(name.lower())) - {"mmproj", "projector"} for name in (one, other))
    return first <= second or second <= first
