"""Which vote to ask for next, how many more it takes, how easily the order would turn, and what the rater is like."""

from __future__ import annotations

import numpy as np
import pytest

from tests.unit.stats.test_bradley_terry import PLANTED, votes
from workbench.stats.bradley_terry import Ballot, fit
from workbench.stats.clusters import FEWEST
from workbench.stats.outcome import Outcome
from workbench.stats.voting import (
    consistency,
    decided,
    fragile_groups,
    fragility,
    mirrored,
    next_pair,
    votes_to_decide,
)

PAIRS = [(a, b) for a in range(4) for b in range(a + 1, 4)]
WIN, LOSS, TIE = Outcome.LEFT, Outcome.RIGHT, Outcome.TIE


def test_the_next_ballot_is_about_the_pair_least_is_known_of():
    seen = [Ballot(0, 1, WIN), Ballot(0, 1, LOSS), Ballot(1, 2, WIN)] * 10
    assert 3 in next_pair(fit(4, seen))
    assert next_pair(fit(4, seen), allowed=[(0, 1), (1, 2)]) in {(0, 1), (1, 2)}


def test_asking_where_it_teaches_most_learns_of_a_newcomer_sooner_than_asking_in_turn():
    known = votes(PLANTED[:3], 90, seed=1)
    fresh = {pair: iter(votes([PLANTED[pair[0]], PLANTED[pair[1]]], 99, seed=sum(pair))) for pair in PAIRS}

    def ask(ballots: list[Ballot], pair: tuple[int, int]) -> list[Ballot]:
        vote = next(fresh[pair])
        return [*ballots, Ballot(pair[vote.left], pair[vote.right], vote.outcome)]

    chosen, in_turn = known, known
    for number in range(12):
        chosen = ask(chosen, next_pair(fit(4, chosen)))
        in_turn = ask(in_turn, PAIRS[number % len(PAIRS)])

    def width(ballots: list[Ballot]) -> float:
        ranking = fit(4, ballots)
        return sum(ranking.difference(other, 3).high - ranking.difference(other, 3).low for other in range(3))

    assert width(chosen) < 0.9 * width(in_turn)


def test_no_pair_to_ask_about_is_an_error():
    with pytest.raises(ValueError, match="no pair"):
        next_pair(fit(1, []))


def test_votes_to_decide_is_about_what_it_takes():
    """Ten votes stand 6 to 4: with the votes it says, in the same proportion, the pair is told apart."""
    few = ([Ballot(0, 1, WIN)] * 6 + [Ballot(0, 1, LOSS)] * 4)  # fmt: skip
    ranking = fit(2, few)
    assert not decided(ranking, 0, 1)
    more = votes_to_decide(ranking, 0, 1)
    assert more is not None
    rounds = (len(few) + more) / len(few)
    enough, too_few = few * round(1.15 * rounds), few * round(0.85 * rounds)
    assert decided(fit(2, enough), 0, 1)
    assert not decided(fit(2, too_few), 0, 1)


def test_a_decided_pair_needs_none_and_equal_ones_are_never_told_apart():
    assert votes_to_decide(fit(2, [Ballot(0, 1, WIN)] * 30), 0, 1) == 0
    assert votes_to_decide(fit(2, [Ballot(0, 1, WIN), Ballot(0, 1, LOSS)]), 0, 1) is None


def test_fragility_names_the_votes_that_carry_the_first_place():
    ballots = [Ballot(0, 1, WIN)] * 6 + [Ballot(0, 1, LOSS)] * 4
    found = fragility(2, ballots)
    assert found is not None
    assert (found.leader, found.follower) == (0, 1)
    assert len(found.ballots) == 3
    left = [ballot for place, ballot in enumerate(ballots) if place not in found.ballots]
    assert fit(2, left).order[0] == 1
    assert all(ballots[place].outcome is WIN for place in found.ballots)


def test_a_first_place_that_many_votes_carry_is_not_fragile():
    assert fragility(2, [Ballot(0, 1, WIN)] * 40 + [Ballot(0, 1, LOSS)] * 2, most=10) is None
    assert fragility(1, []) is None


def test_mirrored_repeats_measure_the_rater():
    pairs = [(WIN, mirrored(LOSS))] * 9 + [(WIN, mirrored(WIN))]
    assert consistency(pairs).estimate == 0.9
    assert mirrored(mirrored(WIN)) is WIN
    assert mirrored(TIE) is TIE
    assert consistency([(TIE, Outcome.BOTH_BAD)]).estimate == 1.0


# --- votes that hang together -----------------------------------------------------------------------


def test_nothing_is_decided_by_too_few_prompts_however_many_the_votes():
    ballots, groups = [Ballot(0, 1, WIN)] * 200, np.arange(200) % (FEWEST - 2)
    ranking = fit(2, ballots, groups=groups)
    assert not decided(ranking, 0, 1)
    more = votes_to_decide(ranking, 0, 1)
    assert more is not None
    assert more >= 2, "at the least so many prompts as are missing"
    assert decided(fit(2, ballots, groups=np.arange(200) % 20), 0, 1)


def test_votes_to_decide_on_new_prompts_is_about_what_it_takes():
    """Each prompt judged four times, alike: it is prompts that are wanted, not votes on the same ones."""
    few = [Ballot(0, 1, said) for said in [WIN] * 6 + [LOSS] * 4 for _ in range(4)]
    groups = np.arange(40) // 4
    ranking = fit(2, few, groups=groups)
    more = votes_to_decide(ranking, 0, 1)
    alone = votes_to_decide(fit(2, few), 0, 1)
    assert more is not None
    assert alone is not None
    assert more > 1.5 * alone

    def with_new(count: int) -> bool:
        new = ([WIN] * 6 + [LOSS] * 4) * 40
        ballots = few + [Ballot(0, 1, said) for said in new[:count]]
        return decided(fit(2, ballots, groups=np.array([*groups, *range(10, 10 + count)])), 0, 1)

    assert with_new(round(1.3 * more / 10) * 10)
    assert not with_new(round(0.7 * more / 10) * 10)


def test_fragility_by_prompts_names_how_few_carry_the_first_place():
    """Three prompts for the one, each judged five times; eight for the other, judged once."""
    ballots = [Ballot(0, 1, WIN)] * 15 + [Ballot(0, 1, LOSS)] * 8
    groups = np.array([place // 5 for place in range(15)] + list(range(3, 11)))
    assert fragile_groups(2, ballots, groups) == 2
    found = fragility(2, ballots)
    assert found is not None
    assert len(found.ballots) == 8
    assert fragile_groups(1, [], np.zeros(0, dtype=int)) is None
    assert fragile_groups(2, [Ballot(0, 1, WIN)] * 60, np.arange(60), most=5) is None


def test_a_prompt_for_each_vote_is_as_fragile_as_the_votes():
    ballots = votes(PLANTED, 60, seed=4)
    found = fragility(4, ballots)
    assert found is not None
    assert fragile_groups(4, ballots, np.arange(60)) == len(found.ballots)
