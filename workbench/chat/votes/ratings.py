"""What the votes say: a ranking with its uncertainty, and what the rater and the lengths have to do with it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.chat.votes.raters import Agreement, agreement, hanging, rate_of_votes, raters_of
from workbench.stats import voting
from workbench.stats.bradley_terry import Ballot, Ranking, fit, islands
from workbench.stats.clusters import FEWEST, equal_parts
from workbench.stats.interval import Interval
from workbench.stats.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Standing:
    """A contender's place.  ``beats_next`` is how likely it is preferred to the one below where one of the two is, None
    for the last of its island; ``votes_to_decide`` how many more votes between the two, each on another prompt, it
    would take: 0 decided, None more than can be told.  ``prompts`` is upon how many that rests, of equal weight: with
    fewer than ``stats.clusters.FEWEST`` nothing is decided."""

    contender: Contender
    elo: Interval
    ballots: int
    beats_next: Interval | None
    votes_to_decide: int | None
    prompts: int | None

    @property
    def too_few(self) -> bool:
        """Whether how it stands to the one below rests upon too few prompts to tell."""
        return self.prompts is not None and self.prompts < FEWEST

    @property
    def beats_average(self) -> Interval:
        """How likely an answer is preferred to that of an average contender of the island, where one of the two is:
        1 / (1 + 10^(-elo / 400)), as that average is the zero of Elo's scale."""
        low, at, high = (1 / (1 + 10 ** (-one / 400)) for one in (self.elo.low, self.elo.estimate, self.elo.high))
        return Interval(at, low, high, self.elo.level)


@dataclass(frozen=True, slots=True)
class Island:
    """Contenders that votes connect, strongest first; ``fragile`` is how few dropped votes change the leader, None
    where fifty do not, ``fragile_prompts`` how few prompts with all their votes.  ``ranking`` numbers them by
    ``names``."""

    standings: tuple[Standing, ...]
    names: tuple[str, ...]
    ranking: Ranking
    fragile: int | None
    fragile_prompts: int | None

    def beats(self, first: str, second: str) -> Interval:
        """How likely the contender of the first name is preferred to the second."""
        return self.ranking.win_probability(self.names.index(first), self.names.index(second))


@dataclass(frozen=True, slots=True)
class Ratings:
    """``islands`` have no common scale: a place in one says nothing about a place in another; the largest comes first.

    ``side_effect`` is what standing on the left is worth, ``length_effect`` what an answer e times as long is, both in
    logits, whoever stood there; ``consistency`` how often the rater said the same again (None: never asked twice);
    ``both_bad`` the share of votes that call both answers bad, ``acceptable``, by name, the share of a contender's that
    do not.  ``votes`` counts what entered, ``imported`` those of them out of files, ``blind`` those given without
    knowing the names, ``unplaced`` those of which nobody knows the prompt; ``prompts`` are all that are known.
    ``raters`` has how many votes each gave, by name, the most first; ``agreement`` is there where two judged the same.
    """

    islands: tuple[Island, ...]
    side_effect: Interval
    length_effect: Interval
    consistency: Interval | None
    both_bad: Interval
    acceptable: dict[str, Interval]
    votes: int
    blind: int
    imported: int
    prompts: int
    unplaced: int
    raters: tuple[tuple[str, int], ...]
    agreement: Agreement | None

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

    @property
    def few_raters(self) -> bool:
        """Whether it speaks of those who judged alone: there are several, but too few to tell of others."""
        return len(self.raters) > 1 and equal_parts([votes for _, votes in self.raters]) < FEWEST


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
    judged = [number for number, vote in enumerate(asked) if not vote.automatic]
    looked_at = [asked[number] for number in judged]
    effects = _fit(len(names), [ballots[number] for number in judged], looked_at, side=True, covariate=True)
    return Ratings(
        tuple(_island(group, names, ballots, asked, known) for group in islands(len(names), ballots)),
        effects.side_advantage(),
        effects.covariate_effect(),
        _consistency(votes),
        rate_of_votes([vote.outcome is Outcome.BOTH_BAD for vote in looked_at], looked_at),
        {name: _acceptable([vote for vote in looked_at if name in _names(vote)]) for name in names},
        len(asked),
        sum(vote.blind for vote in asked),
        sum(bool(vote.source) for vote in asked),
        len({vote.about for vote in asked if vote.about}),
        sum(not vote.about for vote in asked),
        raters_of(looked_at),
        agreement(looked_at),
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
    first, second = voting.next_pair(_fit(len(names), ballots, asked), allowed=apart or pairs)
    return known[names[first]], known[names[second]]


def _fit(models: int, ballots: Sequence[Ballot], votes: Sequence[Vote], **effects: bool) -> Ranking:
    """The votes of each ballot say which of them hang together."""
    prompts, raters = hanging(votes)
    return fit(models, ballots, groups=prompts, others=raters, **effects)


def _island(
    group: Sequence[int],
    names: Sequence[str],
    ballots: Sequence[Ballot],
    votes: Sequence[Vote],
    known: dict[str, Contender],
) -> Island:
    place = {model: number for number, model in enumerate(group)}
    here = [(one, vote) for one, vote in zip(ballots, votes, strict=True) if one.left in place]
    own = [Ballot(place[one.left], place[one.right], one.outcome, one.covariate) for one, _ in here]
    often = Counter(itertools.chain.from_iterable((one.left, one.right) for one in own))
    ranking = _fit(len(group), own, [vote for _, vote in here])
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
                _prompts(ranking, number, below) if below is not None else None,
            )
        )
    fragile = voting.fragility(len(group), own)
    return Island(
        tuple(standings),
        tuple(names[model] for model in group),
        ranking,
        len(fragile.ballots) if fragile is not None else None,
        voting.fragile_groups(len(group), own, hanging([vote for _, vote in here])[0]),
    )


def _prompts(ranking: Ranking, first: int, second: int) -> int | None:
    found = ranking.grounds(first, second)
    return math.floor(found.count + 1e-9) if found is not None else None


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


def _acceptable(looked_at: Sequence[Vote]) -> Interval:
    return rate_of_votes([vote.outcome is not Outcome.BOTH_BAD for vote in looked_at], looked_at)


def _ballot(vote: Vote, place: Mapping[str, int]) -> Ballot:
    left, right = (place[name] for name in _names(vote))
    longer = math.log(max(1, vote.left.characters)) - math.log(max(1, vote.right.characters))
    return Ballot(left, right, vote.outcome, longer)


def _consistency(votes: Sequence[Vote]) -> Interval | None:
    by_id = {vote.id: vote for vote in votes}
    pairs = [(by_id[vote.repeats].outcome, voting.mirrored(vote.outcome)) for vote in votes
             if vote.repeats is not None and vote.repeats in by_id]  # fmt: skip
    return voting.consistency(pairs) if pairs else None
