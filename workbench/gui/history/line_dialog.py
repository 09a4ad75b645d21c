"""A question that is answered by one line."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet

WIDTH = 420


class LineDialog(Sheet):
    """``answered`` is emitted with the line, without what is blank around it; not where it was left."""

    answered = Signal(str)

    def __init__(
        self,
        title: str,
        question: str,
        value: str,
        button: str,
        *,
        choices: Sequence[str] = (),
        needed: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(WIDTH, None, parent)
        self.setWindowTitle(title)
        self._needed = needed
        self.line = QLineEdit(value)
        self.field: QLineEdit | QComboBox = self.line
        if choices:
            self.field = QComboBox()
            self.field.setEditable(True)
            self.field.setLineEdit(self.line)
            self.field.addItems(list(choices))
            self.field.setCurrentText(value)
        self.line.selectAll()
        self.line.textChanged.connect(self._look)
        words = label(question, wrap=True)
        words.setBuddy(self.field)
        self.field.setAccessibleName(question)
        self.take = text_button(button, kind="primary")
        self.take.setDefault(True)
        self.take.clicked.connect(self._on_take)
        leave = text_button(tr("Cancel"))
        leave.clicked.connect(self.reject)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(leave)
        row.addWidget(self.take)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(words)
        column.addWidget(self.field)
        column.addLayout(row)
        self.field.setFocus()
        self._look()

    @Slot()
    def _look(self) -> None:
        self.take.setEnabled(bool(self.line.text().strip()) or not self._needed)

    @Slot()
    def _on_take(self) -> None:
        self.accept()
        self.answered.emit(" ".join(self.line.text().split()))
