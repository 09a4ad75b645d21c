"""A pane's answers: made as they are needed, found again, and read in peace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from workbench.chat.answer import Answer
from workbench.chat.pane import Exchange, Pane
from workbench.engine.base import TextDelta
from workbench.engine.fake import fake_model
from workbench.gui import reading, theme
from workbench.gui.compare.linked import LinkedScroll
from workbench.gui.compare.transcript import AT_FIRST, MOST, Transcript


@pytest.fixture(autouse=True)
def _as_it_was(qapp: QApplication) -> Iterator[None]:
    theme.apply(qapp, "light", 1.0)
    yield
    reading.set_zoom(1.0)
    reading.set_characters(90)


def answer(text: str) -> Answer:
    return Answer("One", "one.gguf", "llama", "Q8_0", synthetic=False, text=text, stop_reason="end")


def answered(count: int, lines: int = 12) -> Pane:
    """A pane with so many exchanges; the turns are numbered from 1."""
    pane = Pane(1)
    pane.model = fake_model("one")
    pane.exchanges = [
        Exchange(f"Question {number}", answer(f"**Answer {number}**" + "\n\nline" * lines), turn_id=number)
        for number in range(1, count + 1)
    ]
    return pane


@pytest.fixture
def shown(qtbot: QtBot) -> Transcript:
    made = Transcript()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    return made


def prompts(transcript: Transcript) -> list[str]:
    return [view.prompt for view in transcript.views]


def at_top(transcript: Transcript) -> str:
    place = transcript.place()
    assert place is not None
    return next(view.prompt for before_end, view in transcript.shown() if before_end == place.before_end)


def test_a_long_conversation_opens_at_its_end_with_few_views(shown: Transcript) -> None:
    shown.draw(answered(1000))
    assert len(shown.views) < 20
    assert prompts(shown)[-1] == "Question 1000"
    assert shown.verticalScrollBar().value() == shown.verticalScrollBar().maximum()
    assert shown.earlier.text() == f"Earlier: {1000 - len(shown.views)} more"
    assert shown.later.isHidden()


def test_scrolling_up_goes_on_without_a_jump(shown: Transcript, qtbot: QtBot) -> None:
    shown.draw(answered(40))
    bar = shown.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 600)
    seen = {at_top(shown)}
    while shown.first > 0 or bar.value() > 0:
        before = at_top(shown)
        bar.setValue(bar.value() - 200)
        qtbot.wait(1)  # what is near is made when the event loop comes by
        seen.add(at_top(shown))
        assert abs(int(before.split()[1]) - int(at_top(shown).split()[1])) <= 2
    assert seen >= {f"Question {number}" for number in range(1, 38)}
    assert shown.earlier.isHidden()


def test_never_are_more_views_alive_than_are_near(shown: Transcript) -> None:
    shown.draw(answered(300))
    for _ in range(40):
        shown.earlier.click()
        assert len(shown.views) <= MOST
    assert prompts(shown) == [f"Question {number}" for number in range(shown.first + 1, shown.first + MOST + 1)]
    assert shown.later.isVisibleTo(shown)


def test_earlier_ones_are_reached_with_the_keyboard(shown: Transcript, qtbot: QtBot) -> None:
    shown.draw(answered(40))
    before = shown.first
    shown.earlier.setFocus()
    qtbot.keyClick(shown.earlier, Qt.Key.Key_Space)
    assert shown.first < before


def test_any_exchange_is_brought_into_view_and_the_way_back_is_open(shown: Transcript, qtbot: QtBot) -> None:
    shown.draw(answered(1000))
    assert shown.show_exchange(17)
    qtbot.waitUntil(lambda: at_top(shown) == "Question 17")
    assert len(shown.views) <= MOST
    shown.to_end()
    qtbot.waitUntil(lambda: shown.verticalScrollBar().value() == shown.verticalScrollBar().maximum())
    assert prompts(shown)[-1] == "Question 1000"
    assert not shown.show_exchange(1001)


def test_a_new_question_leads_back_to_the_end(shown: Transcript) -> None:
    pane = answered(100)
    shown.draw(pane)
    shown.show_exchange(5)
    pane.queue("And now?")
    shown.draw(pane)
    assert prompts(shown)[-1] == "And now?"
    assert shown.follows


def test_another_answer_of_the_same_pane_replaces_only_what_changed(shown: Transcript) -> None:
    pane = answered(AT_FIRST)
    shown.draw(pane)
    before = list(shown.views)
    assert len(before) == AT_FIRST
    pane.exchanges[-1] = replace(pane.exchanges[-1], answer=answer("other"))
    shown.draw(pane)
    assert shown.views[:-1] == before[:-1]
    assert shown.views[-1] is not before[-1]
    assert shown.views[-1].text.raw_text == "other"


def test_linked_panes_show_the_same_part_of_the_same_exchange(qtbot: QtBot) -> None:
    panes = []
    for lines in (12, 40):
        made = Transcript()
        qtbot.addWidget(made)
        made.resize(400, 300)
        made.show()
        made.draw(answered(20, lines))
        panes.append(made)
    short, long = panes
    linked = LinkedScroll()
    linked.follow(panes)
    short.show_exchange(18)
    qtbot.waitUntil(lambda: at_top(short) == "Question 18")
    assert at_top(long) != "Question 18"
    linked.set_on(True)
    bar = short.verticalScrollBar()
    bar.setValue(bar.value() + short.views[0].height() // 2)
    qtbot.waitUntil(lambda: at_top(long) == at_top(short))
    one, other = short.place(), long.place()
    assert one is not None
    assert other is not None
    assert other.fraction == pytest.approx(one.fraction, abs=0.02)


def test_a_stream_into_a_long_paragraph_keeps_its_blocks_short_and_its_text_whole(shown: Transcript) -> None:
    pane = Pane(1)
    pane.model = fake_model("one")
    pane.queue("Go on")
    words = "".join(f"word{number} 👩‍🚀 " for number in range(3000))
    for number in range(0, len(words), 500):
        pane.apply(TextDelta(words[number : number + 500], number, False))
        shown.draw(pane)
    text = shown.views[-1].text
    blocks = text.document()
    assert blocks.blockCount() > 5
    assert max(blocks.findBlockByNumber(number).length() for number in range(blocks.blockCount())) < 5000
    assert text.raw_text == words
    text.selectAll()
    assert text.createMimeDataFromSelection().text() == words


def test_lines_are_no_longer_than_can_be_read(shown: Transcript, qtbot: QtBot) -> None:
    shown.resize(1600, 400)
    shown.draw(answered(2))
    widest = shown.fontMetrics().averageCharWidth() * 90
    qtbot.waitUntil(lambda: shown.views[0].width() <= widest)
    assert abs(shown.views[0].x() - (shown.viewport().width() - shown.views[0].width()) / 2) <= 2
    reading.set_characters(0)
    qtbot.waitUntil(lambda: shown.views[0].width() > 1500)


def test_a_pane_that_was_never_asked_some_of_the_prompts_opens_like_any_other(qtbot: QtBot) -> None:
    pane = answered(2 * AT_FIRST)
    pane.exchanges = [replace(one, answer=None) if place % 2 == 0 else one for place, one in enumerate(pane.exchanges)]
    transcript = Transcript()
    qtbot.addWidget(transcript)
    transcript.draw(pane)
    assert len(transcript.views) == AT_FIRST
    transcript.show_earlier()
    transcript.to_end()
    assert prompts(transcript)[-1] == pane.exchanges[-1].prompt
