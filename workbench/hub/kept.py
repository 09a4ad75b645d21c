"""What the hub said before, kept on disk: the headers of its files, and what its repositories held."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import logging
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from workbench.errors import DiskFullError, HubError
from workbench.hub.repository import Address, RemoteFile, Repository
from workbench.words import said

log = logging.getLogger(__name__)

LIMIT_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class KeptListing:
    """A repository as the hub described it at ``asked_at`` (ISO 8601), and what of it is no model, and why."""

    repository: Repository
    skipped: tuple[tuple[str, str], ...]
    asked_at: str


@cache
def _form() -> TypeAdapter[KeptListing]:
    """Made when a listing is first kept or read: that is work, and no part of a start."""
    return TypeAdapter(KeptListing)


class Kept:
    """Below one folder; nothing in it is named by what a server said.  Any thread, any process.

    A file's name holds the SHA-256 of its bytes: a damaged one is removed when it is met.
    """

    def __init__(self, folder: Path, endpoint: str, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._heads = folder / "heads"
        self._listings = folder / "listings"
        self._endpoint = endpoint
        self._limit_bytes = limit_bytes
        self._in_use: set[Path] = set()

    def head(self, repository: Repository, file: RemoteFile) -> tuple[Path, bytes] | None:
        """A header's bytes, and where they lie; None where they were not kept."""
        for path in sorted(self._heads.glob(f"{self._key(repository, file)}-*.head")):
            data = _intact(path)
            if data is not None:
                with contextlib.suppress(OSError):  # read-only: it only ages faster
                    os.utime(path)
                self._in_use.add(path)
                return path, data
        return None

    def keep_head(self, repository: Repository, file: RemoteFile, data: bytes) -> Path:
        """Raises DiskFullError and HubError where it cannot be written."""
        path = self._heads / f"{self._key(repository, file)}-{hashlib.sha256(data).hexdigest()}.head"
        _write_atomic(path, data)
        self._in_use.add(path)
        self._make_room()
        return path

    def listing(self, address: Address) -> KeptListing | None:
        for path in sorted(self._listings.glob(f"{self._listing_key(address)}-*.json")):
            data = _intact(path)
            if data is not None:
                try:
                    return _form().validate_json(data)
                except ValidationError:  # of another version of the program
                    log.info("%s is not understood and is asked for again", path.name)
        return None

    def keep_listing(self, address: Address, listing: KeptListing) -> None:
        """Raises DiskFullError and HubError where it cannot be written."""
        data = _form().dump_json(listing)
        key = self._listing_key(address)
        path = self._listings / f"{key}-{hashlib.sha256(data).hexdigest()}.json"
        _write_atomic(path, data)
        for other in self._listings.glob(f"{key}-*.json"):
            if other != path:
                other.unlink(missing_ok=True)

    def _key(self, repository: Repository, file: RemoteFile) -> str:
        return _hashed(self._endpoint, repository.name.lower(), repository.commit, file.path, file.etag)

    def _listing_key(self, address: Address) -> str:
        return _hashed(self._endpoint, address.repository.lower(), address.revision)

    def _make_room(self) -> None:
        """Remove the heads unused for longest, but none that this listing gave out."""
        found = []
        for path in self._heads.iterdir():
            with contextlib.suppress(FileNotFoundError):  # another process makes room too
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        excess_bytes = sum(size for _, size, _ in found) - self._limit_bytes
        for _, size, path in sorted(found):
            if excess_bytes <= 0:
                return
            if path not in self._in_use:
                with contextlib.suppress(OSError):  # open elsewhere, on a system that minds
                    path.unlink()
                    excess_bytes -= size


def with_sizes(repository: Repository, learnt: dict[str, int]) -> Repository:
    """With the sizes that the hub's list left out, by path."""
    files = (
        dataclasses.replace(file, size_bytes=learnt[file.path])
        if file.size_bytes is None and file.path in learnt
        else file
        for file in repository.files
    )
    return dataclasses.replace(repository, files=tuple(files))


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _intact(path: Path) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None  # as good as not kept: it is fetched again
    if path.stem.rpartition("-")[2] == hashlib.sha256(data).hexdigest():
        return data
    log.warning("%s is damaged and is fetched again", path.name)
    with contextlib.suppress(OSError):
        path.unlink()
    return None


def _write_atomic(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(
                said("There is no room for a model's header in {parent}.", parent=path.parent),
                hint=said("Free some space on that disk."),
            ) from error
        raise HubError(
            said("{path} cannot be written ({why}).", path=path.parent, why=error.strerror),
            hint=said("Check the folder's permissions."),
        ) from error
