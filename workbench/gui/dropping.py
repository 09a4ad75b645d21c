"""What is dropped on the window: models are opened, packs imported, text goes along with the prompt."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QMimeData

from workbench.gui.tr import tr

_PACKS = frozenset({".zip", ".pack", ".001"})
_MANIFEST = "pack.json"


class Kind(enum.Enum):
    MODEL = "model"
    PACK = "pack"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Dropped:
    """By what becomes of them; nothing at all where only remote addresses and folders without a pack were dragged."""

    models: tuple[Path, ...] = ()
    packs: tuple[Path, ...] = ()
    texts: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.models or self.packs or self.texts)


def dropped(data: QMimeData) -> Dropped:
    """Local files, told apart by their names alone: nothing is opened while it hovers."""
    return sorted_out([Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()])


def sorted_out(paths: Sequence[Path]) -> Dropped:
    found: dict[Kind, list[Path]] = {kind: [] for kind in Kind}
    for path in paths:
        kind = _kind(path)
        if kind is not None:
            found[kind].append(path)
    return Dropped(tuple(found[Kind.MODEL]), tuple(found[Kind.PACK]), tuple(found[Kind.TEXT]))


def words(found: Dropped) -> str:
    """What dropping it would do."""
    if found.models:
        return tr("Drop to open this model")
    return tr("Drop to import this pack") if found.packs else tr("Drop to send this text along with the prompt")


def _kind(path: Path) -> Kind | None:
    suffix = path.suffix.lower()
    if suffix == ".gguf":
        return Kind.MODEL
    if path.is_dir():
        return Kind.PACK if (path / _MANIFEST).exists() else None
    return Kind.PACK if suffix in _PACKS else Kind.TEXT
