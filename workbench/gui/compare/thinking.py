"""What a reasoning model thought before it answered: folded away, timed, a click from sight."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFrame, QVBoxLayout

from workbench.chat.answer import Answer
from workbench.gui.compare.words import DOT, duration, tokens
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import text_button
from workbench.gui.widgets.text_view import AnswerView


class ThinkingFold(QFrame):
    def __init__(self, model: str) -> None:
        super().__init__()
        self._said = tr("Thinking…")
        self._thought = ""
        self._shown = 0
        self.button = text_button("", kind="link")
        self.button.setCheckable(True)
        self.button.setProperty("compact", True)
        self.button.toggled.connect(self._fold)
        self.text = AnswerView(grows=True, name=tr("Thinking of {model}", model=model))
        self.text.setProperty("role", "thinking")
        self.text.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addWidget(self.button, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.text)
        self.hide()

    def draw_live(self, thought: str, *, answering: bool) -> None:
        """``thought`` so far; ``answering`` once the answer itself began."""
        if thought:
            self._draw(thought, tr("Thought") if answering else tr("Thinking…"))

    def draw_answer(self, answer: Answer) -> None:
        if answer.thinking:
            took = tr(
                "Thought for {duration}{dot}{tokens}",
                duration=duration(answer.thinking_ms),
                dot=DOT,
                tokens=tokens(answer.thinking_tokens),
            )
            self._draw(answer.thinking, took)

    def _draw(self, thought: str, said: str) -> None:
        self._thought, self._said = thought, said
        if self.button.isChecked():
            self._write()
        self._say()
        self.show()

    def _write(self) -> None:
        """Only what is new is added: a long thought stays cheap."""
        if len(self._thought) > self._shown:
            self.text.append_text(self._thought[self._shown :])
            self._shown = len(self._thought)

    @Slot(bool)
    def _fold(self, opened: bool) -> None:
        self._write()
        self.text.setVisible(opened)
        self._say()

    def _say(self) -> None:
        self.button.setText(f"{'▾' if self.button.isChecked() else '▸'} {self._said}")
        self.button.setAccessibleName(
            tr("{said}: hide it", said=self._said)
            if self.button.isChecked()
            else tr("{said}: show it", said=self._said)
        )
