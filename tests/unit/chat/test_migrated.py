"""Conversations that were kept before they were trees come back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.chat import tree
from workbench.chat.answer import Answer, Problem
from workbench.chat.conversations import Conversations
from workbench.chat.pane import Pane
from workbench.chat.stored import Query
from workbench.store import schema
from workbench.store.database import Database, Sql

BEFORE_TREES = 6
WHEN = "2026-01-02T03:04:05+00:00"


def answer(text: str, stop_reason: str = "end", error: Problem | None = None) -> str:
    return json.dumps(Answer("m", "/m.gguf", "gemma", "Q4_0", False, text, stop_reason, seed=7, error=error).as_json())


def generation(sql: Sql, turn: int, slot: int, attempt: int, state: str, text: str) -> int:
    failed = Problem("generation", "It failed.", None) if state == "failed" else None
    cursor = sql.execute(
        "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
        " synthetic, text, record, started_at) VALUES (?, ?, ?, ?, 'm', '/m.gguf', 'gemma', 'Q4_0', 0, ?, ?, ?)",
        (turn, slot, attempt, state, text, answer(text, error=failed), WHEN),
    )
    return int(cursor.lastrowid or 0)


@pytest.fixture
def migrated(tmp_path: Path):
    """A conversation of three turns: an answer made again, one that failed, one cut off by the program's end; and
    another conversation without a turn."""
    path = tmp_path / "w.sqlite3"
    old = [one for one in schema.shipped() if one.version <= BEFORE_TREES]
    with Database(path, migrations=old) as db, db.transaction() as sql:
        sql.execute(
            "INSERT INTO conversation (id, title, created_at, changed_at) VALUES (1, 'Old', ?, ?)", (WHEN, WHEN)
        )
        sql.execute(
            "INSERT INTO conversation (id, title, created_at, changed_at) VALUES (2, 'Bare', ?, ?)", (WHEN, WHEN)
        )
        for slot in (0, 1):
            sql.execute(
                "INSERT INTO pane (conversation_id, slot, model_path, n_ctx) VALUES (1, ?, '/m.gguf', 64)", (slot,)
            )
        for position, prompt in enumerate(("Un café?", "And then?", "The end?"), 1):
            sql.execute(
                "INSERT INTO turn (id, conversation_id, position, prompt, asked_at) VALUES (?, 1, ?, ?, ?)",
                (position, position, prompt, WHEN),
            )
        for turn, slot, attempt, state, text in (
            (1, 0, 1, "done", "First try."), (1, 0, 2, "done", "Second try."), (1, 1, 1, "done", "Beside it."),
            (2, 0, 1, "failed", "half"), (2, 1, 1, "done", "Goes on."),
            (3, 0, 1, "interrupted", "Cut o"), (3, 1, 1, "running", "Being wr"),
        ):  # fmt: skip
            generation(sql, turn, slot, attempt, state, text)
    with Database(path) as db:
        yield db


def test_the_turns_follow_each_other_and_the_last_one_is_shown(migrated: Database) -> None:
    conversations = Conversations(migrated)
    assert [(node.id, node.parent_id) for node in conversations.tree(1)] == [(1, None), (2, 1), (3, 2)]
    stored = conversations.load(1)
    assert stored is not None
    assert [turn.prompt for turn in stored.turns] == ["Un café?", "And then?", "The end?"]
    assert stored.head_turn_id == 3
    assert conversations.load(2) is not None, "a conversation without a turn is still there"


def test_answers_go_on_from_what_was_sent_along(migrated: Database) -> None:
    with migrated.read() as sql:
        went_on = {row["id"]: row["continues_id"] for row in sql.execute("SELECT id, continues_id FROM generation")}
    assert went_on == {1: None, 2: None, 3: None, 4: 2, 5: 3, 6: 2, 7: 5}, "the newest attempt, and none that failed"


def test_a_pane_is_told_what_it_was_told_before(migrated: Database) -> None:
    stored = Conversations(migrated).load(1)
    assert stored is not None
    pane = Pane(0)
    pane.exchanges = tree.exchanges(stored, 0)
    assert [message.content for message in pane.history("", "?")] == [
        "Un café?", "Second try.", "The end?", "Cut o", "?",
    ]  # fmt: skip
    assert [one.answer.stop_reason for one in pane.exchanges if one.answer] == ["end", "end", "unfinished"]
    assert pane.exchanges[1].answer is not None
    assert pane.exchanges[1].answer.error == Problem("generation", "It failed.", None)
    assert pane.exchanges[0].attempts == (1, 2)


def test_old_words_are_found_and_those_of_an_answer_under_way_later(migrated: Database) -> None:
    conversations = Conversations(migrated)
    assert [hit.turn_id for hit in conversations.search(Query("cafe"))] == [1]
    assert [hit.generation_id for hit in conversations.search(Query("second"))] == [2]
    assert conversations.search(Query("being")) == ()
    with migrated.transaction() as sql:
        sql.execute("UPDATE generation SET text = 'Being 書く' WHERE id = 7")
    assert conversations.search(Query("書")) == ()
    conversations.mark_unfinished()
    for typed in ("being", "書"):
        assert [hit.generation_id for hit in conversations.search(Query(typed))] == [7]
