"""Of when the catalogue's facts about a model are, and the way to ask the hub for today's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.hub.entry_facts import provenance_words
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hub.entries import Entry
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "hub"


class EntryAge(QWidget):
    """``refreshed`` is emitted with the entry as the hub says it is now."""

    refreshed = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self._entry = entry
        self._job: Job | None = None
        self.said = label(role="muted", wrap=True)
        self.button = text_button(tr("Refresh"), kind="small")
        self.button.setAccessibleName(tr("Refresh {title} from the hub", title=entry.title))
        self.button.setToolTip(tr("Ask the hub for sizes, revisions and gates as they are now"))
        self.button.clicked.connect(self._on_button)
        self.notice = Notice()
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.said, 1)
        row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addLayout(row)
        column.addWidget(self.notice)
        self.draw(entry)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def draw(self, entry: Entry) -> None:
        self._entry = entry
        self.said.setText(age_words(entry))
        self.button.setText(tr("Cancel") if self.busy else tr("Refresh"))

    @Slot()
    def _on_button(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self.draw(self._entry)
            return
        self.notice.clear()
        task = self._bench.refresh(self._entry)
        self._job = self._errands.run("refresh an entry", task, self._done, self._failed, lane=LANE)
        self.draw(self._entry)
        self.said.setText(tr("Asking the hub…"))

    def _done(self, entry: Entry) -> None:
        if self._job is None:
            return
        self._job = None
        self.draw(entry)
        self.refreshed.emit(entry)

    def _failed(self, error: Exception) -> None:
        self._job = None
        self.draw(self._entry)
        problem = Problem.of(error)
        self.notice.tell(problem)


def age_words(entry: Entry) -> str:
    """ "As of 2026-11-23, by the hub; from the catalogue “Llama” of 2026-10-01"."""
    known = provenance_words(entry.provenance, entry.replaces)
    if entry.asked_at is None:
        return tr("As of {isoformat}, {known}", isoformat=entry.provenance.dated.isoformat(), known=known)
    return tr(
        "As of {asked_at}, by the hub; {known} of {isoformat}",
        asked_at=entry.asked_at[:10],
        known=known,
        isoformat=entry.provenance.dated.isoformat(),
    )
