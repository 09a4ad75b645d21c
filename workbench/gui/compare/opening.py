"""Models on their way into panes: files the user opened, and those of a kept conversation."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from workbench.chat.answer import Problem
from workbench.chat.pane import Pane
from workbench.gui.compare.record import Record
from workbench.gui.compare.shelf import Found, Shelf
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.models.file import ModelFile


class Opening(QObject):
    """``changed`` when a pane is to be drawn again, ``opened`` with the pane and the model it is to have,
    ``refused`` with the reason where the pane itself cannot say it, ``complete`` once every model of a conversation was
    found or was not."""

    changed = Signal()
    opened = Signal(object, object)
    refused = Signal(str)
    complete = Signal()

    def __init__(self, shelf: Shelf, record: Record, parent: QObject) -> None:
        super().__init__(parent)
        self._shelf = shelf
        self._record = record
        self._names: dict[int, str] = {}

    def name_of(self, pane: Pane) -> str:
        """The file that is being opened for a pane; "" where none is."""
        return self._names.get(pane.id, "")

    def forget(self) -> None:
        self._names.clear()

    def find_wanted(self) -> None:
        """The models of the conversation that was opened."""
        wanted = {slot: kept.model_path or "" for slot, kept in self._record.wanted.items()}
        self._names = {slot: Path(path).name for slot, path in wanted.items()}
        if wanted:
            self._shelf.find(wanted, self._found)

    def open_into(self, pane: Pane, path: Path) -> None:
        self._names[pane.id] = path.name
        self.changed.emit()
        self._shelf.add(path, partial(self._opened, pane), partial(self._not_opened, pane))

    def _found(self, found: dict[int, Found]) -> None:
        for slot, model in found.items():
            self._names.pop(slot, None)
            self._record.seat(slot, model)
        self.changed.emit()
        if not self._record.wanted:
            self.complete.emit()

    def _opened(self, pane: Pane, model: ModelFile) -> None:
        self._names.pop(pane.id, None)
        if pane in self._record.comparison.panes:
            self.opened.emit(pane, model)
        self._shelf.refresh()

    def _not_opened(self, pane: Pane, error: Exception) -> None:
        self._names.pop(pane.id, None)
        if pane.busy:
            self.refused.emit(tr(Problem.of(error).message))
        else:
            pane.fail(Problem.of(error))
        self.changed.emit()
