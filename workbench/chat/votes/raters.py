"""Who judged: which votes hang together, and how far several who judged the same agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.chat.votes.ballots import Vote
from workbench.stats.agreement import krippendorff_alpha
from workbench.stats.clusters import Groups, numbered, rate
from workbench.stats.interval import Interval
from workbench.stats.outcome import Outcome

_FIRST, _SECOND, _NEITHER = "first", "second", "neither"
_TURNED = {_FIRST: _SECOND, _SECOND: _FIRST, _NEITHER: _NEITHER}


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the same two answers: ``shared`` were judged by more than one rater, who in ``same`` of the cases (pairs of
    raters) said the same; ``alpha`` is Krippendorff's, chance taken off.  A tie and "both bad" count as the same."""

    shared: int
    same: Interval
    alpha: Interval


def hanging(votes: Sequence[Vote]) -> tuple[Groups, Groups | None]:
    """Which votes are about one prompt, and which are one rater's; None where one gave them all.

    A vote whose prompt is not known stands for itself.
    """
    prompts = numbered([vote.about or number for number, vote in enumerate(votes)])
    raters = {vote.judge for vote in votes}
    return prompts, numbered([vote.judge for vote in votes]) if len(raters) > 1 else None


def rate_of_votes(successes: Sequence[bool], votes: Sequence[Vote]) -> Interval:
    """The share of successes, one for each vote, with an interval that allows for what hangs together."""
    return rate(successes, *hanging(votes))


def raters_of(votes: Sequence[Vote]) -> tuple[tuple[str, int], ...]:
    """How many votes each gave, the most first; without a name by the file, empty for whoever sits here."""
    given = Counter(vote.judge for vote in votes)
    return tuple((name or source, count) for (name, source), count in sorted(given.items(), key=lambda one: -one[1]))


def agreement(votes: Sequence[Vote]) -> Agreement | None:
    """None where no two raters judged the same two answers to a prompt that is known.  Of what one rater said more than
    once the last counts."""
    said: dict[tuple[object, ...], dict[tuple[str, str], str]] = {}
    for vote in votes:
        if vote.about:
            sides = sorted((side.contender.name, side.characters) for side in (vote.left, vote.right))
            said.setdefault((vote.about, *sides), {})[vote.judge] = _said(vote)
    shared = {unit: tuple(by_rater.values()) for unit, by_rater in said.items() if len(by_rater) > 1}
    if not shared:
        return None
    prompts = numbered([unit[0] for unit in shared])
    # Each unit is told from both sides, so that it makes no difference whose name comes first.
    units = [*shared.values(), *(tuple(_TURNED[one] for one in values) for values in shared.values())]
    alpha = krippendorff_alpha(units, numbered([*prompts.tolist(), *prompts.tolist()]))
    pairs = [(same, prompt) for values, prompt in zip(shared.values(), prompts, strict=True)
             for same in _same(values)]  # fmt: skip
    same = rate([one for one, _ in pairs], numbered([int(prompt) for _, prompt in pairs]))
    return Agreement(len(shared), same, alpha)


def _said(vote: Vote) -> str:
    """Which contender is preferred, the first or the second by name and length."""
    if vote.outcome not in (Outcome.LEFT, Outcome.RIGHT):
        return _NEITHER
    left, right = ((side.contender.name, side.characters) for side in (vote.left, vote.right))
    return _FIRST if (left <= right) is (vote.outcome is Outcome.LEFT) else _SECOND


def _same(values: Sequence[str]) -> list[bool]:
    """Of each pair of raters."""
    return [first == second for place, first in enumerate(values) for second in values[:place]]
