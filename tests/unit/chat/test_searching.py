"""What a search finds, and that nothing that is typed can break it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.chat import searching
from workbench.chat.conversations import Conversations
from workbench.chat.imports.imported import Imported, ImportedAnswer, ImportedTurn
from workbench.chat.snippets import snippet
from workbench.chat.stored import Hit, Query
from workbench.store.database import Database


def talk(title: str, *said: tuple[str, str], model: str = "gemma", at: str = "2026-03-01T12:00:00+00:00") -> Imported:
    turns = tuple(
        ImportedTurn(
            prompt, (ImportedAnswer(answer, model, at),), place - 1 if place else None, 0 if place else None, at
        )
        for place, (prompt, answer) in enumerate(said)
    )
    return Imported(title, turns, "test")


@pytest.fixture
def db(tmp_path: Path):
    with Database(tmp_path / "w.sqlite3") as opened:
        yield opened


@pytest.fixture
def conversations(db: Database) -> Conversations:
    return Conversations(db)


def found(conversations: Conversations, text: str, **more: object) -> list[str]:
    return [hit.title for hit in conversations.search(replace(Query(text), **more))]


def test_prompts_answers_and_titles_are_found_with_their_place(conversations: Conversations) -> None:
    number = conversations.add_imported(talk("Breakfast", ("How do I boil an egg?", "In water, for six minutes.")))
    stored = conversations.load(number)
    assert stored is not None
    (turn,) = stored.turns
    at = "2026-03-01T12:00:00+00:00"
    assert conversations.search(Query("egg")) == (
        Hit(number, turn.id, None, "Breakfast", None, "How do I boil an \x02egg\x03?", at),
    )
    assert conversations.search(Query("minutes")) == (
        Hit(number, turn.id, turn.shown[0], "Breakfast", "gemma", "In water, for six \x02minutes\x03.", at),
    )
    assert [hit.snippet for hit in conversations.search(Query("breakf"))] == ["\x02Breakfast\x03"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("boil egg", "prompt"), ("egg boil", "prompt"), ("boil ham", None), ("EGG", "prompt"), ("eg", "prompt"),
        ("oil", None), ('"an egg"', "prompt"), ('"egg an"', None), ("bo egg", None), ("egg?", "prompt"),
        ("naive", "prompt"), ("naïve", "prompt"), ("日本", "prompt"), ("uber", "answer"), ("ÜBER", "answer"),
        ("Ärger", "answer"), ("ubung", None), ("", None), (" ", None), ("?!", None), ("e", None), ("a", "prompt"),
    ],
)  # fmt: skip
def test_words_are_found_in_any_order_case_and_accent_and_the_last_by_its_beginning(
    conversations: Conversations, typed: str, expected: str | None
) -> None:
    conversations.add_imported(talk("t", ("How do I boil an egg? A naïve question. 日本語", "Über Ärger.")))
    places = ["answer" if hit.generation_id else "prompt" for hit in conversations.search(Query(typed))]
    assert places == ([expected] if expected else [])


def test_scripts_without_blanks_are_found_anywhere(conversations: Conversations) -> None:
    number = conversations.add_imported(talk("t", ("東京の天気は?", "ร้านกาแฟ is a Coffee shop.")))
    assert [hit.snippet for hit in conversations.search(Query("天気"))] == ["東京の\x02天気\x03は?"]
    assert [hit.snippet for hit in conversations.search(Query("COFFEE กาแฟ"))] == [
        "ร้าน\x02กาแฟ\x03 is a \x02Coffee\x03 shop."
    ]
    assert conversations.search(Query("天気予報")) == ()
    assert found(conversations, "天気", model="gemma") == ["t"]
    conversations.delete(number)
    assert conversations.search(Query("天気")) == ()


def test_filters_narrow_what_is_found(conversations: Conversations) -> None:
    old = conversations.add_imported(talk("old", ("egg", "yes"), model="llama", at="2026-01-01T00:00:00+00:00"))
    new = conversations.add_imported(talk("new", ("egg", "no egg"), model="gemma", at="2026-02-01T00:00:00+00:00"))
    conversations.set_tags(old, ["Kitchen"])
    conversations.set_folder(new, "Cooking")
    assert set(found(conversations, "egg")) == {"old", "new"}
    assert found(conversations, "egg", model="llama") == ["old"], "the prompt that the model answered"
    assert found(conversations, "egg", tag="kitchen") == ["old"], "tags are the same in any case"
    assert set(found(conversations, "egg", folder="Cooking")) == {"new"}
    assert found(conversations, "egg", folder="") == ["old"]
    january = datetime(2026, 1, 15, tzinfo=UTC)
    assert found(conversations, "egg", until=january) == ["old"]
    assert set(found(conversations, "egg", since=january)) == {"new"}
    assert found(conversations, "egg", since=january, until=january + timedelta(days=1)) == []


def test_a_deleted_conversation_is_not_found_until_it_is_restored(conversations: Conversations) -> None:
    number = conversations.add_imported(talk("t", ("egg", "yes")))
    conversations.delete(number)
    assert found(conversations, "egg") == []
    conversations.restore(number)
    assert found(conversations, "egg") == ["t"]


def test_what_is_purged_leaves_no_word_behind(db: Database, conversations: Conversations) -> None:
    number = conversations.add_imported(talk("title", ("egg", "ham")))
    stays = conversations.add_imported(talk("other", ("egg", "ham")))
    conversations.delete(number)
    assert conversations.purge_deleted((datetime.now(UTC) - timedelta(days=1)).isoformat()) == 0
    assert conversations.purge_deleted((datetime.now(UTC) + timedelta(days=1)).isoformat()) == 1
    assert [hit.conversation_id for hit in conversations.search(Query("egg"))] == [stays]
    with db.transaction() as sql:
        for place in ("title_words", "prompt_words", "answer_words"):
            sql.execute(f"INSERT INTO {place} ({place}, rank) VALUES ('integrity-check', 1)")


def test_a_new_title_is_found_and_the_old_one_is_not(conversations: Conversations) -> None:
    number = conversations.add_imported(talk("Breakfast", ("egg", "yes")))
    conversations.rename(number, "  Supper \n again ")
    assert found(conversations, "supper") == ["Supper again"]
    assert found(conversations, "breakfast") == []


def test_fewer_words_around_it_make_a_better_hit(conversations: Conversations) -> None:
    conversations.add_imported(talk("long", ("x", "egg " + "and many other words " * 50)))
    conversations.add_imported(talk("short", ("x", "egg")))
    assert found(conversations, "egg") == ["short", "long"]
    assert len(conversations.search(Query("egg"), limit=1)) == 1


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory):
    with Database(tmp_path_factory.mktemp("many") / "w.sqlite3") as opened:
        Conversations(opened).add_imported(talk("t", ("AND OR NOT NEAR egg", "col:umn ^caret (paren) star* 'quote\"")))
        yield Conversations(opened)


@settings(max_examples=200)
@given(typed=st.text(max_size=40) | st.text('"*^:()+-{}ANDORT NE', max_size=30))
def test_whatever_is_typed_is_words(many: Conversations, typed: str) -> None:
    for hit in many.search(Query(typed)):
        assert hit.title == "t"


@pytest.mark.parametrize("typed", ["AND", "OR egg", "NOT", "NEAR(", "col:umn", "^caret", "(paren", "star*", "'quote"])
def test_what_looks_like_an_operator_is_looked_for(many: Conversations, typed: str) -> None:
    assert len(many.search(Query(typed))) == 1


@settings(max_examples=200)
@given(text=st.text(max_size=300), word=st.text(min_size=1, max_size=5))
def test_a_snippet_never_tells_anything_but_the_text(text: str, word: str) -> None:
    words = searching.Words.of(word)
    told = snippet(text, words.phrases, open_ended=words.open_ended) if words.phrases else ""
    bare = told.replace("\x02", "").replace("\x03", "").strip("…")
    squeezed = "".join(text.replace("\x02", " ").replace("\x03", " ").split()).replace("…", "")
    assert "".join(bare.split()).replace("…", "") in squeezed
    assert told.count("\x02") == told.count("\x03")


def test_a_snippet_stands_around_the_first_word_found() -> None:
    text = "word " * 5_000 + "the Égg itself " + "more " * 5_000
    told = snippet(text, ("egg",), open_ended=True)
    assert "the \x02Égg\x03 itself" in told
    assert (told[0], told[-1]) == ("…", "…")
    assert len(told) < 400
    assert told.count("\x02") == 1
