"""What a line's verdict stands on: reasons, both answers where there are two, and what would help."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.gui.models import words
from workbench.gui.models.remedy_list import RemedyList
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label
from workbench.hardware.words import human_bytes
from workbench.models.verdict import Fit


class RungDetails(QWidget):
    """``tried`` is emitted with the parameters of a remedy."""

    tried = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.reasons = label(role="muted", wrap=True)
        self.basis = label(role="small", wrap=True)
        self.remedies = RemedyList()
        self.remedies.tried.connect(self.tried)
        for said in (self.reasons, self.basis):
            said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.XS, 0, Space.S)
        column.setSpacing(Space.S)
        for part in (self.basis, self.reasons, self.remedies):
            column.addWidget(part)

    def draw(self, estimate: Fit, found: Fit, *, refused: str = "", more: str = "") -> None:
        """``refused`` is why llama.cpp did not answer; ``more`` one more reason."""
        margin = words.margin_words(found)
        self.basis.setText(f"{margin[0].upper()}{margin[1:]}. {both_answers(estimate, found, refused)}")
        reasons = found.reasons if found.basis == "exact" else estimate.reasons  # why it is one is said above
        self.reasons.setText("\n".join(f"·  {tr(reason)}" for reason in (*reasons, more) if reason))
        self.remedies.show_remedies(found.remedies, found.verdict)


def both_answers(estimate: Fit, found: Fit, refused: str = "") -> str:
    """Which of the two answers is shown, and how far they are apart where that matters."""
    if found.basis != "exact":
        # Where llama.cpp was asked in vain, the answer says why among its reasons.
        why = [refused] if refused else [reason for reason in found.reasons if reason not in estimate.reasons]
        said = tr("Estimate: {total}.", total=human_bytes(found.total_bytes))
        known = tr("An estimate: {why}", why="")  # has just been said
        return f"{said} {'; '.join(map(tr, why)).removeprefix(known)}" if why else said
    said = tr("llama.cpp's own answer: {total}.", total=human_bytes(found.total_bytes))
    if estimate.basis == "exact" or estimate.params != found.params:
        return said
    apart = words.difference(estimate.total_bytes, found.total_bytes)
    if abs(apart) > words.DIFFERENCE_WORTH_SAYING:
        said += tr(
            " The estimate was {total}: {signed_percent}.",
            total=human_bytes(estimate.total_bytes),
            signed_percent=words.signed_percent(apart),
        )
    return said
