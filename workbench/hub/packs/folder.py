"""Reading a pack that is a plain folder."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from workbench.errors import PackError
from workbench.hub.packs.manifest import MAX_ENTRIES
from workbench.hub.packs.names import MAX_DEPTH
from workbench.hub.packs.progress import CHUNK_BYTES
from workbench.hub.packs.reading import check_regular, open_regular, unreadable
from workbench.models.cursor import quoted
from workbench.words import said


class FolderPack:
    """Raises PackError on opening for links, for what is no file, and for folders without any."""

    in_parts = False

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            self.sizes = dict(_files(root, "", 1))
        except OSError as error:
            raise unreadable(error.filename or root.name, error) from error

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file's bytes.  Raises PackError where it cannot be read."""
        with open_regular(self._root.joinpath(*path.split("/")), path) as file:
            while True:
                try:
                    chunk = file.read(CHUNK_BYTES)
                except OSError as error:
                    raise unreadable(path, error) from error
                if not chunk:
                    return
                yield chunk

    def rest(self) -> Iterator[tuple[int, int]]:
        """A folder has nothing besides its files."""
        return iter(())

    def close(self) -> None:
        """No file stays open."""


def _files(folder: Path, prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    if depth > MAX_DEPTH:
        raise PackError(
            said("The pack has folders too deep in each other: {prefix}.", prefix=quoted(prefix)), hint=_ASK
        )
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if len(entries) > MAX_ENTRIES:
        raise PackError(said("The folder holds more than {max_entries} files.", max_entries=MAX_ENTRIES), hint=_ASK)
    for entry in entries:
        path = prefix + entry.name
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode) and not entry.is_symlink():
            yield from _files(folder / entry.name, f"{path}/", depth + 1)
        else:
            check_regular(status, path)
            yield path, status.st_size
    if not entries and prefix:
        raise PackError(
            said("The pack has an empty folder, {prefix}, which does not belong to it.", prefix=quoted(prefix)),
            hint=said("Delete the folder, then check the pack again."),
        )


_ASK = said("Nothing was installed. Ask the sender of the pack for a new one.")
