"""What stands in the place of ranking and list while a blind vote is open."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from workbench.gui.blind.cards import CalmCard
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import text_button


class HeldCard(CalmCard):
    """``go`` leads back to the vote."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title.setText(tr("A blind vote is open"))
        self.words.setText(tr("Votes and ranking would tell who answered. They are shown here after the last vote."))
        self.small.hide()
        self.setAccessibleName(self.title.text())
        self.go = text_button(tr("Back to the vote"), kind="primary")
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.go)
        self.buttons.addStretch(1)
