"""Which names files in a pack may have: the same ones on every system, and none that leads elsewhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from workbench.errors import PackError
from workbench.models.cursor import quoted
from workbench.words import said

MAX_PATH = 240
MAX_COMPONENT_BYTES = 200
MAX_DEPTH = 8

_MADE_ELSEWHERE = said(
    "The pack was damaged or made by another program. Nothing was installed; ask its sender for a new one."
)
_DRIVE = re.compile(r"[A-Za-z]:")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Windows gives these to devices, whatever their ending.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³"}
)


def check_path(path: str) -> None:
    """Raises PackError, with a message of its own for each way in which a path is not acceptable.

    Acceptable are relative paths with ``/`` between names that Linux, macOS and Windows can all have.
    """
    if not path or path.endswith("/"):
        raise _refused(path, said("names no file"))
    if "\\" in path:
        raise _refused(path, said("has a backslash in it"))
    if path.startswith("/"):
        raise _refused(path, said("is absolute"))
    if _DRIVE.match(path):
        raise _refused(path, said("begins with a drive letter"))
    names = path.split("/")
    if ".." in names:
        raise _refused(path, said("leads out of the pack with “..”"))
    if "." in names or "" in names:
        raise _refused(path, said("is not in its shortest form"))
    if len(path) > MAX_PATH or len(names) > MAX_DEPTH:
        raise _refused(path, said("is too long or too deep for some systems"))
    for name in names:
        _check_name(path, name)


def check_together(paths: Iterable[str]) -> None:
    """Raises PackError where two of the acceptable paths are one file, or file and folder, on some system."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        key = _folded(path)
        if key in files:
            other = files[key]
            raise PackError(
                said("The pack holds {path} twice.", path=quoted(path))
                if other == path
                else said(
                    "The pack holds {path} and {other}, which differ in capitals only.",
                    path=quoted(path),
                    other=quoted(other),
                ),
                hint=_MADE_ELSEWHERE,
            )
        files[key] = path
        folder = path.rpartition("/")[0]
        while folder:
            if folders.setdefault(_folded(folder), folder) != folder:
                raise PackError(
                    said(
                        "The pack has the folder {folder} in two spellings that differ in capitals only.",
                        folder=quoted(folder),
                    ),
                    hint=_MADE_ELSEWHERE,
                )
            folder = folder.rpartition("/")[0]
    for key in files.keys() & folders.keys():
        raise PackError(
            said("{files} is both a file and a folder in the pack.", files=quoted(files[key])), hint=_MADE_ELSEWHERE
        )


def plain_name(text: str) -> str:
    """A name like ``text`` that every system can have; "unnamed" where nothing of it can stay."""
    kept = "".join(
        letter if letter.isalnum() or letter in "-_. " else "-" for letter in unicodedata.normalize("NFC", text)
    )
    name = re.sub(r"-{2,}", "-", kept)[:80].strip("-. ")
    return f"{name}-" if name.split(".")[0].strip().casefold() in _DEVICES else name or "unnamed"


def _check_name(path: str, name: str) -> None:
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for letter in name):
        raise _refused(path, said("has invisible or invalid characters in it"))
    if unicodedata.normalize("NFC", name) != name:
        raise _refused(path, said("spells its accents in a way that not every system keeps"))
    if _FORBIDDEN.search(name):
        raise _refused(path, said("has a character that Windows does not allow"))
    if name[-1] in ". ":
        raise _refused(path, said("ends in a dot or a space, which Windows drops"))
    if name.startswith((".", " ")):
        raise _refused(path, said("is hidden, or begins with a space"))
    if name.split(".", maxsplit=1)[0].strip().casefold() in _DEVICES:
        raise _refused(path, said("is the name of a device on Windows"))
    if len(name.encode()) > MAX_COMPONENT_BYTES:
        raise _refused(path, said("has a name that is too long for some systems"))


def _folded(path: str) -> str:
    # NFKC after folding: what any file system takes for the same name is the same here.
    return unicodedata.normalize("NFKC", path.casefold()).casefold()


def _refused(path: str, what: str) -> PackError:
    return PackError(
        said("The pack has a file whose path {what}: {path}.", what=what, path=quoted(path)), hint=_MADE_ELSEWHERE
    )
