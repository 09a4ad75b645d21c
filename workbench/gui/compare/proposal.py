"""Models for somebody who has compared nothing yet: the first that fit, real ones before synthetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Slot

from workbench.gui.compare.shelf import Shelf
from workbench.gui.theme import Tone

if TYPE_CHECKING:
    from workbench.models.file import ModelFile

PROPOSED = 3


class Proposal(QObject):
    """``taken`` says whether any pane has a model or waits for one: then nothing is proposed any more."""

    def __init__(
        self, shelf: Shelf, taken: Callable[[], bool], open_model: Callable[[ModelFile], object], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._shelf, self._taken, self._open = shelf, taken, open_model

    def make(self) -> None:
        """As soon as it is known what fits."""
        self._shelf.changed.connect(self._propose, Qt.ConnectionType.UniqueConnection)
        self._shelf.refresh()

    @Slot()
    def _propose(self) -> None:
        if self._taken():
            self._shelf.changed.disconnect(self._propose)
            return
        states = [(model, self._shelf.fit_state(model)) for model in self._shelf.models]
        fitting = [model for model, state in states if state is not None and state.tone is not Tone.BAD]
        for model in sorted(fitting, key=lambda model: model.synthetic)[:PROPOSED]:
            self._open(model)
