"""The models of a repository on the hub, described before a single weight is downloaded."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import GatedModelError, HubError, ModelFileError, ModelNotFoundError, OfflineError
from workbench.hub.failures import Patience, accepted_at
from workbench.hub.heads import HeadReader, RemoteHead
from workbench.hub.kept import Kept, KeptListing, with_sizes
from workbench.hub.repository import Address, RemoteFile, Repository, is_safe_path, look_up, parse_address
from workbench.hub.switch import SWITCH_ON
from workbench.jobs import CancelToken, Task
from workbench.models.describe import describe_header
from workbench.models.file import ModelFile, Origin
from workbench.models.split import joined, part_name
from workbench.store.database import timestamp
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hub.connection import Connection

MAX_GGUF_FILES = 2000
MAX_LISTING_BYTES = 1 << 30

_SUFFIX = ".gguf"


@dataclass(frozen=True, slots=True)
class HeadProgress:
    """How many headers of how many were read; ``name`` is the file's whose turn it is."""

    done_files: int
    total_files: int
    fetched_bytes: int
    name: str


@dataclass(frozen=True, slots=True)
class RemoteListing:
    """The models of a repository at one commit, by path.

    ``skipped`` are its other GGUF files, each with the reason why it is no model that can be had.
    ``fetched_bytes`` counts headers, not the metadata.  ``kept_at`` is set where the hub was not asked,
    and says when it was (ISO 8601).  ``gated`` and ``licence`` are the hub's words; ``found`` is all it said.
    """

    repository: str
    commit: str
    files: tuple[ModelFile, ...]
    skipped: tuple[tuple[str, str], ...]
    fetched_bytes: int
    kept_at: str | None = None
    found: Repository | None = field(default=None, repr=False)

    @property
    def gated(self) -> bool:
        return self.found is not None and self.found.gated

    @property
    def licence(self) -> str | None:
        """As the repository's card has it; the name it gives where it is none of the usual ones."""
        if self.found is None:
            return None
        is_other = (self.found.licence or "other").lower() == "other"
        return (self.found.licence_name if is_other else None) or self.found.licence


@dataclass(frozen=True, slots=True)
class _Model:
    """The files of one model, in order."""

    parts: tuple[RemoteFile, ...]

    @property
    def path(self) -> str:
        return self.parts[0].path


class Hub:
    """One model hub; any thread.  Nothing is kept open between listings."""

    def __init__(
        self,
        cache_folder: Path,
        models_folder: Path,
        *,
        endpoint: str,
        offline: bool,
        patience: Patience | None = None,
        connect: Callable[[CancelToken], Connection] | None = None,
    ) -> None:
        self._connect = connect or self._plainly
        self._folder = cache_folder / "hub"
        self._models_folder = models_folder
        self._endpoint = endpoint.rstrip("/")
        self._offline = offline
        self._patience = patience

    def listing(self, repository: str, revision: str = "main") -> Task[HeadProgress, RemoteListing]:
        """Describe every quantisation of a repository ("owner/name", or its page's address).

        Raises ModelNotFoundError for a repository that is none, is not there or holds no GGUF, GatedModelError with
        the page at which its terms are accepted, OfflineError where the network may not be used and something was
        never asked before, and HubError.
        """

        def task(cancel: CancelToken) -> Generator[HeadProgress, None, RemoteListing]:
            cancel.raise_if_cancelled()
            address = parse_address(repository, revision=revision, endpoint=self._endpoint)
            kept = Kept(self._folder, self._endpoint)
            yield HeadProgress(0, 0, 0, address.repository)
            if self._offline:
                return (yield from self._kept(kept, address, cancel))
            try:
                with self._connect(cancel) as connection:
                    return (yield from self._asked(connection, kept, address, cancel))
            except GatedModelError as error:
                raise accepted_at(error, f"{self._endpoint}/{address.repository}") from error

        return task

    def _plainly(self, cancel: CancelToken) -> Connection:
        # Imported late: the network's libraries take a moment that only those wait for who use it.
        from workbench.hub.connection import Connection

        return Connection(self._endpoint, patience=self._patience, cancel=cancel)

    def _asked(
        self, connection: Connection, kept: Kept, address: Address, cancel: CancelToken
    ) -> Generator[HeadProgress, None, RemoteListing]:
        found = look_up(connection, address, cancel)
        models, skipped = _models(found)
        reader = HeadReader(connection, kept, found)
        files: list[ModelFile] = []
        sizes: dict[str, int] = {}
        total = sum(len(model.parts) for model in models)
        for model in models:
            if reader.fetched_bytes > MAX_LISTING_BYTES:
                skipped.append((model.path, said("Not looked at: the headers of this repository are endless.")))
                continue
            try:
                heads: list[RemoteHead] = []
                for part in model.parts:
                    for _ in _reading(reader, part, heads, cancel):
                        yield HeadProgress(len(sizes), total, reader.fetched_bytes, part.path)
                    sizes[part.path] = heads[-1].head.size_bytes
                    yield HeadProgress(len(sizes), total, reader.fetched_bytes, part.path)
                files.append(self._described(found, heads))
            except ModelFileError as error:
                skipped.append((model.path, error.message))
            except ModelNotFoundError:
                skipped.append((model.path, said("The hub lists it, but does not have it.")))
        kept.keep_listing(address, KeptListing(with_sizes(found, sizes), tuple(skipped), timestamp()))
        return RemoteListing(
            found.name, found.commit, tuple(files), tuple(skipped), reader.fetched_bytes, found=with_sizes(found, sizes)
        )

    def _kept(self, kept: Kept, address: Address, cancel: CancelToken) -> Generator[HeadProgress, None, RemoteListing]:
        listing = kept.listing(address)
        if listing is None:
            raise _offline(address, said("was not looked at before"))
        skipped = dict(listing.skipped)
        models = [model for model in _models(listing.repository)[0] if model.path not in skipped]
        reader = HeadReader(None, kept, listing.repository)
        files = []
        for number, model in enumerate(models):
            cancel.raise_if_cancelled()
            yield HeadProgress(number, len(models), 0, model.path)
            heads = [reader.kept(part) for part in model.parts]
            if None in heads:
                raise _offline(
                    address,
                    said("was looked at before, but the header of {file} is no longer kept", file=model.path),
                )
            files.append(self._described(listing.repository, [head for head in heads if head is not None]))
        return RemoteListing(
            listing.repository.name,
            listing.repository.commit,
            tuple(files),
            listing.skipped,
            fetched_bytes=0,
            kept_at=listing.asked_at,
            found=listing.repository,
        )

    def _described(self, repository: Repository, heads: list[RemoteHead]) -> ModelFile:
        """Raises ModelFileError for what is no model to chat with, and parts of several models."""
        paths = tuple(
            self._models_folder.joinpath(*repository.name.split("/"), *head.file.path.split("/")) for head in heads
        )
        first = heads[0].file
        model = describe_header(
            joined([head.header for head in heads], name=first.path),
            path=paths[0],
            origin=Origin(repository.name, repository.commit, first.path, first.etag or None),
            parts=paths if len(paths) > 1 else (),
            heads=tuple(head.head for head in heads),
        )
        return dataclasses.replace(model, sha256=first.sha256 if len(heads) == 1 else None)


def repository_in(text: str) -> str | None:
    """What ``listing`` can be asked for where a user wrote OWNER/NAME or an address; None for other names.

    A path of a model file is none, though it may look like one.
    """
    text = text.strip()
    if text.startswith(("https://", "http://")):
        return text
    try:
        return None if text.lower().endswith(_SUFFIX) else parse_address(text).repository
    except ModelNotFoundError:
        return None


def _reading(
    reader: HeadReader, file: RemoteFile, heads: list[RemoteHead], cancel: CancelToken
) -> Generator[None, None, None]:
    """``read``, its result appended to ``heads``."""
    cancel.raise_if_cancelled()
    heads.append((yield from reader.read(file, cancel)))


def _models(repository: Repository) -> tuple[list[_Model], list[tuple[str, str]]]:
    """The models by path, parts joined by their names, and what is skipped for its name or a missing part.

    Raises ModelNotFoundError where there is no GGUF at all.
    """
    found = {file.path: file for file in repository.files if file.path.lower().endswith(_SUFFIX)}
    if not found:
        raise _without_gguf(repository)
    if len(found) > MAX_GGUF_FILES:
        raise HubError(
            said(
                "{repository} holds {n} GGUF files, more than this program looks at.",
                repository=repository.name,
                n=len(found),
            ),
            hint=said("Download the file you want yourself, then add it to the library."),
        )
    skipped = [
        (ascii(path[:120])[1:-1], said("Its name is none that a file on every system can have."))
        for path in found
        if not is_safe_path(path)
    ]
    models = []
    parts: dict[tuple[str, int], dict[int, RemoteFile]] = {}
    for path, file in sorted(found.items()):
        part = part_name(path)
        if not is_safe_path(path):
            continue
        if part is None:
            models.append(_Model((file,)))
        else:
            parts.setdefault((part.prefix, part.count), {})[part.number] = file
    for (_, count), present in parts.items():
        first = present[min(present)]
        if len(present) == count:
            models.append(_Model(tuple(present[number] for number in sorted(present))))
        else:
            missing = [number for number in range(1, count + 1) if number not in present]
            skipped.append(
                (
                    first.path,
                    said("Part {part} of {count} is missing.", part=missing[0], count=count)
                    if len(missing) == 1
                    else said("Parts {parts} of {count} are missing.", parts=_first(missing), count=count),
                )
            )
    return sorted(models, key=lambda model: model.path), skipped


def _first(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")


def _without_gguf(repository: Repository) -> ModelNotFoundError:
    kinds = _kinds(file.path for file in repository.files)
    return ModelNotFoundError(
        said("{repository} holds no GGUF file, but {kinds}.", repository=repository.name, kinds=kinds)
        if kinds
        else said("{repository} holds no GGUF file.", repository=repository.name),
        hint=said("Search the hub for the same name with “GGUF” at its end: others publish quantised copies."),
    )


def _kinds(paths: Iterable[str]) -> str:
    known = {".safetensors": "safetensors", ".bin": said("PyTorch weights"), ".onnx": "ONNX"}
    found = {kind for path in paths for suffix, kind in known.items() if path.lower().endswith(suffix)}
    return " and ".join(sorted(found))


def _offline(address: Address, reason: str) -> OfflineError:
    return OfflineError(
        said(
            "{repository} {reason}, and the network is switched off in the settings.",
            repository=address.repository,
            reason=reason,
        ),
        hint=said("{switch_on}, to ask the hub; or choose a model of the library.", switch_on=SWITCH_ON),
    )
