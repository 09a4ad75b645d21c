"""Votes are kept, taken back and counted; what they say comes with its uncertainty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.chat.answer import Answer, blank
from workbench.chat.conversations import Conversations
from workbench.chat.footing import Footing
from workbench.chat.options import OWN_SAMPLING
from workbench.chat.stored import IMPORTED
from workbench.chat.votes.ballots import Ballots, Contender, Filter, Side, Vote
from workbench.chat.votes.ratings import rate
from workbench.engine.fake import fake_model
from workbench.stats.outcome import Outcome
from workbench.store.database import Database

WIN, LOSS, TIE = Outcome.LEFT, Outcome.RIGHT, Outcome.TIE


def side(name: str, characters: int = 100) -> Side:
    return Side(Contender(name, name, "other", "Q4_K_M"), characters)


def vote(left: str, right: str, outcome: Outcome, **more: object) -> Vote:
    return replace(Vote(side(left), side(right), outcome, seed=7), **more)


@pytest.fixture
def ballots(tmp_path: Path) -> Iterator[Ballots]:
    with Database(tmp_path / "w.db") as db:
        yield Ballots(db)


def test_a_vote_comes_back_as_it_was_cast(ballots: Ballots) -> None:
    cast = ballots.cast(vote("a", "b", Outcome.BOTH_BAD, comment="dull", tags=("tone",), automatic=True, blind=False))
    assert cast.id
    assert ballots.counted() == (cast,)


def test_a_vote_taken_back_does_not_count_until_it_is_put_back(ballots: Ballots) -> None:
    first, second = ballots.cast(vote("a", "b", WIN)), ballots.cast(vote("a", "b", LOSS))
    ballots.withdraw(first.id)
    assert ballots.counted() == (second,)
    ballots.put_back(first.id)
    assert ballots.counted() == (first, second)


def test_a_comment_and_tags_can_come_later(ballots: Ballots) -> None:
    cast = ballots.cast(vote("a", "b", WIN))
    ballots.annotate(cast.id, "warmer", ["tone", "short"])
    assert ballots.counted() == (replace(cast, comment="warmer", tags=("tone", "short")),)


def test_the_same_file_with_an_adapter_is_another_contender() -> None:
    plain = replace(blank(fake_model("m"), "x", "end"), footing=Footing(), template_source="file")
    adapted = replace(plain, footing=Footing(adapters=("style.gguf × 1",)))
    other = replace(plain, template_source="builtin:chatml")
    names = [Contender.of(answer).name for answer in (plain, adapted, other)]
    assert names == ["m · Q4_K_M", "m · Q4_K_M · style.gguf × 1", "m · Q4_K_M · template builtin:chatml"]


def test_an_answer_out_of_a_file_goes_by_the_model_s_name_alone() -> None:
    """Of another program's answers nobody knows the quantisation."""
    answer = Answer("gpt-4o", path="", family="other", quantisation="", synthetic=False, text="x", stop_reason=IMPORTED)
    assert Contender.of(answer).name == "gpt-4o"


def test_a_model_that_is_sampled_or_told_otherwise_in_one_pane_is_another_contender() -> None:
    shared = replace(
        blank(fake_model("m"), "x", "end"), footing=Footing(sampling="the same for all"), template_source="file",
        temperature=0.7, top_k=40, top_p=0.95, min_p=0.05, repetition_penalty=1.0,
    )  # fmt: skip
    own = replace(shared, footing=Footing(sampling=OWN_SAMPLING))
    told = [replace(shared, footing=Footing(own_system=f"{'Be brief. ' * 9}{end}")) for end in ("a", "b")]
    names = [Contender.of(answer).name for answer in (shared, own, *told)]
    assert names[:2] == [
        "m · Q4_K_M",
        "m · Q4_K_M · temperature 0.7, top-k 40, top-p 0.95, min-p 0.05, repetition penalty 1",
    ]
    assert len(set(names)) == 4
    assert all(len(name) < 80 for name in names[2:])


def test_few_votes_leave_it_undecided_and_say_how_many_more() -> None:
    found = rate([vote("a", "b", WIN)] * 6 + [vote("b", "a", WIN)] * 4)
    assert found is not None
    first, last = found.standings
    assert first.contender.name == "a"
    assert first.beats_next is not None
    assert first.beats_next.low < 0.5 < first.beats_next.high
    assert first.votes_to_decide is not None
    assert 20 < first.votes_to_decide < 200
    assert (last.beats_next, last.votes_to_decide) == (None, None)
    assert found.fragile == 3
    assert found.consistency is None


def test_many_votes_decide_it() -> None:
    found = rate([vote("a", "b", WIN)] * 30 + [vote("b", "a", WIN)] * 5)
    assert found is not None
    assert found.standings[0].votes_to_decide == 0
    assert found.standings[0].beats_next.low > 0.5
    assert found.standings[0].ballots == 35


def test_a_rater_who_likes_length_is_told() -> None:
    votes = [Vote(side("a", 400), side("b", 100), WIN, 1), Vote(side("a", 100), side("b", 400), LOSS, 1)] * 12
    found = rate(votes)
    assert found is not None
    assert found.length_effect.low > 0
    assert found.standings[0].beats_next.low < 0.5 < found.standings[0].beats_next.high


def test_repeats_measure_the_rater_and_do_not_count_twice() -> None:
    first = vote("a", "b", WIN, id=1)
    again = vote("b", "a", LOSS, id=2, repeats=1)
    against = vote("b", "a", WIN, id=4, repeats=3)
    found = rate([first, again, vote("a", "b", WIN, id=3), against])
    assert found is not None
    assert found.consistency is not None
    assert found.consistency.estimate == 0.5
    assert found.standings[0].ballots == 2


def test_without_votes_between_two_there_is_nothing_to_say() -> None:
    assert rate([]) is None
    assert rate([vote("a", "a", WIN)]) is None


def test_every_vote_stays_on_record_and_filters_say_which_are_meant(ballots: Ballots) -> None:
    first = ballots.cast(vote("a", "b", WIN, tags=("tone",)))
    second = ballots.cast(vote("a", "b", LOSS, blind=False))
    assert ballots.withdraw(first.id)
    assert not ballots.withdraw(first.id), "it is withdrawn already"
    assert not ballots.put_back(second.id), "it was never withdrawn"
    assert [(one.id, one.withdrawn_at is None) for one in ballots.all()] == [(first.id, False), (second.id, True)]
    assert ballots.put_back(first.id)
    assert ballots.counted(Filter(tag="tone")) == (first,)
    assert ballots.counted(Filter(blind_only=True)) == (first,)
    assert ballots.counted(Filter(family="llama")) == ()
    assert ballots.counted(Filter(family="other", imported=False)) == (first, second)
    assert ballots.tags() == ("tone",)


# --- prompts, raters, and names as they once were --------------------------------------------------


def test_the_prompt_a_vote_is_about_is_known_also_when_it_is_gone(tmp_path: Path) -> None:
    with Database(tmp_path / "w.db") as db:
        conversations, ballots = Conversations(db), Ballots(db)
        here, there = conversations.create("here"), conversations.create("there")
        turns = [conversations.add_turn(of, text, parent_id=None)
                 for of, text in ((here, "Why?"), (there, " Why? "), (here, "How?"))]  # fmt: skip
        first, second, third = (ballots.cast(vote("a", "b", WIN, turn=turn, rater="Ada")) for turn in turns)
        assert first.about == second.about != third.about
        with db.transaction() as sql:
            sql.execute("DELETE FROM turn")
        gone = ballots.all()
        assert [one.turn for one in gone] == [None, None, None]
        assert [one.about for one in gone] == [first.about, first.about, third.about]
        assert {one.rater for one in gone} == {"Ada"}


def test_votes_from_before_prompts_were_kept_know_theirs_as_long_as_it_is_there(tmp_path: Path) -> None:
    with Database(tmp_path / "w.db") as db:
        conversations, ballots = Conversations(db), Ballots(db)
        turn = conversations.add_turn(conversations.create("here"), "Why?", parent_id=None)
        cast = ballots.cast(vote("a", "b", WIN, turn=turn))
        with db.transaction() as sql:
            sql.execute("UPDATE ballot SET about = ''")
        assert ballots.counted() == (cast,)


def test_votes_of_one_rater_can_be_asked_for(ballots: Ballots) -> None:
    ballots.cast(vote("a", "b", WIN, rater="Ada"))
    ballots.cast(vote("a", "b", WIN))
    assert [one.rater for one in ballots.counted(Filter(rater="Ada"))] == ["Ada"]
    assert [one.rater for one in ballots.counted(Filter(rater=""))] == [""]
    assert len(ballots.counted()) == 2


@pytest.mark.parametrize(
    ("written", "today"),
    [
        (("m-Q4_K_M · Q4_K_M", "m-Q4_K_M", "Q4_K_M"), "m · Q4_K_M"),
        (("m-Q4_K_M · Q4_K_M · style.gguf × 1", "m-Q4_K_M", "Q4_K_M"), "m · Q4_K_M · style.gguf × 1"),
        (("gpt-4o · ", "gpt-4o", ""), "gpt-4o"),
        (("m · Q4_K_M", "m-Q4_K_M", "Q4_K_M"), "m · Q4_K_M"),
        (("gpt-4o · style", "gpt-4o", ""), "gpt-4o · style"),
        (("Large · Q4_K_M", "Large", "Q4_K_M"), "Large · Q4_K_M"),
        (("llama", "llama", ""), "llama"),
    ],
)
def test_a_name_as_it_once_was_is_read_as_today_s(written: tuple[str, str, str], today: str) -> None:
    name, model, quantisation = written
    record = {"name": name, "model": model, "family": "other", "quantisation": quantisation, "sha256": None}
    found = Contender.kept(record)
    assert (found.name, found.model, found.quantisation) == (today, model, quantisation)


def test_old_and_new_votes_of_the_same_file_count_together(ballots: Ballots) -> None:
    old, new = (replace(side("m"), contender=Contender(name, "m-Q4_0", "other", "Q4_0"))
                for name in ("m-Q4_0 · Q4_0", "m · Q4_0"))  # fmt: skip
    ballots.cast(Vote(old, side("b"), WIN, seed=1))
    ballots.cast(Vote(side("b"), new, LOSS, seed=2))
    found = rate(ballots.counted())
    assert found is not None
    assert [(one.contender.name, one.ballots) for one in found.standings] == [("m · Q4_0", 2), ("b", 2)]
