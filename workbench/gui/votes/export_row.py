"""How far an export of votes is, and the way to end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from workbench.gui.motion import show_endless
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button

if TYPE_CHECKING:
    from workbench.chat.votes.files import Saving
    from workbench.jobs import Job


class ExportRow(QWidget):
    """Hidden while nothing is written; ``job`` is what writes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self.told = label(role="small")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress of the export"))
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.setAccessibleName(tr("Cancel the export"))
        self.cancel_button.clicked.connect(self.cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self.told)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        self.hide()

    def begin(self, job: Job | None) -> None:
        self.job = job
        self.told.setText(tr("Reading the votes…"))
        show_endless(self.bar)
        self.setVisible(job is not None)

    def tell(self, event: Saving) -> None:
        if self.job is not None:
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)
            self.told.setText(tr("{done:,} of {total:,} votes are written", done=event.done, total=event.total))

    @Slot()
    def cancel(self) -> None:
        """Nothing of the file is left."""
        if self.job is not None:
            self.job.cancel()
            self.end()

    def end(self) -> None:
        self.job = None
        self.hide()
