"""A ranking as lines: the chance to be preferred first, as a bar with its numbers, then what is not decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.votes.ratings import Island, Ratings, Standing
from workbench.gui import names, theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import counted, tr
from workbench.gui.votes.bars import IntervalBar, range_words
from workbench.gui.widgets.controls import label
from workbench.gui.words import family_tone
from workbench.stats.interval import Interval

if TYPE_CHECKING:
    from workbench.chat.votes.ballots import Contender


class StandingRows(QWidget):
    """``told`` is what contenders are called here, by their names."""

    def __init__(self, ratings: Ratings, told: Mapping[str, str] | None = None) -> None:
        super().__init__()
        told = told or names.current().told(one.contender for one in ratings.standings)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.M)
        if not ratings.comparable:
            column.addWidget(label(_island_warning(), tone=Tone.CAUTION, wrap=True))
        for number, island in enumerate(ratings.islands, 1):
            if not ratings.comparable:
                column.addWidget(label(tr("Group {number}", number=number), role="strong"))
            for standing in island.standings:
                acceptable = ratings.acceptable.get(standing.contender.name)
                column.addWidget(StandingRow(island, standing, acceptable, told))


class StandingRow(QWidget):
    def __init__(
        self, island: Island, standing: Standing, acceptable: Interval | None, told: Mapping[str, str]
    ) -> None:
        super().__init__()
        place = island.standings.index(standing)
        name, whole = told[standing.contender.name], names.current().whole(standing.contender)
        chance = standing.beats_average
        self.setAccessibleName(tr("Place {place}: {name}", place=place + 1, name=name))
        self.setAccessibleDescription(whole if whole != name else "")
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label(f"{place + 1}.", role="strong"))
        shown = label(name, role="strong", tone=family_tone(standing.contender.family), wrap=True)
        shown.setToolTip(whole)
        shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        head.addWidget(shown, 1)
        votes = tr("1 vote") if standing.ballots == 1 else tr("{n:,} votes", n=standing.ballots)
        head.addWidget(label(votes, role="muted"))
        figures = label(range_words(chance), role="small")
        figures.setMinimumWidth(theme.px(132))
        figures.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        bars = QGridLayout()
        bars.setHorizontalSpacing(Space.M)
        bars.setColumnStretch(0, 1)
        tone = family_tone(standing.contender.family)
        bars.addWidget(IntervalBar(chance, tr("Chance that {name} is preferred", name=name), tone=tone), 0, 0)
        bars.addWidget(figures, 0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addLayout(head)
        column.addLayout(bars)
        below = island.standings[place + 1] if place + 1 < len(island.standings) else None
        for note in _notes(standing, below, acceptable, told):
            column.addWidget(note)


def _notes(
    standing: Standing, below: Standing | None, acceptable: Interval | None, told: Mapping[str, str]
) -> list[QLabel]:
    made = []
    if standing.beats_next is not None and below is not None:
        share, name, other = range_words(standing.beats_next), told[standing.contender.name], told[below.contender.name]
        made.append(label(_beats(standing, _briefly(below.contender, told), share), role="muted", wrap=True))
        whole = tr("{name} is preferred to {next_name} in {share} of the votes that prefer one.", name=name,
                   next_name=other, share=share)  # fmt: skip
        made[-1].setToolTip(whole)
        made[-1].setAccessibleDescription(whole)
    if acceptable is not None and acceptable.estimate < 1:
        bad = Interval(1 - acceptable.estimate, 1 - acceptable.high, 1 - acceptable.low, acceptable.level)
        said = tr("Both answers were called bad in {share} of its votes.", share=range_words(bad))
        made.append(label(said, role="muted", wrap=True))
    return made


def _briefly(contender: Contender, told: Mapping[str, str]) -> str:
    """The model's title where nobody else here has the same."""
    title = names.current().title(contender.model, contender.quantisation)
    alike = [name for name in told.values() if name == title or name.startswith(f"{title} · ")]
    return title if len(alike) == 1 else told[contender.name]


def _beats(standing: Standing, other: str, share: str) -> str:
    """As ``votes.words.beats`` says it, in few words."""
    votes = standing.votes_to_decide
    more = counted(votes, "more vote") if votes else ""
    prompts = counted(max(1, standing.prompts or 0), "prompt")
    if votes == 0:
        return tr("Wins {share} of the votes against {other}. Decided.", share=share, other=other)
    if standing.too_few and votes is None:
        return tr("Wins {share} of the votes against {other}. Too few prompts to tell, {prompts} so far.",
                  share=share, other=other, prompts=prompts)  # fmt: skip
    if standing.too_few:
        return tr(
            "Wins {share} of the votes against {other}. Too few prompts to tell, {prompts} so far: about {more} to go.",
            share=share, other=other, prompts=prompts, more=more,
        )  # fmt: skip
    if votes is None:
        return tr("Wins {share} of the votes against {other}. Not decided: the two stand level so far.",
                  share=share, other=other)  # fmt: skip
    return tr("Wins {share} of the votes against {other}. Not decided: about {more} to go, on new prompts.",
              share=share, other=other, more=more)  # fmt: skip


def _island_warning() -> str:
    return tr(
        "No vote connects these groups: a place in one says nothing about a place in another. "
        "Vote on a pair from two groups to join them."
    )
