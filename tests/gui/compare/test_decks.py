"""Decks on the Compare page: written, imported, run, looked at, and put away at any moment."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton

from tests.gui.compare.conftest import ALPHA, BETA, slow
from tests.gui.conftest import words
from workbench.chat.decks.deck import Deck, DeckPrompt
from workbench.chat.decks.rows import CellState
from workbench.engine.fake import FakeBackend, say
from workbench.gui.compare.parts import part
from workbench.gui.decks import part as decks_part
from workbench.gui.decks.part import DecksPart

THREE = "red?\ngreen?\nblue?"


def click(opened, text):
    buttons = [one for one in opened.page.findChildren(QAbstractButton) if one.isVisible()]
    found = next(one for one in buttons if text in (one.text(), one.accessibleName()))
    opened.qtbot.mouseClick(found, Qt.MouseButton.LeftButton)


def write(opened, name="Colours", text=THREE):
    decks = part(opened.page, DecksPart)
    if not decks.is_shown:
        click(opened, "Decks")
    click(opened, "New deck")
    decks.editor.name.setText(name)
    decks.editor.text.setPlainText(text)
    click(opened, "Save")
    return decks


def states(decks):
    table = decks.run_view.model
    return [
        table.index(row, column).data() for row in range(table.rowCount()) for column in range(1, table.columnCount())
    ]


@pytest.fixture
def ready(open_page):
    opened = open_page(FakeBackend(say(["Blue."])))
    opened.choose(ALPHA, BETA)
    return opened


def test_an_empty_shelf_says_what_a_deck_is(ready):
    click(ready, "Decks")
    assert "A deck asks its prompts of every model" in words(part(ready.page, DecksPart).shelf)


def test_a_prompt_that_is_sent_beside_a_deck_shows_its_answers(ready):
    click(ready, "Decks")
    assert not ready.views[0].isVisible()
    ready.ask("Hello")
    assert ready.last(0).text.isVisible()
    assert not part(ready.page, DecksPart).button.isChecked()


def test_a_deck_is_written_run_and_seen_prompt_by_prompt(ready):
    decks = write(ready)
    assert decks.shelf.decks.item(0).text().startswith("Colours · 3 prompts · red?")
    click(ready, "Run on the models in the panes")
    ready.until(lambda: decks.running is None and ready.page.errands.idle)
    assert states(decks) == ["● answered"] * 6
    assert "6 of 6 answers" in words(decks.run_view)
    assert decks.run_view.model.headerData(1, Qt.Orientation.Horizontal) == f"{ALPHA} · F16"
    decks.run_view.view.selectRow(1)
    click(ready, "Show in the panes")
    assert ready.page.stage.currentWidget() is ready.page.row
    ready.until(lambda: not ready.page.record.wanted)
    assert [one.prompt for one in ready.panes[0].exchanges] == ["green?"]
    assert ready.panes[1].exchanges[0].answer.text == "Blue."


def test_a_run_can_be_stopped_and_goes_on_where_it_was(open_page):
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    decks = write(opened)
    click(opened, "Run on the models in the panes")
    opened.until(lambda: CellState.RUNNING in decks.run_view.model._cells.values())
    click(opened, "■ Stop")
    opened.until(lambda: decks.running is None)
    assert "● answered" not in states(decks)
    assert "◐ stopped" in states(decks)
    opened.backend.script, opened.backend.tokens_per_s = say(["x"]), None
    click(opened, "Go on")
    opened.until(lambda: decks.running is None and "6 of 6" in words(decks.run_view))


def test_what_is_asked_while_a_deck_runs_waits_for_its_end(open_page):
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    decks = write(opened)
    click(opened, "Run on the models in the panes")
    opened.until(lambda: decks.running is not None)
    opened.send("meanwhile")
    assert opened.page.comparison.queue == ("meanwhile",)
    opened.backend.script, opened.backend.tokens_per_s = say(["x"]), None
    decks.stop()
    opened.until(lambda: decks.running is None and not opened.page.comparison.busy)
    assert opened.panes[0].exchanges[-1].prompt == "meanwhile"


def test_closing_the_window_in_the_middle_of_a_run_ends_it_and_keeps_the_rest_to_do(open_page):
    opened = open_page(slow())
    opened.choose(ALPHA, BETA)
    decks = write(opened)
    click(opened, "Run on the models in the panes")
    opened.until(lambda: decks.running is not None)
    run_id = decks.running
    opened.close()
    again = open_page(FakeBackend(say(["x"])))
    decks = part(again.page, DecksPart)
    decks.show_run(run_id)
    assert "● answered" not in states(decks)
    click(again, decks.run_view.start_button.text())
    again.until(lambda: decks.running is None and "6 of 6" in words(decks.run_view))


def test_a_deck_that_was_deleted_can_come_back(ready):
    decks = write(ready)
    click(ready, "Delete")
    assert decks.shelf.decks.count() == 0
    click(ready, "Undo: “Colours” was deleted.")
    assert decks.shelf.decks.count() == 1


def test_a_deck_without_a_prompt_is_not_saved_and_says_why(ready):
    click(ready, "Decks")
    click(ready, "New deck")
    click(ready, "Save")
    assert "holds no prompt" in words(part(ready.page, DecksPart).editor)


def test_a_file_that_is_no_deck_is_refused_above_the_list(ready, tmp_path):
    path = tmp_path / "noise.txt"
    path.write_bytes(bytes(range(256)) * 10)
    decks = part(ready.page, DecksPart)
    decks.import_file(path)
    ready.until(lambda: "text" in words(decks.shelf.notice))
    (tmp_path / "good.csv").write_text("prompt\none\ntwo\n", encoding="utf-8")
    decks.import_file(tmp_path / "good.csv")
    ready.until(lambda: decks.shelf.decks.count() == 1)
    assert decks.shelf.decks.item(0).text().startswith("good · 2 prompts")


def test_without_a_model_a_deck_says_what_to_do(open_page):
    opened = open_page()
    decks = write(opened)
    click(opened, "Run on the models in the panes")
    assert "No model is chosen" in words(decks.shelf.notice)


def test_ten_thousand_prompts_are_shown(ready):
    decks = write(ready, text="\n".join(f"prompt {number}" for number in range(10_000)))
    deck_id = ready.bench.history.decks.all()[0].id
    deck = ready.bench.history.decks.load(deck_id)
    run_id = ready.bench.history.decks.runs.create(deck, ready.panes)
    decks.show_run(run_id)
    assert decks.run_view.model.rowCount() == 10_000
    assert decks.run_view.start_button.text() == "Run"


def test_a_deck_is_voted_on_blind(ready):
    script = iter(f"answer {number}" for number in range(100))
    ready.backend.script = lambda _: [next(script)]
    decks = write(ready)
    click(ready, "Run on the models in the panes")
    ready.until(lambda: decks.running is None and "6 of 6" in words(decks.run_view))
    click(ready, "Vote on it blind")
    assert ready.page.stage.currentWidget() not in (decks.stack, ready.page.row)


def test_the_shelf_shows_the_newest_runs_and_more_of_them_when_asked(ready, monkeypatch):
    monkeypatch.setattr(decks_part, "RUNS", 2)
    decks = part(ready.page, DecksPart)
    decks._most = 2
    runs = ready.bench.history.decks.runs
    for number in range(5):
        runs.create(Deck(f"Deck {number}", (DeckPrompt("red?"),)), [one for one in ready.panes if one.model])
    click(ready, "Decks")
    shown = decks.shelf.runs
    assert [shown.item(row).text().split(" · ")[0] for row in range(shown.count())] == ["○ Deck 4", "○ Deck 3"]
    shown.setCurrentRow(1)
    click(ready, "Earlier runs…")
    assert shown.count() == 4
    assert shown.currentItem().text().startswith("○ Deck 3"), "what was chosen stays so"
    click(ready, "Earlier runs…")
    assert shown.count() == 5
    assert not decks.shelf.earlier_button.isVisible()


def test_the_shelf_reads_no_more_however_many_runs_there_are(ready):
    """Two hundred runs took a quarter of a second on the window's thread."""
    decks = part(ready.page, DecksPart)
    runs = ready.bench.history.decks.runs
    panes = [one for one in ready.panes if one.model]

    def statements():
        found = []
        with ready.bench.db.read() as sql:
            sql.set_trace_callback(found.append)
        decks.show_shelf()
        with ready.bench.db.read() as sql:
            sql.set_trace_callback(None)
        return len(found)

    def add(count):
        for number in range(count):
            runs.create(Deck(f"Deck {number}", (DeckPrompt("red?"),)), panes)

    add(decks_part.RUNS + 1)
    before = statements()
    add(30)
    assert statements() == before
    assert decks.shelf.runs.count() == decks_part.RUNS
