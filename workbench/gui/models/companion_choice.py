"""Whether an image or audio projector comes along with a download, where its repository has one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import FlowLayout
from workbench.hardware.words import human_bytes
from workbench.hub.repository import RemoteFile
from workbench.models.companions import PROJECTORS_ARE_USED

WORDS = later("Get the projector too")
FOR_OTHERS = later(" (for other programs)")
ABOUT = later("The projector is what makes the model see pictures or hear sound.")
UNUSED = later(
    "The projector is what makes the model see pictures or hear sound. "
    "This version answers text only: it is kept beside the model for other programs."
)


class CompanionChoice(QWidget):
    """Off at first where this version has no use for one."""

    def __init__(self, projectors: Sequence[RemoteFile], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._projectors = tuple(projectors)
        self.box = QCheckBox(tr(WORDS) if PROJECTORS_ARE_USED else tr(WORDS) + tr(FOR_OTHERS))
        about = tr(ABOUT) if PROJECTORS_ARE_USED else tr(UNUSED)
        self.box.setToolTip(about)
        self.box.setAccessibleDescription(about)
        self.box.setChecked(PROJECTORS_ARE_USED)
        self.choice = QComboBox()
        self.choice.setAccessibleName(tr("Which projector"))
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for file in self._projectors:
            size = f"  ({human_bytes(file.size_bytes)})" if file.size_bytes is not None else ""
            self.choice.addItem(f"{file.path.rsplit('/', 1)[-1]}{size}")
        self.choice.setEnabled(self.box.isChecked())
        self.box.toggled.connect(self._on_toggled)
        flow = FlowLayout(self, gap=Space.S)
        flow.addWidget(self.box)
        flow.addWidget(self.choice)

    @property
    def chosen(self) -> tuple[RemoteFile, ...]:
        """What is to come along."""
        return (self._projectors[self.choice.currentIndex()],) if self.box.isChecked() else ()

    @Slot(bool)
    def _on_toggled(self, wanted: bool) -> None:
        self.choice.setEnabled(wanted)
