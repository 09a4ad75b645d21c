"""Moving a model of ours to another folder or disk: what will be moved and where to, then how far it is."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands, errand
from workbench.gui.theme import Space
from workbench.gui.tr import counted, later, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.sheet import Sheet
from workbench.hardware.words import human_bytes
from workbench.hub.moving import Moved, MovePlan, Moving
from workbench.hub.places.same import Held
from workbench.jobs import CancelToken, Job, Task
from workbench.models.file import ModelFile

if TYPE_CHECKING:
    from workbench.app import Workbench

LANE = "library"
WIDTH = 560  # pixels at 100 % text
PAUSE_MS = 250  # after the last letter of a path
_STAGES = {"copying": later("Copying"), "checking": later("Reading back what was written")}


class MoveDialog(Sheet):
    """``moved`` is emitted with where it lies now; what is in the way is said here."""

    moved = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, held: Held, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, None, parent)
        self._bench, self._errands, self._model = workbench, errands, held.file
        self._job: Job | None = None
        self._plan: MovePlan | None = None
        self._asked = ""
        self.setWindowTitle(tr("Move a model"))
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("A folder, on any disk"))
        self.field.setAccessibleName(tr("Folder to move it to"))
        self.field.textChanged.connect(self._on_text)
        self.browse_button = text_button(tr("Choose a folder…"))
        self.browse_button.clicked.connect(self._on_browse)
        self.plan_words = label(role="muted", wrap=True)
        self.plan_words.hide()
        self.notice = Notice()
        self.notice.dismiss.hide()
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName(tr("How far the move is"))
        self.progress.setRange(0, 1000)
        self.progress.hide()
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.clicked.connect(self.reject)
        self.move_button = text_button(tr("Move"), kind="primary")
        self.move_button.setEnabled(False)
        self.move_button.setDefault(True)
        self.move_button.clicked.connect(self.begin)
        self._pause = QTimer(self, interval=PAUSE_MS, singleShot=True)
        self._pause.timeout.connect(self._look)
        self._arrange()
        self.field.setFocus()

    @property
    def busy(self) -> bool:
        return self._job is not None or self._pause.isActive() or bool(self._asked)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.field, 1)
        row.addWidget(self.browse_button)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel_button)
        buttons.addWidget(self.move_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("Move {name}", name=self._model.name), role="title", wrap=True))
        column.addWidget(label(tr("It lies in {parent}.", parent=self._model.path.parent), role="muted", wrap=True))
        column.addLayout(row)
        column.addWidget(self.plan_words)
        column.addWidget(self.progress)
        column.addWidget(self.notice)
        column.addLayout(buttons)

    # --- where to ----------------------------------------------------------------------------

    @Slot()
    def _on_browse(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("Choose a folder"), str(self._model.path.parent))
        if name:
            self.field.setText(name)

    @Slot()
    def _on_text(self) -> None:
        self._plan = None
        self.move_button.setEnabled(False)
        self._tell("")
        self.notice.clear()
        self._pause.start()

    @Slot()
    def _look(self) -> None:
        """What a move there would do, away from the window's thread."""
        self._asked = self.field.text().strip()
        if self._asked:
            work = partial(self._bench.move_plan, self._model, Path(self._asked))
            done, failed = partial(self._planned, self._asked), partial(self._refused, self._asked)
            self._errands.run("plan a move", errand(work), done, failed, lane=LANE)

    def _planned(self, asked: str, plan: MovePlan) -> None:
        if asked != self._asked:
            return
        self._asked = ""
        self._plan = plan
        names = ", ".join(path.name for path in plan.paths)
        count = counted(len(plan.paths), "file")
        self._tell(
            tr(
                "{count}, {size}: {names}. {free} are free in {folder}.",
                count=count,
                size=human_bytes(plan.size_bytes),
                names=names,
                free=human_bytes(plan.free_bytes),
                folder=plan.folder,
            )
        )
        self.move_button.setEnabled(True)

    def _refused(self, asked: str, error: Exception) -> None:
        if asked == self._asked:
            self._asked = ""
            self._say(error)

    # --- moving ------------------------------------------------------------------------------

    @Slot()
    def begin(self) -> None:
        """Move it, as planned."""
        if self._plan is None or self._job is not None:
            return
        self.notice.clear()
        self._draw_moving(moving=True)
        self._tell(tr("Beginning…"))
        task = _moving(self._bench, self._model, self._plan.folder)
        self._job = self._errands.run("move a model", task, self._done, self._failed, told=self._told, lane=LANE)

    def _told(self, event: Moving) -> None:
        if self._job is not None:
            self.progress.setValue(round(1000 * event.done_bytes / event.total_bytes) if event.total_bytes else 0)
            done, total = human_bytes(event.done_bytes // 2), human_bytes(event.total_bytes // 2)
            self._tell(
                tr(
                    "{stages}: {done} of {total}. Until the end it stays where it was.",
                    stages=tr(_STAGES[event.stage]),
                    done=done,
                    total=total,
                )
            )

    def _done(self, moved: Moved) -> None:
        self._job = None
        self.moved.emit(moved)
        self.accept()

    def _failed(self, error: Exception) -> None:
        self._job = None
        self._draw_moving(moving=False)
        self._tell("")
        self._say(error)

    @Slot()
    def reject(self) -> None:
        """Stop, if it moves; what was copied is gone on with the next time."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._pause.stop()
        super().reject()

    def _draw_moving(self, *, moving: bool) -> None:
        self.progress.setVisible(moving)
        self.progress.setValue(0)
        self.cancel_button.setText(tr("Stop") if moving else tr("Cancel"))
        self.move_button.setEnabled(not moving and self._plan is not None)
        for control in (self.field, self.browse_button):
            control.setEnabled(not moving)

    def _tell(self, words: str) -> None:
        self.plan_words.setText(words)
        self.plan_words.setVisible(bool(words))

    def _say(self, error: Exception) -> None:
        problem = Problem.of(error)
        self.notice.tell(problem)


def _moving(bench: Workbench, model: ModelFile, folder: Path) -> Task[Moving, Moved]:
    """The library is listed for it, away from the window's thread."""

    def task(cancel: CancelToken) -> Generator[Moving, None, Moved]:
        cancel.raise_if_cancelled()
        return (yield from bench.move(model, folder)(cancel))

    return task
