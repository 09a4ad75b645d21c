"""What stays with an answer wherever it is shown: cut off, imported, measured on battery, not its own to go on from."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from workbench.chat.answer import Answer
from workbench.chat.pane import Exchange, Pane
from workbench.engine.fake import fake_model
from workbench.gui import theme
from workbench.gui.compare.exchange import ExchangeView

PLAIN = Answer("SmolLM2", "/m.gguf", "llama", "Q8_0", False, "Hello.", "end", completion_tokens=2)


@pytest.fixture
def view(qapp: QApplication, qtbot: QtBot) -> ExchangeView:
    theme.apply(qapp, "light")
    made = ExchangeView(Pane(0), Exchange("Hi", None))
    qtbot.addWidget(made)
    made.resize(500, 300)
    made.show()
    return made


def shown(view: ExchangeView, answer: Answer, **exchange: object) -> list[str]:
    view.draw_answer(answer)
    view.draw_exchange(
        replace(Exchange("Hi", answer), **exchange),  # type: ignore[arg-type]  # fields of the test's own
        newest=True,
        quiet=True,
    )
    return view.chip_texts


def test_an_answer_that_ended_of_itself_wears_nothing(view: ExchangeView) -> None:
    assert shown(view, PLAIN) == []
    assert not view.chips.isVisible()


def test_what_held_the_machine_back_stands_beside_the_speed(view: ExchangeView) -> None:
    assert shown(view, replace(PLAIN, conditions=("on battery (62 %)",))) == ["on battery (62 %)"]
    assert view.chips.isVisible()


@pytest.mark.parametrize(
    ("reason", "chip"),
    [("max_tokens", "cut off at the token limit"), ("imported", "imported: not answered here"),
     ("unfinished", "unfinished: the program ended")],
)  # fmt: skip
def test_an_answer_that_is_not_whole_or_not_of_here_says_so(view: ExchangeView, reason: str, chip: str) -> None:
    assert chip in shown(view, replace(PLAIN, stop_reason=reason))


def test_going_on_from_another_answer_is_said_until_it_is_taken_back(view: ExchangeView) -> None:
    other = replace(PLAIN, model="Gemma 3")
    assert shown(view, PLAIN, continued=other) == ["⤷ goes on from the answer of Gemma 3 · Q8_0"]
    assert shown(view, PLAIN, unread=True) == ["⤷ left out of what the model reads next"]
    assert shown(view, PLAIN) == []


def test_what_is_low_stands_in_the_middle_of_its_row_and_what_is_hidden_takes_no_room(view: ExchangeView) -> None:
    shown(view, replace(PLAIN, stop_reason="max_tokens"))
    chip = next(found for found in view.chips.findChildren(QLabel) if not found.isHidden())
    QApplication.processEvents()
    assert view.unlike.isHidden()
    assert chip.x() == 0
    view.unlike.show()
    QApplication.processEvents()
    assert chip.x() > view.unlike.width() > 0
    assert chip.height() < view.unlike.height()
    assert abs(chip.geometry().center().y() - view.unlike.geometry().center().y()) <= 1


def test_an_answer_of_another_model_than_the_panes_says_whose_it_is(view: ExchangeView) -> None:
    pane = Pane(0)
    shown(view, replace(PLAIN, path="", model="gpt-4o", quantisation=""))
    view.tell_author(pane)
    assert view.chip_texts == ["answered by gpt-4o"]

    shown(view, PLAIN)
    view.tell_author(pane)  # its file is here, and the pane's model is still looked for
    assert view.chip_texts == []
    pane.model = fake_model("other")
    view.tell_author(pane)
    assert view.chip_texts == ["answered by SmolLM2 · Q8_0"]
    pane.model = fake_model("SmolLM2")
    view.tell_author(pane)
    assert view.chip_texts == []


def test_the_parts_of_an_answer_find_their_places_again_after_its_text(view: ExchangeView) -> None:
    """A text that finds its height while the layout is at work leaves its neighbours where the old height put them."""
    shown(view, replace(PLAIN, stop_reason="max_tokens"))
    QApplication.processEvents()
    parts = [view.bubble, view.text, view.chips, view.footer]
    places = [part.geometry() for part in parts]
    view.text.move(0, 189)
    view.chips.move(0, 488)
    view.text.height_changed.emit()
    QApplication.processEvents()
    assert [part.geometry() for part in parts] == places
    assert all(above.geometry().bottom() < below.y() for above, below in itertools.pairwise(parts))
