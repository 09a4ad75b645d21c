"""Everything gone from this computer: said exactly, confirmed by typing, done when all is closed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QMessageBox

from workbench.errors import WorkbenchError
from workbench.gui.data.starting_again import start_again
from workbench.gui.data.words import KINDS
from workbench.gui.theme import Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import Card
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.hardware.words import human_bytes
from workbench.jobs import run
from workbench.paths import Paths
from workbench.store.holdings import Holding, Kind, erase

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.gui.window import MainWindow

log = logging.getLogger(__name__)


class EraseCard(Card):
    def __init__(self, workbench: Workbench, window: MainWindow, notice: Notice) -> None:
        super().__init__(tr("Delete everything"))
        self._bench, self._window, self._notice = workbench, window, notice
        self._found: Sequence[Holding] = ()
        self.words = label(wrap=True)
        self.models = QCheckBox(tr("The models too"))
        self.models.toggled.connect(self._draw)
        self._confirmation = tr("delete everything")
        question = tr("This cannot be undone. Type “{words}” to go on.", words=self._confirmation)
        self.field = QLineEdit()
        self.field.setAccessibleName(question)
        self.field.setPlaceholderText(self._confirmation)
        self.field.textChanged.connect(self._look)
        self.button = text_button(tr("Delete and start anew"))
        self.button.setProperty("tone", Tone.BAD.value)
        self.button.clicked.connect(self._on_delete)
        row = QHBoxLayout()
        row.addWidget(self.field, 1)
        row.addWidget(self.button)
        self.body.addWidget(self.words)
        self.body.addWidget(self.models)
        self.body.addWidget(label(question, role="muted", wrap=True))
        self.body.addLayout(row)
        self._draw()
        self._look()

    def know(self, found: Sequence[Holding]) -> None:
        """What there is now."""
        self._found = found
        models = next((one for one in found if one.kind is Kind.MODELS), None)
        size = human_bytes(models.size_bytes) if models else ""
        self.models.setText(tr("The models too: {size}", size=size) if size else tr("The models too"))
        self._draw()

    def kinds(self) -> list[Kind]:
        return [kind for kind in Kind if kind is not Kind.MODELS or self.models.isChecked()]

    @Slot()
    def _draw(self) -> None:
        chosen = self.kinds()
        size = sum(one.size_bytes for one in self._found if one.kind in chosen)
        names = "\n".join(f"•  {tr(KINDS[kind])}" for kind in chosen)
        token = tr("The access token in this system's password store")
        said = tr("{size} on this computer go:", size=human_bytes(size))
        left = tr("Models stay where they are, and so does whatever lies in other programs' folders.")
        stays = tr("Whatever lies in other programs' folders stays.")
        self.words.setText(f"{said}\n{names}\n•  {token}\n{stays if Kind.MODELS in chosen else left}")

    @Slot()
    def _look(self) -> None:
        self.button.setEnabled(self.field.text().strip().casefold() == self._confirmation)

    @Slot()
    def _on_delete(self) -> None:
        try:
            self._bench.forget_token()
        except WorkbenchError as error:
            self._notice.say(tr(error.message), tr(error.hint or ""))
            return
        start_again(self._window, partial(erase_now, self._bench.paths, self.kinds()))


def erase_now(paths: Paths, kinds: Collection[Kind]) -> None:
    """With everything closed; what could not be deleted is said before the program starts anew."""
    done = run(erase(paths, kinds))
    if done.left:
        box = QMessageBox(QMessageBox.Icon.Warning, tr("Delete everything"), tr("Some files could not be deleted."))
        box.setInformativeText("\n".join(str(path) for path in done.left))
        box.exec()  # the window is gone: there is nothing left to wait beside
