"""The list of conversations: groups, search, deeds and the way back from each."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible, QFontMetrics
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, OpenPage
from tests.gui.history.conftest import Kept
from workbench.chat.stored import Hit, Listed
from workbench.engine.fake import FakeBackend, say
from workbench.gui.blind.hiding import hide_names
from workbench.gui.compare.parts import part
from workbench.gui.history.grouping import grouped, when
from workbench.gui.history.hits import near
from workbench.gui.history.line_dialog import LineDialog
from workbench.gui.history.marked import unmarked
from workbench.gui.history.part import HistoryPart
from workbench.gui.history.tags import chips, chips_of
from workbench.gui.history.tree_model import told

NOW = datetime.fromisoformat("2026-05-20T12:00:00+02:00")


def listed(number: int, days_ago: float, **others: object) -> Listed:
    return Listed(number, f"No {number}", (NOW - timedelta(days=days_ago)).isoformat(), **others)  # type: ignore[arg-type]


# --- groups ------------------------------------------------------------------------------------


def test_each_conversation_stands_in_one_group() -> None:
    found = grouped(
        [
            listed(1, 0),
            listed(2, 1, pinned=True, folder="Care"),
            listed(3, 3),
            listed(4, 40),
            listed(5, 41, folder="Care"),
            listed(6, 400),
            listed(7, -2),
        ],
        NOW,
    )
    assert [(group.key, [one.id for one in group.entries]) for group in found] == [
        ("pinned", [2]),
        ("folder:Care", [5]),
        ("today", [1, 7]),
        ("week", [3]),
        ("month:2026-04", [4]),
        ("month:2025-04", [6]),
    ]


def test_moments_are_short() -> None:
    now = datetime.now().astimezone()
    assert when(now.isoformat()) == f"{now:%H:%M}"
    assert when("2019-03-04T10:00:00+00:00") == "Mar 19"


def test_the_list_shows_what_is_kept_and_follows_what_is_asked(kept: Kept) -> None:
    kept.add("Pinned one", days_ago=3)
    kept.add("Old", days_ago=900)
    kept.conversations.set_pinned(1, True)
    kept.show()
    assert kept.shown()["Pinned"] == ["Pinned one"]
    kept.opened.choose(ALPHA)
    kept.opened.ask("A new question")
    kept.settle()
    assert kept.shown()["Today"] == ["A new question"]
    current = kept.panel.model.index_of(kept.opened.page.record.diary.conversation_id)
    assert current.data(Qt.ItemDataRole.FontRole).bold()
    assert "open now" in current.data(Qt.ItemDataRole.AccessibleTextRole)


def test_an_empty_list_says_what_will_be_there(kept: Kept) -> None:
    kept.show()
    assert kept.panel.stack.currentWidget() is kept.panel.empty
    assert "Nothing was asked yet" in kept.panel.empty.text()


def test_a_group_stays_folded_when_the_list_changes(kept: Kept) -> None:
    kept.add("One", days_ago=900)
    kept.show()
    group = kept.panel.model.index(0, 0)
    kept.panel.tree.collapse(group)
    kept.add("Two", days_ago=0)
    kept.sidebar.refresh()
    kept.settle()
    assert kept.panel.tree.isExpanded(kept.panel.model.index(0, 0))
    assert not kept.panel.tree.isExpanded(kept.panel.model.index(1, 0))


def test_titles_with_markup_and_lines_are_shown_as_they_are(kept: Kept) -> None:
    number = kept.add("<b>bold</b>\n<img src=x>", "Hello")
    kept.show()
    index = kept.panel.model.index_of(number)
    assert index.data() == "<b>bold</b> <img src=x>"
    assert "<b>" not in index.data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b>bold" in index.data(Qt.ItemDataRole.ToolTipRole)
    kept.panel.grab()


# --- opening and closing -----------------------------------------------------------------------


def test_it_is_remembered_whether_it_was_open(open_page: OpenPage) -> None:
    first = open_page()
    first.page.resize(1200, 700)
    part(first.page, HistoryPart).sidebar.toggle()
    assert part(first.page, HistoryPart).sidebar.is_open
    first.close()
    again = open_page()
    again.page.resize(1200, 700)
    sidebar = part(again.page, HistoryPart).sidebar
    assert sidebar.is_open
    assert again.page.bar.conversations.isChecked()
    sidebar.toggle()
    assert not sidebar.is_open


def test_in_a_narrow_page_it_stands_over_the_panes_until_something_else_is_used(kept: Kept) -> None:
    kept.sidebar.open()
    before = kept.opened.page.row.width()
    kept.opened.page.resize(800, 700)
    assert not kept.sidebar.is_open
    kept.sidebar.open()
    assert kept.sidebar.is_open
    assert kept.opened.page.left.indexOf(kept.panel) < 0
    kept.panel.field.setFocus()
    kept.opened.page.composer.edit.setFocus()
    assert not kept.sidebar.is_open
    kept.opened.page.resize(1200, 700)
    assert kept.sidebar.is_open, "beside the panes it was wished for"
    assert kept.opened.page.row.width() == before


def test_escape_empties_the_search_and_then_closes(kept: Kept, qtbot: QtBot) -> None:
    kept.show()
    kept.sidebar.find()
    qtbot.keyClicks(kept.panel.field, "abc")
    qtbot.keyClick(kept.panel, Qt.Key.Key_Escape)
    assert kept.panel.field.text() == ""
    assert kept.sidebar.is_open
    qtbot.keyClick(kept.panel, Qt.Key.Key_Escape)
    assert not kept.sidebar.is_open


# --- searching ---------------------------------------------------------------------------------


def test_a_search_finds_prompts_and_answers_and_opens_them_at_their_turn(open_page: OpenPage) -> None:
    opened = open_page(FakeBackend(say(["Zebras have stripes."])))
    opened.page.resize(1200, 700)
    kept = Kept(opened, part(opened.page, HistoryPart))
    opened.choose(ALPHA)
    opened.ask("Tell me of animals")
    opened.ask("And of plants")
    turns = [exchange.turn_id for exchange in opened.panes[0].exchanges]
    opened.page.new_comparison()
    kept.show()
    kept.search("stripe")
    assert kept.panel.stack.currentWidget() is kept.panel.results
    hit = kept.panel.hits.hits[0]
    text, places = unmarked(hit.snippet)
    assert "".join(text[place] for place in places) == "stripes"
    kept.search("animals")
    kept.panel.field.returnPressed.emit()
    opened.until_quiet()
    assert opened.page.record.title == "Tell me of animals"
    assert [one.turn_id for one in opened.panes[0].exchanges] == list(turns)


def test_only_what_was_typed_last_is_shown(kept: Kept) -> None:
    kept.add("apples", "apples")
    kept.add("pears", "pears")
    kept.show()
    kept.panel.field.setText("apples")
    kept.sidebar._search()
    late = kept.sidebar._asked
    kept.search("pears")
    kept.sidebar._on_hits(late, (Hit(1, 1, None, "apples", None, "apples", NOW.isoformat()),))
    assert {hit.title for hit in kept.panel.hits.hits} == {"pears"}


@pytest.mark.parametrize("text", ['"', "AND", "a* OR (", "NEAR(", "שלום", "💥", "-", "' ; DROP TABLE turn"])
def test_whatever_is_typed_is_searched_for_as_words(kept: Kept, text: str) -> None:
    kept.add("Something", "שלום 💥 and")
    kept.show()
    kept.search(text)
    assert kept.panel.undo.isHidden(), kept.panel.undo.message.text()
    kept.panel.grab()


def test_words_that_are_nowhere_are_said(kept: Kept) -> None:
    kept.add("Something", "Hello")
    kept.show()
    kept.search("xylophone")
    assert "neither asked nor answered" in kept.panel.empty.text()
    kept.search("")
    assert kept.panel.stack.currentWidget() is kept.panel.tree


def test_filters_narrow_the_list_and_the_search(kept: Kept) -> None:
    tagged = kept.add("Tagged", "Hello there")
    kept.add("Plain", "Hello here", days_ago=60)
    kept.conversations.set_tags(tagged, ("tone",))
    kept.show()
    filters = kept.panel.filters
    filters.tag.setCurrentIndex(filters.tag.findData("tone"))
    kept.settle()
    assert [title for titles in kept.shown().values() for title in titles] == ["Tagged"]
    kept.search("hello")
    assert {hit.title for hit in kept.panel.hits.hits} == {"Tagged"}
    kept.search("")
    filters.clear()
    filters.date.setCurrentIndex(filters.date.findData(30))
    kept.settle()
    assert [title for titles in kept.shown().values() for title in titles] == ["Tagged"]


def test_a_match_far_along_is_brought_into_sight() -> None:
    text = "word " * 30 + "needle at the end"
    cut, places = near(text, tuple(range(150, 156)))
    assert "".join(cut[place] for place in places) == "needle"
    assert cut.startswith("…")
    assert places[0] <= 30


def test_no_model_is_named_while_names_are_hidden(kept: Kept) -> None:
    kept.opened.choose(ALPHA)
    kept.opened.ask("Who are you")
    kept.show()
    entry = kept.panel.model.groups[0].entries[0]
    kept.search("you")
    model = kept.opened.panes[0].model.title
    index = kept.panel.model.index_of(entry.id)
    assert model in index.data(Qt.ItemDataRole.ToolTipRole)
    hide_names(kept.opened.page, hidden=True)
    assert model not in index.data(Qt.ItemDataRole.ToolTipRole)
    assert model not in told(entry, with_models=False)
    rows = [kept.panel.hits.index(row) for row in range(kept.panel.hits.rowCount())]
    assert rows
    assert not any(model in row.data() for row in rows)


# --- deeds -------------------------------------------------------------------------------------


def test_a_deleted_conversation_comes_back(kept: Kept) -> None:
    first, second = kept.add("First", "Hello"), kept.add("Second", "Hello")
    kept.show()
    for number in (first, second):
        kept.choose(number)
        kept.panel.deeds["delete"].trigger()
        kept.settle()
    assert kept.shown() == {}
    assert "“Second” is deleted." in kept.panel.undo.message.text()
    kept.panel.undo.action.click()
    kept.settle()
    assert kept.shown() == {"Today": ["Second"]}
    kept.part.undo()
    kept.settle()
    assert sorted(kept.shown()["Today"]) == ["First", "Second"]
    assert not kept.panel.undo.undo()


def test_deleting_the_open_conversation_begins_a_new_one_and_undo_opens_it_again(kept: Kept) -> None:
    kept.opened.choose(ALPHA)
    kept.opened.ask("Keep me")
    number = kept.opened.page.record.diary.conversation_id
    kept.show()
    kept.choose(number)
    kept.panel.deeds["delete"].trigger()
    kept.settle()
    assert kept.opened.bench.history.conversations.listed() == ()
    assert all(not pane.exchanges for pane in kept.opened.panes)
    kept.part.undo()
    kept.opened.until_quiet()
    assert kept.opened.page.record.diary.conversation_id == number
    assert kept.opened.last(0).prompt == "Keep me"


def test_a_title_is_changed_in_its_place(kept: Kept, qtbot: QtBot) -> None:
    number = kept.add("Old name", "Hello")
    kept.show()
    kept.choose(number)
    kept.panel.deeds["rename"].trigger()
    editor = kept.panel.tree.findChild(QLineEdit)
    editor.setText("  New\nname ")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    kept.settle()
    assert [one.title for one in kept.conversations.listed()] == ["New name"]


def test_renaming_the_open_conversation_renames_the_window(kept: Kept) -> None:
    kept.opened.choose(ALPHA)
    kept.opened.ask("Question")
    kept.show()
    entry = kept.panel.model.groups[0].entries[0]
    with kept.opened.qtbot.waitSignal(kept.opened.page.title_changed):
        kept.panel.model.setData(kept.panel.model.index_of(entry.id), "Another")
    assert kept.opened.page.record.title == "Another"


def answer(kept: Kept, line: str) -> None:
    (dialog,) = [one for one in kept.opened.page.findChildren(LineDialog) if one.isVisible()]
    dialog.line.setText(line)
    dialog.take.click()
    kept.settle()


def test_pins_folders_and_tags_are_kept(kept: Kept) -> None:
    number = kept.add("One", "Hello")
    kept.show()
    kept.choose(number)
    kept.panel.deeds["move"].trigger()
    answer(kept, "  Customer   care ")
    assert kept.shown() == {"Customer care": ["One"]}
    kept.choose(number)
    kept.panel.deeds["tag"].trigger()
    answer(kept, "tone, , german,tone")
    (entry,) = kept.conversations.listed()
    assert set(entry.tags) == {"tone", "german"}
    kept.choose(number)
    kept.panel.deeds["pin"].trigger()
    kept.settle()
    assert kept.shown() == {"Pinned": ["One"]}


def test_a_duplicate_has_all_branches_and_goes_its_own_way(kept: Kept) -> None:
    opened = kept.opened
    opened.choose(ALPHA)
    opened.ask("First")
    opened.ask("Second")
    second = opened.panes[0].exchanges[1].turn_id
    assert second is not None
    opened.page.do(lambda: opened.page.record.edit(second, "Second, otherwise"))
    opened.until_quiet()
    number = opened.page.record.diary.conversation_id
    kept.conversations.set_tags(number, ("tone",))
    kept.show()
    kept.choose(number)
    kept.panel.deeds["duplicate"].trigger()
    kept.settle()
    copy = next(one for one in kept.conversations.listed() if one.id != number)
    assert (copy.title, copy.tags) == ("First (copy)", ("tone",))
    before, after = kept.conversations.tree(number), kept.conversations.tree(copy.id)
    assert [node.prompt for node in after] == [node.prompt for node in before]
    assert not {node.id for node in after} & {node.id for node in before}
    opened.page.load_conversation(copy.id)
    opened.until_quiet()
    assert [one.prompt for one in opened.panes[0].exchanges] == ["First", "Second, otherwise"]
    kept.search("otherwise")
    assert {hit.conversation_id for hit in kept.panel.hits.hits} == {number, copy.id}
    opened.ask("Third")
    assert len(kept.conversations.tree(number)) == 3
    kept.part.undo()
    assert [one.id for one in kept.conversations.listed()] == [number]


# --- many --------------------------------------------------------------------------------------


def test_ten_thousand_conversations_cost_the_view_no_more_than_a_few(kept: Kept) -> None:
    entries = [listed(number, number / 20) for number in range(10_000)]
    groups = grouped(entries, NOW)
    kept.sidebar.open()
    kept.settle()
    kept.panel.show_groups(groups)
    kept.panel.show_tree()
    asked: list[int] = []
    real = kept.panel.model.data
    kept.panel.model.data = lambda index, role=0: asked.append(role) or real(index, role)  # type: ignore[method-assign]
    bar = kept.panel.tree.verticalScrollBar()
    assert bar.maximum() > 9_000
    steps = 20
    for step in range(steps):
        bar.setValue(step * bar.maximum() // steps)
        kept.panel.tree.viewport().grab()
    rows = kept.panel.tree.viewport().height() // 20
    assert 0 < len(asked) / steps < rows * 2 * 30, "more than what is in sight was asked for"


def test_the_list_can_be_read_aloud(kept: Kept) -> None:
    kept.add("Something", "Hello")
    kept.show()
    for widget in (kept.panel.field, kept.panel.tree, kept.panel.results, kept.panel.filter_button):
        assert widget.accessibleName()
    assert QAccessible.queryAccessibleInterface(kept.panel.tree).childCount() > 0


def test_a_conversation_is_exported_away_from_the_window_s_thread_and_a_failure_is_said(
    kept: Kept, tmp_path: Path
) -> None:
    kept.add("Colours", "Which colour?")
    kept.show()
    (entry,) = kept.conversations.listed()
    kept.part.export_to(entry, tmp_path / "colours.md")
    kept.settle()
    assert "Which colour?" in (tmp_path / "colours.md").read_text("utf-8")
    assert "colours.md" in kept.panel.undo.message.text()
    kept.part.export_to(entry, tmp_path / "none" / "colours.md")
    kept.settle()
    assert "cannot be written" in kept.panel.undo.message.text()


def test_a_search_opens_the_very_attempt_it_found(open_page: OpenPage) -> None:
    answers = iter(["Zebras.", "Lions.", "Tigers.", "Wolves."])
    opened = open_page(FakeBackend(lambda _: [next(answers)]))
    opened.page.resize(1200, 700)
    kept = Kept(opened, part(opened.page, HistoryPart))
    opened.choose(ALPHA)
    for prompt in ("One?", "Two?"):
        opened.ask(prompt)
    for _ in range(2):
        opened.page.regenerate(opened.panes[0], opened.panes[0].exchanges[0])
        opened.until_quiet()
    opened.page.new_comparison()
    kept.show()
    for word, shown in (("tigers", ["Tigers."]), ("zebras", ["Zebras.", "Lions."]), ("wolves", ["Wolves."])):
        kept.search(word)
        kept.panel.found.emit(kept.panel.hits.hits[0])
        kept.settle()
        texts = [one.answer.text for one in opened.panes[0].exchanges if one.answer is not None]
        assert texts == shown


def test_the_conversation_that_is_asked_comes_to_the_top(open_page: OpenPage) -> None:
    opened = open_page()
    opened.page.resize(1200, 700)
    kept = Kept(opened, part(opened.page, HistoryPart))
    opened.choose(ALPHA)
    opened.ask("Older")
    number = opened.page.record.diary.conversation_id
    with kept.conversations._db.transaction() as sql:
        sql.execute("UPDATE conversation SET changed_at = '2020-05-01T12:00:00+00:00'")
    kept.add("Newer")
    kept.show()
    assert list(kept.shown()) == ["Today", "May 2020"]
    opened.ask("Once more")
    kept.settle()
    assert kept.shown() == {"Today": ["Older", "Newer"]}
    assert opened.page.record.diary.conversation_id == number


def test_tags_stand_below_the_title_and_narrow_the_list(kept: Kept) -> None:
    numbers = [kept.conversations.create(title) for title in ("Letters", "Recipes", "Plain")]
    kept.conversations.set_tags(numbers[0], ("tone", "work"))
    kept.conversations.set_tags(numbers[1], ("home", "x" * 200))
    kept.show()
    tree = kept.panel.tree

    def row(number: int) -> QRect:
        return tree.visualRect(kept.panel.model.index_of(number))

    assert row(numbers[0]).height() > row(numbers[2]).height()
    found = {chip.words: chip for chip in chips_of(kept.panel.model.index_of(numbers[0]), row(numbers[0]), tree.font())}
    assert list(found) == ["tone", "work"]
    assert found["work"].area.height() >= 28
    long = chips_of(kept.panel.model.index_of(numbers[1]), row(numbers[1]), tree.font())
    assert [chip.words for chip in long] == ["home", "+1"], "what has no room is counted"
    opened: list[object] = []
    kept.panel.opened.connect(opened.append)
    place = found["work"].area.center()
    kept.opened.qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=place)
    kept.settle()
    assert kept.shown() == {"Today": ["Letters"]}
    assert opened == [], "the tag was meant, not the conversation"
    assert kept.panel.filters.isVisible()
    assert kept.panel.filters.tag.currentData() == "work"
    (chip, *_) = (
        one
        for one in chips_of(kept.panel.model.index_of(numbers[0]), row(numbers[0]), tree.font())
        if one.tag == "work"
    )
    kept.opened.qtbot.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=chip.area.center())
    kept.settle()
    assert len(kept.shown()["Today"]) == 3, "once more, and all are shown again"


@pytest.mark.parametrize("room", [30, 90, 150, 400])
def test_tags_stay_within_their_room(qapp: QApplication, room: int) -> None:
    area = QRect(10, 0, room, 28)
    metrics = QFontMetrics(qapp.font())
    found = chips(area, ("alpha", "a much longer tag", "c"), metrics)
    assert found
    assert all(area.left() <= chip.area.left() and chip.area.right() <= area.right() + 1 for chip in found[:1])
    shown = sum(chip.tag is not None for chip in found)
    assert shown == 3 or room < 400
    assert shown == 3 or found[-1].words == f"+{3 - shown}"
