"""A blind round in the window: writing, voting by keys, undo, the reveal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from tests.gui.blind.conftest import TITLES, Blind, OpenWindow
from tests.gui.conftest import words
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, say
from workbench.errors import UsageError, WorkbenchError
from workbench.stats.outcome import Outcome


def press(blind: Blind, *keys: Qt.Key) -> None:
    """In the window, wherever the focus is."""
    for key in keys:
        shown = blind.stage.currentWidget()
        assert shown is not None
        QTest.keyClick(shown, key)


def test_three_answers_are_three_pairs_and_then_the_names(blind: Blind) -> None:
    blind.ask()
    assert blind.shown is blind.stage.voting
    assert "1 of 3 pairs" in words(blind.stage)
    press(blind, Qt.Key.Key_1)
    assert "2 of 3 pairs" in words(blind.stage)
    press(blind, Qt.Key.Key_T, Qt.Key.Key_N)
    assert blind.stage.currentWidget() is blind.stage.reveal
    assert blind.votes() == [("LEFT", True), ("TIE", True), ("BOTH_BAD", True)]
    blind.qtbot.waitUntil(lambda: "Standings so far" in words(blind.stage.reveal))
    said = words(blind.stage.reveal)
    for told in (*(f"{title} · F16" for title in TITLES), "You said: A is better.", "Standings so far"):
        assert told in said


def test_the_letters_vote_as_the_digits_do(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_A, Qt.Key.Key_B, Qt.Key.Key_2)
    assert blind.votes() == [("LEFT", True), ("RIGHT", True), ("RIGHT", True)]


def test_a_skipped_pair_is_no_vote(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_S, Qt.Key.Key_1, Qt.Key.Key_S)
    assert blind.stage.currentWidget() is blind.stage.reveal
    assert blind.votes() == [("LEFT", True)]
    assert "You said: skipped." in words(blind.stage.reveal)


def test_undo_asks_the_pair_before_again(blind: Blind) -> None:
    blind.ask()
    shown = blind.stage.voting.columns[0].text.raw_text
    press(blind, Qt.Key.Key_1)
    assert blind.stage.voting.columns[0].text.raw_text != shown or "2 of 3" in words(blind.stage)
    press(blind, Qt.Key.Key_U)
    assert "1 of 3 pairs" in words(blind.stage)
    assert blind.stage.voting.columns[0].text.raw_text == shown
    assert blind.votes() == []
    assert len(blind.bench.history.ballots.all()) == 1, "a vote that was taken back is a row that does not count"


def test_a_vote_that_is_changed_after_the_reveal_is_not_blind(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1)
    assert blind.stage.currentWidget() is blind.stage.reveal
    press(blind, Qt.Key.Key_U)
    assert blind.stage.currentWidget() is blind.stage.voting
    press(blind, Qt.Key.Key_N)
    assert blind.votes() == [("LEFT", True), ("LEFT", True), ("BOTH_BAD", False)]
    assert "Not blind: the names were known." in words(blind.stage.reveal)


def test_comment_and_tags_go_with_the_vote_they_were_written_for(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_C)
    notes = blind.stage.voting.notes
    assert blind.window.focusWidget() is notes.comment
    QTest.keyClicks(notes.comment, "Both begin at once")
    QTest.keyClick(notes.comment, Qt.Key.Key_Return)
    QTest.keyClicks(blind.window.focusWidget(), "#")
    assert blind.window.focusWidget() is notes.tags
    QTest.keyClicks(notes.tags, "#tone facts")
    QTest.keyClick(notes.tags, Qt.Key.Key_Escape)
    assert blind.votes() == [], "letters that are written are no votes"
    press(blind, Qt.Key.Key_T, Qt.Key.Key_1, Qt.Key.Key_1)
    first, second, _ = blind.bench.history.ballots.counted()
    assert (first.comment, first.tags) == ("Both begin at once", ("tone", "facts"))
    assert (second.comment, second.tags) == ("", ())


def test_tags_that_were_used_are_offered_again(blind: Blind) -> None:
    blind.ask()
    blind.stage.voting.notes.tags.set_tags(["tone"])
    press(blind, Qt.Key.Key_T)
    completer = blind.stage.voting.notes.tags.completer()
    assert completer.splitPath("facts #to") == ["#to"]
    completer.setCompletionPrefix("#to")
    assert completer.currentCompletion().strip().endswith("#tone")


def test_with_the_names_shown_the_next_prompt_comes_first(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1)
    primary = [one.text() for one in blind.page.findChildren(QPushButton)
               if one.isVisible() and one.property("kind") == "primary"]  # fmt: skip
    assert primary == ["Next prompt"]
    blind.stage.reveal.leave_button.click()
    assert blind.page.composer.send_button.property("kind") == "primary"


def test_identical_answers_are_tied_and_say_so(open_window: OpenWindow) -> None:
    made = open_window(FakeBackend(say(["The same."])))
    made.choose(*TITLES[:2])
    made.mode.toggle()
    made.ask()
    assert made.stage.currentWidget() is made.stage.reveal
    (vote,) = made.bench.history.ballots.counted()
    assert (vote.outcome, vote.automatic) == (Outcome.TIE, True)
    assert "the same text: counted as a tie without asking" in words(made.stage.reveal)


def test_stopped_answers_are_not_voted_on(open_window: OpenWindow) -> None:
    made = open_window(FakeBackend(lambda _: (f"word{n} " for n in itertools.count()), tokens_per_s=200))
    made.choose(*TITLES[:2])
    made.mode.toggle()
    made.send("Go on.")
    made.qtbot.waitUntil(lambda: all(pane.text for pane in made.page.comparison.panes))
    made.stage.writing.stop_button.click()
    made.qtbot.waitUntil(lambda: made.stage.currentWidget() is made.stage.nothing)
    assert "stopped before all of them were whole" in words(made.stage)
    assert made.votes() == []
    made.stage.nothing.leave_button.click()
    assert made.shown is made.page.row
    assert not made.mode.hiding


def test_of_two_answers_of_which_one_failed_no_vote_is_asked_and_why(open_window: OpenWindow) -> None:
    made = open_window(FakeBackend(_fails_once()))
    made.choose(*TITLES[:2])
    made.mode.toggle()
    made.ask()
    assert made.stage.currentWidget() is made.stage.nothing
    assert "One answer failed, and a vote takes two." in words(made.stage)


def test_of_three_of_which_one_failed_the_other_two_are_judged_and_it_is_named_after(open_window: OpenWindow) -> None:
    made = open_window(FakeBackend(_fails_once()))
    made.choose(*TITLES)
    made.mode.toggle()
    made.ask()
    assert made.stage.currentWidget() is made.stage.voting
    assert "failed" not in words(made.stage)
    press(made, Qt.Key.Key_1)
    assert made.stage.currentWidget() is made.stage.reveal
    assert "Not judged" in words(made.stage)
    assert "It went wrong." in words(made.stage)


def test_switching_it_off_shows_the_names_and_ends_the_vote(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_1)
    blind.mode.toggle()
    assert blind.shown is blind.page.row
    assert not blind.mode.hiding
    assert blind.votes() == [("LEFT", True)]


def test_a_prompt_that_is_asked_openly_stays_open(blind: Blind) -> None:
    blind.mode.toggle()
    blind.ask("Openly?")
    blind.mode.toggle()
    assert blind.shown is blind.page.row
    blind.ask("And now?")
    assert blind.stage.currentWidget() is blind.stage.voting


def test_an_answer_that_names_its_model_is_said_after_the_vote(open_window: OpenWindow) -> None:
    numbers = itertools.count()
    made = open_window(FakeBackend(lambda _: [f"I am Llama, number {next(numbers)}."]))
    made.choose(*TITLES[:2])
    made.mode.toggle()
    made.ask()
    press(made, Qt.Key.Key_T)
    (vote,) = made.bench.history.ballots.counted()
    assert vote.tags == ("named itself",)
    assert "named its own model" in words(made.stage.reveal)


def test_kept_answers_can_be_voted_on(blind: Blind) -> None:
    blind.mode.toggle()
    blind.ask("The first?")
    blind.ask("The second?")
    turns = [exchange.turn_id for exchange in blind.page.comparison.panes[0].exchanges]
    blind.mode.begin_with([turn for turn in turns if turn is not None])
    assert "1 of 6 pairs" in words(blind.stage)
    press(blind, *[Qt.Key.Key_1] * 6)
    assert blind.stage.currentWidget() is blind.stage.reveal
    assert {vote.turn for vote in blind.bench.history.ballots.counted()} == set(turns)


def test_a_vote_on_kept_answers_goes_on_where_it_was_left(blind: Blind) -> None:
    blind.mode.toggle()
    blind.ask("The first?")
    turns = [one.turn_id for one in blind.page.comparison.panes[0].exchanges if one.turn_id is not None]
    blind.mode.begin_with(turns)
    press(blind, Qt.Key.Key_1)
    blind.mode.leave()
    blind.mode.begin_with(turns)
    assert "2 of 3 pairs" in words(blind.stage)
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1)
    assert blind.stage.currentWidget() is blind.stage.reveal


def test_what_was_judged_is_asked_again_by_choice_alone(blind: Blind) -> None:
    blind.ask("The first?")
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1)
    turns = [one.turn_id for one in blind.page.comparison.panes[0].exchanges if one.turn_id is not None]
    blind.mode.begin_with(turns)
    assert blind.stage.currentWidget() is blind.stage.judged
    assert "You have judged 3 pairs of answers here, and none is left." in words(blind.stage.judged)
    assert not blind.mode.hiding
    blind.stage.judged.again_button.click()
    assert "1 of 3 pairs" in words(blind.stage)
    assert blind.mode.hiding
    blind.stage.judged.leave_button.click()
    assert blind.page.stage.currentWidget() is blind.page.row


def test_of_kept_answers_those_that_were_judged_are_left_out(blind: Blind) -> None:
    blind.ask("The first?")
    press(blind, Qt.Key.Key_1, Qt.Key.Key_S, Qt.Key.Key_T)
    blind.mode.toggle()
    blind.ask("The second?")
    turns = [one.turn_id for one in blind.page.comparison.panes[0].exchanges if one.turn_id is not None]
    blind.mode.begin_with(turns)
    assert "1 of 4 pairs" in words(blind.stage), "the pair that was skipped, and those of the second prompt"
    assert "2 pairs were judged before, and left out." in words(blind.stage.voting)
    press(blind, Qt.Key.Key_1)
    blind.mode.leave()
    blind.mode.begin_with(turns)
    assert "2 of 4 pairs" in words(blind.stage), "it goes on where it was left"
    press(blind, *[Qt.Key.Key_1] * 3)
    assert len(blind.bench.history.ballots.counted()) == 6


def test_another_rater_is_asked_about_all_of_it(blind: Blind) -> None:
    blind.ask("The first?")
    press(blind, Qt.Key.Key_1)
    voting = blind.stage.voting
    press(blind, Qt.Key.Key_R)
    assert voting.notes.isVisibleTo(voting)
    voting.notes.rater.setText(" Ada  L. ")
    QTest.keyClick(voting.notes.rater, Qt.Key.Key_Return)
    assert "Rater: Ada L." in voting.bar.rater.text()
    assert blind.bench.settings.rater == "Ada L."
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1)
    assert [vote.rater for vote in blind.bench.history.ballots.counted()] == ["", "Ada L.", "Ada L."]
    turns = [one.turn_id for one in blind.page.comparison.panes[0].exchanges if one.turn_id is not None]
    blind.mode.begin_with(turns)
    assert "2 pairs were judged by Ada L. before, and left out." in words(voting)
    press(blind, Qt.Key.Key_1)
    assert blind.stage.currentWidget() is blind.stage.reveal


def test_there_is_nothing_to_vote_on_before_anything_was_asked(blind: Blind) -> None:
    with pytest.raises(UsageError, match="nothing to vote on"):
        blind.mode.begin_with([])


def test_the_reveal_leads_to_the_next_prompt(blind: Blind) -> None:
    blind.ask()
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1)
    blind.stage.reveal.next_button.click()
    assert blind.window.focusWidget() is blind.page.composer.edit
    blind.ask("The next one?")
    assert blind.stage.currentWidget() is blind.stage.voting


def test_whoever_writes_the_next_prompt_votes_on_nothing(blind: Blind) -> None:
    """Keys are votes only where nobody types; a click on an answer hands them over."""
    blind.send("The first?")
    blind.page.composer.setFocus()
    QTest.keyClicks(blind.page.composer.edit, "And then")
    blind.qtbot.waitUntil(lambda: blind.shown is blind.stage.voting)
    assert blind.window.focusWidget() is blind.page.composer.edit
    QTest.keyClicks(blind.page.composer.edit, " 1 a 2 b t n s u")
    assert blind.votes() == []
    assert blind.page.composer.text == "And then 1 a 2 b t n s u"
    answer = blind.stage.voting.columns[0].text
    QTest.mouseClick(answer.viewport(), Qt.MouseButton.LeftButton)
    QTest.keyClick(answer, Qt.Key.Key_2)
    assert blind.votes() == [("RIGHT", True)]
    assert blind.page.composer.text == "And then 1 a 2 b t n s u"


# --- what stays ----------------------------------------------------------------------------------


def test_a_closed_window_loses_no_vote_and_goes_on_with_the_round(open_window: OpenWindow) -> None:
    first = open_window()
    first.choose(*TITLES)
    first.mode.toggle()
    first.ask()
    press(first, Qt.Key.Key_1)
    second_pair = [column.text.raw_text for column in first.stage.voting.columns]
    (vote,) = first.bench.history.ballots.counted()
    again = open_window()
    assert again.mode.on
    assert again.stage.currentWidget() is again.stage.voting
    assert again.shown is again.stage.voting
    assert "2 of 3 pairs" in words(again.stage)
    assert [column.text.raw_text for column in again.stage.voting.columns] == second_pair
    press(again, Qt.Key.Key_T, Qt.Key.Key_N)
    assert again.votes() == [("LEFT", True), ("TIE", True), ("BOTH_BAD", True)]
    assert {one.seed for one in again.bench.history.ballots.counted()} == {vote.seed}


def test_a_vote_can_be_undone_after_a_restart(open_window: OpenWindow) -> None:
    first = open_window()
    first.choose(*TITLES)
    first.mode.toggle()
    first.ask()
    shown = first.stage.voting.columns[0].text.raw_text
    press(first, Qt.Key.Key_1)
    again = open_window()
    press(again, Qt.Key.Key_U)
    assert again.stage.voting.columns[0].text.raw_text == shown
    assert again.votes() == []


def test_a_finished_round_does_not_come_back(open_window: OpenWindow) -> None:
    first = open_window()
    first.choose(*TITLES)
    first.mode.toggle()
    first.ask()
    press(first, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1)
    again = open_window()
    assert again.mode.on, "the switch is kept with the conversation"
    assert again.shown is again.page.row


def test_another_conversation_has_a_switch_of_its_own(blind: Blind) -> None:
    blind.ask()
    kept = blind.page.record.diary.conversation_id
    assert kept is not None
    blind.page.new_comparison()
    assert blind.mode.on
    assert blind.shown is blind.page.row
    blind.mode.toggle()
    blind.ask("Openly?")
    blind.page.load_conversation(kept)
    assert blind.mode.on
    assert blind.stage.currentWidget() is blind.stage.voting


def _fails_once() -> Callable[[Request], Iterable[str]]:
    numbers = itertools.count()

    def script(_request: Request) -> Iterable[str]:
        number = next(numbers)
        if not number:
            raise WorkbenchError("It went wrong.")
        return [f"Reply {number}."]

    return script
