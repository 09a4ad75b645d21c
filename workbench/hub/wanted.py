"""What is to be downloaded: one model with all its files, of one commit, and what the hub promises of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import Cancelled, HubError, ModelNotFoundError
from workbench.hub.ranges import FileChangedError, RangedReader, Source
from workbench.hub.repository import Address, RemoteFile, Repository, is_safe_path, look_up, parse_address
from workbench.hub.transfer import Network
from workbench.jobs import CancelToken
from workbench.models.file import Origin
from workbench.models.split import part_name
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection

_COMMIT = re.compile(r"[0-9a-f]{40}")


class UnverifiableError(HubError):
    """The hub does not say what the bytes have to be."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files that belong together, the first one first: all of them become visible, or none.

    Files without a size or a SHA-256 are looked up when it is their turn.  Raises HubError for a path that is no
    file's on every system, and ModelNotFoundError for what is no repository.
    """

    repository: str
    commit: str
    files: tuple[RemoteFile, ...]
    gated: bool = False

    def __post_init__(self) -> None:
        parse_address(self.repository)
        if not _COMMIT.fullmatch(self.commit):
            raise HubError(
                said("{commit!a} is no commit.", commit=self.commit[:80]), hint=said("Look the repository up again.")
            )
        paths = [file.path for file in self.files]
        if not paths or len({path.casefold() for path in paths}) < len(paths) or not all(map(is_safe_path, paths)):
            raise HubError(
                said(
                    "The files of {repository} have names that not every system can have, or the same name twice.",
                    repository=self.repository,
                ),
                hint=said("Download them yourself, then add them to the library."),
            )

    @classmethod
    def of_repository(cls, found: Repository, path: str) -> Wanted:
        """A model of a repository that was looked up, by its file, or any of its parts."""
        return _filled_in(cls(found.name, found.commit, _unknown(path), found.gated), found)

    @classmethod
    def of_origin(cls, origin: Origin) -> Wanted:
        """A model by where its first file is; what the hub promises of it is asked later."""
        return cls(origin.repository, origin.commit, _unknown(origin.path))

    @property
    def path(self) -> str:
        return self.files[0].path

    @property
    def is_described(self) -> bool:
        return all(file.size_bytes and file.sha256 for file in self.files)

    @property
    def total_bytes(self) -> int | None:
        sizes = [file.size_bytes for file in self.files if file.size_bytes is not None]
        return sum(sizes) if len(sizes) == len(self.files) else None

    def place(self, folder: Path, file: RemoteFile) -> Path:
        """Where a file of it belongs below the models folder."""
        return folder.joinpath(*self.repository.split("/"), *file.path.split("/"))

    def source(self, endpoint: str, file: RemoteFile) -> Source:
        there = Repository(self.repository, self.commit, self.commit, self.gated, self.files)
        return Source(
            url=there.url(endpoint, file),
            name=said("{file} of {repository}", file=file.path, repository=self.repository),
            commit=self.commit,
            size_bytes=file.size_bytes,
            sha256=file.sha256,
            gated=self.gated,
        )


@dataclass(frozen=True, slots=True)
class Waiting:
    """The hub could not be asked, and is asked again."""

    waits_s: float
    error: HubError


def describe(wanted: Wanted, network: Network, cancel: CancelToken) -> Generator[Waiting | None, None, Wanted]:
    """The same with sizes and hashes, from the hub.

    Raises ModelNotFoundError, UnverifiableError for files that the hub promises no SHA-256 of, GatedModelError,
    OfflineError, HubError and Cancelled.
    """
    backoff = network.backoff()
    with network.connect(cancel) as connection:
        connection.patience = dataclasses.replace(connection.patience, tries=1)
        while True:
            while (left_s := backoff.left_s) > 0 and backoff.last is not None:
                yield Waiting(left_s, backoff.last)
                if cancel.wait(min(left_s, network.manners.tick_s)):
                    raise Cancelled
            yield None
            turn = backoff.turn(cancel)
            try:
                found = look_up(connection, Address(wanted.repository, wanted.commit), cancel)
                if found.commit != wanted.commit:
                    raise FileChangedError(
                        said(
                            "{host} describes another commit of {repository} than it was asked for.",
                            host=connection.host,
                            repository=wanted.repository,
                        ),
                        hint=said("Check the address of the model hub, or use another one."),
                    )
                return _sized(_filled_in(wanted, found), connection, cancel)
            except HubError as error:
                cancel.raise_if_cancelled()
                backoff.failed(error, turn)


def _unknown(path: str) -> tuple[RemoteFile, ...]:
    folder, slash, name = path.rpartition("/")
    part = part_name(name)
    names = part.siblings if part is not None else (name,)
    return tuple(RemoteFile(f"{folder}{slash}{one}", None, None, "") for one in names)


def _filled_in(wanted: Wanted, found: Repository) -> Wanted:
    there = {file.path: file for file in found.files}
    for file in wanted.files:
        if file.path not in there:
            raise ModelNotFoundError(
                said(
                    "{found} has no {file_path} at commit {commit}.",
                    found=found.name,
                    file_path=file.path,
                    commit=found.commit[:12],
                ),
                hint=said("Look the repository up again: the file may have been renamed or removed."),
            )
        if there[file.path].sha256 is None:
            raise UnverifiableError(
                said(
                    "The hub promises no SHA-256 for {file_path} of {found}: nobody could say whether it is right.",
                    file_path=file.path,
                    found=found.name,
                ),
                hint=said("Try the same repository on another mirror, or download the file yourself and add it."),
            )
    return dataclasses.replace(
        wanted, files=tuple(there[file.path] for file in wanted.files), gated=found.gated or wanted.gated
    )


def _sized(wanted: Wanted, connection: Connection, cancel: CancelToken) -> Wanted:
    """With the sizes that the hub's list left out, from one byte of each file."""
    files = []
    for file in wanted.files:
        if not file.size_bytes:
            with RangedReader(connection, wanted.source(connection.endpoint, file)) as reader:
                next(reader.chunks(0, 1, cancel), None)
                files.append(dataclasses.replace(file, size_bytes=reader.size_bytes))
        else:
            files.append(file)
    return dataclasses.replace(wanted, files=tuple(files))
