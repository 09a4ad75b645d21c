"""What is in a checked pack: who signed it, its models, and the licences that are to be agreed to."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from workbench.gui.hub.terms_view import TermsView
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.widgets.cards import Card, Facts, ScrollBody, clear
from workbench.gui.widgets.controls import label
from workbench.gui.words import family_tone
from workbench.hardware.words import human_bytes
from workbench.hub.packs.manifest import Manifest, PackedModel
from workbench.hub.packs.verify import Listed, Signed
from workbench.hub.terms import Terms

_OTHERS = (
    ("catalogue", "catalogue"),
    ("suite", "evaluation suite"),
    ("settings", "settings file"),
    ("results", "results file"),
)


class PackView(ScrollBody):
    """``licences`` are those that installing agrees to; ``head`` takes what stands above the contents."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Contents of the pack"), parent)
        self.licences: tuple[str, ...] = ()
        self.head = QVBoxLayout()  # kept when the contents are others
        self._contents = QVBoxLayout()
        self._contents.setSpacing(Space.M)
        self.column.addLayout(self.head)
        self.column.addLayout(self._contents)

    def clear(self) -> None:
        self.licences = ()
        clear(self._contents)

    def draw(self, verified: Listed, unagreed: Sequence[PackedModel]) -> None:
        self.clear()
        manifest = verified.manifest
        facts = Facts()
        facts.add(tr("Name"), manifest.name)
        facts.add(
            tr("Made"),
            tr("{created_at:%Y-%m-%d %H:%M}, with {program}", created_at=manifest.created_at, program=manifest.program),
        )
        facts.add(tr("Signed"), signed_words(verified.signed))
        facts.add(
            tr("Size"),
            tr(
                "{total} in {count}",
                total=human_bytes(manifest.total_bytes),
                count=counted(len(manifest.entries), "file"),
            ),
        )
        if others := _others(manifest):
            facts.add(tr("Also"), others)
        self._contents.addWidget(facts)
        for model in manifest.models:
            self._contents.addWidget(_model(model, manifest))
        self.licences = tuple(dict.fromkeys(model.licence for model in unagreed if model.licence))
        for licence in self.licences:
            card = Card(tr("Licence to agree to: {title}", title=Terms.of(licence).title))
            terms = TermsView()
            terms.draw(Terms.of(licence))
            card.body.addWidget(terms)
            self._contents.addWidget(card)


def signed_words(signed: Signed) -> str:
    """Whose pack it is."""
    if signed.standing == "trusted":
        whose = (
            signed.key.label
            if signed.key is not None and signed.key.label
            else tr("key {key_id}", key_id=signed.key_id)
        )
        return tr(
            "by {whose}, whose key you accepted{comment_words}",
            whose=whose,
            comment_words=_comment_words(signed.comment or ""),
        )
    if signed.standing == "unknown key":
        return tr("Signed with key {key_id}, which nobody accepted here: that proves nothing.", key_id=signed.key_id)
    return tr("Not signed: nobody can tell who made it.")


def _comment_words(comment: str) -> str:
    """What a signer wrote into the signature; of what the program itself writes, the time."""
    stamp = re.match(r"timestamp:(\d{1,11})(?:\s|$)", comment)
    if stamp is not None:
        moment = datetime.datetime.fromtimestamp(int(stamp[1]), datetime.UTC)
        return tr(", on {moment:%Y-%m-%d at %H:%M} UTC", moment=moment)
    said = " ".join(comment.split())
    return f": “{said}”" if said else ""


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
    column.addWidget(
        label(f"●  {model.title} · {model.quantisation}", role="strong", tone=family_tone(model.family), wrap=True)
    )
    licence = tr("licence “{licence}”", licence=model.licence) if model.licence else tr("no licence is named")
    where = tr("from {repository}", repository=model.repository) if model.repository else tr("its origin is not said")
    synthetic = [tr("synthetic, answers are noise")] if model.synthetic else []
    said = " · ".join([human_bytes(size), licence, where, *synthetic])
    column.addWidget(label(said, role="muted", wrap=True, tone=Tone.NONE))
    return line
