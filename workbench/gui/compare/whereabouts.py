"""Panes whose model's file moves, goes or comes back: they follow it, or say so."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Slot

from workbench.chat.answer import Problem
from workbench.chat.pane import Pane
from workbench.errors import ModelNotFoundError, WorkbenchError
from workbench.gui.compare.record import Record
from workbench.gui.compare.shelf import Found, Shelf
from workbench.gui.hub.file_care import FileCare
from workbench.hub.moving import Moved
from workbench.models.file import ModelFile
from workbench.words import said


@dataclass(frozen=True, slots=True)
class _Left:
    model: ModelFile
    n_threads: int | None
    template: str | None


class Whereabouts(QObject):
    """A pane that has its model loaded, or answers, keeps the file from moving at all."""

    def __init__(self, care: FileCare, record: Record, shelf: Shelf, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._record, self._shelf = record, shelf
        self._left: dict[int, _Left] = {}
        care.moved.connect(self._on_moved)
        care.removed.connect(self._on_removed)
        care.returned.connect(self._on_returned)

    @Slot(object, object)
    def _on_moved(self, before: Collection[Path], moved: Moved) -> None:
        wanted = {pane.id: str(moved.path) for pane in self._with(before)}
        if wanted:
            self._shelf.find(wanted, self._found)

    def _found(self, found: dict[int, Found]) -> None:
        for pane in self._idle():
            model = found.get(pane.id)
            if isinstance(model, WorkbenchError):
                pane.fail(Problem.of(model))
            elif model is not None:
                self._record.follow(pane, model, pane.n_threads, pane.template)
        self._shelf.refresh()

    @Slot(object)
    def _on_removed(self, gone: Collection[Path]) -> None:
        for pane in self._with(gone):
            assert pane.model is not None
            left = self._left[pane.id] = _Left(pane.model, pane.n_threads, pane.template)
            self._record.leave(pane)
            error = ModelNotFoundError(
                said("{name} was removed from this computer.", name=left.model.name),
                hint=said("Choose another model, or undo the removal."),
            )
            pane.fail(Problem.of(error))
        self._shelf.refresh()

    @Slot(object)
    def _on_returned(self, back: Collection[Path]) -> None:
        """A removal was undone: panes that stayed empty have it again."""
        for pane in self._idle():
            left = self._left.get(pane.id)
            if left is not None and pane.model is None and not set(back).isdisjoint(left.model.files):
                self._record.follow(pane, left.model, left.n_threads, left.template)
        self._left.clear()
        self._shelf.refresh()

    def _with(self, files: Collection[Path]) -> list[Pane]:
        return [pane for pane in self._idle() if pane.model and not set(files).isdisjoint(pane.model.files)]

    def _idle(self) -> list[Pane]:
        return [pane for pane in self._record.comparison.panes if not pane.busy]
