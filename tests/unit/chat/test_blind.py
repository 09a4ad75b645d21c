"""Blind rounds: sides come from the seed alone, names only after the votes, and undoing goes one vote back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.chat.votes.ballots import Compared, Contender, Side, Vote
from workbench.chat.votes.blind import APART, Pair, begin, revisit
from workbench.stats.outcome import Outcome

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


# --- asked again at a later prompt ---------------------------------------------------------


def told(number: int, **more: object) -> Compared:
    sides = [Side(Contender(name, name, "other", ""), 1, answer) for name, answer in (("a", 10), ("b", 11))]
    vote = Vote(sides[0], sides[1], Outcome.LEFT, seed=7, turn=number, comment="warm", tags=("tone",), id=number)
    return Compared(replace(vote, **more), f"prompt {number}", f"left {number}", f"right {number}")


RECENT = tuple(told(number) for number in range(8, 0, -1))


def test_with_two_panes_about_a_tenth_of_the_prompts_asks_an_earlier_pair_again() -> None:
    asked = [revisit(11, number, RECENT) for number in range(500)]
    assert asked == [revisit(11, number, RECENT) for number in range(500)]
    found = [one for one in asked if one is not None]
    assert 25 < len(found) < 80
    assert {one.earlier.vote.id for one in found} == {1, 2, 3, 4, 5}, f"{APART} others lie between"


def revisited(recent: tuple[Compared, ...]) -> set[int]:
    return {one.earlier.vote.id for number in range(300) if (one := revisit(11, number, recent)) is not None}


def test_what_is_asked_again_stands_the_other_way_round_and_knows_what_it_repeats() -> None:
    again = next(one for number in range(300) if (one := revisit(11, number, RECENT)) is not None)
    number = again.earlier.vote.id
    assert (again.prompt, again.left, again.right) == (f"prompt {number}", f"right {number}", f"left {number}")
    vote = again.voted(Outcome.RIGHT)
    assert (vote.repeats, vote.turn, vote.outcome) == (number, number, Outcome.RIGHT)
    assert (vote.left.contender.name, vote.right.contender.name, vote.left.answer) == ("b", "a", 11)
    assert (vote.id, vote.comment, vote.tags) == (0, "", ())


def test_what_was_asked_again_already_or_cannot_be_is_not_asked() -> None:
    assert revisited(RECENT[:APART]) == set()
    repeated = (told(9, repeats=1), *RECENT)
    assert 1 not in revisited(repeated)
    assert 9 not in revisited((*(told(number) for number in range(20, 10, -1)), told(9, repeats=1)))
    odd = (told(1, automatic=True), told(2, blind=False), told(3, source="file"), replace(told(4), left=""), told(5))
    assert revisited((*RECENT[:APART], *odd)) == {5}
