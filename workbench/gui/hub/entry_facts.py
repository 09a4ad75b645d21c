"""What the catalogue says of a model: every statement with its source on hover, and where sources differ both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui.hub.words import citations, context_words, plain_tip, sources_words
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.controls import label
from workbench.gui.words import parameter_count
from workbench.hub.entries import Claim, Entry, Fact, Provenance, Sampling

NONE_CONFIRMED = later("none confirmed")
_SYSTEM = {
    "native": later("has a place of its own"),
    "merged": later("is written into the first user turn"),
    "refused": later("is refused by its template"),
}
_GATES = {
    "open": later("files are handed out at once"),
    "acceptance": later("the publisher asks for acceptance first"),
    "unknown": later("not known"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One line: ``tip`` is where it is from; of what is not ``sure`` that is said."""

    name: str
    value: str
    tip: str
    sure: bool


def said_of(entry: Entry) -> Iterator[Said]:
    """The facts of an entry in the order in which they are read."""
    if entry.released is not None:
        yield _fact(tr("Released"), entry.released.value, entry.released)
    else:
        yield _absent(tr("Released"))
    yield _fact(tr("Original"), entry.original.value, entry.original)
    active = (
        tr(", {parameter_count} at work", parameter_count=parameter_count(entry.active_parameters.value))
        if entry.active_parameters
        else ""
    )
    yield _fact(tr("Parameters"), parameter_count(entry.parameters.value) + active, entry.parameters)
    if entry.context is not None:
        yield _fact(tr("Context"), context_words(entry.context.value), entry.context)
    else:
        yield _absent(tr("Context"))
    yield _fact(tr("Licence"), entry.licence.value, entry.licence)
    yield _fact(tr("Original’s gate"), tr(_GATES[entry.gate.value]), entry.gate)
    yield _fact(tr("Sees pictures"), tr("yes") if entry.multimodal.value else tr("no"), entry.multimodal)
    if entry.system_role is not None:
        yield _fact(tr("System prompt"), tr(_SYSTEM[entry.system_role.value]), entry.system_role)
    else:
        yield _absent(tr("System prompt"))
    if not (entry.files or entry.estimates):
        yield _absent(tr("File sizes"))
    yield from _advice(entry)
    yield from _benchmarks(entry)
    for note in entry.notes:
        yield _fact(tr("Note"), note.value, note)


def _advice(entry: Entry) -> Iterator[Said]:
    for sampling in entry.sampling:
        name = tr("Sampling, {when}", when=sampling.when) if sampling.when else tr("Sampling")
        yield Said(name, _sampling(sampling), citations(sampling.sources), _sure(sampling))
    if not entry.sampling:
        yield _absent(tr("Sampling"))


def _benchmarks(entry: Entry) -> Iterator[Said]:
    for figure in entry.figures:
        yield Said(figure.measure, f"{figure.value:g} ({figure.about})", citations(figure.sources), _sure(figure))
    if not entry.figures:
        yield _absent(tr("Benchmarks"))


class EntryFacts(QWidget):
    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.L)
        grid.setVerticalSpacing(Space.XS)
        grid.setColumnStretch(1, 1)
        for row, said in enumerate(said_of(entry)):
            name = label(said.name, role="muted")
            value = label(
                said.value if said.sure else tr("{value}  (unconfirmed)", value=said.value),
                role="small",
                wrap=True,
                tone=Tone.NONE if said.sure else Tone.CAUTION,
            )
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            value.setToolTip(plain_tip(said.tip))
            value.setAccessibleName(f"{said.name}: {value.text()}")
            value.setAccessibleDescription(said.tip)
            grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(value, row, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        for claim in entry.claims:
            column.addWidget(_Difference(claim))
        column.addLayout(grid)


class _Difference(QFrame):
    """What was said, and what the primary source says."""

    def __init__(self, claim: Claim) -> None:
        super().__init__()
        self.setProperty("role", "problem")
        self.setProperty("tone", "caution")
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        column.setSpacing(2)
        column.addWidget(label(f"{claim.said_by}: “{claim.claim}”", role="small", wrap=True))
        finding = label(tr("Primary source: {finding}", finding=claim.finding), role="small", wrap=True)
        column.addWidget(finding)
        column.addWidget(label(citations(claim.sources), role="muted", wrap=True))
        self.setAccessibleName(
            tr(
                "{said_by} says {claim}. The primary source says {finding}",
                said_by=claim.said_by,
                claim=claim.claim,
                finding=claim.finding,
            )
        )


def provenance_words(provenance: Provenance, replaces: Provenance | None = None) -> str:
    """Which catalogue an entry is from: "from the catalogue “Llama”"."""
    of_whom = (
        "" if provenance.shipped else tr(" (added from {came_from})", came_from=provenance.came_from or provenance.file)
    )
    instead = tr(" in the place of “{title}”", title=replaces.title) if replaces is not None else ""
    return tr(
        "from the catalogue “{title}”{of_whom}{instead}", title=provenance.title, of_whom=of_whom, instead=instead
    )


def _absent(name: str) -> Said:
    """That there is nothing to say is said: an empty place would read as an oversight."""
    return Said(name, tr(NONE_CONFIRMED), tr("The catalogue has no source for it."), sure=True)


def _fact(name: str, value: str, fact: Fact[Any]) -> Said:
    return Said(name, value, sources_words(fact), fact.confirmed)


def _sure(stated: Any) -> bool:
    return all(source.kind != "unconfirmed" for source in stated.sources)


def _sampling(advice: Sampling) -> str:
    known = (
        ("temperature", advice.temperature),
        ("top-p", advice.top_p),
        ("top-k", advice.top_k),
        ("min-p", advice.min_p),
    )
    return ", ".join(f"{name} {value:g}" for name, value in known if value is not None) or (advice.note or "–")
