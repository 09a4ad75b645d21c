"""The Votes page: what it says before, with few and with many votes, and what can be done there."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from tests.gui.blind.conftest import TITLES, Blind, OpenWindow
from tests.gui.conftest import words
from tests.gui.votes.conftest import LARGE, SMALL, TINY, refreshed, shown, votes
from workbench.chat.exports.text import ratings_json
from workbench.chat.votes import files as vote_files
from workbench.chat.votes.ballots import Compared, Side, Vote
from workbench.chat.votes.files import VoteForm
from workbench.chat.votes.ratings import rate
from workbench.chat.votes.taking import take
from workbench.gui import names
from workbench.gui.dropping import sorted_out
from workbench.gui.errands import errand
from workbench.gui.hub.pack_dialog import PackDialog
from workbench.gui.pages.votes import EXPORT_LANE, IMPORT_LANE
from workbench.gui.votes.bars import IntervalBar, range_words
from workbench.gui.votes.vote_table import COLUMNS, VoteRow
from workbench.stats.interval import Interval
from workbench.stats.outcome import Outcome


def test_without_votes_it_says_what_to_do(open_window: OpenWindow) -> None:
    made = open_window()
    page = shown(made)
    assert "No votes yet" in words(page)
    assert "Ctrl+Shift+B" in words(page)
    assert not page.export.isEnabled()
    page.ranking.first_wished.emit()
    assert made.window.stack.currentWidget() is made.window.compare
    assert made.mode.on


def test_ctrl_4_and_the_rail_lead_to_it(open_window: OpenWindow) -> None:
    made = open_window()
    assert made.window.menus.actions["votes"].shortcut().toString() == "Ctrl+4"
    made.window.menus.actions["votes"].trigger()
    assert made.window.stack.currentWidget() is made.window.votes
    assert made.window.rail.buttons["votes"].isChecked()


def test_the_ranking_says_chances_with_ranges_and_what_is_not_decided(voted: Blind) -> None:
    page = shown(voted)
    said = words(page.ranking)
    assert said.index(LARGE.name) < said.index(TINY.name)
    assert "Wins " in said
    bars = page.ranking.findChildren(IntervalBar)
    assert [bar.accessibleName() for bar in bars[:3]] == [
        f"Chance that {one.name} is preferred" for one in (LARGE, SMALL, TINY)
    ]
    assert range_words(bars[0].interval) in said, "the numbers stand beside the bar"
    assert bars[0].interval.low < bars[0].interval.estimate < bars[0].interval.high


def test_the_numbers_are_those_of_the_command_line(voted: Blind) -> None:
    page = shown(voted)
    found = rate(voted.bench.history.ballots.counted())
    assert found is not None
    (island,) = ratings_json(found)["islands"]
    bars, said = page.ranking.findChildren(IntervalBar), words(page.ranking)
    for bar, one in zip(bars, island["standings"], strict=False):
        assert asdict(bar.interval) == one["beats_average"]
        assert one["elo"]["estimate"] == pytest.approx(-400 * math.log10(1 / bar.interval.estimate - 1))
    for one in island["standings"][:-1]:
        assert range_words(Interval(**one["beats_next"])) in said
        more = one["votes_to_decide"]
        assert (f"Not decided: about {more:,} more vote" if more else "Decided.") in said
    trust = ratings_json(found)
    low, at, high = (1 / (1 + math.exp(-trust["side_effect"][end])) for end in ("low", "estimate", "high"))
    assert f"the one on the left wins {range_words(Interval(at, low, high))}" in said
    assert f"Both answers were bad in {range_words(Interval(**trust['both_bad']))}" in said
    assert f"without {island['fragile']} vote" in said


def test_votes_on_few_prompts_are_said_to_be_too_few(open_window: OpenWindow) -> None:
    made = open_window()
    ballots = made.bench.history.ballots
    prompts = [Compared(vote, f"Prompt {number % 3}", f"{number}", "b") for number, vote in enumerate(
        Vote(Side(LARGE, 10), Side(TINY, 10), Outcome.LEFT, seed=number) for number in range(30))]  # fmt: skip
    take(ballots, prompts, "thirty.jsonl")
    said = words(shown(made).ranking)
    assert "30 votes on 3 prompts" in said
    found = re.search(r"Too few prompts to tell, 3 prompts so far: about (\d+) more votes to go", said)
    assert found is not None
    assert 3 <= int(found[1]) < 30, "six prompts at the least, and fewer votes than there are"
    assert "or without 3 prompts and all votes on them" not in said, "without any there is nothing to lead by"


def test_how_far_two_raters_agree_is_told_and_is_what_the_command_line_says(open_window: OpenWindow) -> None:
    made = open_window()
    ballots = made.bench.history.ballots
    for rater, wrong in (("Ada", 2), ("Bob", 5)):
        told = []
        for number in range(12):
            outcome = Outcome.RIGHT if number % wrong == 1 else Outcome.LEFT
            vote = Vote(Side(LARGE, 10 + number), Side(TINY, 20), outcome, seed=number, rater=rater)
            told.append(Compared(vote, f"Prompt {number}", "a", "b"))
        take(ballots, told, f"{rater}.csv")
    page = shown(made)
    said = words(page.ranking)
    assert page.judged is not None
    assert page.judged.ratings is not None
    found = ratings_json(page.judged.ratings)["agreement"]
    assert found["shared"] == 12
    alpha = found["alpha"]
    assert "2 raters: Ada 12, Bob 12. The ranges speak of what they prefer, not of what others would." in said
    assert f"who said the same in {range_words(Interval(**found['same']))}" in said
    assert f"alpha: {alpha['estimate']:.2f} ({alpha['low']:.2f} to {alpha['high']:.2f};" in said
    page.list_button.click()
    assert "Judged by Bob." in page.list.table.votes.rows[0].story
    assert page.rater.isVisible()

    def choose_rater() -> None:
        page.rater.setCurrentIndex(page.rater.findData("Ada"))
        page.rater.activated.emit(page.rater.currentIndex())

    refreshed(made, choose_rater)
    assert {row.vote.rater for row in page.list.table.votes.rows} == {"Ada"}
    assert "Agreement" not in words(page.ranking)


def test_how_a_pair_stands_is_said_in_the_language_of_the_window(
    voted: Blind, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QCoreApplication, "translate", lambda _, text: f"⟦{text}⟧")
    said = words(shown(voted).ranking)
    beaten = [line for line in said.splitlines() if "of the votes against" in line]
    assert len(beaten) == 3, "two pairs of models, and one of families"
    assert all(line.startswith("⟦") and line.endswith("⟧") for line in beaten)


def test_what_a_reader_must_know_before_believing_it_is_said(voted: Blind) -> None:
    said = words(shown(voted).ranking)
    assert "How far to trust it" in said
    assert "the one on the left wins" in said
    assert "called bad" in said
    assert "60 votes on 0 prompts; 54 were blind" in said
    assert "The prompt of 60 votes is not known" in said
    assert "Raters" not in said, "one person gave them all"
    assert not voted.window.votes.rater.isVisible()
    assert "leads" in said


def test_two_groups_without_a_vote_between_them_are_said_to_be_apart(open_window: OpenWindow) -> None:
    made = open_window()
    ballots = made.bench.history.ballots
    for left, right in (("A1", "A2"), ("B1", "B2")):
        sides = [Side(type(LARGE)(name, name, "llama", "Q4_0"), 10) for name in (left, right)]
        ballots.cast(Vote(sides[0], sides[1], Outcome.LEFT, seed=1))
    said = words(shown(made).ranking)
    assert "No vote connects these groups" in said
    assert "Group 2" in said


def test_the_filters_narrow_the_ranking_and_the_list(voted: Blind) -> None:
    page = shown(voted)
    refreshed(voted, lambda: page.blind_only.setChecked(True))
    assert len(page.list.table.votes.rows) == 54

    def choose_tag() -> None:
        page.tag.setCurrentIndex(page.tag.findData("tone"))
        page.tag.activated.emit(page.tag.currentIndex())

    refreshed(voted, choose_tag)
    assert {row.vote.tags for row in page.list.table.votes.rows} == {("tone",)}
    assert page.tag.currentData() == "tone", "what was chosen stays chosen"

    def choose_family() -> None:
        page.family.setCurrentIndex(page.family.findData("gemma"))
        page.family.activated.emit(page.family.currentIndex())

    refreshed(voted, choose_family)
    assert "fits this filter" in words(page.ranking)


def test_a_vote_is_withdrawn_and_put_back(voted: Blind) -> None:
    page = shown(voted)
    page.list_button.click()
    page.list.table.selectRow(0)
    newest = page.list.table.selected[0].vote
    refreshed(voted, page.list.withdraw.click)
    assert newest.id not in {vote.id for vote in voted.bench.history.ballots.counted()}
    assert "withdrawn" in str(page.list.table.votes.index(0, 4).data())
    assert [row.vote.id for row in page.list.table.selected] == [newest.id], "it stays selected"
    refreshed(voted, page.list.put_back.click)
    assert newest.id in {vote.id for vote in voted.bench.history.ballots.counted()}


def test_tags_and_comment_are_changed(voted: Blind) -> None:
    page = shown(voted)
    page.list_button.click()
    page.list.table.selectRow(0)
    page.list.tags.setText("#length, #tone")
    page.list.comment.setText("Too long")
    refreshed(voted, lambda: QTest.keyClick(page.list.comment, Qt.Key.Key_Return))
    changed = voted.bench.history.ballots.counted()[-1]
    assert (changed.tags, changed.comment) == (("length", "tone"), "Too long")
    assert page.tag.findData("length") > 0


def test_ten_thousand_votes_are_listed_without_a_widget_for_each(open_window: OpenWindow) -> None:
    made = open_window()
    ballots = made.bench.history.ballots
    ballots.cast = lambda vote: vote  # type: ignore[method-assign]  # the rows are made below, at once
    given = votes(ballots, 10)
    page = shown(made)
    page.list.table.show_rows([VoteRow(given[number % 10], f"Prompt {number}") for number in range(10_000)])
    page.list_button.click()
    assert page.list.table.votes.rowCount() == 10_000
    assert page.list.table.votes.columnCount() == len(COLUMNS)
    page.list.table.scrollToBottom()
    assert page.list.table.votes.index(9_999, 1).data() == "Prompt 9999"
    assert len(page.list.table.viewport().children()) < 20


def test_votes_go_out_as_a_file_and_come_back(voted: Blind, tmp_path: Path) -> None:
    page = shown(voted)
    path = tmp_path / "votes.csv"
    page.export_to(path, VoteForm.CSV)
    voted.qtbot.waitUntil(lambda: "60 votes are in votes.csv." in words(page.notice))
    page.import_from(path)
    voted.qtbot.waitUntil(lambda: "0 votes came out of votes.csv." in words(page.notice))
    assert "60 were here already." in words(page.notice)
    assert len(voted.bench.history.ballots.counted()) == 60


def test_an_export_that_is_cancelled_leaves_no_file(voted: Blind, tmp_path: Path) -> None:
    page, before = shown(voted), Event()
    folder = tmp_path / "out"
    folder.mkdir()
    voted.window.runner.submit("another export", errand(before.wait), lane=EXPORT_LANE)
    page.export_to(folder / "votes.csv", VoteForm.CSV)
    assert page.exporting.isVisible()
    page.exporting.cancel_button.click()
    before.set()
    voted.qtbot.waitUntil(lambda: voted.window.runner.idle)
    assert not page.exporting.isVisible()
    assert list(folder.iterdir()) == []


def test_an_import_shows_how_far_it_is_and_leaves_nothing_when_it_is_cancelled(voted: Blind, tmp_path: Path) -> None:
    page, before = shown(voted), Event()
    path = tmp_path / "votes.jsonl"
    ballots = voted.bench.history.ballots
    others = [replace(one, prompt=f"{one.prompt} again") for one in ballots.compared()]
    vote_files.save(others, path, VoteForm.ARENA)
    voted.window.runner.submit("another import", errand(before.wait), lane=IMPORT_LANE)
    page.import_from(path)
    page.import_from(path)  # one is under way
    assert page.importing.isVisible()
    assert page.importing.told.text() == "Reading votes.jsonl…"
    QTest.mouseClick(page.importing.cancel_button, Qt.MouseButton.LeftButton)
    before.set()
    voted.qtbot.waitUntil(lambda: voted.window.runner.idle)
    assert not page.importing.isVisible()
    assert words(page.notice).strip() == "Cancelled: no vote of the file is taken in."
    assert len(ballots.all()) == 60
    page.import_from(path)
    voted.qtbot.waitUntil(lambda: "60 votes came out of votes.jsonl." in words(page.notice))
    assert len(ballots.all()) == 120


def test_models_are_called_as_in_the_panes_as_soon_as_the_library_holds_them(voted: Blind) -> None:
    page = shown(voted)
    assert f"{LARGE.name}\n" in f"{words(page.ranking)}\n"
    (file, *_) = voted.page.shelf.models
    names.learn([replace(file, name=LARGE.model, title="Large Model 7B", quantisation=LARGE.quantisation)])
    page.rename()
    assert "Large Model 7B · Q4_K_M" in words(page.ranking)
    assert LARGE.name not in words(page.ranking)
    table = page.list.table.votes
    said = {table.data(table.index(row, column)) for row in range(table.rowCount()) for column in (2, 3)}
    assert said == {"Large Model 7B · Q4_K_M", SMALL.name, TINY.name}


def test_a_file_that_holds_no_votes_is_refused_in_words(voted: Blind, tmp_path: Path) -> None:
    page = shown(voted)
    path = tmp_path / "notes.csv"
    path.write_text("not, a, table\nof votes\n", encoding="utf-8")
    page.import_from(path)
    voted.qtbot.waitUntil(lambda: page.notice.isVisible())
    assert "✕" in words(page.notice)


def test_the_pair_that_teaches_most_is_voted_on_where_it_was_answered(open_window: OpenWindow) -> None:
    made = open_window()
    made.choose(*TITLES)
    made.mode.toggle()
    made.ask("The first?")
    for _ in range(3):
        made.stage.voting.bar.press("left")
    made.mode.toggle()
    made.ask("Asked openly?")
    page = shown(made)
    assert page.judged is not None
    assert page.judged.next_pair is not None
    assert page.judged.next_pair.place is not None
    assert "nobody judged yet" in words(page.ranking)
    page.ranking.wished.emit(page.judged.next_pair)
    assert made.window.stack.currentWidget() is made.window.compare
    assert made.stage.currentWidget() is made.stage.voting
    assert made.stage.voting.asked is not None
    assert made.stage.voting.asked.prompt == "Asked openly?"


def test_the_answers_of_a_vote_are_shown(open_window: OpenWindow) -> None:
    made = open_window()
    made.choose(*TITLES[:2])
    made.mode.toggle()
    made.ask("The question?")
    made.stage.voting.bar.press("left")
    made.mode.toggle()
    (vote,) = made.bench.history.ballots.counted()
    assert vote.turn is not None
    made.page.record.edit(vote.turn, "Another branch?")
    made.qtbot.waitUntil(lambda: not made.page.comparison.busy)
    made.page.new_comparison()
    page = shown(made)
    page.list_button.click()
    page.list.table.selectRow(0)
    page.list.open.click()
    assert made.window.stack.currentWidget() is made.window.compare
    assert made.page.record.title == "The question?"
    shown_turns = {pane.exchanges[-1].turn_id for pane in made.page.comparison.panes}
    assert shown_turns == {vote.turn}, "the branch that was voted on"


def test_a_bar_without_observations_says_so() -> None:
    assert range_words(Interval(float("nan"), 0.0, 1.0)) == "unknown (0 to 100 %)"
    assert range_words(Interval(0.64, 0.451, 0.8)) == "64 % (45 to 80 %)"


# --- what is dropped on the window --------------------------------------------------------------


def test_a_text_file_that_is_dropped_goes_along_with_the_prompt(open_window: OpenWindow, tmp_path: Path) -> None:
    made = open_window()
    note = tmp_path / "note.txt"
    note.write_text("What the customer wrote.", encoding="utf-8")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(note))])
    pressed = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    made.window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, *pressed))
    assert any("note.txt" in button.text() for button in made.page.composer.findChildren(QPushButton))


def test_a_pack_that_is_dropped_is_looked_at_in_its_dialog(open_window: OpenWindow, tmp_path: Path) -> None:
    made = open_window()
    (tmp_path / "models.zip").write_bytes(b"PK not really")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "models.zip"))])
    pressed = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    made.window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, *pressed))
    (dialog,) = made.window.findChildren(PackDialog)
    made.qtbot.waitUntil(lambda: not dialog.busy)
    dialog.close()


def test_what_is_dropped_is_told_apart_by_name(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "pack.json").write_text("{}", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    names = ("a.GGUF", "b.zip", "c.txt", "d.py", "pack", "folder")
    found = sorted_out([tmp_path / name for name in names])
    assert [path.name for path in found.models] == ["a.GGUF"]
    assert [path.name for path in found.packs] == ["b.zip", "pack"]
    assert [path.name for path in found.texts] == ["c.txt", "d.py"]
    assert not sorted_out([tmp_path / "folder"])


# --- the window as it was ---------------------------------------------------------------------------


def test_the_window_opens_as_it_was_left(open_window: OpenWindow) -> None:
    first = open_window(width=700)
    assert first.page.panel.isHidden()
    first.page.toggle_options()
    again = open_window(width=0)
    assert not again.page.panel.isHidden()
    assert again.window.width() == 700
