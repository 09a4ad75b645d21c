"""A ranking as lines: the chance to be preferred first, as a bar with its numbers, then what is not decided."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.chat.votes.ratings import Island, Ratings, Standing
from workbench.gui import theme
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.votes.bars import IntervalBar, range_words
from workbench.gui.widgets.controls import label
from workbench.gui.words import family_tone
from workbench.stats.interval import Interval


class StandingRows(QWidget):
    def __init__(self, ratings: Ratings) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.M)
        if not ratings.comparable:
            column.addWidget(label(_island_warning(), tone=Tone.CAUTION, wrap=True))
        for number, island in enumerate(ratings.islands, 1):
            if not ratings.comparable:
                column.addWidget(label(tr("Group {number}", number=number), role="strong"))
            for standing in island.standings:
                column.addWidget(StandingRow(island, standing, ratings.acceptable.get(standing.contender.name)))


class StandingRow(QWidget):
    def __init__(self, island: Island, standing: Standing, acceptable: Interval | None) -> None:
        super().__init__()
        names = [one.contender.name for one in island.standings]
        place = names.index(standing.contender.name)
        name = standing.contender.name
        chance = standing.beats_average
        self.setAccessibleName(tr("Place {place}: {name}", place=place + 1, name=name))
        head = QHBoxLayout()
        head.setSpacing(Space.S)
        head.addWidget(label(f"{place + 1}.", role="strong"))
        shown = label(name, role="strong", tone=family_tone(standing.contender.family), wrap=True)
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
        below = island.standings[place + 1] if place + 1 < len(names) else None
        for words in _notes(standing, below, acceptable):
            column.addWidget(label(words, role="muted", wrap=True))


def _notes(standing: Standing, below: Standing | None, acceptable: Interval | None) -> list[str]:
    said = []
    if standing.beats_next is not None and below is not None:
        said.append(_beats(standing, below, range_words(standing.beats_next)))
    if acceptable is not None and acceptable.estimate < 1:
        bad = Interval(1 - acceptable.estimate, 1 - acceptable.high, 1 - acceptable.low, acceptable.level)
        said.append(tr("Both answers were called bad in {share} of its votes.", share=range_words(bad)))
    return said


def _beats(standing: Standing, below: Standing, share: str) -> str:
    """As ``votes.words.beats`` says it, in the window's language."""
    told = {"name": standing.contender.name, "next_name": below.contender.name, "share": share}
    votes_to_decide = standing.votes_to_decide
    if votes_to_decide == 0:
        return tr("{name} is preferred to {next_name} in {share} of the votes that prefer one. Decided.", **told)
    if votes_to_decide is None:
        return tr(
            "{name} is preferred to {next_name} in {share} of the votes that prefer one. "
            "Not decided: the two stand level so far.",
            **told,
        )
    if votes_to_decide == 1:
        return tr(
            "{name} is preferred to {next_name} in {share} of the votes that prefer one. "
            "Not decided: about 1 more vote between the two.",
            **told,
        )
    return tr(
        "{name} is preferred to {next_name} in {share} of the votes that prefer one. "
        "Not decided: about {n:,} more votes between the two.",
        n=votes_to_decide,
        **told,
    )


def _island_warning() -> str:
    return tr(
        "No vote connects these groups: a place in one says nothing about a place in another. "
        "Vote on a pair from two groups to join them."
    )
