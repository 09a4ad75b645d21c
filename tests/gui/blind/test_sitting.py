"""A sitting without a window: what is kept of it, pairs that are asked again, and answers that name themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.chat.answer import Answer, Problem
from workbench.chat.conversations import Conversations
from workbench.chat.votes import blind
from workbench.chat.votes.ballots import Ballots
from workbench.gui.blind.sheet import Entry, Sheet
from workbench.gui.blind.sitting import Sitting
from workbench.stats.outcome import Outcome
from workbench.store.database import Database

PLAIN = Answer(model="Alpha", path="", family="llama", quantisation="Q4_0", synthetic=False, text="", stop_reason="end")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "workbench.db") as opened:
        yield opened


def sheet(turn: int, *texts: str) -> Sheet:
    """A prompt that as many models answered."""
    entries = [Entry(pane, replace(PLAIN, model=f"Model{pane}", text=text)) for pane, text in enumerate(texts)]
    return Sheet.of(turn, f"Prompt {turn}", entries)


def asked(db: Database, conversation_id: int, turn: int, *texts: str) -> Sheet:
    """A turn that is kept, with the answers to it."""
    conversations = Conversations(db)
    turn_id = conversations.add_turn(conversation_id, f"Prompt {turn}", parent_id=None)
    made = sheet(turn_id, *texts)
    entries = []
    for entry in made.entries:
        with db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
                " synthetic, text, record, started_at) VALUES (?, ?, 1, 'done', ?, '', 'llama', 'Q4_0', 0, ?, ?, '')",
                (turn_id, entry.pane, entry.answer.model, entry.text, json.dumps(entry.answer.as_json())),
            )
        entries.append(replace(entry, generation_id=int(cursor.lastrowid or 0)))
    return replace(made, entries=tuple(entries))


def test_with_two_answers_earlier_pairs_come_again_with_their_sides_exchanged(db: Database) -> None:
    ballots = Ballots(db)
    conversation = Conversations(db).create("Two models")
    again = None
    for turn in range(60):
        one = asked(db, conversation, turn, f"left {turn}", f"right {turn}")
        sitting = Sitting(ballots, conversation, seed=7)
        sitting.add(one)
        sitting.vote(Outcome.LEFT)
        again = sitting.asked
        if again is not None:
            break
    assert again is not None, "sixty prompts, a tenth of which bring an earlier pair again"
    given = sitting.vote(Outcome.LEFT)
    assert given is not None
    assert given.again
    assert given.vote is not None
    first = next(vote for vote in ballots.counted() if vote.id == given.vote.repeats)
    assert (given.vote.left.answer, given.vote.right.answer) == (first.right.answer, first.left.answer)
    assert again.prompt != one.prompt
    assert sitting.asked is None
    sitting.undo()
    assert sitting.asked == again


def test_answers_that_are_the_same_are_tied_once_however_often_somebody_votes_on_them(db: Database) -> None:
    ballots = Ballots(db)
    conversation = Conversations(db).create("Alike")
    one = asked(db, conversation, 1, "Blue.", "Blue. ", "Blue.", "Red.")
    for _ in range(2):
        sitting = Sitting(ballots, conversation)
        sitting.add(one)
        assert sum(given.automatic and given.vote is not None for given in sitting.given) == 3
    assert sum(vote.automatic for vote in ballots.counted()) == 3


def test_with_three_answers_the_first_pair_comes_again_at_the_end(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blind, "REPEAT_SHARE", 1.0)
    sitting = Sitting(Ballots(db))
    sitting.add(asked(db, Conversations(db).create("Three models"), 1, "one", "two", "three"))
    first = sitting.asked
    given = [sitting.vote(Outcome.LEFT) for _ in range(3)]
    last = sitting.asked
    assert first is not None
    assert last is not None
    assert (last.left, last.right) == (first.right, first.left)
    again = sitting.vote(Outcome.RIGHT)
    assert again is not None
    assert again.vote is not None
    assert given[0] is not None
    assert given[0].vote is not None
    assert again.vote.repeats == given[0].vote.id
    assert sitting.asked is None


def test_what_is_written_is_enough_to_go_on(db: Database) -> None:
    ballots = Ballots(db)
    conversation = Conversations(db).create("Three models")
    sheets = [asked(db, conversation, turn, "one", "two", "three") for turn in range(2)]
    sitting = Sitting(ballots, conversation)
    for one in sheets:
        sitting.add(one)
    for outcome in (Outcome.LEFT, None, Outcome.BOTH_BAD, Outcome.TIE):
        sitting.vote(outcome)
    written = json.loads(json.dumps(sitting.as_json()))
    again = Sitting.again(ballots, conversation, written, sheets)
    assert again.asked == sitting.asked
    assert [one.outcome for one in again.given] == [one.outcome for one in sitting.given]
    assert [one.vote for one in again.given] == [one.vote for one in sitting.given]
    assert len(ballots.counted()) == 3, "nothing is cast twice"
    assert again.as_json() == sitting.as_json()


def test_the_seed_decides_the_sides_and_nothing_else_does(db: Database) -> None:
    first, second = (Sitting(Ballots(db), seed=11) for _ in range(2))
    for sitting in (first, second):
        sitting.add(sheet(5, "one", "two", "three"))
    assert first.asked == second.asked
    sides = set()
    for seed in range(20):
        sitting = Sitting(Ballots(db), seed=seed)
        sitting.add(sheet(5, "one", "two"))
        assert sitting.asked is not None
        sides.add(sitting.asked.left.text)
    assert sides == {"one", "two"}


def test_the_order_while_hidden_is_known_afterwards(db: Database) -> None:
    sitting = Sitting(Ballots(db), seed=3)
    one = sheet(1, "one", "two", "three")
    sitting.add(one)
    assert sorted(entry.pane for entry in sitting.order(one)) == [0, 1, 2]
    assert [entry.pane for entry in sitting.order(one)] == list(
        blind.begin(3, 1, [(entry.pane, entry.text) for entry in one.entries]).order()
    )


@pytest.mark.parametrize(
    ("family", "model", "text", "named"),
    [
        ("llama", "Llama-3.2-1B", "As Llama, I cannot do that.", True),
        ("gemma", "gemma-3-1b-it", "I was made by Google DeepMind.", True),
        ("mistral", "Ministral-3B", "I am a model by Mistral AI.", True),
        ("other", "SmolLM2-135M", "My name is SmolLM2.", True),
        ("gemma", "gemma-3-1b-it", "A gem is a stone; Gemstones are cut.", False),
        ("llama", "Llama-3.2-1B", "A lama is a teacher.", False),
    ],
)
def test_an_answer_that_says_whose_it_is(family: str, model: str, text: str, *, named: bool) -> None:
    assert Entry(0, replace(PLAIN, family=family, model=model, text=text)).names_itself is named


def test_of_warnings_those_stay_that_matter_to_a_judge() -> None:
    cut = replace(PLAIN, text="Half", stop_reason="max_tokens", template_source="builtin:chatml", synthetic=True)
    assert Entry(0, cut).warnings == ("cut off at the token limit",)
    assert len(cut.chips) > 1, "there are others, which would tell the model"


def test_what_cannot_be_judged() -> None:
    failed = Entry(1, replace(PLAIN, stop_reason="error", error=Problem("x", "Broken.", None)))
    half = Entry(1, replace(PLAIN, text="Ha", stop_reason="cancelled"))
    whole = Entry(0, replace(PLAIN, text="All of it."))
    other = Entry(2, replace(PLAIN, text="As well."))
    assert not Sheet.of(1, "?", [whole, failed]).can_be_judged
    assert not Sheet.of(1, "?", [whole, half, other]).can_be_judged
    judged = Sheet.of(1, "?", [whole, failed, other])
    assert judged.can_be_judged
    assert judged.failed == (failed,)
