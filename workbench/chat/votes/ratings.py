"""What the votes say: a ranking with its uncertainty, and what the rater and the lengths have to do with it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.stats import voting
from workbench.stats.bradley_terry import Ballot, Ranking, fit, islands
from workbench.stats.interval import Interval, wilson
from workbench.stats.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender's place.  ``beats_next`` is how likely it is preferred to the one below where one of the two is, None
    for the last of its island; ``votes_to_decide`` how many more votes between the two it would take: 0 decided, None
    more than can be told."""

    contender: Contender
    elo: Interval
    ballots: int
    beats_next: Interval | None
    votes_to_decide: int | None

    @property
    def beats_average(self) -> Interval:
        """How likely an answer is preferred to that of an average contender of the island, where one of the two is:
        1 / (1 + 10^(-elo / 400)), as that average is the zero of Elo's scale."""
        low, at, high = (1 / (1 + 10 ** (-one / 400)) for one in (self.elo.low, self.elo.estimate, self.elo.high))
        return Interval(at, low, high, self.elo.level)


@dataclass(frozen=True, slots=True)
class Island:
    """Contenders that votes connect, strongest first; ``fragile`` is how few dropped votes change the leader, None
    where fifty do not.  ``ranking`` numbers them by ``names``."""

    standings: tuple[Standing, ...]
    names: tuple[str, ...]
    ranking: Ranking
    fragile: int | None

    def beats(self, first: str, second: str) -> Interval:
        """How likely the contender of the first name is preferred to the second."""
        return self.ranking.win_probability(self.names.index(first), self.names.index(second))


@dataclass(frozen=True, slots=True)
class Ratings:
    """``islands`` have no common scale: a place in one says nothing about a place in another; the largest comes first.

    ``left_share`` is how often the left answer won, ``length_effect`` what an answer e times as long is worth in
    logits, ``consistency`` how often the rater said the same again (None: never asked twice); ``acceptable``, by name,
    is the share of a contender's votes that were not "both bad".  ``votes`` counts what entered, ``imported`` those of
    them out of files, ``blind`` those given without knowing the names.
    """

    islands: tuple[Island, ...]
    left_share: Interval
    length_effect: Interval
    consistency: Interval | None
    acceptable: dict[str, Interval]
    votes: int
    blind: int
    imported: int

    @property
    def standings(self) -> tuple[Standing, ...]:
        """Strongest first within an island, one island after the other."""
        return tuple(itertools.chain.from_iterable(island.standings for island in self.islands))

    @property
    def comparable(self) -> bool:
        """Whether one scale holds them all."""
        return len(self.islands) == 1

    @property
    def fragile(self) -> int | None:
        """How few dropped votes change the leader of the largest island."""
        return self.islands[0].fragile


def rate(votes: Sequence[Vote], contenders: Sequence[Contender] = ()) -> Ratings | None:
    """None without votes between two contenders.  A vote that repeats another is for the consistency alone; only the
    votes between two of ``contenders`` count where any are given."""
    wanted = {one.name for one in contenders}
    asked = [vote for vote in votes if _between_two(vote) and (not wanted or wanted >= set(_names(vote)))]
    if not asked:
        return None
    known = {side.contender.name: side.contender for vote in asked for side in (vote.left, vote.right)}
    names = sorted(known)
    place = {name: number for number, name in enumerate(names)}
    ballots = [_ballot(vote, place) for vote in asked]
    # Of answers nobody compared there is no side that was preferred.
    judged = [ballot for ballot, vote in zip(ballots, asked, strict=True) if not vote.automatic]
    return Ratings(
        tuple(_island(group, names, ballots, known) for group in islands(len(names), ballots)),
        voting.left_share(judged),
        fit(len(names), judged, covariate=True).covariate_effect(),
        _consistency(votes),
        _acceptable(names, asked),
        len(asked),
        sum(vote.blind for vote in asked),
        sum(bool(vote.source) for vote in asked),
    )


def by_tag(votes: Sequence[Vote]) -> dict[str, Ratings]:
    """What the votes with each tag say, those of the most votes first."""
    tags = sorted({tag for vote in votes for tag in vote.tags})
    return _several({tag: [vote for vote in votes if tag in vote.tags] for tag in tags})


def by_family(votes: Sequence[Vote]) -> dict[str, Ratings]:
    """Within each family: which of its models and quantisations is preferred, among votes between two of the family."""
    families = sorted({side.contender.family for vote in votes for side in (vote.left, vote.right)})
    return _several({one: [vote for vote in votes if _families(vote) == {one}] for one in families})


def between_families(votes: Sequence[Vote]) -> Ratings | None:
    """The families themselves as contenders, whichever of their models answered; None without votes between two."""
    return rate([replace(vote, left=_of_family(vote.left), right=_of_family(vote.right)) for vote in votes])


def next_ballot(votes: Sequence[Vote], contenders: Sequence[Contender]) -> tuple[Contender, Contender] | None:
    """The two of ``contenders`` whose next vote teaches most; None where there are not two.

    Two that no votes connect come first: nothing else gives them a common scale.
    """
    known = {one.name: one for one in contenders}
    if len(known) < 2:
        return None
    asked = [vote for vote in votes if _between_two(vote)]
    names = sorted({*known, *(name for vote in asked for name in _names(vote))})
    place = {name: number for number, name in enumerate(names)}
    ballots = [_ballot(vote, place) for vote in asked]
    pairs = [(place[first], place[second]) for first, second in itertools.combinations(known, 2)]
    home = {model: number for number, group in enumerate(islands(len(names), ballots)) for model in group}
    apart = [(first, second) for first, second in pairs if home[first] != home[second]]
    first, second = voting.next_pair(fit(len(names), ballots), allowed=apart or pairs)
    return known[names[first]], known[names[second]]


def _island(
    group: Sequence[int], names: Sequence[str], ballots: Sequence[Ballot], known: dict[str, Contender]
) -> Island:
    place = {model: number for number, model in enumerate(group)}
    here = [one for one in ballots if one.left in place]
    own = [Ballot(place[one.left], place[one.right], one.outcome, one.covariate) for one in here]
    often = Counter(itertools.chain.from_iterable((one.left, one.right) for one in own))
    ranking = fit(len(group), own)
    order = ranking.order
    standings = []
    for at, number in enumerate(order):
        below = order[at + 1] if at + 1 < len(order) else None
        standings.append(
            Standing(
                known[names[group[number]]],
                ranking.elo(number),
                often[number],
                ranking.win_probability(number, below) if below is not None else None,
                voting.votes_to_decide(ranking, number, below) if below is not None else None,
            )
        )
    fragile = voting.fragility(len(group), own)
    return Island(
        tuple(standings),
        tuple(names[model] for model in group),
        ranking,
        len(fragile.ballots) if fragile is not None else None,
    )


def _several(groups: dict[str, list[Vote]]) -> dict[str, Ratings]:
    found = {name: rate(votes) for name, votes in groups.items()}
    told = {name: ratings for name, ratings in found.items() if ratings is not None}
    return dict(sorted(told.items(), key=lambda item: -item[1].votes))


def _names(vote: Vote) -> tuple[str, str]:
    return vote.left.contender.name, vote.right.contender.name


def _families(vote: Vote) -> set[str]:
    return {vote.left.contender.family, vote.right.contender.family}


def _of_family(side: Side) -> Side:
    family = side.contender.family
    return replace(side, contender=Contender(family, family, family, ""))


def _between_two(vote: Vote) -> bool:
    return vote.repeats is None and vote.left.contender.name != vote.right.contender.name


def _acceptable(names: Sequence[str], votes: Sequence[Vote]) -> dict[str, Interval]:
    given, bad = Counter[str](), Counter[str]()
    for vote in votes:
        if not vote.automatic:
            given.update(_names(vote))
            if vote.outcome is Outcome.BOTH_BAD:
                bad.update(_names(vote))
    return {name: wilson(given[name] - bad[name], given[name]) for name in names}


def _ballot(vote: Vote, place: Mapping[str, int]) -> Ballot:
    left, right = (place[name] for name in _names(vote))
    longer = math.log(max(1, vote.left.characters)) - math.log(max(1, vote.right.characters))
    return Ballot(left, right, vote.outcome, longer)


def _consistency(votes: Sequence[Vote]) -> Interval | None:
    by_id = {vote.id: vote for vote in votes}
    pairs = [(by_id[vote.repeats].outcome, voting.mirrored(vote.outcome)) for vote in votes
             if vote.repeats is not None and vote.repeats in by_id]  # fmt: skip
    return voting.consistency(pairs) if pairs else None
