"""The ranking, what to vote on next, and how far to trust it all."""

from __future__ import annotations

import math
from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from workbench.chat.votes.ratings import Ratings
from workbench.chat.votes.words import side_chance
from workbench.gui import names, theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.votes.bars import IntervalBar, range_words
from workbench.gui.votes.judged import Judged, NextPair
from workbench.gui.votes.standing_rows import StandingRows
from workbench.gui.widgets.cards import Card, ScrollPage, clear
from workbench.gui.widgets.controls import FlowLayout, label, text_button
from workbench.stats.interval import Interval

WIDEST = 1180  # pixels at 100 % text
BAR = 150  # pixels at 100 % text


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
            told = _told(judged)
            self._body.addWidget(_ranking(ratings, told))
            if judged.next_pair is not None:
                self._body.addWidget(self._next(judged.next_pair, told))
            self._body.addWidget(_trust(ratings, told))
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

    def _next(self, pair: NextPair, told: Mapping[str, str]) -> Card:
        self._pair = pair
        card = Card(tr("What to vote on next"))
        named = {"first": told[pair.first.name], "second": told[pair.second.name]}
        card.body.addWidget(label(tr("{first} against {second} would teach most.", **named), role="strong", wrap=True))
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


def _told(judged: Judged) -> dict[str, str]:
    """What everybody is called here, by the contender's name."""
    ratings, pair = judged.ratings, judged.next_pair
    seen = [one.contender for one in ratings.standings] if ratings is not None else []
    return names.current().told((*seen, pair.first, pair.second) if pair is not None else seen)


def _ranking(ratings: Ratings, told: Mapping[str, str]) -> Card:
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
    card.body.addWidget(StandingRows(ratings, told))
    return card


def _trust(ratings: Ratings, told: Mapping[str, str]) -> Card:
    card = Card(tr("How far to trust it"))
    grid = QGridLayout()
    grid.setHorizontalSpacing(Space.L)
    grid.setVerticalSpacing(Space.M)
    grid.setColumnStretch(1, 1)
    card.body.addLayout(grid)
    _line(grid, tr("Leader"), _fragile(ratings, told))
    side = side_chance(ratings)
    biased = 0.5 not in side
    words = tr("Side counts: of two equal models, the one on the left wins {share}.", share=range_words(side))
    if not biased:
        words = tr("No sign of a side bias: of two equal models, the one on the left wins {share}.",
                   share=range_words(side))  # fmt: skip
    bar = IntervalBar(side, tr("How often the left one of two equal models wins"))
    _line(grid, tr("Side"), words, bar, caution=biased)
    _line(grid, tr("Length"), *_length(ratings))
    if ratings.consistency is None:
        _line(grid, tr("Steadiness"), tr("Not measured yet: now and then an earlier pair is asked again, mirrored."))
    else:
        said = tr("Asked again with the sides exchanged, the same was said in {share}.",
                  share=range_words(ratings.consistency))  # fmt: skip
        bar = IntervalBar(ratings.consistency, tr("Share of pairs judged the same again"))
        _line(grid, tr("Steadiness"), said, bar)
    said = tr("Both answers were bad in {share} of the votes.", share=range_words(ratings.both_bad))
    bar = IntervalBar(ratings.both_bad, tr("Share of votes that call both bad"), even=None)
    _line(grid, tr("Both bad"), said, bar)
    said = tr("{votes} on {prompts}; {blind:,} were blind, {files:,} come out of files.",
              votes=counted(ratings.votes, "vote"), prompts=counted(ratings.prompts, "prompt"),
              blind=ratings.blind, files=ratings.imported)  # fmt: skip
    _line(grid, tr("Votes"), said, caution=ratings.blind < ratings.votes)
    if ratings.unplaced:
        said = tr("The prompt of {votes} is not known: each counts as a prompt of its own.",
                  votes=counted(ratings.unplaced, "vote"))  # fmt: skip
        _line(grid, tr("Prompts"), said, caution=True)
    _raters(grid, ratings)
    return card


def _raters(grid: QGridLayout, ratings: Ratings) -> None:
    """Nothing where one gave all the votes."""
    if len(ratings.raters) < 2:
        return
    each = ", ".join(tr("{name} {votes:,}", name=name or tr("no name"), votes=votes) for name, votes in ratings.raters)
    said = tr("{count:,} raters: {each}.", count=len(ratings.raters), each=each)
    if ratings.few_raters:
        said = tr("{count:,} raters: {each}. The ranges speak of what they prefer, not of what others would.",
                  count=len(ratings.raters), each=each)  # fmt: skip
    _line(grid, tr("Raters"), said)
    found = ratings.agreement
    if found is None:
        _line(grid, tr("Agreement"), tr("No two of them judged the same answers: how far they agree is not known."))
        return
    said = tr("{pairs} judged by more than one, who said the same in {share}. Krippendorff's alpha: {alpha}.",
              pairs=counted(found.shared, "pair of answers was", "pairs of answers were"),
              share=range_words(found.same), alpha=_alpha(found.alpha))  # fmt: skip
    _line(grid, tr("Agreement"), said, IntervalBar(found.same, tr("How often two raters said the same"), even=None))


def _alpha(found: Interval) -> str:
    """1 is agreement, 0 what chance makes."""
    if math.isnan(found.estimate):
        return tr("not known")
    return tr("{alpha:.2f} ({low:.2f} to {high:.2f}; 1 is agreement, 0 is chance)",
              alpha=found.estimate, low=found.low, high=found.high)  # fmt: skip


def _fragile(ratings: Ratings, told: Mapping[str, str]) -> str:
    leader = told[ratings.standings[0].contender.name]
    votes, prompts = ratings.fragile, ratings.islands[0].fragile_prompts
    if votes is None:
        return tr("{name} leads; dropping 50 votes would not change that.", name=leader)
    if prompts is None or ratings.prompts + ratings.unplaced >= ratings.votes:
        return tr("{name} leads; without {votes} another would.", name=leader, votes=counted(votes, "vote"))
    return tr("{name} leads; without {votes} another would, or without {prompts} and all votes on them.",
              name=leader, votes=counted(votes, "vote"), prompts=counted(prompts, "prompt"))  # fmt: skip


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
    told = label(f"⚠ {words}" if caution else words, tone=Tone.CAUTION if caution else Tone.NONE, wrap=True)
    grid.addWidget(told, row, 1, 1, 1 if bar is not None else 2)
    if bar is not None:
        bar.setMaximumWidth(theme.px(BAR))
        grid.addWidget(bar, row, 2)


def _no_match() -> Card:
    card = Card(tr("No vote between two models fits this filter"))
    card.body.addWidget(label(tr("Choose another tag or family above, or all of them."), wrap=True))
    return card
