"""While it is blind, nothing in the whole window names a model, a family, a quantisation or a speed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from tests.gui.blind.conftest import TITLES, Blind, OpenWindow
from tests.gui.blind.telling import told, unblinding
from tests.gui.blind.test_round import press
from workbench.engine.fake import FakeBackend
from workbench.gui.blind.hiding import names_hidden
from workbench.gui.compare.parts import part
from workbench.gui.history.part import HistoryPart


def test_what_is_looked_for_is_there_before_the_prompt_is_asked(blind: Blind) -> None:
    """Else the tests below would prove nothing."""
    said = "\n".join(text for _, text in unblinding(blind.window))
    for title in TITLES:
        assert title in said


def test_nothing_is_told_while_answers_are_written(open_window: OpenWindow) -> None:
    backend = FakeBackend(lambda _: (f"word{number} " for number in itertools.count()), tokens_per_s=200)
    made = open_window(backend)
    made.choose(*TITLES)
    made.mode.toggle()
    made.send("Go on.")
    made.qtbot.waitUntil(lambda: all(pane.text for pane in made.page.comparison.panes))
    made.qtbot.waitUntil(lambda: "model of this comparison" in "\n".join(text for _, text in told(made.window)))
    assert made.stage.currentWidget() is made.stage.writing
    assert unblinding(made.window) == []
    assert not [text for _, text in told(made.window) if "word1" in text], "the answers are read before their time"
    made.page.stop_all()
    made.qtbot.waitUntil(lambda: not made.page.comparison.busy)


def test_nothing_is_told_while_votes_are_asked_for(blind: Blind) -> None:
    blind.window.menus.actions["sidebar"].trigger()
    blind.page.toggle_options()
    blind.ask()
    blind.qtbot.waitUntil(lambda: blind.window.runner.idle)
    assert blind.stage.currentWidget() is blind.stage.voting
    assert names_hidden(blind.page)
    assert names_hidden(blind.window)
    assert unblinding(blind.window) == []
    press(blind, Qt.Key.Key_1)
    assert unblinding(blind.window) == []
    press(blind, Qt.Key.Key_T, Qt.Key.Key_S)
    assert not names_hidden(blind.window)
    assert unblinding(blind.window) != []


def test_the_composer_counts_no_tokens_by_name_while_blind(blind: Blind) -> None:
    blind.ask()
    blind.page.composer.set_text("The next prompt is being written already.")
    blind.page.counting.start()
    blind.qtbot.waitUntil(lambda: blind.window.runner.idle and blind.page.errands.idle)
    assert unblinding(blind.window) == []


def test_both_columns_look_the_same_whoever_stands_there(blind: Blind) -> None:
    blind.ask()
    first, second = blind.stage.voting.columns
    assert first.text.is_markdown
    assert second.text.is_markdown
    assert first.text.accessibleName() == "Answer A"
    assert second.text.accessibleName() == "Answer B"
    assert first.text.raw_text != second.text.raw_text


def test_neither_the_page_of_votes_nor_a_deck_looked_at_in_between_tells(blind: Blind) -> None:
    """The first of three votes is kept at once, and its names with it."""
    blind.ask()
    press(blind, Qt.Key.Key_1)
    blind.window.show_page("votes")
    blind.qtbot.waitUntil(lambda: blind.window.runner.idle and blind.window.votes.judged is not None)
    assert blind.votes() == [("LEFT", True)]
    assert not blind.window.votes.export.isVisible()
    assert unblinding(blind.window) == []
    blind.window.votes.held.go.click()
    assert blind.window.stack.currentWidget() is blind.page
    blind.window.menus.actions["decks"].trigger()
    assert blind.page.stage.currentWidget() is not blind.stage
    assert unblinding(blind.window) == []
    blind.window.menus.actions["decks"].trigger()
    assert blind.shown is blind.stage.voting
    assert unblinding(blind.window) == []
    press(blind, Qt.Key.Key_2, Qt.Key.Key_2)
    blind.window.show_page("votes")
    blind.qtbot.waitUntil(lambda: f"{TITLES[0]} · F16" in "\n".join(text for _, text in told(blind.window)))
    assert blind.window.votes.export.isVisible()
    assert blind.window.votes.stack.currentWidget() is blind.window.votes.ranking


def test_a_conversation_that_is_written_to_a_file_before_the_vote_names_nobody(
    blind: Blind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind.ask()
    conversation_id = blind.page.record.diary.conversation_id
    (entry,) = blind.bench.conversations.listed()
    assert entry.id == conversation_id
    target = tmp_path / "before.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    sidebar = part(blind.page, HistoryPart).sidebar
    sidebar.panel.wished.emit("export", entry)
    blind.qtbot.waitUntil(target.exists)
    page = target.read_text("utf-8").partition("<body>")[2]
    assert "reply number" in page
    assert not [name for name in ("alpha", "beta", "gamma", *TITLES) if name in page]
    press(blind, Qt.Key.Key_1, Qt.Key.Key_1, Qt.Key.Key_1)
    sidebar.panel.wished.emit("export", entry)
    blind.qtbot.waitUntil(lambda: TITLES[0] in target.read_text("utf-8"))
