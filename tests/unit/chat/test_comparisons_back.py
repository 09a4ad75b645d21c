"""A comparison that was exported as JSON comes back with all that was known of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.chat.test_exports import answer, conversation
from workbench.chat.answer import Answer, Problem
from workbench.chat.conversations import Conversations, StoredConversation
from workbench.chat.exports.files import Format, as_json, of, text_of
from workbench.chat.imports import comparisons, files
from workbench.chat.imports.files import ImportingError
from workbench.store.database import Database


@pytest.fixture
def kept(tmp_path: Path) -> Conversations:
    return Conversations(Database(tmp_path / "w.sqlite3"))


def exported(tmp_path: Path, stored: StoredConversation, **how: Any) -> Path:
    path = tmp_path / "comparison.json"
    path.write_text(text_of(of(stored, **how), Format.JSON), encoding="utf-8")
    return path


def back(kept: Conversations, path: Path) -> StoredConversation:
    (placed,) = kept.import_all(files.read(path))
    assert not placed.known
    found = kept.load(placed.conversation_id)
    assert found is not None
    return found


def test_every_answer_stands_in_its_models_pane_with_what_is_known_of_it(kept: Conversations, tmp_path: Path) -> None:
    stored = conversation("Yes.", "No.")
    found = back(kept, exported(tmp_path, stored))
    assert (found.title, found.system_prompt) == (stored.title, stored.system_prompt)
    assert [pane.slot for pane in found.panes] == [0, 1]
    assert [turn.prompt for turn in found.turns] == [turn.prompt for turn in stored.turns]
    for before, after in zip(stored.turns, found.turns, strict=True):
        told = [Answer.from_json(one.as_json()) for one in before.answers.values()]
        assert [replace(one, path="", notes=(*one.notes, comparisons.NOTE)) for one in told] == [
            Answer.from_json(one.as_json()) for one in after.answers.values()
        ]


def test_the_next_prompt_goes_on_from_each_models_own_answer(kept: Conversations, tmp_path: Path) -> None:
    stored = conversation("Yes.", "No.")
    twice = replace(stored, turns=(stored.turns[0], replace(stored.turns[0], id=99)))
    (placed,) = kept.import_all(files.read(exported(tmp_path, twice)))
    found = kept.load(placed.conversation_id)
    assert found is not None
    first, second = found.turns
    for slot in (0, 1):
        (own,) = first.attempts[slot]
        assert kept.going_on_from(own) == (second.id,)


def test_a_failed_answer_comes_back_failed(kept: Conversations, tmp_path: Path) -> None:
    stored = conversation("Yes.", "No.")
    failed = replace(answer("model-2", ""), error=Problem("x", "It could not be loaded.", None), stop_reason="error")
    turn = replace(stored.turns[0], answers=dict(stored.turns[0].answers) | {2: failed})
    found = back(kept, exported(tmp_path, replace(stored, turns=(turn,))))
    assert found.turns[0].answers[2].error == failed.error


def test_hidden_names_stay_letters(kept: Conversations, tmp_path: Path) -> None:
    found = back(kept, exported(tmp_path, conversation("Yes.", "No."), hidden=True))
    assert {one.model for one in found.turns[0].answers.values()} == {"A", "B"}


def test_the_same_file_again_is_recognised(kept: Conversations, tmp_path: Path) -> None:
    path = exported(tmp_path, conversation("Yes.", "No."))
    (first,) = kept.import_all(files.read(path))
    (again,) = kept.import_all(files.read(path))
    assert (again.known, again.conversation_id) == (True, first.conversation_id)


def test_a_later_form_is_refused_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "later.json"
    path.write_text(json.dumps({"schema": comparisons.SCHEMA, "schema_version": 2, "turns": []}))
    with pytest.raises(ImportingError, match="version 2"):
        files.read(path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
DOCUMENT = as_json(of(conversation("Yes.", "No.")))


@given(st.data())
def test_whatever_stands_in_the_file_nothing_but_text_gets_in(data: st.DataObject) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    answers = document["turns"][0]["answers"]
    key = data.draw(st.sampled_from(sorted(answers[0])))
    answers[0][key] = data.draw(ANYTHING)
    document[data.draw(st.sampled_from(["title", "system", "names_hidden", "ratings", "options"]))] = data.draw(
        ANYTHING
    )
    found = comparisons.read(document, "a file")
    (turn,) = found.turns[:1]
    for one in turn.answers:
        assert isinstance(one.text, str)
        if one.kept is not None:
            assert all(isinstance(chip, str) for chip in one.kept.chips)
            assert isinstance(one.kept.decode_tokens_per_s, float | None)
            json.dumps(one.kept.as_json())
