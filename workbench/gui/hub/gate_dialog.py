"""The licence of a model, before anything of it is downloaded."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.gui.hub.terms_view import TermsView
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import ScrollBody
from workbench.gui.widgets.controls import label, text_button
from workbench.gui.widgets.sheet import Sheet
from workbench.hub.gate import Gate

WIDTH, HEIGHT = 640, 720  # pixels at 100 % text
SHORT = 400  # without a text to read


class GateDialog(Sheet):
    """``agreed`` is emitted with the gate; closing it in any other way is “not now”."""

    agreed = Signal(object)

    def __init__(self, gate: Gate, *, page: str, multimodal: bool | None = None, parent: QWidget | None = None) -> None:
        super().__init__(WIDTH, HEIGHT if gate.text else SHORT, parent)
        self.gate = gate
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Licence of the model"))
        self.terms = TermsView()
        self.terms.draw(gate.terms, text=gate.text, text_from=gate.text_from, page=page, multimodal=multimodal)
        self.agree_button = text_button(tr("Agree"), kind="primary")
        self.agree_button.clicked.connect(self._on_agree)
        self.later_button = text_button(tr("Not now"))
        self.later_button.clicked.connect(self.reject)
        area = ScrollBody(tr("The licence in plain words"))
        area.column.addWidget(self.terms)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(label(tr("Before the first download"), role="title"))
        column.addWidget(label(_about(gate), role="muted", wrap=True))
        for words in _besides(gate):
            column.addWidget(label(words, role="small", tone=Tone.CAUTION, wrap=True))
        column.addWidget(area, 1)
        if gate.agreed_before is not None:
            column.addWidget(label(before_words(gate.agreed_before), wrap=True))
        buttons = QHBoxLayout()
        buttons.addWidget(label(tr("Agreeing is kept with its date; asked once."), role="muted", wrap=True), 1)
        buttons.addWidget(self.later_button)
        buttons.addWidget(self.agree_button)
        column.addLayout(buttons)
        self.later_button.setFocus()

    @Slot()
    def _on_agree(self) -> None:
        self.agreed.emit(self.gate)
        self.accept()


def _about(gate: Gate) -> str:
    licence = tr("licence “{carried}”", carried=gate.carried) if gate.carried else tr("no licence that is named")
    return tr(
        "{repository}, commit {revision}: {licence}",
        repository=gate.repository,
        revision=gate.revision[:12],
        licence=licence,
    )


def _besides(gate: Gate) -> list[str]:
    """What to know besides the licence's own words."""
    said = []
    if gate.file_licence is not None:
        said.append(
            tr(
                "The files themselves name another licence: “{file_licence}”. Keep to both.",
                file_licence=gate.file_licence,
            )
        )
    if gate.gated:
        said.append(tr("The hub hands these files only to accounts that accepted its terms on the model’s page."))
    if gate.text_problem is not None:
        said.append(tr("The repository’s own text could not be read: {text_problem}", text_problem=gate.text_problem))
    return said


def before_words(agreed_at: str) -> str:
    return tr(
        "You agreed to this licence on {agreed_at}, for another revision of this repository.", agreed_at=agreed_at[:10]
    )
