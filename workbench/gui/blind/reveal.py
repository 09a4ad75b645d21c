"""The end of a blind round: which was which, what was said, and how all stand so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from workbench.chat.answer import CUT_SHORT, Answer
from workbench.chat.footing import differences
from workbench.gui import names, theme
from workbench.gui.blind.sheet import NAMED_ITSELF, Sheet
from workbench.gui.blind.sitting import Given, Sitting
from workbench.gui.compare.words import answer_figures
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import later, tr
from workbench.gui.widgets.cards import Card, ScrollBody, clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.gui.words import family_tone
from workbench.stats.outcome import Outcome

if TYPE_CHECKING:
    from workbench.chat.votes.ballots import Contender
    from workbench.chat.votes.ratings import Ratings

BESIDE = 860  # pixels at 100 % text: less has no room for two cards
MOST_PAIRS = 60  # lines of votes that are shown: the Votes page lists them all
SAID = {
    Outcome.LEFT: later("A is better"),
    Outcome.RIGHT: later("B is better"),
    Outcome.TIE: later("a tie"),
    Outcome.BOTH_BAD: later("both bad"),
    None: later("skipped"),
}


@dataclass(frozen=True, slots=True)
class Reveal:
    """``unasked`` are prompts about which no vote was asked."""

    sheets: tuple[Sheet, ...]
    given: tuple[Given, ...]
    unasked: tuple[Sheet, ...]

    @classmethod
    def of(cls, sitting: Sitting, unasked: Sequence[Sheet]) -> Reveal:
        return cls(sitting.sheets, tuple(sitting.given), tuple(unasked))


class RevealView(QWidget):
    """``next_prompt``, ``leave`` and ``undo`` are its three ways on; ``votes`` leads to the page of all votes."""

    next_prompt = Signal()
    leave = Signal()
    undo = Signal()
    votes = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("The names, after the vote"))
        self._beside = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self.body = ScrollBody(tr("The names, after the vote"))
        self.body.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.next_button = text_button(tr("Next prompt"), kind="primary")
        self.next_button.clicked.connect(self.next_prompt)
        self.leave_button = text_button(tr("Show the answers"))
        self.leave_button.clicked.connect(self.leave)
        self.undo_button = text_button(tr("Undo the last vote   U"), kind="ghost")
        self.undo_button.setAccessibleName(tr("Undo the last vote"))
        self.undo_button.setToolTip(tr("It is withdrawn; the vote in its place is marked as not blind"))
        self.undo_button.clicked.connect(self.undo)
        self.votes_button = text_button(tr("All votes"), kind="ghost")
        self.votes_button.clicked.connect(self.votes)
        ways = FlowLayout(gap=Space.S)
        for button in (self.next_button, self.leave_button, self.undo_button, self.votes_button):
            ways.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.S)
        column.addWidget(self.body, 1)
        column.addLayout(ways)
        QShortcut(
            QKeySequence("U"), self, self.undo_button.click, context=Qt.ShortcutContext.WidgetWithChildrenShortcut
        )

    def draw(self, reveal: Reveal, *, can_undo: bool) -> None:
        clear(self.body.column)
        self.undo_button.setEnabled(can_undo)
        card = Card(tr("Which was which"))
        told = _told(reveal)
        for given in reveal.given[:MOST_PAIRS]:
            card.body.addWidget(_said(given, told, with_prompt=len(reveal.sheets) > 1))
        left_out = len(reveal.given) - MOST_PAIRS
        if left_out > 0:
            card.body.addWidget(label(tr("{count} more are on the Votes page.", count=left_out), role="muted"))
        self._beside = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._beside.setSpacing(Space.M)
        if reveal.given:
            card.body.addStretch(1)
            self._beside.addWidget(card, 3)
        if len(reveal.sheets) == 1:
            figures = _figures(reveal.sheets[0], told)
            figures.body.addStretch(1)
            self._beside.addWidget(figures, 2)
        self.body.column.addLayout(self._beside)
        self._turn()
        failed = [entry for sheet in (*reveal.sheets, *reveal.unasked) for entry in (*sheet.failed, *sheet.partial)]
        if failed:
            self.body.column.addWidget(_failed([entry.answer for entry in failed], told))
        self.body.verticalScrollBar().setValue(0)

    def show_standings(self, ratings: Ratings) -> None:
        """Below all else, when they are worked out."""
        from workbench.gui.votes.standing_rows import StandingRows  # with all that computes them

        standings = Card(tr("Standings so far"))
        standings.body.addWidget(StandingRows(ratings))
        self.body.column.addWidget(standings)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._turn()

    def _turn(self) -> None:
        wide = self.width() >= theme.px(BESIDE)
        self._beside.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)


def _told(reveal: Reveal) -> Mapping[str, str]:
    """What everybody is called here, by the contender's name."""
    from workbench.chat.votes.ballots import Contender

    sheets = (*reveal.sheets, *reveal.unasked)
    entries = (entry for sheet in sheets for entry in (*sheet.entries, *sheet.failed, *sheet.partial))
    given = (one for each in reveal.given for one in (each.left, each.right))
    return names.current().told((*(Contender.of(entry.answer) for entry in entries), *given))


def _named(contender: Contender, told: Mapping[str, str], **looks: Any) -> QLabel:
    """All that sets it apart is in its tool tip."""
    made = label(told[contender.name], wrap=True, **looks)
    whole = names.current().whole(contender)
    made.setToolTip(whole)
    made.setAccessibleDescription(whole if whole != made.text() else "")
    return made


def _said(given: Given, told: Mapping[str, str], *, with_prompt: bool) -> QWidget:
    """ "A: …   B: …   You said: A is better"."""
    line = QWidget()
    column = QVBoxLayout(line)
    column.setContentsMargins(0, Space.XS, 0, Space.XS)
    column.setSpacing(2)
    if with_prompt:
        column.addWidget(label(given.sheet.prompt.strip().split("\n")[0][:120], role="muted", wrap=True))
    for letter, contender, won in (
        ("A", given.left, given.outcome is Outcome.LEFT),
        ("B", given.right, given.outcome is Outcome.RIGHT),
    ):
        row = QHBoxLayout()
        row.setSpacing(Space.S)
        row.addWidget(label(letter, role="chip", tone=family_tone(contender.family)), 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(_named(contender, told, role="strong" if won else ""), 1)
        if won:
            row.addWidget(label(tr("✓ better"), role="chip", tone=Tone.GOOD), 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(row)
    column.addWidget(label(_verdict(given), role="small", tone=Tone.MUTED, wrap=True))
    return line


def _verdict(given: Given) -> str:
    if given.automatic:
        return tr("The two answers are the same text: counted as a tie without asking.")
    said = tr("You said: {what}.", what=tr(SAID[given.outcome]))
    if given.again:
        said = tr(
            "An earlier pair, asked again with the sides exchanged. You said: {what}.", what=tr(SAID[given.outcome])
        )
    vote = given.vote
    notes = []
    if vote is not None and not vote.blind:
        notes.append(tr("Not blind: the names were known."))
    if vote is not None and NAMED_ITSELF in vote.tags:
        notes.append(tr("An answer named its own model: the vote carries the tag “named itself”."))
    if vote is not None and vote.comment:
        notes.append(tr("Comment: {comment}", comment=vote.comment))
    tags = [tag for tag in vote.tags if tag != NAMED_ITSELF] if vote is not None else []
    if tags:
        notes.append(tr("Tags: {tags}", tags=" ".join(f"#{tag}" for tag in tags)))
    return "  ·  ".join([said, *notes])


def _figures(sheet: Sheet, told: Mapping[str, str]) -> Card:
    """How fast and how long each was, and on what footing: hidden until now."""
    from workbench.chat.votes.ballots import Contender

    card = Card(tr("Speed and footing"))
    for entry in sheet.entries:
        contender = Contender.of(entry.answer)
        row = QVBoxLayout()
        row.setSpacing(2)
        row.addWidget(_named(contender, told, role="strong", tone=family_tone(contender.family)))
        cut = CUT_SHORT.get(entry.answer.stop_reason)  # among the figures already
        chips = [tr(chip) for chip in (*entry.answer.chips, *entry.answer.conditions) if chip != cut]
        row.addWidget(label(" · ".join([answer_figures(entry.answer), *chips]), role="muted", wrap=True))
        card.body.addLayout(row)
    unlike = differences([entry.answer for entry in sheet.entries])
    if unlike:
        card.body.addWidget(label(tr("≠ not asked alike"), role="strong", tone=Tone.CAUTION))
        for one in unlike:
            card.body.addWidget(label(tr(one.words), role="small", wrap=True))
    return card


def _failed(answers: Sequence[Answer], told: Mapping[str, str]) -> Card:
    from workbench.chat.votes.ballots import Contender

    card = Card(tr("Not judged"))
    for answer in answers:
        why = tr(answer.error.message) if answer.error is not None else tr("It gave no whole answer.")
        card.body.addWidget(label(f"✕ {told[Contender.of(answer).name]}: {why}", tone=Tone.BAD, wrap=True))
    return card
