"""First run: one model of each family that fit this machine together; a click shows its ladder and licence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.hub.suggesting import QUANTISATION, Suggestion, suggested
from workbench.gui.hub.words import gate_chip, licence_chip, plain_tip
from workbench.gui.theme import Space
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.words import family_tone
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.hub.terms import Terms

if TYPE_CHECKING:
    from workbench.app import Workbench

ROUGH = "Sizes are those of the catalogue; the verdict for this machine comes with the model’s page."


class StartersCard(Card):
    """``chosen`` is emitted with an entry's id."""

    chosen = Signal(str)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__("One of each family", parent)
        self._bench = workbench
        self.said = label("Looking at the machine first…", role="muted", wrap=True)
        self.rows: list[SuggestionRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(Space.S)
        self.body.addWidget(self.said)
        self.body.addLayout(self._list)
        self.body.addWidget(label(ROUGH, role="muted", wrap=True))

    def draw(self, machine: Hardware) -> None:
        clear(self._list)
        found = suggested(self._bench.catalogue, machine)
        total = human_bytes(sum(each.size_bytes for each in found.models))
        how = "They fit this machine side by side" if found.together else "They fit this machine one after the other"
        self.said.setText(f"{how}; {total} to download, with licences to read first.")
        self.rows = [SuggestionRow(each) for each in found.models]
        for row in self.rows:
            row.chosen.connect(self.chosen)
            self._list.addWidget(row)


class SuggestionRow(QWidget):
    chosen = Signal(str)

    def __init__(self, found: Suggestion) -> None:
        super().__init__()
        self.found = found
        entry = found.entry
        self.button = text_button("Show")
        self.button.setAccessibleName(f"Show {entry.title}")
        self.button.clicked.connect(self._on_show)
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label("●", tone=family_tone(entry.family)))
        head.addWidget(label(entry.title, role="strong", wrap=True), 1)
        head.addWidget(
            label(f"{QUANTISATION} · {human_bytes(found.size_bytes)}", role="chip"), 0, Qt.AlignmentFlag.AlignVCenter
        )
        head.addWidget(self.button)
        badges = QWidget()
        flow = FlowLayout(badges)
        for chip in (licence_chip(Terms.of(entry.licence.value), entry.licence.value), gate_chip(entry)):
            shown = label(chip.text, role="chip", tone=chip.tone)
            shown.setToolTip(plain_tip(chip.tip))
            flow.addWidget(shown)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(badges)

    @Slot()
    def _on_show(self) -> None:
        self.chosen.emit(self.found.entry.id)
