"""Composition root: builds the rooms and ends them.  The faces are given one ``Workbench``."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from workbench import logs, settings
from workbench.chat.comparison import Comparison, Journal
from workbench.chat.conversations import Conversations
from workbench.engine import child
from workbench.engine.base import Backend
from workbench.engine.fake import FakeBackend
from workbench.engine.llama import LlamaBackend
from workbench.engine.stored_verdicts import StoredVerdicts
from workbench.engine.vet import Vetter
from workbench.errors import WorkbenchError
from workbench.hardware.detect import detect
from workbench.hardware.facts import Hardware, Survey
from workbench.hub.library import Library
from workbench.hub.starter import STARTERS, SYNTHETIC_MISTRAL, Starter, StarterProgress, fetch
from workbench.jobs import CancelToken, JobRunner, Task
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, fit
from workbench.paths import Paths, resolve
from workbench.settings import Settings
from workbench.store.database import Database


class Workbench:
    """Every room, opened on one data folder."""

    def __init__(self, paths: Paths, chosen: Settings, db: Database, backend: Backend) -> None:
        self.paths = paths
        self.settings = chosen
        self.db = db
        self.backend = backend
        self.library = Library(db, paths.models)
        self.conversations = Conversations(db)
        self._surveyed: Survey | WorkbenchError | None = None
        self._survey_lock = threading.Lock()  # guards _surveyed: one child asks, the others wait for it
        self._closing = contextlib.ExitStack()

    @classmethod
    def open(
        cls, *, data_dir: Path | None = None, backend: Backend | None = None, flags: Mapping[str, object] | None = None
    ) -> Workbench:
        """Raises SettingsError and StoreError; ``flags`` are settings given on the command line."""
        paths = resolve(data_dir)
        chosen = settings.load(paths.settings, **(flags or {}))
        closing = contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(closing.close)
            closing.enter_context(logs.setup(paths, chosen.log_level))
            db = closing.enter_context(Database(paths.database))
            opened = backend or _backend(chosen, db)
            closing.callback(opened.close)
            workbench = cls(paths, chosen, db, opened)
            workbench._closing = closing
            undo.pop_all()
        return workbench

    def close(self) -> None:
        self._closing.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # --- what the faces ask ------------------------------------------------------------------

    def machine(self) -> Hardware:
        """This machine now.  The first call asks llama.cpp in a child process, about a second; later
        ones read free memory only."""
        return detect(self._survey, self.paths.data)

    def look(self) -> Task[None, Hardware]:
        """``machine`` as a task."""

        def task(cancel: CancelToken) -> Generator[None, None, Hardware]:
            cancel.raise_if_cancelled()
            yield None
            return self.machine()

        return task

    def fit(self, model: ModelFile, *, n_ctx: int | None = None, machine: Hardware | None = None) -> Fit:
        return fit(model, machine or self.machine(), n_ctx=n_ctx or self.settings.context)

    def starters(self, *, with_synthetic: bool = False) -> tuple[Starter, ...]:
        return (*STARTERS, SYNTHETIC_MISTRAL) if with_synthetic else STARTERS

    def fetch_starters(self, wanted: Sequence[Starter]) -> Task[StarterProgress, tuple[Path, ...]]:
        """Bring starter models into the models folder, verified; present ones are left alone."""

        def task(cancel: CancelToken) -> Generator[StarterProgress, None, tuple[Path, ...]]:
            paths = yield from fetch(wanted, self.paths.models, self.paths.starter_wheels)(cancel)
            for starter, path in zip(wanted, paths, strict=True):
                self.library.digests.remember(path, starter.sha256)
            return paths

        return task

    def comparison(self, runner: JobRunner, journal: Journal | None = None) -> Comparison:
        return Comparison(runner, self.backend, self.machine, journal)

    def _survey(self) -> Survey:
        with self._survey_lock:
            if self._surveyed is None:
                try:
                    self._surveyed = child.survey()
                except WorkbenchError as error:
                    self._surveyed = error
            if isinstance(self._surveyed, WorkbenchError):
                raise self._surveyed
            return self._surveyed


def _backend(chosen: Settings, db: Database) -> Backend:
    if chosen.engine == "fake":
        return FakeBackend(tokens_per_s=40)
    return LlamaBackend(Vetter(StoredVerdicts(db)))
