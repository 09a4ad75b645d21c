"""Looking a repository up inside a row: progress, cancel, and errors in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.models.lookup import LANE, listing_words, progress_words
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hub.remote import HeadProgress, RemoteListing
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench


class Look(QWidget):
    """``found`` is emitted with the listing."""

    found = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self._job: Job | None = None
        self._repository = ""
        self.phase = label(role="muted", wrap=True)
        self.cancel_button = text_button(tr("Cancel"), kind="small")
        self.cancel_button.clicked.connect(self.cancel)
        self.again_button = text_button(tr("Look again"), kind="small")
        self.again_button.clicked.connect(self._on_again)
        self.notice = Notice()
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.phase, 1)
        row.addWidget(self.cancel_button)
        row.addWidget(self.again_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(row)
        column.addWidget(self.notice)
        self._draw(busy=False)
        self.again_button.hide()

    @property
    def busy(self) -> bool:
        return self._job is not None

    def begin(self, repository: str) -> None:
        """Ask for the headers of a repository, instead of what was asked before."""
        self._drop()
        self._repository = repository
        self.notice.clear()
        self.phase.setText(tr("Asking for the files of {repository}…", repository=repository))
        self._draw(busy=True)
        task = self._bench.remote(repository)
        self._job = self._errands.run("look up", task, self._done, self._failed, told=self._told, lane=LANE)

    @Slot()
    def cancel(self) -> None:
        """Stop; what was read is kept for the next time."""
        if self._job is not None:
            self._drop()
            self._draw(busy=False)
            self.phase.setText(tr("Cancelled. What was read already need not be read again."))

    def _drop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _told(self, progress: HeadProgress) -> None:
        if self._job is not None:
            self.phase.setText(progress_words(progress))

    def _done(self, listing: RemoteListing) -> None:
        if self._job is None:
            return
        self._job = None
        self._draw(busy=False)
        self.again_button.setVisible(listing.kept_at is not None)
        empty = tr("{repository} holds no model file that could be used.", repository=listing.repository)
        self.phase.setText(listing_words(listing) if listing.files else empty)
        self.found.emit(listing)

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._draw(busy=False)
        self.phase.setText(self._repository)
        problem = Problem.of(error)
        self.notice.tell(problem)

    def _draw(self, *, busy: bool) -> None:
        self.cancel_button.setVisible(busy)
        self.again_button.setVisible(not busy)

    @Slot()
    def _on_again(self) -> None:
        self.begin(self._repository)
