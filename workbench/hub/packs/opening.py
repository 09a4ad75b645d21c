"""Opening a pack in any of its forms: a folder, a zip, a zip in parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from workbench.errors import PackError
from workbench.hub.packs.folder import FolderPack
from workbench.hub.packs.manifest import MANIFEST
from workbench.hub.packs.names import check_path, check_together
from workbench.hub.packs.parts import PART_NAME, SUMS_SUFFIX, Parts, in_parts, single
from workbench.hub.packs.reading import unreadable
from workbench.hub.packs.zipped import ZippedPack
from workbench.words import said


class Container(Protocol):
    """Files by path, in the order in which they are best read."""

    @property
    def in_parts(self) -> bool: ...
    @property
    def sizes(self) -> dict[str, int]: ...
    def chunks(self, path: str) -> Iterator[bytes]: ...
    def rest(self) -> Iterator[tuple[int, int]]:
        """Read what no file was read from, yielding how far that is, of how much; raises PackError for damaged
        parts."""

    def close(self) -> None: ...


@contextmanager
def opened(path: Path) -> Iterator[Container]:
    """The pack at ``path``: its folder, its zip, or any of its parts or the folder they lie in.

    Raises PackError for what is no pack, for a form that is not exactly that of packs, and for paths in it that
    not every system can have.
    """
    container = _container(path)
    try:
        for name in container.sizes:
            check_path(name)
        check_together(container.sizes)
        yield container
    finally:
        container.close()


def _container(path: Path) -> Container:
    try:
        if path.is_dir():
            bases = {name.removesuffix(SUMS_SUFFIX) for name in _names(path) if _of_parts(name)}
            if (path / MANIFEST).exists() or not bases:
                return _folder(path)
            if len(bases) > 1:
                raise PackError(
                    said("{file} holds the parts of {bases_count} packs.", file=path.name, bases_count=len(bases)),
                    hint=said("Name the first part of one of them."),
                )
            return _zipped(in_parts(path, bases.pop()))
        if not path.exists():
            raise PackError(
                said("There is no {path}.", path=path), hint=said("Check the path, and that the medium is in place.")
            )
        if _of_parts(path.name):
            found = PART_NAME.fullmatch(path.name)
            return _zipped(in_parts(path.parent, found["base"] if found else path.name.removesuffix(SUMS_SUFFIX)))
        return _zipped(single(path))
    except OSError as error:
        raise unreadable(path.name, error) from error


def _folder(path: Path) -> FolderPack:
    if not (path / MANIFEST).exists():
        raise PackError(
            said("{path} is no pack: it has no {manifest}.", path=path, manifest=MANIFEST),
            hint=said("Choose the folder that holds pack.json, or a pack's zip."),
        )
    return FolderPack(path)


def _zipped(parts: Parts) -> ZippedPack:
    try:
        return ZippedPack(parts)
    except PackError as error:
        parts.close()
        if len(parts.paths) > 1:
            error.hint = said(
                "See which part is damaged: sha256sum --check {parts}{sums_suffix}",
                parts=parts.name,
                sums_suffix=SUMS_SUFFIX,
            )
        raise


def _names(folder: Path) -> set[str]:
    """Of the pack that parts are of, each name once."""
    names = set()
    for path in folder.iterdir():
        found = PART_NAME.fullmatch(path.name)
        names.add(found["base"] + SUMS_SUFFIX if found else path.name)
    return names


def _of_parts(name: str) -> bool:
    return name.endswith(f".zip{SUMS_SUFFIX}") or PART_NAME.fullmatch(name) is not None
