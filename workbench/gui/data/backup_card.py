"""The history into one file, and back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QProgressBar, QWidget

from workbench.chat.answer import Problem
from workbench.gui.compare.parts import part
from workbench.gui.data.starting_again import start_again
from workbench.gui.data.words import PHASES
from workbench.gui.decks.part import DecksPart
from workbench.gui.errands import Errands, errand
from workbench.gui.motion import show_endless
from workbench.gui.theme import Tone
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hardware.words import human_bytes
from workbench.jobs import Job
from workbench.store.backup import Copying, Restored, back_up, restore
from workbench.store.inspecting import Inspected, inspect

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.gui.window import MainWindow

LANE = "backup"


class BackupCard(Card):
    """``done`` is emitted when what lies on the disk has changed."""

    done = Signal()

    def __init__(self, workbench: Workbench, window: MainWindow, errands: Errands, notice: Notice) -> None:
        super().__init__(tr("Backup of the history"))
        self._database = workbench.paths.database
        self._window, self._errands, self._notice = window, errands, notice
        self._job: Job | None = None
        self._busy = False
        words = tr("One file with every conversation, vote, preset and measurement. Models and settings are not in it.")
        self.save = text_button(tr("Back up…"), kind="primary")
        self.save.clicked.connect(self._ask_target)
        self.restore = text_button(tr("Restore…"))
        self.restore.clicked.connect(self._ask_source)
        self.stop = text_button(tr("Cancel"))
        self.stop.clicked.connect(self.cancel)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Progress of the backup"))
        self.state = label(role="muted", wrap=True)
        row = QHBoxLayout()
        row.addWidget(self.save)
        row.addWidget(self.restore)
        row.addStretch(1)
        row.addWidget(self.stop)
        self.body.addWidget(label(words, role="muted", wrap=True))
        self.body.addLayout(row)
        self.body.addWidget(self.bar)
        self.body.addWidget(self.state)
        self._show(busy=False)

    # --- backing up --------------------------------------------------------------------------

    @Slot()
    def _ask_target(self) -> None:
        usual = f"workbench-{datetime.now().astimezone():%Y-%m-%d}.backup"
        kinds = tr("Backups (*.backup);;All files (*)")
        name, _ = QFileDialog.getSaveFileName(self, tr("Back up the history"), usual, kinds)
        if name:
            self.back_up(Path(name))

    def back_up(self, target: Path) -> None:
        self._begin()
        self._job = self._errands.run(
            "back up", back_up(self._database, target), self._backed_up, self._failed, told=self._told, lane=LANE
        )

    def _backed_up(self, found: Inspected) -> None:
        self._show(busy=False)
        said = tr(
            "{conversations}, {size}: read back and found whole.", conversations=_conversations(found),
            size=human_bytes(found.size_bytes),
        )  # fmt: skip
        self._notice.say(tr("The backup is written: {file}", file=str(found.path)), said, tone=Tone.ACCENT)
        self.done.emit()

    # --- restoring ---------------------------------------------------------------------------

    @Slot()
    def _ask_source(self) -> None:
        kinds = tr("Backups (*.backup *.copy *.sqlite3);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(self, tr("Restore a backup"), "", kinds)
        if name:
            self.look_at(Path(name))

    def look_at(self, source: Path) -> None:
        """Checked before anything is asked."""
        self._begin()
        self.state.setText(tr("Reading the file…"))
        self._job = self._errands.run(
            "look at a backup", errand(partial(inspect, source)), self._inspected, self._failed, lane=LANE
        )

    def _inspected(self, found: Inspected) -> None:
        self._show(busy=False)
        self._notice.say(
            tr("{file} holds {conversations}.", file=found.path.name, conversations=_conversations(found)),
            tr("They take the place of what is there now, of which a copy is kept. The program then starts anew."),
            tone=Tone.CAUTION,
        )
        self._notice.suggest(tr("Restore it"), partial(self.put_back, found.path))

    def put_back(self, source: Path) -> None:
        compare = self._window.compare
        if compare.comparison.busy or part(compare, DecksPart).running is not None:
            self._notice.say(tr("Answers are being written."), tr("Stop them, or wait until they are there."))
            return
        self._notice.clear()
        self._begin()
        self._job = self._errands.run(
            "restore", restore(self._database, source), self._restored, self._failed, told=self._told, lane=LANE
        )

    def _restored(self, _restored: Restored) -> None:
        # What is in memory belongs to what was there before: forget all of it.
        start_again(self._window)

    # --- both --------------------------------------------------------------------------------

    @Slot()
    def cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
        if self._busy:
            self._show(busy=False)
            self.state.show()
            self.state.setText(tr("Cancelled: nothing was changed."))

    def _begin(self) -> None:
        self._notice.clear()
        self._show(busy=True)
        show_endless(self.bar)
        self.stop.setFocus()

    def _told(self, event: Copying) -> None:
        if self._busy:
            self.state.setText(tr(PHASES[event.phase]))
            self.bar.setRange(0, event.total)
            self.bar.setValue(event.done)

    def _failed(self, error: Exception) -> None:
        self._show(busy=False)
        self._notice.tell(Problem.of(error))

    def _show(self, *, busy: bool) -> None:
        self._busy = busy
        self.save.setEnabled(not busy)
        self.restore.setEnabled(not busy)
        shown: tuple[QWidget, ...] = (self.stop, self.bar)
        for widget in shown:
            widget.setVisible(busy)
        self.state.setText("")
        self.state.setVisible(busy)


def _conversations(found: Inspected) -> str:
    return counted(found.rows.get("conversation", 0), "conversation")
