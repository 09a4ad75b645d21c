"""Sending while panes answer, what waits shown above the composer, and how the models run."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from tests.gui.compare.conftest import ALPHA, BETA, slow
from tests.gui.conftest import named, words
from workbench.chat.options import Options
from workbench.chat.pane import PaneState, Waiting
from workbench.chat.plan import Cost, RunMode
from workbench.engine.fake import FakeBackend, say
from workbench.gui.compare.run_plan import cost_words
from workbench.gui.compare.waits import about, waiting_words


def chips(opened) -> list[str]:
    return [
        line for line in words(opened.page.composer.queue).splitlines() if line[:1].isdigit() and "waiting" not in line
    ]


@pytest.fixture
def asked(open_page):
    """Two models that write until they are stopped, asked once."""
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.send("first")
    opened.until_written(0)
    return opened


def test_sending_while_panes_answer_queues_the_prompt_and_never_refuses(asked):
    asked.send("second")
    assert asked.page.composer.text == ""
    asked.send("third")
    asked.until(lambda: chips(asked) == ["1. second", "2. third"])
    assert asked.page.composer.edit.isEnabled()
    assert asked.page.composer.notice.isHidden()
    assert "2 waiting" in words(asked.page.composer.queue)


def test_what_waits_can_be_taken_away_and_put_earlier_with_the_mouse_or_the_keyboard(asked):
    for prompt in ("b", "c"):
        asked.send(prompt)
    asked.until(lambda: len(chips(asked)) == 2)
    earlier = named(asked.page.composer.queue, "Ask “c” earlier")
    earlier.setFocus()
    asked.qtbot.keyClick(earlier, Qt.Key.Key_Space)
    asked.until(lambda: chips(asked) == ["1. c", "2. b"])
    asked.qtbot.mouseClick(named(asked.page.composer.queue, "Do not ask “c”"), Qt.MouseButton.LeftButton)
    asked.until(lambda: chips(asked) == ["1. b"])


def test_stop_all_keeps_what_waits_with_a_visible_go_on(asked):
    asked.send("later")
    asked.page.stop_all()
    asked.until_quiet()
    asked.until(lambda: "held back" in words(asked.page.composer.queue))
    asked.backend.script, asked.backend.tokens_per_s = say(["x"]), None
    asked.qtbot.mouseClick(named(asked.page.composer.queue, "Go on"), Qt.MouseButton.LeftButton)
    asked.until(lambda: asked.page.composer.queue.isHidden() and not asked.page.comparison.busy)
    assert [one.prompt for one in asked.panes[0].exchanges] == ["first", "later"]


def test_what_waits_survives_a_restart_and_waits_for_a_word(asked, open_page):
    asked.send("later")
    asked.until(lambda: chips(asked) == ["1. later"])
    asked.close()
    again = open_page(FakeBackend(say(["x"])))
    assert chips(again) == ["1. later"]
    assert again.page.comparison.paused
    again.until(lambda: not again.page.record.wanted)
    again.page.comparison.go_on()
    again.until_quiet()
    assert again.panes[0].exchanges[-1].prompt == "later"
    again.close()
    assert chips(open_page(FakeBackend(say(["x"])))) == []


def test_another_conversation_has_a_queue_of_its_own(asked):
    asked.send("later")
    asked.until(lambda: chips(asked) == ["1. later"])
    first = asked.page.record.diary.conversation_id
    asked.page.new_comparison()
    asked.until(lambda: chips(asked) == [])
    asked.page.load_conversation(first)
    asked.until(lambda: chips(asked) == ["1. later"])
    assert asked.page.comparison.paused


def test_a_prompt_of_a_million_letters_and_dozens_of_them_can_wait(asked):
    asked.send("word " * 200_000)
    for number in range(20):
        asked.send(f"prompt {number}")
    asked.until(lambda: "21 waiting" in words(asked.page.composer.queue))
    assert "and 15 more" in words(asked.page.composer.queue)
    assert asked.page.composer.queue.height() < 200


def test_closing_the_window_while_prompts_wait_ends_everything(asked):
    asked.send("later")
    asked.close()
    assert asked.backend.live == 0


# --- how the models run ----------------------------------------------------------------------


def entries(opened) -> list[str]:
    opened.page.composer.plan.menu.aboutToShow.emit()
    return [action.text() for action in opened.page.composer.plan.menu.actions() if action.text()]


def test_the_ways_to_run_are_offered_with_their_price_and_the_choice_is_kept(open_page):
    opened = open_page(FakeBackend(say(["word "] * 20), tokens_per_s=200))
    opened.choose(ALPHA, BETA)
    before = entries(opened)
    assert before[0] == "Automatic: together"
    assert "known after the first answers (the planner's choice)" in before[1]
    opened.ask("Count.")
    together, in_turn, swap = entries(opened)[1:]
    assert together.startswith("Together: all at once")
    assert in_turn.startswith("Taking turns: fair speeds; ")
    assert in_turn.endswith("for 2 answers")
    assert "known after the first loads" in swap
    action = next(one for one in opened.page.composer.plan.menu.actions() if one.text() == in_turn)
    action.trigger()
    assert opened.page.composer.plan.button.text() == "Run: in turn ▾"
    assert opened.page.composer.plan.reasons.text().endswith("for 2 answers"), "the price of what was chosen"
    swapping = next(one for one in opened.page.composer.plan.menu.actions() if one.text() == swap)
    swapping.trigger()
    assert opened.page.composer.plan.reasons.text().endswith("how long is known after the first loads")
    action.trigger()
    opened.close()
    again = open_page(FakeBackend())
    assert again.page.comparison.options.mode is RunMode.IN_TURN


def test_with_one_model_there_is_no_way_to_choose(open_page):
    opened = open_page()
    opened.choose(ALPHA)
    assert opened.page.composer.plan.button.isHidden()


def test_a_waiting_pane_says_for_whom(open_page):
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.page.record.set_options(Options(mode=RunMode.IN_TURN), opened.page.record.context)
    opened.send("first")
    opened.until_written(0)
    assert f"waiting for {ALPHA}…" in words(opened.views[1])


def test_the_time_is_told_before_the_names(open_page):
    pane = open_page().panes[1]
    pane.state, pane.waiting = PaneState.QUEUED, Waiting(for_=ALPHA, about_s=(5.0, 40.0))
    assert waiting_words(pane) == f"waiting about 5 to 40\N{NO-BREAK SPACE}s for {ALPHA}…"


def test_whom_a_pane_waits_for_wraps_within_the_pane(open_page):
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    opened.page.record.set_options(Options(mode=RunMode.IN_TURN), opened.page.record.context)
    opened.send("first")
    opened.until_written(0)
    transcript = opened.views[1].transcript
    waiting = transcript.views[-1].waiting
    waiting.setText(" and ".join([ALPHA] * 12))
    opened.until(lambda: waiting.height() > 2 * waiting.fontMetrics().lineSpacing())
    assert waiting.mapTo(transcript.widget(), waiting.rect().topRight()).x() < transcript.viewport().width()


def test_what_is_said_of_the_run_is_of_all_panes_also_after_one_answered_again(open_page):
    opened = open_page(FakeBackend(say(["word "] * 20), tokens_per_s=200))
    opened.choose(ALPHA, BETA)
    opened.ask("Count.")
    opened.page.regenerate(opened.panes[0])
    of_one = opened.page.comparison.plan
    opened.until_quiet()
    comparison = opened.page.comparison
    assert comparison.plan is not None
    assert comparison.plan.costs == comparison.judged().costs
    assert comparison.plan.costs != of_one.costs


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ((0.2, 0.4), "less than a second"),
        ((0.0, 12.0), "up to 12 s"),
        ((40.0, 41.0), "about 40 s"),
        ((6.2, 9.1), "about 6 to 9 s"),
        ((50.0, 130.0), "about 50 s to 2 min"),
        ((7200.0, 14400.0), "about 2.0 to 4.0 h"),
    ],
)
def test_how_long_is_told_as_exactly_as_anybody_needs_it(seconds, said):
    assert about(seconds).replace("\N{NO-BREAK SPACE}", " ") == said


def test_swapping_says_how_much_of_its_time_is_loading():
    swap = Cost(RunMode.SWAP, (50.0, 51.0), "", loading_s=(20.0, 20.0), answers=3)
    said = cost_words(swap, advised=True).replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "Swap: loads each model anew; about 50 s for 3 answers, about 20 s of it loading (the planner's choice)"
    )
