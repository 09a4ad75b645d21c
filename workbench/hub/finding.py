"""What a user means by the names of models: files, entries of the library, or repositories of the hub."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

from workbench.errors import ModelNotFoundError
from workbench.hub.library import Library
from workbench.hub.remote import HeadProgress, RemoteListing
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile

# OWNER/REPOSITORY or a link; a path that ends in .gguf is a file that is not there.
_REPOSITORY = re.compile(r"https?://\S+|(?!\.)[\w.-]+/[\w.-]+(?<!\.gguf)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """``skipped`` names what is no model of its own and says why; ``fetched_bytes`` came over the network.

    ``kept`` are repositories the hub was not asked about now, with the time when it was (ISO 8601).
    """

    files: tuple[ModelFile, ...]
    skipped: tuple[tuple[str, str], ...] = ()
    fetched_bytes: int = 0
    kept: tuple[tuple[str, str], ...] = ()


def find(
    names: Sequence[str], library: Library, listing: Callable[[str], Task[HeadProgress, RemoteListing]]
) -> Task[HeadProgress, Found]:
    """The models meant by ``names``, in their order; without any, the whole library.

    What is on this machine wins: only a name that is neither a file nor in the library, and is written as
    OWNER/REPOSITORY or as a link to the hub, is looked up there.  Raises ModelFileError, ModelNotFoundError
    and what ``listing`` raises.
    """

    def task(cancel: CancelToken) -> Generator[HeadProgress, None, Found]:
        cancel.raise_if_cancelled()
        if not names:
            return Found(library.files())
        files: list[ModelFile] = []
        skipped: list[tuple[str, str]] = []
        fetched_bytes = 0
        kept: list[tuple[str, str]] = []
        for name in names:
            try:
                files.append(library.resolve(name))
            except ModelNotFoundError:
                if not _REPOSITORY.fullmatch(name):
                    raise
                found = yield from listing(name)(cancel)
                files += found.files
                skipped += found.skipped
                fetched_bytes += found.fetched_bytes
                if found.kept_at is not None:
                    kept.append((found.repository, found.kept_at))
        return Found(tuple(files), tuple(skipped), fetched_bytes, tuple(kept))

    return task
