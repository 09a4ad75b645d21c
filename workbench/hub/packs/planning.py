"""Which files of a pack go where on this machine, and which need not be copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelFileError, PackError
from workbench.hub.library import Library
from workbench.hub.packs.destination import Destination
from workbench.hub.packs.manifest import FOLDERS, Kind, Manifest, PackedModel, PackEntry
from workbench.hub.packs.names import plain_name
from workbench.hub.packs.progress import PackProgress
from workbench.jobs import CancelToken
from workbench.models.cursor import quoted
from workbench.models.file import ModelFile
from workbench.words import said


@dataclass(frozen=True, slots=True)
class Move:
    """One file to copy: ``path`` in the pack, staged below ``root`` first; ``sha256`` is what it must be."""

    path: str
    root: Path
    target: Path
    size_bytes: int
    sha256: str

    def staged(self, identity: str) -> Path:
        """Beside the target's own folder tree, on the same disk; hidden, so that no library lists it."""
        return staging(self.root, identity) / self.target.relative_to(self.root)


@dataclass(frozen=True, slots=True)
class Plan:
    """``models`` are where each model of the pack is, or will be; those of ``present`` were here already."""

    moves: tuple[Move, ...]
    models: tuple[Path, ...]
    present: tuple[Path, ...]


STAGING = ".pack-"


def staging(root: Path, identity: str) -> Path:
    return root / f"{STAGING}{identity[:16]}"


def folder_name(manifest: Manifest, identity: str) -> str:
    """A folder of this very pack's own."""
    return f"{plain_name(manifest.name)[:40].strip('-. ')}-{identity[:8]}"


def plan(
    manifest: Manifest,
    identity: str,
    outside: Mapping[str, tuple[int, str]],
    destination: Destination,
    library: Library,
) -> Callable[[CancelToken], Generator[PackProgress, None, Plan]]:
    """``outside`` are size and hash of the files that pack.json does not list.

    Files here of the size of a packed model are hashed, once in their life.  Raises PackError where a file with
    other content has the place of one in the pack.
    """

    def task(cancel: CancelToken) -> Generator[PackProgress, None, Plan]:
        planner = _Planner(manifest, identity, destination, library)
        return (yield from planner.plan(outside, cancel))

    return task


class _Planner:
    def __init__(self, manifest: Manifest, identity: str, destination: Destination, library: Library) -> None:
        self._manifest = manifest
        self._entries = manifest.by_path()
        self._own = folder_name(manifest, identity)
        self._destination = destination
        self._library = library

    def plan(self, outside: Mapping[str, tuple[int, str]], cancel: CancelToken) -> Generator[PackProgress, None, Plan]:
        files = self._library.files()
        moves: dict[str, Move] = {}
        models: list[Path] = []
        present: list[Path] = []
        for model in self._manifest.models:
            here = yield from self._find(model, files, cancel)
            if here is None:
                placed = yield from self._place_model([*model.files, *model.companions], cancel)
                models.append(next(move.target for move in placed if move.path == model.files[0]))
            else:
                placed = yield from self._place_model((yield from self._not_beside(here, model, cancel)), cancel)
                models.append(here)
                present.append(here)
            moves |= {move.path: move for move in placed}
        for path, (size_bytes, sha256) in outside.items():
            moves[path] = self._move(PackEntry(path, "bill", size_bytes, sha256))
        for entry in self._manifest.entries:
            if entry.kind not in ("model", "settings"):
                moves[entry.path] = self._move(entry)
        left = yield from self._without_those_there(list(moves.values()), cancel)
        return Plan(tuple(left), tuple(models), tuple(present))

    def _find(
        self, model: PackedModel, files: tuple[ModelFile, ...], cancel: CancelToken
    ) -> Generator[PackProgress, None, Path | None]:
        """Where the library has the very files of a model already."""
        wanted = [self._entries[path] for path in model.files]
        for file in files:
            if len(file.files) != len(wanted) or file.size_bytes != sum(entry.size_bytes for entry in wanted):
                continue
            for path, entry in zip(file.files, wanted, strict=True):
                if not (yield from self._same(path, entry.size_bytes, entry.sha256, cancel)):
                    break
            else:
                return file.path
        return None

    def _not_beside(
        self, here: Path, model: PackedModel, cancel: CancelToken
    ) -> Generator[PackProgress, None, list[str]]:
        """The companions that do not lie beside a model that is here already."""
        missing = []
        for path in model.companions:
            entry = self._entries[path]
            beside = here.with_name(path.rpartition("/")[2])
            if not (yield from self._same(beside, entry.size_bytes, entry.sha256, cancel)):
                missing.append(path)
        return missing

    def _place_model(self, wanted: list[str], cancel: CancelToken) -> Generator[PackProgress, None, list[Move]]:
        """All files of a model in one folder; where another model has that, in a folder of the pack."""
        root = self._destination.models
        for base in (root, root / self._own):
            moves = [self._model_move(path, base) for path in wanted]
            for move in moves:
                if not (yield from self._is_free(move, cancel)):
                    break
            else:
                return moves
        raise _taken(move.target)

    def _is_free(self, move: Move, cancel: CancelToken) -> Generator[PackProgress, None, bool]:
        """Whether a file can have its place, or has it already."""
        if os.path.lexists(move.target):
            return (yield from self._same(move.target, move.size_bytes, move.sha256, cancel))
        parent = move.target.parent
        while parent != move.root and not os.path.lexists(parent):
            parent = parent.parent
        return parent == move.root or parent.is_dir()

    def _model_move(self, path: str, base: Path) -> Move:
        entry = self._entries[path]
        target = base.joinpath(*path.removeprefix(FOLDERS["model"]).split("/"))
        return Move(path, self._destination.models, target, entry.size_bytes, entry.sha256)

    def _move(self, entry: PackEntry) -> Move:
        root, target = self._place(entry.kind, entry.path)
        return Move(entry.path, root, target, entry.size_bytes, entry.sha256)

    def _place(self, kind: Kind, path: str) -> tuple[Path, Path]:
        places = self._destination
        if kind == "catalogue":
            # Catalogues are looked for in their folder itself, not below it.
            rest = path.removeprefix(FOLDERS[kind]).replace("/", "-")
            return places.catalogue, places.catalogue / f"{self._own}-{rest}"
        root = {"suite": places.suites, "results": places.results}.get(kind, places.packs)
        rest = path.removeprefix(FOLDERS[kind]) if kind in ("suite", "results") else path
        return root, (root / self._own).joinpath(*rest.split("/"))

    def _without_those_there(self, moves: list[Move], cancel: CancelToken) -> Generator[PackProgress, None, list[Move]]:
        for move in moves:
            if not (yield from self._is_free(move, cancel)):
                raise _taken(move.target)
        return [move for move in moves if not os.path.lexists(move.target)]

    def _same(
        self, path: Path, size_bytes: int, sha256: str, cancel: CancelToken
    ) -> Generator[PackProgress, None, bool]:
        try:
            if path.stat().st_size != size_bytes:
                return False
            hashing = self._library.sha256_of(path)(cancel)
            while True:
                try:
                    event = next(hashing)
                except StopIteration as stop:
                    found: str = stop.value
                    return found == sha256
                yield PackProgress("comparing", path.name, event.done_bytes, event.total_bytes)
        except (OSError, ModelFileError):
            return False  # what cannot be read is not the file that is wanted


def _taken(target: Path) -> PackError:
    return PackError(
        said(
            "There is another file at {target} already, where {path} of the pack belongs.",
            target=target,
            path=quoted(target.name),
        ),
        hint=said("Move it away, then install the pack again. Nothing was installed."),
    )
