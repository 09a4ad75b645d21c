"""A mark on the disk while something is done that may end the whole program, so that the next start can tell."""

from __future__ import annotations

import contextlib
import enum
import itertools
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.words import said

if TYPE_CHECKING:
    from workbench.models.file import ModelFile

log = logging.getLogger(__name__)

# Clocks of different looks at one process's start differ by less; another process with its number starts later.
SAME_START_S = 1.0

_SUFFIX = ".json"

_NUMBERS = itertools.count(1)  # of this process's marks, whoever leaves them


class Phase(enum.StrEnum):
    """The two moments when llama.cpp may end the process: it reads the file, it computes with it the first time."""

    LOADING = "loading"
    FIRST_ANSWER = "first_answer"


@dataclass(frozen=True, slots=True)
class Died:
    """The program ended while it worked on this model; ``at`` is when that work began, with a time zone."""

    model_name: str
    path: Path
    phase: Phase
    at: datetime

    @property
    def words(self) -> str:
        doing = said("loading") if self.phase is Phase.LOADING else said("beginning its first answer with")
        return said("The program ended while it was {doing} {model_name}.", doing=doing, model_name=self.model_name)


class Sentinel:
    """Marks in a folder of their own, one for each model that is worked on now.  Any thread, any process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def watch(self, model: ModelFile, phase: Phase) -> Iterator[None]:
        """The mark is there as long as the block lasts, however it ends.  Without a disk to write on there is none."""
        import psutil

        mark = self._folder / f"{os.getpid()}-{next(_NUMBERS)}{_SUFFIX}"
        facts = {
            "pid": os.getpid(),
            "started_s": psutil.Process().create_time(),
            "model": model.name,
            "path": str(model.path.absolute()),
            "phase": phase.value,
            "at": datetime.now(UTC).isoformat(),
        }
        try:
            _write(mark, json.dumps(facts))
        except OSError as error:
            log.warning("no mark could be left for %s: %s", model.name, error)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                mark.unlink(missing_ok=True)

    def found(self) -> Died | None:
        """The latest death that nobody was told of yet; marks of programs that still run are left alone."""
        dead = [died for _, died in self._dead() if died is not None]
        return max(dead, key=lambda died: died.at, default=None)

    def forget(self) -> None:
        """Nothing is found any more, until a program ends like that again."""
        for mark, _ in self._dead():
            with contextlib.suppress(OSError):
                mark.unlink(missing_ok=True)

    def _dead(self) -> Iterator[tuple[Path, Died | None]]:
        """Marks of processes that are gone; None for one that cannot be read."""
        try:
            marks = sorted(self._folder.glob(f"*{_SUFFIX}"))
        except OSError as error:
            log.warning("%s cannot be read: %s", self._folder, error)
            return
        for mark in marks:
            try:
                facts = json.loads(mark.read_bytes())
                if _lives(facts["pid"], facts["started_s"]):
                    continue
                died = Died(
                    facts["model"], Path(facts["path"]), Phase(facts["phase"]), datetime.fromisoformat(facts["at"])
                )
            except FileNotFoundError:  # its program has just finished
                continue
            except (OSError, ValueError, KeyError, TypeError) as error:
                log.warning("%s is no mark: %s", mark.name, error)
                yield mark, None
            else:
                yield mark, died


def _lives(pid: int, started_s: float) -> bool:
    """Whether this very process still runs: numbers are given again, moments of a start are not."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - started_s) < SAME_START_S
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's, so not ours
        return False


def _write(path: Path, text: str) -> None:
    """On the disk when this returns, whole: the computer itself may be what ends next."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
