"""The ranking, what to vote on next, and how far to trust it all."""

from __future__ import annotations

import math

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from workbench.chat.votes.ratings import Ratings
from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.votes.bars import IntervalBar, range_words
from workbench.gui.votes.judged import Judged, NextPair
from workbench.gui.votes.standing_rows import StandingRows
from workbench.gui.widgets.cards import Card, ScrollPage, clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.stats.interval import wilson

WIDEST = 900


class RankingView(ScrollPage):
    """``wished`` has the pair that somebody wants to vote on; ``first_wished`` is for the first vote of all."""

    wished = Signal(object)
    first_wished = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(WIDEST, parent)
        self.setAccessibleName(tr("Ranking"))
        self._pair: NextPair | None = None
        self._body = self.column

    def draw(self, judged: Judged) -> None:
        place = self.verticalScrollBar().value()
        clear(self._body)
        ratings = judged.ratings
        if ratings is None:
            self._body.addWidget(_no_match() if judged.listing.any else self._nothing())
        else:
            self._body.addWidget(_ranking(ratings))
            if judged.next_pair is not None:
                self._body.addWidget(self._next(judged.next_pair))
            self._body.addWidget(_trust(judged, ratings))
            if judged.families is not None and len(judged.families.standings) > 1:
                card = Card(tr("Between families"))
                card.body.addWidget(StandingRows(judged.families))
                self._body.addWidget(card)
        self._body.addStretch(1)
        self.verticalScrollBar().setValue(place)

    def show_working(self) -> None:
        """Until the first ranking is there."""
        clear(self._body)
        self._body.addWidget(label(tr("The ranking is being worked out…"), role="muted"))
        self._body.addStretch(1)

    def _next(self, pair: NextPair) -> Card:
        self._pair = pair
        card = Card(tr("What to vote on next"))
        names = {"first": pair.first.name, "second": pair.second.name}
        card.body.addWidget(label(tr("{first} against {second} would teach most.", **names), role="strong", wrap=True))
        if pair.place is not None:
            said, words = tr("Both have answered a prompt that nobody judged yet."), tr("Vote on it blind")
        else:
            said, words = tr("All that both have answered is judged: ask them something new."), tr("Compare the two")
        card.body.addWidget(label(said, role="muted", wrap=True))
        button = text_button(words, kind="primary")
        button.clicked.connect(self._on_next)
        ways = FlowLayout(gap=Space.S)
        ways.addWidget(button)
        card.body.addLayout(ways)
        return card

    def _nothing(self) -> Card:
        card = Card(tr("No votes yet"))
        for words in (
            tr("1.  On the Compare page, choose two models or more."),
            tr("2.  Switch on Blind (Ctrl+Shift+B) and ask something you would really ask."),
            tr("3.  Say which answer is better, by key or button. The names are shown after that."),
            tr("The ranking appears here with the first vote, and says how many more it takes until it is decided."),
        ):
            card.body.addWidget(label(words, wrap=True))
        button = text_button(tr("Compare blind"), kind="primary")
        button.clicked.connect(self.first_wished)
        ways = FlowLayout(gap=Space.S)
        ways.addWidget(button)
        card.body.addLayout(ways)
        return card

    def _on_next(self) -> None:
        self.wished.emit(self._pair)


def _ranking(ratings: Ratings) -> Card:
    card = Card(tr("Ranking"))
    card.body.addWidget(
        label(
            tr(
                "How likely an answer is preferred to one of an average model here, with the range that covers the "
                "truth in 95 of 100 cases. The dashed line is even."
            ),
            role="muted",
            wrap=True,
        )
    )
    card.body.addWidget(StandingRows(ratings))
    return card


def _trust(judged: Judged, ratings: Ratings) -> Card:
    card = Card(tr("How far to trust it"))
    grid = QGridLayout()
    grid.setHorizontalSpacing(Space.L)
    grid.setVerticalSpacing(Space.M)
    grid.setColumnStretch(1, 1)
    card.body.addLayout(grid)
    _line(grid, tr("Leader"), _fragile(ratings))
    side = ratings.left_share
    biased = 0.5 not in side
    words = tr("Side counts: the left answer won {share} of the votes that prefer one.", share=range_words(side))
    if not biased:
        words = tr("No sign of a side bias: the left answer won {share}.", share=range_words(side))
    _line(grid, tr("Side"), words, IntervalBar(side, tr("Share of votes for the left answer")), caution=biased)
    _line(grid, tr("Length"), *_length(ratings))
    if ratings.consistency is None:
        _line(grid, tr("Steadiness"), tr("Not measured yet: now and then an earlier pair is asked again, mirrored."))
    else:
        said = tr("Asked again with the sides exchanged, the same was said in {share}.",
                  share=range_words(ratings.consistency))  # fmt: skip
        bar = IntervalBar(ratings.consistency, tr("Share of pairs judged the same again"))
        _line(grid, tr("Steadiness"), said, bar)
    bad = wilson(judged.both_bad, judged.asked)
    said = tr("Both answers were bad in {share} of the votes.", share=range_words(bad))
    _line(grid, tr("Both bad"), said, IntervalBar(bad, tr("Share of votes that call both bad"), even=None))
    said = tr("{blind:,} of {votes:,} votes were blind, {files:,} come out of files.",
              blind=ratings.blind, votes=ratings.votes, files=ratings.imported)  # fmt: skip
    _line(grid, tr("Votes"), said, caution=ratings.blind < ratings.votes)
    return card


def _fragile(ratings: Ratings) -> str:
    leader = ratings.standings[0].contender.name
    match ratings.fragile:
        case None:
            return tr("{name} leads; dropping 50 votes would not change that.", name=leader)
        case 1:
            return tr("{name} leads, but without 1 vote another would.", name=leader)
    return tr("{name} leads; {n} votes would change the leader.", name=leader, n=ratings.fragile)


def _length(ratings: Ratings) -> tuple[str, QWidget | None, bool]:
    """In words what an answer twice as long is worth: sigmoid(effect x ln 2)."""
    effect = ratings.length_effect
    share = 1 / (1 + math.exp(-effect.estimate * math.log(2)))
    if 0.0 in effect:
        return tr("No sign that length decides."), None, False
    said = tr("Length counts: of two equal models, the one with twice as much text wins {share:.0f} % of the time.",
              share=100 * share)  # fmt: skip
    return said, None, True


def _line(grid: QGridLayout, name: str, words: str, bar: QWidget | None = None, caution: bool = False) -> None:
    row = grid.rowCount()
    grid.addWidget(label(name, tone=Tone.MUTED), row, 0)
    grid.addWidget(
        label(f"⚠ {words}" if caution else words, tone=Tone.CAUTION if caution else Tone.NONE, wrap=True), row, 1
    )
    if bar is not None:
        bar.setMaximumWidth(theme.px(200))
        grid.addWidget(bar, row, 2)


def _no_match() -> Card:
    card = Card(tr("No vote between two models fits this filter"))
    card.body.addWidget(label(tr("Choose another tag or family above, or all of them."), wrap=True))
    return card
