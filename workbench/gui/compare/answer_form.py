"""The form that answers must have: free text, JSON after a schema, or sentences of a grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QComboBox, QPlainTextEdit, QVBoxLayout, QWidget

from workbench.errors import WorkbenchError
from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import explained, later, tr
from workbench.gui.widgets.controls import label

if TYPE_CHECKING:
    from workbench.engine.base import Constraint

FREE, SCHEMA, GRAMMAR = "free", "schema", "grammar"
KINDS = {FREE: later("Free text"), SCHEMA: later("JSON schema"), GRAMMAR: later("Grammar (GBNF)")}
KIND_HELP = later("JSON schema or grammar: only tokens that keep to it can be drawn, so that every answer is valid")
EXAMPLES = {
    SCHEMA: '{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}',
    GRAMMAR: 'root ::= "yes" | "no"',
}
LINES = 5
MOST_COMPILED = 8_000  # characters: compiling more takes longer than a pause in typing; it is judged when asked


class AnswerForm(QWidget):
    """``changed`` after each edit; ``constraint`` is None while nothing is asked for, or nothing is written yet."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = QComboBox()
        self.kind.setAccessibleName(tr("Output format"))
        self.kind.setToolTip(tr(KIND_HELP))
        for kind, words in KINDS.items():
            self.kind.addItem(words, kind)
        self.text = QPlainTextEdit()
        self.text.setProperty("role", "mono")
        self.text.setTabChangesFocus(True)
        self.problem = label(tone=Tone.BAD, wrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        for part in (self.kind, self.text, self.problem):
            column.addWidget(part)
        self.kind.currentIndexChanged.connect(self._on_kind)
        self.text.textChanged.connect(self.changed)
        theme.changed.connect(self._resize)
        self._show()

    @property
    def constraint(self) -> Constraint | None:
        from workbench.engine.base import Grammar, JsonSchema

        text, kind = self.text.toPlainText(), self.kind.currentData()
        if kind == FREE or not text.strip():
            return None
        return JsonSchema(text) if kind == SCHEMA else Grammar(text)

    def show_constraint(self, constraint: Constraint | None) -> None:
        """Fill the fields, without saying that they changed."""
        from workbench.engine.base import Grammar

        blockers = [QSignalBlocker(self.kind), QSignalBlocker(self.text)]
        kind = FREE if constraint is None else GRAMMAR if isinstance(constraint, Grammar) else SCHEMA
        self.kind.setCurrentIndex(self.kind.findData(kind))
        if constraint is not None:
            self.text.setPlainText(constraint.gbnf if isinstance(constraint, Grammar) else constraint.text)
        for blocker in blockers:
            blocker.unblock()
        self._show()

    def judge(self) -> None:
        """Say what is wrong with what is written, once typing has rested."""
        problem = problem_of(self.constraint)
        self.problem.setText(f"✕ {problem}" if problem else "")
        self.problem.setVisible(bool(problem))
        self.text.setAccessibleDescription(problem)

    @Slot()
    def _on_kind(self) -> None:
        blocker = QSignalBlocker(self.text)
        self.text.clear()
        blocker.unblock()
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        kind = self.kind.currentData()
        self.text.setVisible(kind != FREE)
        self.text.setPlaceholderText(EXAMPLES.get(kind, ""))
        self.text.setAccessibleName(tr("JSON schema") if kind == SCHEMA else tr("Grammar"))
        self.judge()
        self._resize()

    @Slot()
    def _resize(self) -> None:
        self.text.setFixedHeight(LINES * self.text.fontMetrics().lineSpacing() + theme.px(20))


def problem_of(constraint: Constraint | None) -> str:
    """What is wrong with it and what to do, as far as can be told without a model; "" for nothing."""
    if constraint is None:
        return ""
    from workbench.engine import grammar, schema, schema_text
    from workbench.engine.base import Grammar, JsonSchema

    try:
        if isinstance(constraint, JsonSchema):
            (schema.to_gbnf if len(constraint.text) <= MOST_COMPILED else schema_text.read)(constraint.text)
        elif isinstance(constraint, Grammar):
            grammar.check(constraint.gbnf)
    except WorkbenchError as error:
        return explained(error)
    return ""
