"""In which form a pack is made, under which name, and where."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QRadioButton, QWidget

from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.hub.packs.names import plain_name

if TYPE_CHECKING:
    from workbench.hub.packs.create import Form

_FORMS: dict[Form, str] = {
    "zip": later("One file (zip)"),
    "folder": later("A folder"),
    "parts": later("Parts below 4 GiB, for FAT32"),
}


class FormCard(Card):
    """``changed`` is emitted when something else is chosen."""

    changed = Signal()

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(tr("Where it goes"), parent)
        self.folder = folder
        self.name_field = QLineEdit("models")
        self.name_field.setAccessibleName(tr("Name of the pack"))
        self.folder_button = text_button(tr("Folder…"))
        self.forms: dict[Form, QRadioButton] = {form: QRadioButton(tr(words)) for form, words in _FORMS.items()}
        self.forms["zip"].setChecked(True)
        self.path = label(role="mono", wrap=True)
        self.path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.path.setAccessibleName(tr("The pack will be"))
        named = QHBoxLayout()
        named.setSpacing(Space.S)
        named.addWidget(label(tr("Name")))
        named.addWidget(self.name_field, 1)
        named.addWidget(self.folder_button)
        self.body.addLayout(named)
        choices = QWidget()
        row = FlowLayout(choices, gap=Space.M)
        for button in self.forms.values():
            row.addWidget(button)
            button.toggled.connect(self._on_changed)
        self.body.addWidget(choices)
        self.body.addWidget(self.path)
        self.name_field.textChanged.connect(self._on_changed)
        self.folder_button.clicked.connect(self._on_folder)
        self._draw()

    @property
    def name(self) -> str:
        return self.name_field.text().strip()

    @property
    def form(self) -> Form:
        return next(form for form, button in self.forms.items() if button.isChecked())

    @property
    def target(self) -> Path:
        """The file or folder that will be made."""
        return self.folder / (plain_name(self.name) + (".zip" if self.form == "zip" else ""))

    def put_into(self, folder: Path) -> None:
        self.folder = folder
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        self._draw()
        self.changed.emit()

    @Slot()
    def _on_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("Where the pack goes"), str(self.folder))
        if name:
            self.put_into(Path(name))

    def _draw(self) -> None:
        # Paths have no spaces to break at: an invisible one after each separator.
        self.path.setText(str(self.target).replace("/", "/\u200b") if self.name else "")
