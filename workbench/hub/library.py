"""The models that are on this machine: those in the models folder, and those the user added elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from workbench.errors import ModelFileError, ModelNotFoundError
from workbench.hub.digests import Digests, Hashing
from workbench.jobs import Task
from workbench.models.describe import describe
from workbench.models.file import ModelFile
from workbench.models.split import part_name, stem_of
from workbench.store.database import Database, timestamp

SUFFIX = ".gguf"
_REPOSITORY = re.compile(r"(?!\.)[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Problem:
    """A file of the library that cannot be used, and why."""

    path: Path
    error: ModelFileError


@dataclass(frozen=True, slots=True)
class Listing:
    files: tuple[ModelFile, ...]
    problems: tuple[Problem, ...]


_Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Scan:
    """``stamp`` is of the file and, where its name is a part's, of all that are or should be beside it."""

    stamp: _Stamp
    found: ModelFile | ModelFileError


class Library:
    """Names are file stems, made unique; any thread may ask."""

    def __init__(self, db: Database, models_folder: Path) -> None:
        self._db = db
        self._folder = models_folder
        self.digests = Digests(db)
        self._lock = threading.Lock()  # guards _scans
        self._scans: dict[Path, _Scan] = {}

    def listing(self) -> Listing:
        """Everything found now: the models folder by path, then the added files by the time they were added.

        A split model is one file, under the path of its first part; what is wrong with it is one problem.
        """
        files: list[ModelFile] = []
        problems: list[Problem] = []
        seen: set[str] = set()
        told: set[tuple[Path, str, str]] = set()
        described: set[Path] = set()
        for found in self._candidates():
            if isinstance(found, Problem):
                problems.append(found)
                continue
            real = _real(found)
            if real in seen:
                continue
            seen.add(real)
            described.add(found)
            try:
                file = self._describe(found)
                seen.update(_real(part) for part in file.parts)
                files.append(file)
            except ModelFileError as error:
                same = (found.parent, stem_of(found), error.message)
                if same not in told:
                    problems.append(Problem(found, error))
                told.add(same)
        self._forget_scans_of_others(described)
        return Listing(tuple(_with_unique_names(self.digests.filled_in(files))), tuple(problems))

    def files(self) -> tuple[ModelFile, ...]:
        return self.listing().files

    def sha256_of(self, path: Path) -> Task[Hashing, str]:
        """A file's SHA-256 in hexadecimal, computed once and remembered; see ``Digests``."""
        return self.digests.sha256_of(path)

    def add(self, path: Path) -> ModelFile:
        """Remember a file where it lies, a split model by its first part.

        Raises ModelFileError for one that cannot be used.
        """
        path = self._describe(_absolute(path)).path
        if not self._in_folder(path):
            with self._db.transaction() as sql:
                sql.execute(
                    "INSERT INTO library_file (path, added_at) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
                    (str(path), timestamp()),
                )
        return self._by_path(path)

    def remove(self, path: Path) -> None:
        """Forget an added file, a split model by any of its parts; the files themselves are never touched.

        Raises ModelNotFoundError for a path that was not added.
        """
        path = _absolute(path)
        named = part_name(path.name)
        rows = [path, *([path.with_name(named.siblings[0])] if named else [])]
        with self._db.transaction() as sql:
            forgotten = any(
                sql.execute("DELETE FROM library_file WHERE path = ?", (str(row),)).rowcount for row in rows
            )
        if not forgotten:
            raise ModelNotFoundError(
                f"{path} is not one of the files that were added to the library.",
                hint=f"Files below {self._folder} leave the library when they are moved away.",
            )

    def resolve(self, text: str) -> ModelFile:
        """A file by its path, else by its name in the library, whatever its case.

        Raises ModelFileError for a file that cannot be used and ModelNotFoundError, with the nearest name
        in its hint, for what is neither.
        """
        path = _absolute(Path(text))
        if _is_file(path):
            return self._by_path(path)
        listing = self.listing()
        for file in listing.files:
            if file.name.casefold() == text.casefold():
                return file
        for problem in listing.problems:
            if stem_of(problem.path).casefold() == text.casefold():
                raise problem.error
        raise _not_found(text, path, [file.name for file in listing.files])

    def _by_path(self, path: Path) -> ModelFile:
        real = _real(path)
        for file in self.files():
            if any(_real(part) == real for part in file.files):
                return file
        return self.digests.filled_in([self._describe(path)])[0]

    def _candidates(self) -> Iterator[Path | Problem]:
        yield from _gguf_files(self._folder)
        with self._db.read() as sql:
            rows = sql.execute("SELECT path FROM library_file ORDER BY added_at, path").fetchall()
        for row in rows:
            yield Path(row["path"])

    def _in_folder(self, path: Path) -> bool:
        real = _real(path)
        return any(isinstance(found, Path) and _real(found) == real for found in _gguf_files(self._folder))

    def _describe(self, path: Path) -> ModelFile:
        """The header's account of a file, scanned again only when the file changed."""
        _refuse_unprintable(path)
        try:
            stat = path.stat()
        except FileNotFoundError as error:
            raise ModelFileError(
                f"{path} is not there.", hint="Put it back, or remove it from the library and add it where it is now."
            ) from error
        except OSError as error:
            raise ModelFileError(
                f"{path} cannot be read ({error.strerror}).", hint="Check the path and its permissions."
            ) from error
        named = part_name(path.name)
        siblings = [path.with_name(name) for name in named.siblings] if named else []
        stamp = (_stamp_of(stat), *(_stamp(sibling) for sibling in siblings))
        with self._lock:
            scan = self._scans.get(path)
        if scan is None or scan.stamp != stamp:
            scan = _Scan(stamp, _scanned(path))
            with self._lock:
                self._scans[path] = scan
        if isinstance(scan.found, ModelFileError):
            raise scan.found.with_traceback(None)
        return scan.found

    def _forget_scans_of_others(self, present: set[Path]) -> None:
        with self._lock:
            # A file that was only looked at once, outside the library, is scanned again when asked for again.
            for path in self._scans.keys() - present:
                del self._scans[path]


def _scanned(path: Path) -> ModelFile | ModelFileError:
    try:
        return describe(path)
    except ModelFileError as error:
        return error


def _stamp_of(stat: os.stat_result) -> tuple[int, int, int]:
    # The change time too: new permissions leave size and modification time as they were.
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        return _stamp_of(path.stat())
    except OSError:  # whoever reads the part says what is wrong with it
        return None


def _gguf_files(folder: Path) -> Iterator[Path | Problem]:
    """GGUF files below a folder in the order of their paths; hidden ones and unfinished downloads left out."""
    visited = {_real(folder)}
    failures: list[OSError] = []
    for current, folders, names in os.walk(folder, followlinks=True, onerror=failures.append):
        here = Path(current)
        inside = []
        for name in sorted(folders):
            real = _real(here / name)
            # A link may lead back up: each real folder is entered once.
            if not name.startswith(".") and real not in visited:
                visited.add(real)
                inside.append(name)
        folders[:] = inside
        for name in sorted(names):
            if name.lower().endswith(SUFFIX) and not name.startswith("."):
                yield here / name
    for failure in failures:
        if not isinstance(failure, FileNotFoundError):
            path = Path(failure.filename)
            yield Problem(
                path, ModelFileError(f"{path} cannot be read ({failure.strerror}).", hint="Check its permissions.")
            )


def _with_unique_names(files: Iterable[ModelFile]) -> Iterator[ModelFile]:
    """The first file of a name keeps it; later ones append quantisation, folder, or a number."""
    taken: set[str] = set()
    for file in files:
        name = next(name for name in _possible_names(file) if name.casefold() not in taken)
        taken.add(name.casefold())
        yield dataclasses.replace(file, name=name)


def _possible_names(file: ModelFile) -> Iterator[str]:
    stem, folder = stem_of(file.path), file.path.parent.name
    yield stem
    if file.quantisation.casefold() not in stem.casefold():
        stem = f"{stem}-{file.quantisation}"
        yield stem
    if folder:
        yield f"{stem}-{folder}"
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1


def _absolute(path: Path) -> Path:
    with contextlib.suppress(RuntimeError):  # a name that begins with ~ need not mean a user's home
        path = path.expanduser()
    # Links stay as the user named them; only "." and ".." go.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _real(path: Path) -> str:
    # Path.resolve() raises for a loop of links.
    return os.path.realpath(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}).", hint="Check its permissions.") from error


def _refuse_unprintable(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise ModelFileError(f"The name {shown} is not valid text.", hint="Rename the file, then try again.") from error


def _not_found(text: str, path: Path, names: list[str]) -> ModelNotFoundError:
    if path.is_dir():
        return ModelNotFoundError(f"{text} is a folder, not a model file.", hint="Name the GGUF file in it.")
    if text.lower().endswith(SUFFIX) or (os.sep in text and not _REPOSITORY.fullmatch(text)):
        return ModelNotFoundError(f"There is no file {path}.", hint="Check the path, or name a model of the library.")
    if _REPOSITORY.fullmatch(text):
        return ModelNotFoundError(
            f"“{text}” is not in the library, and this version downloads no models.",
            hint=f"`workbench fit {text}` says which of its files would fit; get that one, then give its path.",
        )
    by_folded_name = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(text.casefold(), by_folded_name, n=3, cutoff=0.5)
    if near:
        hint = "Did you mean " + " or ".join(f"“{by_folded_name[name]}”" for name in near) + "?"
    elif names:
        hint = "The library has " + ", ".join(names[:8]) + (" and more." if len(names) > 8 else ".")
    else:
        hint = "The library is empty: `workbench models starter` fetches two small models."
    return ModelNotFoundError(f"No model of the library is called “{text}”.", hint=hint)
