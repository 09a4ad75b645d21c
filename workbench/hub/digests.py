"""SHA-256 of model files, remembered for as long as a file keeps its size and time."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile
from workbench.store.database import Database
from workbench.words import said

CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Hashing:
    done_bytes: int
    total_bytes: int


class Digests:
    """What the files on this machine hash to; a 40 GB file is read once, not at every start."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def known(self, path: Path) -> str | None:
        """The remembered hash, None when there is none or the file changed since."""
        return self._known([path]).get(path)

    def filled_in(self, files: Iterable[ModelFile]) -> list[ModelFile]:
        """The files with the hashes that are known; a split model has none, each of its parts has its own."""
        files = list(files)
        known = self._known([file.path for file in files if not file.parts])
        return [dataclasses.replace(file, sha256=known.get(file.path, file.sha256)) for file in files]

    def remember(self, path: Path, sha256: str) -> None:
        """Keep a hash that somebody else computed, of the file as it is now."""
        self._keep(path, path.stat(), sha256)

    def sha256_of(self, path: Path) -> Task[Hashing, str]:
        """The file's SHA-256 in hexadecimal, remembered.

        Raises ModelFileError when the file cannot be read or changes meanwhile.
        """

        def task(cancel: CancelToken) -> Generator[Hashing, None, str]:
            try:
                if (known := self.known(path)) is not None:
                    return known
                return (yield from self._hash(path, cancel))
            except OSError as error:
                raise ModelFileError(
                    said("{file} cannot be read ({why}).", file=path, why=error.strerror),
                    hint=said("Check that it is there and readable."),
                ) from error

        return task

    def _hash(self, path: Path, cancel: CancelToken) -> Generator[Hashing, None, str]:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            done_bytes = 0
            # No further than it was: a file that grows as fast as it is read would never end.
            while chunk := file.read(min(CHUNK_BYTES, before.st_size - done_bytes)):
                cancel.raise_if_cancelled()
                digest.update(chunk)
                done_bytes += len(chunk)
                yield Hashing(done_bytes, before.st_size)
            after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ModelFileError(
                said("{file} changed while it was read.", file=path.name), hint=said("Try again when it is complete.")
            )
        self._keep(path, before, digest.hexdigest())
        return digest.hexdigest()

    def _keep(self, path: Path, stat: os.stat_result, sha256: str) -> None:
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO file_digest (path, size_bytes, mtime_ns, sha256) VALUES (?, ?, ?, ?)",
                (str(path), stat.st_size, stat.st_mtime_ns, sha256),
            )

    def _known(self, paths: list[Path]) -> dict[Path, str]:
        with self._db.read() as sql:
            rows = {row["path"]: row for row in sql.execute("SELECT * FROM file_digest")}
        known = {}
        for path in paths:
            row = rows.get(str(path))
            if row is None:
                continue
            try:
                stat = path.stat()
            except OSError:  # whoever opens the file says what is wrong with it
                continue
            if (row["size_bytes"], row["mtime_ns"]) == (stat.st_size, stat.st_mtime_ns):
                known[path] = row["sha256"]
        return known
