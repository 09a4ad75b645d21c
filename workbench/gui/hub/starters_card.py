"""First run: one model of each family that fit this machine together; all at once, or one by one with its ladder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui import theme
from workbench.gui.errands import Errands, errand
from workbench.gui.hub.getting_starters import GettingStarters, Outcome
from workbench.gui.hub.words import gate_chip, licence_chip, plain_tip
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, explained, later, tr
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.widgets.notice import Notice
from workbench.gui.words import family_tone
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.hub.installed import installed
from workbench.hub.places.same import Held
from workbench.hub.suggesting import QUANTISATION, Suggested, Suggestion, suggested
from workbench.hub.terms import Terms

if TYPE_CHECKING:
    from workbench.app import Workbench

_GET = {2: later("Get both ({size})"), 3: later("Get all three ({size})")}


class StartersCard(Card):
    """``chosen`` is emitted with an entry's id, ``queued`` with each download that was queued here."""

    chosen = Signal(str)
    queued = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(tr("One of each family"), parent)
        self._bench = workbench
        self._errands = errands
        self._here: frozenset[str] = frozenset()
        self._found: Suggested | None = None
        self.getting = GettingStarters(workbench, errands, self)
        self.getting.queued.connect(self.queued)
        self.getting.changed.connect(self._draw_buttons)
        self.getting.ended.connect(self._on_ended)
        self.said = label(tr("Looking at the machine first…"), wrap=True)
        self.rows: list[SuggestionRow] = []
        self._list = QVBoxLayout()
        self._list.setSpacing(Space.S)
        self.notice = Notice()
        self.phase = label(role="muted", wrap=True)
        self.get_button = text_button(tr("Get all three"), kind="primary")
        self.get_button.clicked.connect(self._on_get)
        self.cancel_button = text_button(tr("Cancel"))
        self.cancel_button.clicked.connect(self.getting.cancel)
        buttons = QHBoxLayout()
        buttons.setSpacing(Space.S)
        for part in (self.get_button, self.cancel_button):
            buttons.addWidget(part)
        buttons.addWidget(self.phase, 1)
        self.body.addWidget(self.said)
        self.body.addLayout(self._list)
        self.body.addWidget(self.notice)
        self.body.addLayout(buttons)
        self._draw_buttons()

    def draw(self, machine: Hardware) -> None:
        """Chosen away from this thread: the catalogue may have to be read first."""
        work = errand(lambda: suggested(self._bench.catalogue, machine))
        self._errands.run("suggest starters", work, self._draw, self._not_drawn)

    def _not_drawn(self, error: Exception) -> None:
        self.notice.tell(Problem.of(error))

    def _draw(self, found: Suggested) -> None:
        clear(self._list)
        self._found = found
        theme.mark(self.said, tone=Tone.GOOD if found.together else Tone.CAUTION)
        self.said.setText(together_words(found))
        self.rows = [SuggestionRow(each) for each in found.models]
        for row in self.rows:
            row.chosen.connect(self.chosen)
            self._list.addWidget(row)
        self._draw_missing()

    def draw_here(self, held: Sequence[Held]) -> None:
        """Mark what is on this machine; the rest is what is to be got."""
        work = errand(lambda: installed(self._bench.catalogue.entries, held))
        self._errands.run("look which starters are here", work, self._mark_here, self._not_drawn)

    def _mark_here(self, here: frozenset[str]) -> None:
        self._here = here
        self._draw_missing()

    @property
    def missing(self) -> list[Suggestion]:
        return [row.found for row in self.rows if row.found.entry.id not in self._here]

    def _draw_missing(self) -> None:
        for row in self.rows:
            row.draw_here(here=row.found.entry.id in self._here)
        self._draw_buttons()

    @Slot()
    def _draw_buttons(self) -> None:
        missing, now = self.missing, self.getting.now
        size = human_bytes(sum(each.size_bytes for each in missing))
        self.get_button.setText(tr(_GET.get(len(missing), "Get it ({size})"), size=size))
        self.get_button.setVisible(bool(missing) and now is None)
        self.cancel_button.setVisible(now is not None)
        self.phase.setText(
            tr("{title}: looking up its file and its licence…", title=now.title) if now is not None else ""
        )

    @Slot()
    def _on_get(self) -> None:
        self.notice.clear()
        self.getting.begin([each.entry for each in self.missing])

    @Slot(object)
    def _on_ended(self, outcomes: tuple[Outcome, ...]) -> None:
        failed = [one for one in outcomes if one.problem is not None]
        declined = [one.entry.title for one in outcomes if one.declined]
        queued = len(outcomes) - len(failed) - len(declined)
        said = tr("{count} queued.", count=counted(queued, "download")) if queued else tr("Nothing was queued.")
        hints = [f"✕ {one.entry.title}: {explained(one.problem)}" for one in failed if one.problem]
        hints += [tr("Not agreed to: {names}.", names=", ".join(declined))] if declined else []
        self.notice.say(said, "\n".join(hints), tone=Tone.BAD if failed else Tone.ACCENT)


class SuggestionRow(QWidget):
    chosen = Signal(str)

    def __init__(self, found: Suggestion) -> None:
        super().__init__()
        self.found = found
        entry = found.entry
        self.button = text_button(tr("Show"))
        self.button.setAccessibleName(tr("Show {title}", title=entry.title))
        self.button.setToolTip(tr("Every quantisation of it, with what fits this machine"))
        self.button.clicked.connect(self._on_show)
        self.state = label(role="chip")
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label("●", tone=family_tone(entry.family)))
        head.addWidget(label(entry.title, role="strong", wrap=True), 1)
        head.addWidget(self.state, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(self.button)
        badges = QWidget()
        flow = FlowLayout(badges)
        for chip in (licence_chip(Terms.of(entry.licence.value), entry.licence.value), gate_chip(entry)):
            shown = label(chip.text, role="chip", tone=chip.tone)
            shown.setToolTip(plain_tip(chip.tip))
            flow.addWidget(shown)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(badges)
        self.draw_here(here=False)

    def draw_here(self, *, here: bool) -> None:
        size = f"{QUANTISATION} · {human_bytes(self.found.size_bytes)}"
        self.state.setText(tr("✓ on this machine") if here else size)
        theme.mark(self.state, tone=Tone.GOOD if here else Tone.NONE)

    @Slot()
    def _on_show(self) -> None:
        self.chosen.emit(self.found.entry.id)


def together_words(found: Suggested) -> str:
    """Whether they fit side by side, in one line; the memory is a guess until a ladder says it."""
    memory = tr(
        "about {needs} of {budget} that are free",
        needs=human_bytes(found.needs_bytes),
        budget=human_bytes(found.budget_bytes),
    )
    if found.together:
        return tr("● They fit this machine side by side: {memory}.", memory=memory)
    if not found.too_large:
        return tr("◐ They fit this machine one after the other; side by side they need {memory}.", memory=memory)
    names = ", ".join(each.entry.title for each in found.too_large)
    return tr(
        "✕ Too big for the memory that is free now ({budget}): {names}.",
        budget=human_bytes(found.budget_bytes),
        names=names,
    )
