"""Asking the hub which quantisations a repository has: headers only, nothing is downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.errors import WorkbenchError
from workbench.gui.errands import Errands
from workbench.gui.theme import Space
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hardware.words import human_bytes
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hub.remote import HeadProgress, RemoteListing

LANE = "hub"
EXPLAINED = (
    "Name a repository to see what would fit before anything is downloaded: only the files' headers are read, "
    "a few megabytes each, and only when you ask."
)


class LookupCard(Card):
    """``found`` is emitted with a listing, ``cleared`` when it is to be shown no more; ``below`` takes its
    ladders."""

    found = Signal(object)
    cleared = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__("A repository on the hub", parent)
        self._bench, self._errands = workbench, errands
        self._job: Job | None = None
        self.field = QLineEdit()
        self.field.setPlaceholderText("owner/repository or a link to it")
        self.field.setAccessibleName("Repository to look up")
        self.field.setClearButtonEnabled(True)
        self.field.returnPressed.connect(self.look_up)
        self.button = text_button("Look up")
        self.button.clicked.connect(self.look_up)
        self.cancel_button = text_button("Cancel")
        self.cancel_button.clicked.connect(self.cancel)
        self.cancel_button.hide()
        self.phase = label(EXPLAINED, role="muted", wrap=True)
        self.notice = Notice()
        self.dismiss = text_button("Clear", kind="ghost")
        self.dismiss.clicked.connect(self.clear)
        self.dismiss.hide()
        self.below = QVBoxLayout()
        self.below.setSpacing(Space.S)
        self._arrange()

    @property
    def busy(self) -> bool:
        return self._job is not None

    @Slot()
    def look_up(self) -> None:
        wanted = self.field.text().strip()
        if not wanted or self.busy:
            self.field.setFocus()
            return
        self.field.setFocus()  # what had it may be about to go
        self.clear()
        self._draw_busy(busy=True)
        self.phase.setText(f"Asking for the files of {wanted}…")
        try:
            task = self._bench.remote(wanted)
        except WorkbenchError as error:
            self._failed(error)
            return
        self._job = self._errands.run("look up", task, self._done, self._failed, told=self._told, lane=LANE)

    @Slot()
    def cancel(self) -> None:
        """Stop fetching; what was read is kept for the next time."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._draw_busy(busy=False)
            self.phase.setText("Cancelled. What was read already need not be read again.")
            self.field.setFocus()

    @Slot()
    def clear(self) -> None:
        """Show what was found no more."""
        self.notice.clear()
        self.dismiss.hide()
        self.phase.setText(EXPLAINED)
        self.cleared.emit()

    def _told(self, progress: HeadProgress) -> None:
        if self._job is not None:
            self.phase.setText(_progress_words(progress))

    def _done(self, listing: RemoteListing) -> None:
        if self._job is None:
            return
        self._job = None
        self._draw_busy(busy=False)
        count = len(listing.files)
        if not count:
            self.phase.setText(f"{listing.repository} holds no model file that could be used.")
        else:
            self.phase.setText(_listing_words(listing))
        self.dismiss.show()
        self.found.emit(listing)

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._draw_busy(busy=False)
        self.phase.setText(EXPLAINED)
        problem = Problem.of(error)
        self.notice.say(f"✕ {problem.message}", problem.hint)

    def _draw_busy(self, *, busy: bool) -> None:
        self.button.setVisible(not busy)
        self.cancel_button.setVisible(busy)
        self.field.setReadOnly(busy)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.field, 1)
        row.addWidget(self.button)
        row.addWidget(self.cancel_button)
        said = QHBoxLayout()
        said.setSpacing(Space.S)
        said.addWidget(self.phase, 1)
        said.addWidget(self.dismiss, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(row)
        self.body.addLayout(said)
        self.body.addWidget(self.notice)
        self.body.addLayout(self.below)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.busy:
            self.cancel()
        else:
            super().keyPressEvent(event)


def _progress_words(progress: HeadProgress) -> str:
    if not progress.total_files:
        return f"Asking for the files of {progress.name}…"
    return (
        f"{progress.done_files} of {progress.total_files} headers read, "
        f"{human_bytes(progress.fetched_bytes)} fetched: {progress.name}"
    )


def _listing_words(listing: RemoteListing) -> str:
    asked = f"{listing.repository}, commit {listing.commit[:8]}: not on this machine"
    if listing.kept_at is not None:
        return f"{asked}; the hub was not asked, this is as it was on {listing.kept_at[:10]}"
    return f"{asked}; nothing was downloaded but headers: {human_bytes(listing.fetched_bytes)}"
