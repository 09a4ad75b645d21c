"""What a load was said to take beside what it took: one quiet line, loud only when they are apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel, IconButton

if TYPE_CHECKING:
    from workbench.models.receipt import Receipt


class ReceiptLine(QFrame):
    """Hidden while there is no receipt; ``versions`` are what a report names beside the numbers."""

    def __init__(self, versions: Callable[[], Sequence[str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "bar")
        self._versions = versions
        self.receipt: Receipt | None = None
        self.line = ElidedLabel()
        self.line.setProperty("role", "muted")
        self.copy_button = IconButton("content-copy", tr("Copy a report of this load"))
        self.copy_button.clicked.connect(self.copy)
        row = QHBoxLayout(self)
        row.setContentsMargins(Space.M, 0, Space.S, 0)
        row.setSpacing(Space.XS)
        row.addWidget(self.line, 1)
        row.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    def draw(self, receipt: Receipt | None) -> None:
        self.setVisible(receipt is not None)
        if receipt is None or receipt is self.receipt:
            return
        from workbench.gui.models import words

        self.receipt = receipt
        flagged = receipt.flagged
        self.line.setAccessibleName(tr("Memory of this load: {receipt_line}", receipt_line=words.receipt_line(receipt)))
        theme.mark(self.line, tone=Tone.CAUTION if flagged else Tone.MUTED)
        self._fill()
        lines = [
            words.receipt_line(receipt),
            tr("growth of this process: {growth_words}", growth_words=words.growth_words(receipt)),
            tr("prediction: {predicted_basis}", predicted_basis=receipt.predicted_basis),
        ]
        if flagged:
            lines.append(tr("More than 2 % apart: worth a report, which the button copies."))
        self.line.set_tip("\n".join(lines))
        self.line.setAccessibleDescription("; ".join(lines[1:]))
        self.setToolTip("\n".join(lines))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fill()

    def _fill(self) -> None:
        """Both numbers only where they are apart and there is room; the tool tip always has them."""
        from workbench.gui.models import words

        if self.receipt is None:
            return
        if not self.receipt.flagged:
            self.line.setText(words.receipt_in_short(self.receipt))
            return
        said = f"△ {words.receipt_line(self.receipt)}"
        room = self.width() - self.copy_button.width() - Space.M - Space.S - Space.XS
        fits = self.line.fontMetrics().horizontalAdvance(said) <= room
        self.line.setText(said if fits else f"△ {words.receipt_in_short(self.receipt)}")

    @Slot()
    def copy(self) -> None:
        from workbench.gui.models import words

        if self.receipt is not None:
            QGuiApplication.clipboard().setText(words.receipt_report([self.receipt], self._versions()))
