"""What the catalogue says of a model: every statement with its source on hover, and where sources differ both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui.hub.words import citations, context_words, plain_tip, sources_words
from workbench.gui.theme import Space, Tone
from workbench.gui.widgets.controls import label
from workbench.gui.words import parameter_count
from workbench.hub.entries import Claim, Entry, Fact, Provenance, Sampling

NONE_CONFIRMED = "none confirmed"
_SYSTEM = {
    "native": "has a place of its own",
    "merged": "is written into the first user turn",
    "refused": "is refused by its template",
}
_GATES = {
    "open": "files are handed out at once",
    "acceptance": "the publisher asks for acceptance first",
    "unknown": "not known",
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
        yield _fact("Released", entry.released.value, entry.released)
    else:
        yield _absent("Released")
    yield _fact("Original", entry.original.value, entry.original)
    active = f", {parameter_count(entry.active_parameters.value)} at work" if entry.active_parameters else ""
    yield _fact("Parameters", parameter_count(entry.parameters.value) + active, entry.parameters)
    if entry.context is not None:
        yield _fact("Context", context_words(entry.context.value), entry.context)
    else:
        yield _absent("Context")
    yield _fact("Licence", entry.licence.value, entry.licence)
    yield _fact("Original’s gate", _GATES[entry.gate.value], entry.gate)
    yield _fact("Sees pictures", "yes" if entry.multimodal.value else "no", entry.multimodal)
    if entry.system_role is not None:
        yield _fact("System prompt", _SYSTEM[entry.system_role.value], entry.system_role)
    else:
        yield _absent("System prompt")
    if not (entry.files or entry.estimates):
        yield _absent("File sizes")
    yield from _advice(entry)
    yield from _benchmarks(entry)
    for note in entry.notes:
        yield _fact("Note", note.value, note)


def _advice(entry: Entry) -> Iterator[Said]:
    for sampling in entry.sampling:
        name = f"Sampling, {sampling.when}" if sampling.when else "Sampling"
        yield Said(name, _sampling(sampling), citations(sampling.sources), _sure(sampling))
    if not entry.sampling:
        yield _absent("Sampling")


def _benchmarks(entry: Entry) -> Iterator[Said]:
    for figure in entry.figures:
        yield Said(figure.measure, f"{figure.value:g} ({figure.about})", citations(figure.sources), _sure(figure))
    if not entry.figures:
        yield _absent("Benchmarks")


class EntryFacts(QWidget):
    def __init__(self, entry: Entry, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.L)
        grid.setVerticalSpacing(Space.XS)
        grid.setColumnStretch(1, 1)
        for row, said in enumerate(said_of(entry)):
            name = label(said.name, role="muted")
            value = label(said.value if said.sure else f"{said.value}  (unconfirmed)", role="small", wrap=True,
                          tone=Tone.NONE if said.sure else Tone.CAUTION)  # fmt: skip
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
        finding = label(f"Primary source: {claim.finding}", role="small", wrap=True)
        column.addWidget(finding)
        column.addWidget(label(citations(claim.sources), role="muted", wrap=True))
        self.setAccessibleName(f"{claim.said_by} says {claim.claim}. The primary source says {claim.finding}")


def provenance_words(provenance: Provenance, replaces: Provenance | None = None) -> str:
    """Which catalogue an entry is from: "from the catalogue “Llama”"."""
    of_whom = "" if provenance.shipped else f" (added from {provenance.came_from or provenance.file})"
    instead = f" in the place of “{replaces.title}”" if replaces is not None else ""
    return f"from the catalogue “{provenance.title}”{of_whom}{instead}"


def _absent(name: str) -> Said:
    """That there is nothing to say is said: an empty place would read as an oversight."""
    return Said(name, NONE_CONFIRMED, "The catalogue has no source for it.", sure=True)


def _fact(name: str, value: str, fact: Fact[Any]) -> Said:
    return Said(name, value, sources_words(fact), fact.confirmed)


def _sure(stated: Any) -> bool:
    return all(source.kind != "unconfirmed" for source in stated.sources)


def _sampling(advice: Sampling) -> str:
    known = (("temperature", advice.temperature), ("top-p", advice.top_p), ("top-k", advice.top_k),
             ("min-p", advice.min_p))  # fmt: skip
    return ", ".join(f"{name} {value:g}" for name, value in known if value is not None) or (advice.note or "–")
