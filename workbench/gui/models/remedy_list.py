"""What would make a model fit, as a numbered list; each step can be tried."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.widgets.cards import clear
from workbench.gui.widgets.controls import label, text_button
from workbench.models.verdict import Remedy, Verdict


class RemedyList(QWidget):
    """``tried`` is emitted with the parameters of a step; hidden while there is nothing to say."""

    tried = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[tuple[Remedy, ...], str] = ((), "")
        self.title = label(role="strong")
        self._steps = QVBoxLayout()
        self._steps.setSpacing(Space.XS)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addWidget(self.title)
        column.addLayout(self._steps)
        self.hide()

    def show_remedies(self, remedies: Sequence[Remedy], verdict: Verdict) -> None:
        title = "What would make it fit" if verdict is Verdict.TOO_BIG else "What would make it faster"
        if self._shown == (tuple(remedies), title):
            return
        self._shown = tuple(remedies), title
        self.title.setText(title)
        clear(self._steps)
        for number, remedy in enumerate(remedies, 1):
            self._steps.addWidget(self._step(number, remedy))
        self.setVisible(bool(remedies))

    def _step(self, number: int, remedy: Remedy) -> QWidget:
        step = QWidget()
        said = label(f"{number}.  {remedy.text}", wrap=True)
        row = QHBoxLayout(step)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(Space.M)
        row.addWidget(said, 1)
        if remedy.params is not None:
            button = text_button("Try", kind="small")
            button.setAccessibleName(f"Try step {number}: {remedy.text}")
            button.setToolTip("Opens the load options with this step and those before it")
            button.clicked.connect(partial(self._try, remedy))
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        return step

    def _try(self, remedy: Remedy, _checked: bool = False) -> None:
        self.tried.emit(remedy.params)
