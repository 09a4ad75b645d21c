"""Where models lie on this machine, as plain values."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ModelFileError
from workbench.words import said


class Program(enum.Enum):
    """Who keeps a file, by the name people know; earlier ones give a model its name when two have it."""

    WORKBENCH = "Workbench"
    ADDED = said("added files")
    LM_STUDIO = "LM Studio"
    JAN = "Jan"
    GPT4ALL = "GPT4All"
    OLLAMA = "Ollama"
    HUGGING_FACE = said("Hugging Face cache")
    LLAMA_CPP = "llama.cpp"
    FOLDER = said("folder")


@dataclass(frozen=True, slots=True)
class Problem:
    """A file or folder of the library that cannot be used, and why."""

    path: Path
    error: ModelFileError


@dataclass(frozen=True, slots=True)
class PlacedFile:
    """A model file where some program keeps it, before anybody has read its header.

    ``called`` is the program's own name for it ("gemma3:270m"); ``stem`` what the library names it by where the
    file's own name says nothing; ``identity`` what stays the same when the path does not (empty: the path).
    ``claimed_sha256`` is what the program says the bytes hash to: a claim, until somebody has hashed them.
    ``companions`` are the projectors its program lists with it, ``licences`` the texts.  ``together`` says that
    the folder holds one repository, so that a projector beside the model is this model's.
    """

    path: Path
    called: str | None = None
    stem: str | None = None
    identity: str = ""
    claimed_sha256: str | None = None
    companions: tuple[Path, ...] = ()
    licences: tuple[Path, ...] = ()
    together: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One folder of one program, with the model files in it, and what of it could not be read."""

    program: Program
    folder: Path
    files: tuple[PlacedFile, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whose folders are looked for: a home, the environment's variables, the system (as ``sys.platform``).

    ``root`` is where folders of the whole system begin.
    """

    home: Path
    environment: Mapping[str, str]
    system: str
    root: Path = Path("/")

    def variable(self, name: str) -> Path | None:
        """The folder a variable names; None where it is unset, empty or relative to nobody knows what."""
        return self.folder(self.environment.get(name, ""))

    def folder(self, text: str) -> Path | None:
        """A folder as people write it in settings: quotes, ``~`` and variables are understood."""
        text = text.strip().strip("\"'")
        for name, value in self.environment.items():
            if "$" in text or "%" in text:
                text = text.replace(f"${{{name}}}", value).replace(f"%{name}%", value)
        if text == "~" or text.startswith(("~/", "~\\")):
            return self.home / text[2:]
        if not text or "\0" in text or not Path(text).is_absolute():
            return None
        return Path(os.path.normpath(text))

    @property
    def data(self) -> Path:
        """Where programs keep their data: XDG_DATA_HOME, Application Support, or the roaming AppData."""
        if self.system == "win32":
            return self.variable("APPDATA") or self.home / "AppData" / "Roaming"
        if self.system == "darwin":
            return self.home / "Library" / "Application Support"
        return self.variable("XDG_DATA_HOME") or self.home / ".local" / "share"

    @property
    def local_data(self) -> Path:
        """The same, but on Windows what does not roam."""
        if self.system == "win32":
            return self.variable("LOCALAPPDATA") or self.home / "AppData" / "Local"
        return self.data

    @property
    def config(self) -> Path:
        if self.system in ("win32", "darwin"):
            return self.data
        return self.variable("XDG_CONFIG_HOME") or self.home / ".config"


def problem(path: Path, message: str, hint: str) -> Problem:
    return Problem(path, ModelFileError(message, hint=hint))


def distinct(folders: list[Path]) -> tuple[Path, ...]:
    """The folders that are there, each once, links or not, in their order."""
    found: dict[str, Path] = {}
    for folder in folders:
        if os.path.isdir(folder):  # noqa: PTH112 - says False where Path.is_dir raises: a folder nobody may enter
            found.setdefault(os.path.realpath(folder), folder)
    return tuple(found.values())
