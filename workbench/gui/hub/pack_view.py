"""What is in a checked pack: who signed it, its models, and the licences that are to be agreed to."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from workbench.gui.hub.terms_view import TermsView
from workbench.gui.hub.words import counted
from workbench.gui.theme import Space, Tone
from workbench.gui.widgets.cards import Card, Facts, clear
from workbench.gui.widgets.controls import label
from workbench.gui.words import family_tone
from workbench.hardware.words import human_bytes
from workbench.hub.packs.manifest import Manifest, PackedModel
from workbench.hub.packs.verify import Signed, Verified
from workbench.hub.terms import Terms

_OTHERS = (("catalogue", "catalogue"), ("suite", "evaluation suite"), ("settings", "settings file"),
           ("results", "results file"))  # fmt: skip


class PackView(QScrollArea):
    """``licences`` are those that installing agrees to."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.licences: tuple[str, ...] = ()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("role", "page")
        inside = QWidget()
        inside.setProperty("role", "page")
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(0, 0, Space.S, 0)
        self._column.setSpacing(Space.M)
        self.setWidget(inside)
        self.setAccessibleName("Contents of the pack")

    def clear(self) -> None:
        self.licences = ()
        clear(self._column)

    def draw(self, verified: Verified, unagreed: Sequence[PackedModel]) -> None:
        self.clear()
        manifest = verified.manifest
        facts = Facts()
        facts.add("Name", manifest.name)
        facts.add("Made", f"{manifest.created_at:%Y-%m-%d %H:%M}, with {manifest.program}")
        facts.add("Signed", signed_words(verified.signed))
        facts.add("Size", f"{human_bytes(manifest.total_bytes)} in {counted(len(manifest.entries), 'file')}")
        if others := _others(manifest):
            facts.add("Also", others)
        self._column.addWidget(facts)
        for model in manifest.models:
            self._column.addWidget(_model(model, manifest))
        self.licences = tuple(dict.fromkeys(model.licence for model in unagreed if model.licence))
        for licence in self.licences:
            card = Card(f"Licence to agree to: {licence}")
            terms = TermsView()
            terms.draw(Terms.of(licence))
            card.body.addWidget(terms)
            self._column.addWidget(card)
        self._column.addStretch(1)


def signed_words(signed: Signed) -> str:
    """Whose pack it is."""
    if signed.standing == "trusted":
        whose = signed.key.label if signed.key is not None and signed.key.label else f"key {signed.key_id}"
        return f"by {whose}, whose key you accepted" + (f": “{signed.comment}”" if signed.comment else "")
    if signed.standing == "unknown key":
        return f"Signed with key {signed.key_id}, which nobody accepted here: that proves nothing."
    return "Not signed: nobody can tell who made it."


def _others(manifest: Manifest) -> str:
    said = []
    for kind, noun in _OTHERS:
        count = sum(entry.kind == kind for entry in manifest.entries)
        if count:
            said.append(counted(count, noun))
    return ", ".join(said)


def _model(model: PackedModel, manifest: Manifest) -> QWidget:
    sizes = manifest.by_path()
    size = sum(sizes[path].size_bytes for path in (*model.files, *model.companions))
    line = QFrame()
    line.setProperty("role", "rung")
    column = QVBoxLayout(line)
    column.setContentsMargins(Space.S, Space.XS, Space.S, Space.XS)
    column.setSpacing(2)
    column.addWidget(label(f"●  {model.title} · {model.quantisation}", role="strong", tone=family_tone(model.family),
                           wrap=True))  # fmt: skip
    licence = f"licence “{model.licence}”" if model.licence else "no licence is named"
    where = f"from {model.repository}" if model.repository else "its origin is not said"
    synthetic = ["synthetic, answers are noise"] if model.synthetic else []
    said = " · ".join([human_bytes(size), licence, where, *synthetic])
    column.addWidget(label(said, role="muted", wrap=True, tone=Tone.NONE))
    return line
