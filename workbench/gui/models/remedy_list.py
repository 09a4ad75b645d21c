"""What would make a model fit, as a numbered list; each step can be tried."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label, text_button
from workbench.models.params import RunParams
from workbench.models.verdict import Remedy, Verdict

STUCK = later("It needs more free memory: unload other models, close programs, or take a smaller file.")


class RemedyList(QWidget):
    """``tried`` is emitted with the parameters of a step; hidden while nothing has to help."""

    tried = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[tuple[Remedy, ...], Verdict | None] = ((), None)
        self.title = label(role="strong")
        self.stuck = label(tr(STUCK), wrap=True)
        self._steps: list[_Step] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Space.XS)
        self._column.addWidget(self.title)
        self._column.addWidget(self.stuck)
        self.hide()

    def show_remedies(self, remedies: Sequence[Remedy], verdict: Verdict) -> None:
        """Called while sliders move: steps that stay are only given other words."""
        if self._shown == (tuple(remedies), verdict):
            return
        self._shown = tuple(remedies), verdict
        too_big = verdict is Verdict.TOO_BIG
        stuck = too_big and not remedies
        title = tr("What would make it fit") if too_big else tr("What would make it faster")
        self.title.setText(tr("Nothing that can be set would make it fit") if stuck else title)
        self.stuck.setVisible(stuck)
        while len(self._steps) < len(remedies):
            step = _Step(len(self._steps) + 1)
            step.tried.connect(self.tried)
            self._steps.append(step)
            self._column.addWidget(step)
        while len(self._steps) > len(remedies):
            gone = self._steps.pop()
            gone.hide()
            gone.deleteLater()
        for step, remedy in zip(self._steps, remedies, strict=True):
            step.draw(remedy)
        self.setVisible(stuck or bool(remedies))


class _Step(QWidget):
    tried = Signal(object)

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self._params: RunParams | None = None
        self._said = label(wrap=True)
        self._button = text_button(tr("Try"), kind="small")
        self._button.setToolTip(tr("Load options with this step and those before it"))
        self._button.clicked.connect(self._on_button)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(self._said, 1)
        row.addWidget(self._button, 0, Qt.AlignmentFlag.AlignTop)

    def draw(self, remedy: Remedy) -> None:
        self._params = remedy.params
        self._said.setText(f"{self._number}.  {tr(remedy.text)}")
        self._button.setVisible(remedy.params is not None)
        self._button.setAccessibleName(tr("Try step {number}: {words}", number=self._number, words=remedy.text))

    @Slot()
    def _on_button(self) -> None:
        self.tried.emit(self._params)
