"""The catalogue: a tab for each family, its models from small to large; words narrow it down over all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from workbench.gui.errands import Errands
from workbench.gui.hub.entry_row import EntryRow
from workbench.gui.hub.own_catalogues import OwnCataloguesView
from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import label, text_button
from workbench.hub.entries import Entry
from workbench.hub.installed import installed
from workbench.hub.places.same import Held
from workbench.models.file import Family

if TYPE_CHECKING:
    from workbench.app import Workbench

FAMILIES = ((Family.LLAMA, "Llama"), (Family.MISTRAL, "Mistral"), (Family.GEMMA, "Gemma"))
ROWS_AT_ONCE = 2
EXPLAINED = later(
    "Licences and facts are dated and have sources: rest on one to see whose. Opening a model reads its files’ headers."
)


class CatalogueCard(Card):
    """``found`` is emitted with a row and its listing, ``searched`` with words to ask the hub for, ``folded`` with a
    row and whether it is open."""

    found = Signal(object, object)
    searched = Signal(str)
    folded = Signal(object, bool)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(tr("Catalogue"), parent)
        self._bench, self._errands = workbench, errands
        self._made: dict[str, EntryRow] = {}
        self._here: frozenset[str] = frozenset()
        self._family, self._words = Family.LLAMA, ""
        self.tabs: dict[Family, QPushButton] = {}
        self.rows: list[EntryRow] = []
        self.own = OwnCataloguesView(workbench, errands)
        self.own.changed.connect(self._on_catalogue)
        self.said = label(tr(EXPLAINED), role="muted", wrap=True)
        self._list = QVBoxLayout()
        self._list.setSpacing(Space.XS)
        # A row takes some milliseconds to make: a few in each turn of the event loop, so that nothing halts.
        self._wanted: list[Entry] = []
        self._growing = QTimer(self, interval=0)
        self._growing.timeout.connect(self._grow)
        self._begun = False  # the catalogue is read when somebody looks at it: it takes a good part of a start
        self._arrange()

    def _arrange(self) -> None:
        tabs = QHBoxLayout()
        tabs.setSpacing(Space.XS)
        self._group = QButtonGroup(self)
        for family, _ in FAMILIES:
            button = text_button("", kind="tab")
            button.setCheckable(True)
            button.setProperty("family", family.value)
            button.clicked.connect(self._on_tab)
            self._group.addButton(button)
            self.tabs[family] = button
            tabs.addWidget(button)
        tabs.addStretch(1)
        tabs.addWidget(self.own.button)
        self.body.addLayout(tabs)
        self.body.addWidget(self.own)
        self.body.addWidget(self.said)
        self.body.addLayout(self._list)

    def _count(self) -> None:
        """On the tabs, how many models each family has."""
        for family, title in FAMILIES:
            count = len(self._bench.catalogue.of_family(family))
            self.tabs[family].setText(f"{title}  {count}")
            self.tabs[family].setAccessibleName(tr("{title}, {count} models", title=title, count=count))

    @Slot()
    def _on_catalogue(self) -> None:
        """Other entries are in force: rows of those that are as they were stay, open ones too."""
        for entry_id, row in list(self._made.items()):
            if self._bench.catalogue.entry(entry_id) != row.entry:
                self._made.pop(entry_id)
                if row.is_open:
                    row.set_open(is_open=False)
                row.hide()
                row.deleteLater()
        self._count()
        self._draw()

    @property
    def busy(self) -> bool:
        return self._growing.isActive() or self.own.busy or any(row.busy for row in self._made.values())

    @property
    def opened(self) -> list[EntryRow]:
        """Rows that are open and shown, from the top."""
        return [row for row in self.rows if row.is_open]

    @property
    def with_ladders(self) -> list[EntryRow]:
        """Every row that was opened once, shown or not."""
        return [row for row in self._made.values() if row.ladders is not None]

    def show_family(self, family: Family) -> None:
        self._family, self._words = family, ""
        self._draw()

    def narrow(self, words: str) -> None:
        """Only models of these words, of whatever family; without any the family that was chosen."""
        if words.strip().lower() != self._words:
            self._words = words.strip().lower()
            self._draw()

    def show_entry(self, entry_id: str) -> EntryRow | None:
        """Go to one model and open it; None where there is none of this id."""
        entry = self._bench.catalogue.entry(entry_id)
        if entry is None:
            return None
        self.show_family(entry.family)
        while self._wanted:
            self._grow()
        self._made[entry.id].set_open(is_open=True)
        self._made[entry.id].button.setFocus()
        return self._made[entry.id]

    def draw_here(self, held: Sequence[Held]) -> None:
        """Mark what is on this machine."""
        self._here = installed(self._bench.catalogue.entries, held)
        for row in self._made.values():
            row.draw_here(here=row.entry.id in self._here)

    def _draw(self) -> None:
        self._group.setExclusive(False)
        for family, button in self.tabs.items():
            button.setChecked(not self._words and family is self._family)
        self._group.setExclusive(True)
        for row in self.rows:
            row.hide()
            self._list.removeWidget(row)
        self.rows = []
        catalogue = self._bench.catalogue
        if self._words:
            parts = self._words.split()
            self._wanted = [entry for entry in catalogue.entries if _matches(entry, parts)]
            none = tr("No model of the catalogue has these words. Press Enter to search the hub.")
            self.said.setText(tr(EXPLAINED) if self._wanted else none)
        else:
            self._wanted = list(catalogue.of_family(self._family))
            self.said.setText(tr(EXPLAINED))
        if self.isVisible():
            self._growing.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self._count()
            self._draw()
        if self._wanted:
            self._growing.start()

    @Slot()
    def _grow(self) -> None:
        for entry in self._wanted[:ROWS_AT_ONCE]:
            row = self._made.get(entry.id) or self._row(entry)
            self.rows.append(row)
            self._list.addWidget(row)
            row.show()
        del self._wanted[:ROWS_AT_ONCE]
        if not self._wanted:
            self._growing.stop()

    def _row(self, entry: Entry) -> EntryRow:
        row = EntryRow(self._bench, self._errands, entry, self)
        row.found.connect(self.found)
        row.searched.connect(self.searched)
        row.folded.connect(self.folded)
        row.draw_here(here=entry.id in self._here)
        self._made[entry.id] = row
        return row

    @Slot()
    def _on_tab(self) -> None:
        self.show_family(Family(self.sender().property("family")))


def _matches(entry: Entry, parts: Sequence[str]) -> bool:
    said = " ".join((entry.id, entry.title, entry.publisher, entry.licence.value, *entry.repositories)).lower()
    return all(part in said for part in parts)
