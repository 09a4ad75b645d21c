"""The window in the tree of a conversation: branches, attempts and panes of their own come back after a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.gui.compare.conftest import ALPHA, BETA, OpenPage
from workbench.chat.options import Options
from workbench.engine.base import Request, Sampling
from workbench.engine.fake import FakeBackend, say
from workbench.errors import UsageError


def count(request: Request) -> list[str]:
    return [f"answer to {request.messages[-1].content}"]


def test_a_restart_shows_the_branch_that_was_shown_last(open_page: OpenPage) -> None:
    first = open_page(FakeBackend(count))
    first.choose(ALPHA, BETA)
    first.ask("One?")
    first.ask("Two?")
    record = first.page.record
    one, two = (node.id for node in record.tree())
    record.edit(two, "Two, edited?")
    first.until_quiet()
    assert [exchange.turn_id for exchange in first.panes[1].exchanges] == [one, record.tree()[-1].id]
    record.show_branch(two)
    first.close()
    again = open_page(FakeBackend(count))
    assert [exchange.prompt for exchange in again.panes[0].exchanges] == ["One?", "Two?"]
    assert again.panes[0].exchanges[1].siblings[0] == two
    assert [node.prompt for node in again.page.record.tree()] == ["One?", "Two?", "Two, edited?"]
    again.ask("Three?")
    assert [message.content for message in again.backend.requests[-1].messages] == [
        "One?", "answer to One?", "Two?", "answer to Two?", "Three?",
    ]  # fmt: skip


def test_a_restart_shows_the_attempt_that_was_chosen(open_page: OpenPage) -> None:
    answers = iter(["old", "new", "third"])
    first = open_page(FakeBackend(lambda _: [next(answers)]))
    first.choose(ALPHA)
    first.ask("One?")
    first.page.regenerate(first.panes[0])
    first.until_quiet()
    (exchange,) = first.panes[0].exchanges
    assert exchange.turn_id is not None
    first.page.record.show_attempt(first.panes[0], exchange.turn_id, exchange.attempts[0])
    first.close()
    again = open_page(FakeBackend(lambda _: [next(answers)]))
    assert again.last(0).text.toPlainText() == "old"
    again.page.regenerate(again.panes[0])
    again.until_quiet()
    assert again.last(0).text.toPlainText() == "third"
    assert len(again.panes[0].exchanges[0].attempts) == 3


def test_a_closed_pane_is_gone_on_with_no_more(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(count))
    opened.choose(ALPHA, BETA)
    opened.ask("One?")
    record = opened.page.record
    record.continue_with(opened.panes[1])
    assert record.continuing is opened.panes[1]
    opened.page.close_pane(opened.panes[1])
    assert record.continuing is None
    opened.ask("Two?")
    assert [exchange.prompt for exchange in opened.panes[0].exchanges] == ["One?", "Two?"]


def test_what_a_pane_does_differently_comes_back(open_page: OpenPage) -> None:
    first = open_page(FakeBackend(say(["yes"])))
    first.choose(ALPHA, BETA)
    record, pane = first.page.record, first.panes[1]
    own = Sampling(temperature=0.0, seed=3)
    record.configure(pane, replace(record.settings_of(pane), sampling=own, system="Be a poet."))
    first.ask("One?")
    told = first.backend.requests
    assert {request.messages[0].content for request in told} == {"One?", "Be a poet."}
    assert own in [request.sampling for request in told]
    first.close()
    again = open_page(FakeBackend(say(["yes"])))
    again.ask("Two?")
    assert (again.panes[1].sampling, again.panes[1].system) == (own, "Be a poet.")
    assert (again.panes[0].sampling, again.panes[0].system) == (None, None)
    assert again.page.record.settings_of(again.panes[1]).system == "Be a poet."


def test_a_preset_begins_a_new_comparison_with_its_panes_and_options(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["yes"])))
    opened.choose(ALPHA, BETA)
    record = opened.page.record
    record.set_options(replace(record.comparison.options, system="Be brief."), 1024)
    whole = record.as_preset("whole", with_panes=True)
    bare = record.as_preset("bare", with_panes=False)
    opened.ask("One?")
    opened.bench.history.presets.save(whole)
    (kept,) = opened.bench.history.presets.all()
    record.set_options(Options(), 512)
    record.use(bare)
    assert (record.comparison.options.system, record.context) == ("Be brief.", 1024)
    assert [exchange.prompt for exchange in opened.panes[0].exchanges] == ["One?"], "without panes it goes on"
    record.use(kept)
    wanted = [one.model_path for one in record.wanted.values()]
    opened.page.show_record()
    opened.until(lambda: all(pane.model is not None for pane in opened.panes))
    assert record.diary.conversation_id is None
    assert wanted == [str(opened.model(name).path) for name in (ALPHA, BETA)]


def test_a_title_is_changed_in_the_window_and_in_the_store(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["yes"])))
    record = opened.page.record
    record.rename("too early")
    opened.choose(ALPHA)
    opened.ask("One?")
    record.rename(" A better \n name ")
    record.rename("  ")
    assert (record.title, opened.bench.conversations.listed()[0].title) == ("A better name", "A better name")


def test_a_deck_is_not_opened_at_start_and_opens_at_one_prompt(open_page: OpenPage) -> None:
    first = open_page(FakeBackend(say(["yes"])))
    first.choose(ALPHA)
    first.ask("One?")
    deck = first.bench.conversations.create("Deck", kind="deck")
    turns = [first.bench.conversations.add_turn(deck, prompt, parent_id=None) for prompt in ("a", "b")]
    first.close()
    again = open_page(FakeBackend(say(["yes"])))
    assert again.page.record.title == "One?"
    stored = again.bench.conversations.load(deck)
    assert stored is not None
    assert [turn.id for turn in stored.turns] == turns
    assert again.page.record.open(deck, turns[0])
    again.page.show_record()
    assert again.page.record.diary.head == turns[0]


def test_a_deleted_conversation_cannot_be_opened_until_it_is_restored(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["yes"])))
    opened.choose(ALPHA)
    opened.ask("One?")
    number = opened.bench.conversations.listed()[0].id
    opened.bench.conversations.delete(number)
    opened.page.new_comparison()
    assert not opened.page.record.open(number)
    opened.bench.conversations.restore(number)
    opened.page.load_conversation(number)
    opened.until(lambda: opened.panes[0].model is not None)
    assert [exchange.prompt for exchange in opened.panes[0].exchanges] == ["One?"]


def test_an_edit_that_cannot_be_asked_is_refused_with_a_hint(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["yes"])))
    opened.choose(ALPHA)
    opened.ask("One?")
    with pytest.raises(UsageError, match="empty"):
        opened.page.record.edit(opened.page.record.tree()[0].id, "")
    assert [exchange.prompt for exchange in opened.panes[0].exchanges] == ["One?"]


def test_what_was_deleted_long_ago_is_erased_when_the_window_opens(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(count))
    opened.choose(ALPHA)
    opened.ask("Tell me of axolotlsunderwater")
    number = opened.page.record.diary.conversation_id
    assert number is not None
    opened.page.new_comparison()
    opened.ask("One?")
    opened.bench.conversations.delete(number)
    with opened.bench.history._db.transaction() as sql:
        sql.execute("UPDATE conversation SET deleted_at = '2020-01-01' WHERE id = ?", (number,))
    opened.close()
    again = open_page(FakeBackend(count))
    with again.bench.history._db.read() as sql:
        assert sql.execute("SELECT count(*) FROM conversation").fetchone()[0] == 1
    database = again.bench.paths.database
    again.close()
    assert b"axolotlsunderwater" not in database.read_bytes()
