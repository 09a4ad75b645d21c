"""Catalogues that the user added, from a file or an address: what they are, adding one, taking one away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands, errand
from workbench.gui.hub.undo_notice import UndoNotice
from workbench.gui.hub.words import plain_tip
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, explained, later, tr
from workbench.gui.widgets.cards import clear
from workbench.gui.widgets.controls import ElidedLabel, IconButton, label, text_button
from workbench.hub.own_catalogues import OwnCatalogue, RemovedCatalogue
from workbench.jobs import Task

if TYPE_CHECKING:
    from workbench.app import Workbench

T = TypeVar("T")

LANE = "catalogue"
EXPLAINED = later(
    "A catalogue adds models to this list, or replaces what it says of one. It is checked before it is kept."
)
CHOOSE = later("Choose a catalogue")
FILTER = later("Catalogues (*.json);;All files (*)")


class OwnCataloguesView(QFrame):
    """Folded until its ``button`` is pressed.  ``changed`` is emitted when other entries are in force."""

    changed = Signal()

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bench, self._errands = workbench, errands
        self._working = 0
        self.button = text_button(tr("Catalogues…"), kind="small")
        self.button.setCheckable(True)
        self.button.setToolTip(tr("Add a catalogue of your own, or take one away"))
        self.button.toggled.connect(self._on_toggled)
        self.field = QLineEdit()
        self.field.setPlaceholderText(tr("https://… or the path of a file"))
        self.field.setAccessibleName(tr("Address or file of a catalogue"))
        self.field.returnPressed.connect(self.add)
        self.browse_button = text_button(tr("Choose a file…"))
        self.browse_button.clicked.connect(self._on_browse)
        self.add_button = text_button(tr("Add"))
        self.add_button.setAccessibleName(tr("Add the catalogue"))
        self.add_button.clicked.connect(self.add)
        self.notice = UndoNotice()
        self.notice.undone.connect(self._on_undo)
        self.rows: list[CatalogueRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(Space.XS)
        self._arrange()
        self.hide()
        self._list_again()

    @property
    def busy(self) -> bool:
        return self._working > 0

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(self.field, 1)
        row.addWidget(self.browse_button)
        row.addWidget(self.add_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(label(tr(EXPLAINED), role="muted", wrap=True))
        column.addLayout(self._list)
        column.addLayout(row)
        column.addWidget(self.notice)

    @Slot(bool)
    def _on_toggled(self, wanted: bool) -> None:
        self.setVisible(wanted)
        if wanted:
            self._list_again()
            self.field.setFocus()

    # --- the list ----------------------------------------------------------------------------

    def _list_again(self) -> None:
        self._run("list catalogues", errand(self._bench.own_catalogues), self._draw)

    def _draw(self, found: tuple[OwnCatalogue, ...]) -> None:
        self._working -= 1
        clear(self._list)
        self.rows = [CatalogueRow(each) for each in found]
        for row in self.rows:
            row.unwanted.connect(self._on_unwanted)
            self._list.addWidget(row)
        broken = sum(each.error is not None for each in found)
        self.button.setText(tr("Catalogues… ✕ {broken}", broken=broken) if broken else tr("Catalogues…"))

    # --- adding and taking away --------------------------------------------------------------

    @Slot()
    def add(self) -> None:
        """What stands in the field, unless one is being added."""
        source = self.field.text().strip()
        if not source:
            self.field.setFocus()
            return
        self.notice.clear()
        self.add_button.setEnabled(False)
        self._run("add a catalogue", self._bench.add_catalogue(source), partial(self._added, source))

    def _added(self, source: str, _path: object) -> None:
        self._working -= 1
        self.add_button.setEnabled(True)
        self.field.clear()
        self.notice.say(tr("The catalogue is in force."), source, tone=Tone.ACCENT)
        self.changed.emit()
        self._list_again()

    @Slot()
    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr(CHOOSE), "", tr(FILTER))
        if name:
            self.field.setText(name)
            self.add()

    @Slot(object)
    def _on_unwanted(self, catalogue: OwnCatalogue) -> None:
        work = partial(self._bench.remove_catalogue, catalogue.file)
        self._run("remove a catalogue", errand(work), partial(self._removed, catalogue))

    def _removed(self, catalogue: OwnCatalogue, removed: RemovedCatalogue) -> None:
        self._working -= 1
        self.notice.offer(tr("“{title}” is taken away.", title=catalogue.title or catalogue.file), removed)
        self.changed.emit()
        self._list_again()

    @Slot(object)
    def _on_undo(self, removed: RemovedCatalogue) -> None:
        work = partial(self._bench.put_back_catalogue, removed)
        self._run("put a catalogue back", errand(work), self._put_back)

    def _put_back(self, _nothing: object) -> None:
        self._working -= 1
        self.changed.emit()
        self._list_again()

    def _run(self, name: str, task: Task[None, T], done: Callable[[T], object]) -> None:
        self._working += 1
        self._errands.run(name, task, done, self._failed, lane=LANE)

    def _failed(self, error: Exception) -> None:
        self._working -= 1
        self.add_button.setEnabled(True)
        problem = Problem.of(error)
        self.notice.tell(problem)


class CatalogueRow(QWidget):
    """``unwanted`` is emitted with the catalogue."""

    unwanted = Signal(object)

    def __init__(self, catalogue: OwnCatalogue) -> None:
        super().__init__()
        self._catalogue = catalogue
        name = ElidedLabel()
        name.setText(_words(catalogue))
        name.set_tip(plain_tip(catalogue.came_from or catalogue.file))
        self.remove_button = IconButton(
            "close", tr("Take the catalogue “{title}” away", title=catalogue.title or catalogue.file)
        )
        self.remove_button.clicked.connect(self._on_remove)
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(name, 1)
        row.addWidget(self.remove_button, 0, Qt.AlignmentFlag.AlignVCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        if catalogue.error is not None:
            column.addWidget(label(f"✕ {explained(catalogue.error)}", tone=Tone.BAD, wrap=True))

    @Slot()
    def _on_remove(self) -> None:
        self.unwanted.emit(self._catalogue)


def _words(catalogue: OwnCatalogue) -> str:
    if catalogue.error is not None or catalogue.dated is None:
        return catalogue.file
    from_whom = tr(", from {came_from}", came_from=catalogue.came_from) if catalogue.came_from else ""
    return f"{catalogue.title} · {catalogue.dated.isoformat()} · {counted(catalogue.entry_count, 'model')}{from_whom}"
