"""From a line of a ladder to the queue of downloads: the licence first, where it was not agreed to."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.hub.gate_dialog import GateDialog
from workbench.hub.downloads import Download
from workbench.hub.gate import Gate
from workbench.hub.remote import RemoteListing
from workbench.hub.repository import RemoteFile
from workbench.jobs import CancelToken, Task
from workbench.models.file import ModelFile

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "licences"


class Getting(QObject):
    """``queued`` is emitted with a download, ``refused`` with a model and what was in the way, ``declined`` with a
    model whose licence was not agreed to, ``changed`` when other models are being asked about."""

    queued = Signal(object)
    changed = Signal()
    refused = Signal(object, object)
    declined = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, window: QWidget) -> None:
        super().__init__(window)
        self._bench, self._errands, self._window = workbench, errands, window
        self._asking: set[Path] = set()

    @property
    def busy(self) -> bool:
        return bool(self._asking)

    @property
    def asking(self) -> frozenset[Path]:
        """Models whose licence is being asked for, or read."""
        return frozenset(self._asking)

    @Slot(object, object, object)
    def get(self, model: ModelFile, listing: RemoteListing, companions: Sequence[RemoteFile] = ()) -> None:
        """Queue a model of a listing, with companions; asks for the licence where that was not done yet."""
        if model.path not in self._asking:
            _Request(self, model, listing, companions).begin()

    # --- for the requests --------------------------------------------------------------------

    def ask(self, request: _Request) -> None:
        self._asking.add(request.model.path)
        self.changed.emit()
        task = self._bench.gate(request.listing)
        self._errands.run("look at the licence", task, request.gated, request.failed, lane=LANE)

    def show(self, request: _Request, gate: Gate) -> None:
        entry = self._bench.catalogue.for_repository(gate.repository)
        page = f"{self._bench.settings.hub_endpoint}/{gate.repository}"
        multimodal = entry.multimodal.value if entry else None
        dialog = GateDialog(gate, page=page, multimodal=multimodal, parent=self._window)
        dialog.agreed.connect(request.agreed)
        dialog.rejected.connect(request.declined)
        dialog.open()

    def pull(self, request: _Request, gate: Gate | None) -> None:
        task = _pulling(self._bench, request.model, request.companions, gate)
        self._errands.run("queue a download", task, request.queued, request.failed, lane=LANE)

    def end(self, request: _Request) -> None:
        self._asking.discard(request.model.path)
        self.changed.emit()
        request.deleteLater()


class _Request(QObject):
    """One wish, from the click to the queue."""

    def __init__(
        self, getting: Getting, model: ModelFile, listing: RemoteListing, companions: Sequence[RemoteFile]
    ) -> None:
        super().__init__(getting)
        self._getting = getting
        self.model, self.listing, self.companions = model, listing, companions

    def begin(self) -> None:
        self._getting.ask(self)

    def gated(self, gate: Gate) -> None:
        if gate.agreed:
            self._getting.pull(self, None)
        else:
            self._getting.show(self, gate)

    @Slot(object)
    def agreed(self, gate: Gate) -> None:
        self._getting.pull(self, gate)

    @Slot()
    def declined(self) -> None:
        self._getting.end(self)
        self._getting.declined.emit(self.model)

    def queued(self, download: Download) -> None:
        self._getting.end(self)
        self._getting.queued.emit(download)

    def failed(self, error: Exception) -> None:
        self._getting.end(self)
        self._getting.refused.emit(self.model, Problem.of(error))


def _pulling(
    bench: Workbench, model: ModelFile, companions: Sequence[RemoteFile], gate: Gate | None
) -> Task[None, Download]:
    """Agree where that was just done, then queue."""

    def task(cancel: CancelToken) -> Generator[None, None, Download]:
        cancel.raise_if_cancelled()
        yield None
        if gate is not None:
            bench.agree(gate)
        return bench.pull(model, companions=companions)

    return task
