"""Several models one after the other: the file of each is looked up, its licence asked for, then it is queued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from workbench.chat.answer import Problem
from workbench.errors import AlreadyHereError
from workbench.gui.errands import Errands
from workbench.gui.hub.getting import Getting
from workbench.hub.downloads import Download
from workbench.hub.entries import Entry
from workbench.hub.remote import RemoteListing
from workbench.hub.suggesting import file_of, listing_with
from workbench.jobs import Job
from workbench.models.file import ModelFile

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "hub"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one: ``problem`` is None where it is queued or here already, or was ``declined``."""

    entry: Entry
    problem: Problem | None = None
    declined: bool = False


class GettingStarters(QObject):
    """``changed`` is emitted when another model's turn comes, ``queued`` with a download, ``ended`` with an outcome
    for each."""

    changed = Signal()
    queued = Signal(object)
    ended = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, window: QWidget) -> None:
        super().__init__(window)
        self._bench, self._errands = workbench, errands
        self._getting = Getting(workbench, errands, window)
        self._getting.queued.connect(self._on_queued)
        self._getting.refused.connect(self._on_refused)
        self._getting.declined.connect(self._on_declined)
        self._left: list[Entry] = []
        self._outcomes: list[Outcome] = []
        self._job: Job | None = None

    @property
    def busy(self) -> bool:
        return bool(self._left)

    @property
    def now(self) -> Entry | None:
        """Whose turn it is."""
        return self._left[0] if self._left else None

    def begin(self, entries: Sequence[Entry]) -> None:
        """Unless it is being done."""
        if not self.busy:
            self._left, self._outcomes = list(entries), []
            self._next()

    @Slot()
    def cancel(self) -> None:
        """No further ones; those that are queued stay."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._end()

    def _next(self) -> None:
        if not self._left:
            self._end()
            return
        task = listing_with(self._left[0], self._bench.remote)
        self._job = self._errands.run("look up a starter", task, self._found, self._failed, lane=LANE)
        self.changed.emit()

    def _found(self, found: RemoteListing) -> None:
        if self._job is not None:
            self._job = None
            self._getting.get(file_of(found), found)

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._settle(problem=Problem.of(error))

    @Slot(object)
    def _on_queued(self, download: Download) -> None:
        self.queued.emit(download)
        self._settle()

    @Slot(object, object)
    def _on_refused(self, _model: ModelFile, problem: Problem) -> None:
        self._settle(problem=None if problem.code == AlreadyHereError.code else problem)

    @Slot(object)
    def _on_declined(self, _model: ModelFile) -> None:
        self._settle(declined=True)

    def _settle(self, *, problem: Problem | None = None, declined: bool = False) -> None:
        self._outcomes.append(Outcome(self._left.pop(0), problem, declined))
        self._next()

    def _end(self) -> None:
        self._left = []
        self.changed.emit()
        self.ended.emit(tuple(self._outcomes))
