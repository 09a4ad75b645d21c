"""How far the writing or reading of a file of votes is, and the way to end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from workbench.gui.motion import show_endless
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label, text_button

if TYPE_CHECKING:
    from workbench.jobs import Job


class FileRow(QWidget):
    """Hidden while nothing is done; ``job`` is what works on the file.  ``cancelled`` once somebody ended it."""

    cancelled = Signal()

    def __init__(self, progress: str, cancel: str, cancel_whole: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job: Job | None = None
        self.told = label(role="small")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(progress)
        self.cancel_button = text_button(cancel)
        self.cancel_button.setAccessibleName(cancel_whole)
        self.cancel_button.clicked.connect(self.cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self.told)
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel_button)
        self.hide()

    def begin(self, job: Job | None, words: str) -> None:
        self.job = job
        self.told.setText(words)
        show_endless(self.bar)
        self.setVisible(job is not None)

    def tell(self, words: str, done: int, total: int | None) -> None:
        if self.job is None:
            return
        self.told.setText(words)
        if total is not None:
            self.bar.setRange(0, total)
            self.bar.setValue(done)

    @Slot()
    def cancel(self) -> None:
        if self.job is not None:
            self.job.cancel()
            self.end()
            self.cancelled.emit()

    def end(self) -> None:
        self.job = None
        self.hide()
