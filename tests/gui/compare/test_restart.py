"""What survives: turns, panes, options, unsent text; also when the program was killed."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, OpenPage, slow
from workbench.chat import diary
from workbench.engine.fake import FakeBackend, say
from workbench.models.params import RunParams


def test_a_restart_shows_the_last_conversation_and_goes_on_with_it(open_page: OpenPage) -> None:
    first = open_page(FakeBackend(say(["The **answer**."])))
    first.choose(ALPHA, BETA)
    first.ask("The question?")
    first.close()
    again = open_page(FakeBackend(say(["More."])))
    assert [pane.model.title if pane.model else None for pane in again.panes] == [ALPHA, BETA]
    for index in (0, 1):
        assert again.last(index).prompt == "The question?"
        assert again.last(index).text.toPlainText() == "The answer."
    assert again.page.record.title == "The question?"
    again.ask("And then?")
    assert [message.content for message in again.backend.requests[0].messages] == [
        "The question?",
        "The **answer**.",
        "And then?",
    ]
    assert len(again.bench.conversations.listed()) == 1


def test_unsent_text_survives_a_restart(open_page: OpenPage) -> None:
    first = open_page()
    first.page.composer.set_text("half a thou")
    first.close()
    assert open_page().page.composer.text == "half a thou"


def test_unsent_text_is_kept_while_typing_rests(open_page: OpenPage) -> None:
    opened = open_page()
    opened.page.composer.set_text("half a thought")
    opened.until(lambda: bool(opened.bench.conversations.draft("compare")))
    assert opened.bench.conversations.draft("compare") == "half a thought"


def test_what_is_typed_stays_with_its_conversation(open_page: OpenPage) -> None:
    opened = open_page()
    opened.choose(ALPHA)
    opened.ask("One?")
    one = opened.page.record.diary.conversation_id
    opened.page.new_comparison()
    opened.ask("Two?")
    two = opened.page.record.diary.conversation_id
    assert one is not None
    assert two is not None
    opened.page.composer.set_text("for two")
    opened.page.load_conversation(one)
    assert opened.page.composer.text == ""
    opened.page.composer.set_text("for one")
    opened.page.load_conversation(two)
    assert opened.page.composer.text == "for two"
    opened.page.new_comparison()
    assert opened.page.composer.text == "for two", "what is typed goes along to a new comparison"
    opened.page.load_conversation(two)
    assert opened.page.composer.text == ""
    opened.page.composer.set_text("again for two")
    opened.page.new_comparison()
    assert opened.page.composer.text == "for two", "what was typed there stays there"
    opened.close()
    assert open_page().page.composer.text == "again for two", "the newest conversation is opened, with its own"


def test_sent_text_is_no_draft_any_more(open_page: OpenPage) -> None:
    first = open_page()
    first.choose(ALPHA)
    first.ask("Hello")
    first.close()
    assert open_page().page.composer.text == ""


def test_options_are_kept_with_the_conversation(open_page: OpenPage) -> None:
    first = open_page()
    first.choose(ALPHA)
    first.page.panel.system.setPlainText("Be brief.")
    first.page.panel.temperature.setValue(0.1)
    first.page.panel.seed.setText("7")
    first.page.panel.stop.setPlainText("END\n###")
    first.page.panel.context.setValue(768)
    first.ask("Hello")
    first.close()
    again = open_page()
    options = again.page.comparison.options
    assert (options.system, options.sampling.temperature, options.sampling.seed) == ("Be brief.", 0.1, 7)
    assert options.stop == ("END", "###")
    assert again.page.panel.seed.text() == "7"
    assert again.panes[0].params.n_ctx == 768


def test_parameters_chosen_for_a_load_survive_a_restart(open_page: OpenPage) -> None:
    wanted = RunParams(n_ctx=1024, n_gpu_layers=0, type_k="q8_0", type_v="q8_0")
    first = open_page()
    first.choose(ALPHA)
    first.page.record.choose(first.panes[0], first.panes[0].model, params=wanted)
    first.ask("Hello")
    first.close()
    again = open_page()
    again.until(lambda: again.panes[0].model is not None)
    assert again.panes[0].params == wanted


def test_an_answer_cut_short_by_a_kill_is_shown_as_unfinished(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diary, "PARTIAL_EVERY_S", 0.0)
    killed = open_page(slow())
    killed.choose(ALPHA)
    killed.send("Count.")
    killed.until_written(0)
    killed.until(lambda: len(killed.panes[0].text) > 30)
    # The store as a killed process leaves it: opened again while nothing was finished.
    again = open_page()
    assert again.last(0).text.raw_text.startswith("word0 ")
    assert "unfinished: the program ended" in again.last(0).chip_texts


def test_a_missing_model_file_is_said_in_its_pane_and_the_answers_stay(open_page: OpenPage) -> None:
    first = open_page(FakeBackend(say(["kept"])))
    first.choose(ALPHA, BETA)
    first.ask("Hello")
    path = first.model(ALPHA).path
    first.close()
    path.unlink()
    again = open_page()
    card = again.views[0].notice.card
    assert card is not None
    assert "alpha.gguf" in card.message.text()
    assert again.last(0).text.raw_text == "kept"
    assert again.panes[1].model is not None


def test_a_new_comparison_keeps_the_loaded_models_and_forgets_the_turns(open_page: OpenPage, qtbot: QtBot) -> None:
    opened = open_page()
    opened.choose(ALPHA, BETA)
    opened.ask("Old")
    with qtbot.waitSignal(opened.page.title_changed):
        opened.page.new_comparison()
    assert opened.backend.live == 2
    assert all(not pane.exchanges for pane in opened.panes)
    opened.ask("New")
    assert len(opened.backend.requests[-1].messages) == 1
    assert [entry.title for entry in opened.bench.conversations.listed()] == ["New", "Old"]


def test_a_new_comparison_while_panes_answer_ends_those_answers_in_the_old_one(open_page: OpenPage) -> None:
    opened = open_page(slow())
    opened.choose(ALPHA)
    opened.send("Old")
    opened.until_written(0)
    opened.page.new_comparison()
    opened.until(lambda: opened.backend.live == 0)
    assert not opened.panes[0].exchanges
    assert opened.panes[0].model is not None
    opened.until_quiet()
    stored = opened.bench.conversations.load(opened.bench.conversations.listed()[0].id)
    assert stored is not None
    (answer,) = stored.turns[0].answers.values()
    assert answer.stop_reason == "cancelled"


def test_an_older_conversation_can_be_opened(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["yes"])))
    opened.choose(ALPHA)
    opened.ask("Old")
    old = opened.bench.conversations.listed()[0].id
    opened.page.new_comparison()
    opened.ask("New")
    opened.page.load_conversation(old)
    opened.until_quiet()
    assert opened.last(0).prompt == "Old"
    assert opened.panes[0].model is not None
    assert opened.page.record.title == "Old"


def test_a_pane_that_was_not_asked_last_answers_its_own_prompt_again(open_page: OpenPage) -> None:
    first = open_page(FakeBackend(say(["first"])))
    first.choose(ALPHA, BETA)
    first.ask("One?")
    path = first.model(ALPHA).path
    first.close()
    path.rename(path.with_suffix(".away"))
    second = open_page(FakeBackend(say(["second"])))
    second.ask("Two?")
    path.with_suffix(".away").rename(path)
    second.page.pick(second.panes[0], second.model(ALPHA))
    second.page.regenerate(second.panes[0])
    second.until_quiet()
    stored = second.bench.conversations.load(second.bench.conversations.listed()[0].id)
    assert stored is not None
    assert [(turn.prompt, turn.answers[0].text if 0 in turn.answers else None) for turn in stored.turns] == [
        ("One?", "second"),
        ("Two?", None),
    ]
