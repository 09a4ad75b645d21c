"""Votes drawn from planted strengths of which those about one prompt, or by one rater, are alike."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from statistics import NormalDist

from tests.unit.stats.test_bradley_terry import TIE
from workbench.stats.bradley_terry import Ballot
from workbench.stats.outcome import Outcome

_CHANCE = NormalDist().cdf


def hanging(
    strengths: Sequence[float], sizes: Sequence[int], alike: float, seed: int, *, raters: int = 1, taste: float = 0.0
) -> tuple[list[Ballot], list[int], list[int]]:
    """``sizes`` has the votes of each prompt, each pair in turn.  Ballots, with the prompt and the rater of each.

    Every model is liked in its own way at each prompt, and by each rater; the differences and a draw of the vote's own
    make a normal number of variance 1, of which ``alike`` and ``taste`` are the shares.  Where it falls says the
    outcome: one vote by itself is as the model of Davidson has it, whatever the shares.
    """
    draw = random.Random(seed)
    pairs = list(itertools.combinations(range(len(strengths)), 2))
    likings = [[draw.gauss(0, 1) for _ in strengths] for _ in range(raters)]
    ballots, prompts, by = [], [], []
    turn = draw.randrange(len(pairs))
    for prompt, votes in enumerate(sizes):
        here = [draw.gauss(0, 1) for _ in strengths]
        for _ in range(votes):
            left, right = draw.sample(pairs[turn % len(pairs)], 2)
            turn += 1
            rater = draw.randrange(raters)
            at = (
                math.sqrt(alike / 2) * (here[left] - here[right])
                + math.sqrt(taste / 2) * (likings[rater][left] - likings[rater][right])
                + math.sqrt(1 - alike - taste) * draw.gauss(0, 1)
            )
            half = (strengths[left] - strengths[right]) / 2
            total = math.exp(half) + TIE + math.exp(-half)
            place = _CHANCE(at)
            lost, tied = math.exp(-half) / total, TIE / total
            said = Outcome.RIGHT if place < lost else Outcome.TIE if place < lost + tied else Outcome.LEFT
            ballots.append(Ballot(left, right, said))
            prompts.append(prompt)
            by.append(rater)
    return ballots, prompts, by
