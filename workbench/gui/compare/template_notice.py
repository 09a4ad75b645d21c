"""A model that brings no chat template: how it is asked is the user's choice, made where it can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.pane import Pane
from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import FlowLayout, label, text_button

if TYPE_CHECKING:
    from workbench.models.file import ModelFile

MOST_OFFERED = 2
WHY = later("The file brings none: your prompt is completed as raw text.")


class TemplateNotice(QWidget):
    """``chosen`` carries a template's name; ``more`` asks for all of them."""

    chosen = Signal(str)
    more = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._model: ModelFile | None = None
        self.likely = tuple(text_button("", kind="small") for _ in range(MOST_OFFERED))
        for button in self.likely:
            button.clicked.connect(self._on_likely)
        choose = text_button(tr("Choose…"), kind="small")
        choose.setAccessibleName(tr("Choose a template…"))
        choose.clicked.connect(self.more)
        raw = text_button(tr("Keep raw"), kind="small")
        raw.clicked.connect(self._on_raw)
        guess = tr("A guess from the model's architecture and vocabulary")
        self._tips = {
            **dict.fromkeys(self.likely, guess),
            choose: "",
            raw: tr("Right for a base model, which was trained on no template"),
        }
        ways = FlowLayout(gap=Space.XS)
        for way in (*self.likely, choose, raw):
            ways.addWidget(way)
        why = label(tr(WHY), role="small", wrap=True)
        why.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        card = QFrame()
        card.setProperty("role", "problem")
        theme.mark(card, tone=Tone.CAUTION)
        inner = QVBoxLayout(card)
        inner.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        inner.setSpacing(Space.XS)
        inner.addWidget(label(tr("No chat template"), role="strong", tone=Tone.CAUTION))
        inner.addWidget(why)
        inner.addLayout(ways)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.M, Space.M, Space.XS)
        column.addWidget(card)
        self.hide()

    def draw(self, pane: Pane) -> None:
        """Shown until something is chosen, if only to keep the text raw."""
        model = pane.model
        if model is not None and model is not self._model:
            self._model = model
            from workbench.engine.templates import suggestions  # with the whole template engine

            names = suggestions(model)[:MOST_OFFERED]
            for place, button in enumerate(self.likely):
                button.setText(tr("Use {names}", names=names[place]) if place < len(names) else "")
                button.setVisible(place < len(names))
        self.setVisible(model is not None and model.chat_template is None and pane.template is None)
        self.setEnabled(not pane.busy)
        for button, tip in self._tips.items():
            button.setToolTip(tr("Possible again once this answer is written, or stopped") if pane.busy else tip)

    @Slot()
    def _on_likely(self) -> None:
        button = self.sender()
        if self._model is not None and button in self.likely:
            from workbench.engine.templates import suggestions

            self.chosen.emit(suggestions(self._model)[self.likely.index(button)])

    @Slot()
    def _on_raw(self) -> None:
        from workbench.engine.templates import NONE

        self.chosen.emit(NONE)
