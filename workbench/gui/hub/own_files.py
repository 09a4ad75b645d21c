"""First run: files that are here already, by whose folder they lie in, and packs from elsewhere."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands, errand
from workbench.gui.hub.words import plain_tip
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, explained, later, tr
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.hub.library import Listing
from workbench.hub.places.place import Program

if TYPE_CHECKING:
    from workbench.app import Workbench

EXPLAINED = later(
    "GGUF files stay where they are: nothing is copied, moved or changed. Dropping one on this window works too."
)

NONE_FOUND = later("No model of LM Studio, Jan, GPT4All, Ollama or the Hugging Face cache was found.")


class OwnFilesCard(Card):
    """``open_file``, ``add_folder`` and ``import_pack`` are wishes; ``show_models`` to see what was found; ``listed``
    is emitted with what is on this machine."""

    open_file = Signal()
    add_folder = Signal()
    import_pack = Signal()
    show_models = Signal()
    listed = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(tr("Bring your own"), parent)
        self._bench, self._errands = workbench, errands
        self._looking = self._again = False
        self.body.addWidget(label(tr(EXPLAINED), wrap=True))
        self.open_button = text_button(tr("Open a GGUF file…"))
        self.open_button.clicked.connect(self.open_file)
        self.folder_button = text_button(tr("Add a folder…"))
        self.folder_button.clicked.connect(self.add_folder)
        self.pack_button = text_button(tr("Import a pack…"))
        self.pack_button.setToolTip(tr("Models with their licences in one checked file, made on another computer"))
        self.pack_button.clicked.connect(self.import_pack)
        self.show_button = text_button(tr("Show them"))
        self.show_button.clicked.connect(self.show_models)
        self.show_button.hide()
        buttons = QWidget()
        row = FlowLayout(buttons, gap=Space.S)
        for button in (self.open_button, self.folder_button, self.pack_button, self.show_button):
            row.addWidget(button)
        self.places = QVBoxLayout()
        self.places.setSpacing(2)
        self.body.addLayout(self.places)
        self.body.addWidget(buttons)

    @Slot()
    def look(self) -> None:
        """Count what is on this machine, away from the window's thread; asked for meanwhile, once more afterwards."""
        if self._looking:
            self._again = True
            return
        self._looking = True
        work = self._bench.library.listing
        self._errands.run("look for models", errand(work), self._draw, self._failed, lane="library")

    def _looked(self) -> None:
        self._looking = False
        if self._again:
            self._again = False
            self.look()

    def _draw(self, listing: Listing) -> None:
        self._looked()
        clear(self.places)
        counts = Counter(held.program for held in listing.held)
        counts += Counter(copy.program for held in listing.held for copy in held.copies)
        for program in Program:
            if counts[program]:
                said = f"✓  {tr(_WORDS.get(program, program.value))}: {counted(counts[program], 'model')}"
                self.places.addWidget(label(said, tone=Tone.GOOD))
        if not counts:
            self.places.addWidget(label(tr(NONE_FOUND), role="muted", wrap=True))
        for problem in listing.problems[:3]:
            line = label(f"✕  {problem.path.name}: {tr(problem.error.message)}", tone=Tone.BAD, wrap=True)
            line.setToolTip(plain_tip(tr(problem.error.hint or "")))
            self.places.addWidget(line)
        self.show_button.setVisible(bool(counts))
        self.listed.emit(listing.held)

    def _failed(self, error: Exception) -> None:
        self._looked()
        clear(self.places)
        self.places.addWidget(label(f"✕ {explained(Problem.of(error))}", tone=Tone.BAD, wrap=True))


_WORDS = {
    Program.WORKBENCH: later("Our own models folder"),
    Program.ADDED: later("Files you added"),
    Program.FOLDER: later("Folders you added"),
}
