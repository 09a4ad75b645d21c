"""Blind rounds: sides come from the seed alone, names only after the votes, and undoing goes one vote back."""

from __future__ import annotations

import pytest

from workbench.chat.blind import Pair, begin
from workbench.stats.bradley_terry import Outcome

TWO = ((0, "a"), (1, "b"))
FOUR = ((0, "a"), (1, "b"), (2, "c"), (3, "d"))


def test_the_same_seed_gives_the_same_sides_and_another_prompt_others():
    orders = [begin(7, number, FOUR).order() for number in range(40)]
    assert orders == [begin(7, number, FOUR).order() for number in range(40)]
    assert len(set(orders)) > 10
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)


def test_over_many_prompts_each_model_stands_on_either_side_about_as_often():
    left = sum(begin(1, number, TWO).order()[0] == 0 for number in range(1000))
    assert 440 < left < 560


def test_names_are_shown_only_after_the_last_vote():
    round_ = begin(7, 0, FOUR)
    assert len(round_.pairs) in (6, 7)
    while round_.asked is not None:
        assert not round_.revealed
        round_ = round_.vote(Outcome.LEFT)
    assert round_.revealed
    with pytest.raises(ValueError, match="nothing is asked"):
        round_.vote(Outcome.LEFT)


def test_who_stands_left_in_a_pair_stands_left_on_the_screen():
    round_ = begin(3, 5, FOUR)
    order = round_.order()
    assert all(order.index(pair.left) < order.index(pair.right) for pair in round_.pairs if pair.repeats is None)


def test_the_same_text_is_a_tie_nobody_is_asked_about():
    round_ = begin(7, 0, ((0, "same words"), (1, "same  words\n"), (2, "other")))
    (tie,) = [cast for cast in round_.casts if cast.automatic]
    assert {tie.pair.left, tie.pair.right} == {0, 1}
    assert tie.outcome is Outcome.TIE
    assert begin(7, 0, ((0, "x"), (1, "x"))).revealed


def test_undo_asks_the_last_pair_again_and_never_an_automatic_one():
    fresh = begin(7, 0, ((0, "same"), (1, "same"), (2, "other")))
    assert fresh.undo() == fresh
    voted = fresh.vote(Outcome.RIGHT).vote(None)
    assert voted.undo() == fresh.vote(Outcome.RIGHT)
    assert voted.undo().undo() == fresh


def test_a_skipped_pair_has_no_outcome():
    assert begin(7, 0, TWO).vote(None).casts[-1].outcome is None


def test_about_a_tenth_of_the_rounds_ask_the_first_pair_again_with_the_sides_exchanged():
    rounds = [begin(11, number, FOUR) for number in range(500)]
    repeated = [one for one in rounds if len(one.pairs) == 7]
    assert 25 < len(repeated) < 80
    for one in repeated:
        first, again = one.pairs[0], one.pairs[-1]
        assert again == Pair(first.right, first.left, repeats=len(one.casts))


def test_a_pair_is_not_asked_twice_in_a_row():
    assert all(len(begin(11, number, TWO).pairs) == 1 for number in range(200))


def test_wanted_pairs_are_asked_first():
    assert {begin(7, 0, FOUR, wanted=[(3, 1)]).pairs[0].left, begin(7, 0, FOUR, wanted=[(3, 1)]).pairs[0].right} == {
        1,
        3,
    }
