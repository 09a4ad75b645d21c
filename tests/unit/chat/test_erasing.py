"""What is erased for good is erased: not a byte of it stays in the database."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.unit.chat.test_searching import talk
from workbench.chat.attachments import Attachment
from workbench.chat.decks.deck import Deck, DeckPrompt
from workbench.chat.history import History
from workbench.chat.library import Prompt
from workbench.chat.stored import Query
from workbench.chat.unsent import Unsent
from workbench.store import schema
from workbench.store.database import Database

NOW = timedelta(days=-1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def db(folder: Path) -> Iterator[Database]:
    with Database(folder / "w.sqlite3") as opened:
        yield opened


def words_left(folder: Path, words: list[str]) -> list[str]:
    """Those of which the files still hold the greater part: the index keeps words without what they begin alike."""
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    return [word for word in words if word[3:].encode() in content]


def test_no_byte_is_left_of_what_was_erased_and_the_rest_is_found(folder: Path, db: Database) -> None:
    history, rng = History(db), random.Random(7)  # the same words each time
    conversations = history.conversations
    some = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(2, 9))) for _ in range(300)]
    planted: dict[str, int] = {}
    for _ in range(120):
        word = "".join(rng.choices(string.ascii_lowercase, k=16))
        around = " ".join(rng.choices(some, k=rng.randint(1, 300)))
        said = (f"{around} {word}", f"{word} {around}")
        planted[word] = conversations.add_imported(talk(f"about {word}", said, (f"again {word}", around)))
    gone = rng.sample(sorted(planted), 40)
    for word in gone:
        conversations.set_tags(planted[word], [word])
        Unsent(conversations).keep_text(planted[word], f"not sent: {word}")
        Unsent(conversations).keep_files(planted[word], [Attachment("a.txt", word)])
        conversations.keep_draft(f"queue {planted[word]}", word, of=planted[word])
        conversations.delete(planted[word])
    stay = [word for word in planted if word not in gone]
    assert words_left(folder, gone) == gone
    history.purge(NOW)
    assert words_left(folder, gone) == []
    assert all(len(conversations.search(Query(word))) == 4 for word in stay)
    assert not any(conversations.search(Query(word)) for word in gone)
    assert db.check() == ()


def test_prompts_and_decks_that_were_removed_are_gone_too(folder: Path, db: Database) -> None:
    history, said = History(db), ["quokkasinthewild", "numbatsatnoon"]
    saved = history.prompts.save(Prompt(0, "", f"Tell me of {said[0]}."))
    history.prompts.remove(saved.id)
    history.decks.remove(history.decks.save(Deck("d", (DeckPrompt(f"Tell me of {said[1]}."),))))
    history.purge()
    assert words_left(folder, said) == said, "they can be brought back for some days"
    history.purge(NOW)
    assert words_left(folder, said) == []


def test_what_could_not_be_cleared_away_is_cleared_the_next_time(
    folder: Path, db: Database, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(db)
    number = history.conversations.add_imported(talk("t", ("wombatsatnight", "yes")))
    history.conversations.delete(number)
    history.conversations.purge_deleted("9999")
    with Database(folder / "w.sqlite3", busy_timeout_ms=1) as other:
        later = History(other)
        with db.transaction():
            later._clear_leftovers()
    assert "could not be cleared" in caplog.text
    assert words_left(folder, ["wombatsatnight"])
    history.purge()
    assert words_left(folder, ["wombatsatnight"]) == []


def test_nothing_is_written_anew_where_nothing_was_erased(folder: Path, db: Database) -> None:
    history = History(db)
    history.conversations.add_imported(talk("t", ("egg", "yes")))
    with db.read() as sql:
        before = sql.execute("PRAGMA data_version").fetchone()[0], sql.total_changes
    history.purge()
    with db.read() as sql:
        assert (sql.execute("PRAGMA data_version").fetchone()[0], sql.total_changes) == before


def test_what_was_not_sent_goes_with_its_conversation(db: Database) -> None:
    conversations = History(db).conversations
    number, other = (conversations.add_imported(talk("t", ("egg", "yes"))) for _ in range(2))
    for of in (number, other):
        conversations.keep_draft(f"blind:{of}", "{}", of=of)
    conversations.keep_draft("compare", "for a new one")
    conversations.delete(number)
    conversations.purge_deleted("9999")
    assert [conversations.draft(key) for key in (f"blind:{number}", f"blind:{other}", "compare")] == [
        "", "{}", "for a new one",
    ]  # fmt: skip
    conversations.keep_draft(f"blind:{number}", "{}", of=number)
    assert conversations.draft(f"blind:{number}") == "", "there is nothing that it could belong to"


def test_what_older_versions_left_behind_is_erased_or_given_to_its_conversation(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    before = [one for one in schema.shipped() if one.version <= 10]
    with Database(path, migrations=before) as old, old.transaction() as sql:
        sql.execute("INSERT INTO conversation (id, title, created_at, changed_at) VALUES (5, 't', '', '')")
        sql.executemany(
            "INSERT INTO draft (key, text) VALUES (?, 'x')",
            [("compare",), ("blind:5",), ("queue 5",), ("queue new",), ("blind:6",), ("queue 7",)],
        )
    with Database(path) as new, new.read() as sql:
        found = {row["key"]: row["conversation_id"] for row in sql.execute("SELECT * FROM draft")}
    assert found == {"compare": None, "blind:5": 5, "queue 5": 5, "queue new": None}
