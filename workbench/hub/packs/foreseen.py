"""How large a pack will be, and whether its place has room for it: known before it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.hub.disk import free_bytes
from workbench.hub.packs.contents import Extra
from workbench.hub.packs.reading import unreadable
from workbench.hub.packs.writing import PART_BYTES
from workbench.hub.places.same import Held

if TYPE_CHECKING:
    from workbench.hub.packs.create import Form


@dataclass(frozen=True, slots=True)
class Foreseen:
    """``size_bytes`` leaves out licences and checksums, some kilobytes; ``part_count`` is 1 for what is not split."""

    size_bytes: int
    free_bytes: int
    part_count: int

    @property
    def missing_bytes(self) -> int:
        return max(0, self.size_bytes - self.free_bytes)


def foresee(
    models: Sequence[Held], extras: Sequence[Extra], folder: Path, form: Form, *, part_bytes: int = PART_BYTES
) -> Foreseen:
    """Of a pack of these, made in ``folder``.  Raises PackError for a file that is not there any more."""
    paths = [path for held in models for path in (*held.file.files, *(one.path for one in held.companions))]
    size_bytes = sum(_size(path) for path in paths)
    size_bytes += sum(_size(one.content) if isinstance(one.content, Path) else len(one.content) for one in extras)
    parts = -(-size_bytes // part_bytes) if form == "parts" else 1
    return Foreseen(size_bytes, free_bytes(folder), max(1, parts))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise unreadable(path.name, error) from error
