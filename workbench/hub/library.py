"""The models that are on this machine: those in the models folder, and those the user added elsewhere."""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from workbench.errors import BadGgufError, ModelFileError, ModelNotFoundError
from workbench.hub.digests import Digests, Hashing
from workbench.hub.gathering import Candidate, gather
from workbench.hub.naming import Names, Unnamed
from workbench.hub.owned import Owned
from workbench.hub.places import folder as folders
from workbench.hub.places.companions import Loose, projector
from workbench.hub.places.place import Place, PlacedFile, Problem, Program
from workbench.hub.places.same import Held, folded
from workbench.hub.places.walk import SUFFIX, gguf_files
from workbench.jobs import Task
from workbench.models.describe import describe
from workbench.models.file import ModelFile
from workbench.models.split import part_name, stem_of
from workbench.store.database import Database, timestamp
from workbench.words import one_of, said

__all__ = ["Held", "Library", "Listing", "Problem"]

_REPOSITORY = re.compile(r"(?!\.)[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True)
class Listing:
    """``held`` says of each of ``files``, in the same order, who keeps it and where else it lies."""

    files: tuple[ModelFile, ...]
    problems: tuple[Problem, ...]
    held: tuple[Held, ...] = ()


_Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class _Scan:
    """``stamp`` is of the file and, where its name is a part's, of all that are or should be beside it."""

    stamp: _Stamp
    found: ModelFile | ModelFileError
    loose: Loose | None = None


class Library:
    """Names are file stems, made unique, and stay with their files; any thread may ask.

    ``places`` finds what other programs keep, each time it is called; that is only ever read.
    """

    def __init__(self, db: Database, models_folder: Path, *, places: Callable[[], Sequence[Place]] = tuple) -> None:
        self._db = db
        self._folder = models_folder
        self._places = places
        self.digests = Digests(db)
        self.owned = Owned(db, models_folder)
        self.names = Names(db)
        self._lock = threading.Lock()  # guards _scans
        self._scans: dict[Path, _Scan] = {}

    def listing(self) -> Listing:
        """Everything found now: the models folder by path, the added files by the time they were added, the added
        folders, then what other programs keep.

        A split model is one file, under the path of its first part; what is wrong with it is one problem.  What
        another program holds of a model that was met before is listed with it, as a copy.
        """
        gathered = gather(self._candidates(), self._describe, self._projector)
        self._forget_scans_of_others(gathered.described)
        files = self.digests.filled_in(held.file for held in gathered.held)
        own = self.owned.all_of(files)
        held = folded(
            [
                dataclasses.replace(held, file=file, own=file.path in own)
                for held, file in zip(gathered.held, files, strict=True)
            ]
        )
        names = self.names.of([Unnamed(one.identity, _possible_names(one)) for one in held])
        held = [
            dataclasses.replace(one, file=dataclasses.replace(one.file, name=name))
            for one, name in zip(held, names, strict=True)
        ]
        return Listing(tuple(one.file for one in held), tuple(gathered.problems), tuple(held))

    def folders(self) -> tuple[Path, ...]:
        """The folders that the user added, by the time they were."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT path FROM library_folder ORDER BY added_at, path").fetchall()
        return tuple(Path(row["path"]) for row in rows)

    def add_folder(self, path: Path) -> Path:
        """Remember a folder, whose models belong to the library from now on.  Raises ModelFileError for no folder."""
        path = _absolute(path)
        if not os.path.isdir(path):  # noqa: PTH112 - no error for what may not be looked at
            raise ModelFileError(
                said("{path} is not a folder.", path=path), hint=said("Name the folder that holds the models.")
            )
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT INTO library_folder (path, added_at) VALUES (?, ?) ON CONFLICT (path) DO NOTHING",
                (str(path), timestamp()),
            )
        return path

    def remove_folder(self, path: Path) -> None:
        """Forget an added folder; nothing in it is touched.  Raises ModelNotFoundError for one that was not added."""
        with self._db.transaction() as sql:
            forgotten = sql.execute("DELETE FROM library_folder WHERE path = ?", (str(_absolute(path)),)).rowcount
        if not forgotten:
            raise ModelNotFoundError(
                said("{path} is not one of the folders that were added to the library.", path=path),
                hint=said("`workbench models where` lists them."),
            )

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
                said("{path} is not one of the files that were added to the library.", path=path),
                hint=said("Files below {folder} leave the library when they are moved away.", folder=self._folder),
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
        for held in listing.held:
            if text.casefold() in map(str.casefold, held.names):
                return held.file
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

    def _candidates(self) -> Iterator[Candidate | Problem]:
        for found in gguf_files(self._folder):
            yield found if isinstance(found, Problem) else Candidate(PlacedFile(found), Program.WORKBENCH)
        with self._db.read() as sql:
            rows = sql.execute("SELECT path FROM library_file ORDER BY added_at, path").fetchall()
        own = self.owned.elsewhere()
        for row in rows:
            path = Path(row["path"])
            yield Candidate(PlacedFile(path), Program.WORKBENCH if path in own else Program.ADDED)
        for path in sorted(own):
            if path.exists():  # a projector that was moved; of a model's own file more is said above
                yield Candidate(PlacedFile(path), Program.WORKBENCH)
        for place in (*folders.places(self.folders()), *self._places()):
            yield from place.problems
            for placed in place.files:
                yield Candidate(placed, place.program)

    def _projector(self, path: Path) -> Loose | None:
        """What ``_describe`` just refused, where it is a projector."""
        with self._lock:
            scan = self._scans.get(path)
        return scan.loose if scan else None

    def _in_folder(self, path: Path) -> bool:
        real = _real(path)
        return any(isinstance(found, Path) and _real(found) == real for found in gguf_files(self._folder))

    def _describe(self, path: Path) -> ModelFile:
        """The header's account of a file, scanned again only when the file changed."""
        _refuse_unprintable(path)
        try:
            stat = path.stat()
        except FileNotFoundError as error:
            raise ModelFileError(
                said("{path} is not there.", path=path),
                hint=said("Put it back, or remove it from the library and add it where it is now."),
            ) from error
        except OSError as error:
            raise ModelFileError(
                said("{file} cannot be read ({why}).", file=path, why=error.strerror),
                hint=said("Check the path and its permissions."),
            ) from error
        named = part_name(path.name)
        siblings = [path.with_name(name) for name in named.siblings] if named else []
        stamp = (_stamp_of(stat), *(_stamp(sibling) for sibling in siblings))
        with self._lock:
            scan = self._scans.get(path)
        if scan is None or scan.stamp != stamp:
            found = _scanned(path)
            refused = isinstance(found, ModelFileError) and not isinstance(found, BadGgufError)
            scan = _Scan(stamp, found, projector(path) if refused else None)
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


def _possible_names(held: Held) -> Iterator[str]:
    """The file's own name, or its program's; then with quantisation, folder, or a number."""
    file = held.file
    stem, folder = held.stem or stem_of(file.path), file.path.parent.name
    yield stem
    if file.quantisation.casefold() not in stem.casefold():
        stem = f"{stem}-{file.quantisation}"
        yield stem
    if folder and not held.stem:
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
        raise ModelFileError(
            said("{file} cannot be read ({why}).", file=path, why=error.strerror),
            hint=said("Check its permissions."),
        ) from error


def _refuse_unprintable(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = os.fsencode(path).decode("utf-8", "replace")
        raise ModelFileError(
            said("The name {shown} is not valid text.", shown=shown), hint=said("Rename the file, then try again.")
        ) from error


def _not_found(text: str, path: Path, names: list[str]) -> ModelNotFoundError:
    if path.is_dir():
        return ModelNotFoundError(
            said("{text} is a folder, not a model file.", text=text), hint=said("Name the GGUF file in it.")
        )
    if text.lower().endswith(SUFFIX) or (os.sep in text and not _REPOSITORY.fullmatch(text)):
        return ModelNotFoundError(
            said("There is no file {path}.", path=path), hint=said("Check the path, or name a model of the library.")
        )
    if _REPOSITORY.fullmatch(text):
        return ModelNotFoundError(
            said("“{text}” is not in the library.", text=text),
            hint=said(
                "`workbench models pull {text}` downloads it, in the quantisation that fits this machine best.",
                text=text,
            ),
        )
    by_folded_name = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(text.casefold(), by_folded_name, n=3, cutoff=0.5)
    if near:
        hint = said("Did you mean {names}?", names=one_of([f"“{by_folded_name[name]}”" for name in near]))
    elif names:
        shown = ", ".join(names[:8])
        hint = (
            said("The library has {names} and more.", names=shown)
            if len(names) > 8
            else said("The library has {names}.", names=shown)
        )
    else:
        hint = said("The library is empty: `workbench models starter` fetches two small models.")
    return ModelNotFoundError(said("No model of the library is called “{text}”.", text=text), hint=hint)
