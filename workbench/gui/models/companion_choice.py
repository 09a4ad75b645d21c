"""Whether an image or audio projector comes along with a download, where its repository has one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.widgets.controls import FlowLayout, label
from workbench.hardware.words import human_bytes
from workbench.hub.repository import RemoteFile
from workbench.models.companions import PROJECTORS_ARE_USED

WORDS = "Also get the projector for pictures or sound"
UNUSED = "This version answers text only: the projector is kept beside the model for other programs."


class CompanionChoice(QWidget):
    """Off at first where this version has no use for one."""

    def __init__(self, projectors: Sequence[RemoteFile], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._projectors = tuple(projectors)
        self.box = QCheckBox(WORDS)
        self.box.setChecked(PROJECTORS_ARE_USED)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Which projector")
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for file in self._projectors:
            size = f"  ({human_bytes(file.size_bytes)})" if file.size_bytes is not None else ""
            self.choice.addItem(f"{file.path.rsplit('/', 1)[-1]}{size}")
        self.choice.setEnabled(self.box.isChecked())
        self.box.toggled.connect(self._on_toggled)
        row = QWidget()
        flow = FlowLayout(row, gap=Space.S)
        flow.addWidget(self.box)
        flow.addWidget(self.choice)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(row)
        if not PROJECTORS_ARE_USED:
            column.addWidget(label(UNUSED, role="muted", wrap=True))

    @property
    def chosen(self) -> tuple[RemoteFile, ...]:
        """What is to come along."""
        return (self._projectors[self.choice.currentIndex()],) if self.box.isChecked() else ()

    @Slot(bool)
    def _on_toggled(self, wanted: bool) -> None:
        self.choice.setEnabled(wanted)
