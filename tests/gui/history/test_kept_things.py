"""Presets, the prompt library, branches and imports, in the window."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from tests.gui.compare.conftest import ALPHA, BETA, slow
from tests.gui.history.conftest import Kept
from workbench.chat.imports import placing
from workbench.chat.imports.imported import Imported, ImportedAnswer, ImportedTurn
from workbench.chat.library import Prompt
from workbench.gui.compare.parts import part
from workbench.gui.history.branches import SHOWN, BranchesDialog
from workbench.gui.history.imports import ImportDialog
from workbench.gui.history.line_dialog import LineDialog
from workbench.gui.history.part import HistoryPart
from workbench.gui.history.presets import PresetsDialog
from workbench.gui.history.prompts import PromptsDialog
from workbench.jobs import CancelToken


def only(kept: Kept, kind: type) -> object:
    (dialog,) = [one for one in kept.opened.page.findChildren(kind) if one.isVisible()]
    return dialog


# --- presets -----------------------------------------------------------------------------------


def save_preset(kept: Kept, name: str) -> None:
    kept.part.presets.save()
    dialog = only(kept, LineDialog)
    assert not dialog.take.isEnabled(), "a preset needs a name"
    dialog.line.setText(name)
    dialog.take.click()


def test_a_preset_brings_options_and_panes_back(kept: Kept) -> None:
    page = kept.opened.page
    kept.opened.choose(ALPHA, BETA)
    page.panel.system.setPlainText("Be kind.")
    page.panel.temperature.setValue(0.2)
    save_preset(kept, "Kind")
    page.panel.system.setPlainText("Be rude.")
    page.panel.commit_pending()
    page.close_pane(kept.opened.panes[1])
    (preset,) = kept.opened.bench.history.presets.all()
    kept.part.presets.apply(preset)
    kept.opened.until_quiet()
    assert page.comparison.options.system == "Be kind."
    assert page.panel.system.toPlainText() == "Be kind."
    assert page.panel.temperature.value() == pytest.approx(0.2)
    assert [pane.model.title for pane in kept.opened.panes if pane.model] == [ALPHA, BETA]


def test_the_same_name_replaces_a_preset(kept: Kept) -> None:
    save_preset(kept, "One")
    kept.opened.page.panel.system.setPlainText("New.")
    save_preset(kept, "one")
    (preset,) = kept.opened.bench.history.presets.all()
    assert preset.options.system == "New."


def test_no_preset_is_used_under_a_running_answer(open_page, qtbot: QtBot) -> None:
    opened = open_page(slow())
    kept = Kept(opened, part(opened.page, HistoryPart))
    opened.choose(ALPHA)
    save_preset(kept, "Any")
    opened.send("Count")
    opened.until_written(0)
    (preset,) = opened.bench.history.presets.all()
    kept.part.presets.apply(preset)
    assert "once the answers are written" in opened.page.composer.notice.text()
    assert opened.page.comparison.busy
    opened.page.stop_all()
    opened.until_quiet()


def test_a_deleted_preset_comes_back(kept: Kept) -> None:
    save_preset(kept, "<i>One</i>")
    kept.part.presets.manage()
    dialog = only(kept, PresetsDialog)
    dialog.remove.click()
    assert dialog.list.count() == 0
    assert not dialog.use.isEnabled()
    assert "None is saved yet" in dialog.facts.text()
    dialog.undo.action.click()
    assert dialog.list.item(0).text() == "<i>One</i>"
    dialog.rename.click()
    naming = next(one for one in dialog.findChildren(LineDialog) if one.isVisible())
    naming.line.setText("Two")
    naming.take.click()
    assert [preset.name for preset in kept.opened.bench.history.presets.all()] == ["Two"]
    with kept.opened.qtbot.waitSignal(dialog.used):
        dialog.use.click()


def test_the_menu_of_presets_says_when_there_is_none(kept: Kept) -> None:
    kept.part.presets.menu.aboutToShow.emit()
    first = kept.part.presets.menu.actions()[0]
    assert (first.text(), first.isEnabled()) == ("None is saved yet", False)
    save_preset(kept, "R&D")
    kept.part.presets.menu.aboutToShow.emit()
    assert kept.part.presets.menu.actions()[0].text() == "R&&D"


# --- prompts -----------------------------------------------------------------------------------


@pytest.fixture
def prompts(kept: Kept) -> PromptsDialog:
    for name, text in (("Refund", "Explain the refund."), ("<b>SQL</b>", "Write SQL."), ("", "שלום עולם")):
        kept.opened.bench.history.prompts.save(Prompt(0, name, text, ("work",) if name == "Refund" else ()))
    kept.opened.page.composer.set_text("before ")
    kept.opened.page.composer.edit.moveCursor(kept.opened.page.composer.edit.textCursor().MoveOperation.End)
    kept.part.prompts.show()
    return only(kept, PromptsDialog)


def test_a_prompt_is_found_and_put_where_the_cursor_is(kept: Kept, prompts: PromptsDialog) -> None:
    prompts.search.setText("work")
    assert prompts.list.count() == 1
    assert prompts.text.toPlainText() == "Explain the refund."
    prompts.use.click()
    assert kept.opened.page.composer.text == "before Explain the refund."
    kept.opened.page.composer.edit.undo()
    assert kept.opened.page.composer.text == "before "


def test_what_is_edited_is_kept_without_a_button(kept: Kept, prompts: PromptsDialog) -> None:
    prompts.search.setText("refund")
    prompts.text.setPlainText("Explain it anew.")
    prompts.folder.setText("Care")
    prompts.tags.setText("a, b, a")
    prompts.close()
    kept_now = next(one for one in kept.opened.bench.history.prompts.all() if one.name == "Refund")
    assert (kept_now.text, kept_now.folder, kept_now.tags) == ("Explain it anew.", "Care", ("a", "b"))


def test_an_emptied_prompt_stays_as_it_was(kept: Kept, prompts: PromptsDialog) -> None:
    prompts.search.setText("refund")
    prompts.text.setPlainText("  ")
    prompts.close()
    assert "Explain the refund." in {one.text for one in kept.opened.bench.history.prompts.all()}


def test_a_new_prompt_is_what_stands_in_the_composer(kept: Kept, prompts: PromptsDialog) -> None:
    prompts.new.click()
    assert prompts.text.toPlainText() == "before"
    assert len(kept.opened.bench.history.prompts.all()) == 4


def test_a_deleted_prompt_comes_back(kept: Kept, prompts: PromptsDialog) -> None:
    count = prompts.list.count()
    prompts.remove.click()
    assert prompts.list.count() == count - 1
    prompts.undo.undo()
    assert prompts.list.count() == count


def test_prompts_go_out_and_come_in_again(
    kept: Kept, prompts: PromptsDialog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "all.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    prompts.bring_out.click()
    assert len(json.loads(target.read_text("utf-8"))["prompts"]) == 3
    prompts.take_file(target)
    assert prompts.list.count() == 6
    prompts.undo.action.click()
    assert prompts.list.count() == 3


@pytest.mark.parametrize("content", [b'{"prompts": 5}', b"\xff\xfe\x00broken", b'{"version": 99, "prompts": []}'])
def test_a_file_that_holds_no_prompts_is_said(
    kept: Kept, prompts: PromptsDialog, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    prompts.take_file(tmp_path / "bad.json")
    assert prompts.undo.isVisible()
    assert prompts.list.count() == 3


# --- branches ----------------------------------------------------------------------------------


def test_the_tree_shows_every_branch_and_shows_the_chosen_one(kept: Kept) -> None:
    opened = kept.opened
    opened.choose(ALPHA)
    opened.ask("First")
    opened.ask("Second")
    second = opened.panes[0].exchanges[1].turn_id
    assert second is not None
    opened.page.do(lambda: opened.page.record.edit(second, "Second, otherwise"))
    opened.until_quiet()
    kept.part.show_branches()
    dialog = only(kept, BranchesDialog)
    root = dialog.tree.topLevelItem(0)
    texts = [root.child(row).text(0) for row in range(root.childCount())]
    assert texts == ["○  Second", f"{SHOWN}  Second, otherwise"]
    assert "1 answer, shown" in root.child(1).data(0, Qt.ItemDataRole.AccessibleTextRole)
    dialog.tree.setCurrentItem(root.child(0))
    dialog.show_button.click()
    opened.until_quiet()
    assert [one.prompt for one in opened.panes[0].exchanges] == ["First", "Second"]


def test_a_long_conversation_is_one_column_and_no_recursion(kept: Kept) -> None:
    number = kept.add("Long", *[f"Prompt {step}" for step in range(1500)])
    kept.opened.page.load_conversation(number)
    kept.part.show_branches()
    dialog = only(kept, BranchesDialog)
    assert dialog.tree.topLevelItemCount() == 1500
    assert "One branch so far" in dialog.note.text()
    dialog.close()


# --- imports -----------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "share.json"
    talk = [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "<b>Hi</b>"}]
    path.write_text(json.dumps([{"id": "a", "conversations": talk}, {"id": "b", "conversations": []}]))
    return path


def test_what_a_file_holds_is_shown_before_it_is_added_and_can_be_taken_back(kept: Kept, file: Path) -> None:
    kept.part.imports.take(file)
    kept.settle()
    dialog = only(kept, ImportDialog)
    assert "holds 2 conversations" in dialog.title.text()
    assert dialog.problems.count() > 0
    assert dialog.take.text() == "Add 1 conversation"
    assert kept.conversations.listed() == ()
    dialog.take.click()
    kept.settle()
    kept.settle()
    assert len(kept.conversations.listed()) == 1
    assert kept.sidebar.is_open
    kept.part.undo()
    assert kept.conversations.listed() == ()


def test_a_file_that_is_imported_again_adds_nothing_and_says_so(kept: Kept, file: Path) -> None:
    for _ in range(2):
        kept.part.imports.take(file)
        kept.settle()
        only(kept, ImportDialog).take.click()
        kept.settle()
    assert len(kept.conversations.listed()) == 1
    assert kept.panel.undo.message.text() == "0 conversations imported, 1 conversation here already."


def test_an_import_says_how_far_it_is_and_can_be_cancelled(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = [[{"role": "user", "content": f"Colour {n}?"}, {"role": "assistant", "content": "Blue."}] for n in range(9)]
    (tmp_path / "many.json").write_text(json.dumps([{"id": str(n), "messages": talk} for n, talk in enumerate(talks)]))
    kept.part.imports.take(tmp_path / "many.json")
    kept.settle()
    monkeypatch.setattr(placing, "AT_ONCE_S", -1.0)  # one conversation at a time
    go_on = threading.Event()
    monkeypatch.setattr(placing, "_let_others", partial(_hold, go_on))
    only(kept, ImportDialog).take.click()
    undo = kept.panel.undo
    kept.opened.until(lambda: "1 of 9" in undo.message.text())
    assert undo.action.text() == "Cancel"
    undo.action.click()
    assert "nothing was imported" in undo.message.text()
    assert undo.action.isHidden()
    go_on.set()
    kept.opened.until(lambda: kept.opened.runner.idle)
    assert kept.conversations.listed() == ()


def _hold(go_on: threading.Event, cancel: CancelToken) -> None:
    assert go_on.wait(60)
    cancel.raise_if_cancelled()


def test_all_or_none_of_a_thousand_are_ticked_at_once(kept: Kept) -> None:
    turns = (ImportedTurn("Colour?", (ImportedAnswer("Blue."),)),)
    found = [Imported(f"Talk {n}", turns, "ShareGPT") for n in range(1_000)]
    dialog = ImportDialog(Path("many.json"), found, kept.opened.page)
    kept.opened.qtbot.addWidget(dialog)
    looks: list[int] = []
    dialog.chosen = lambda: looks.append(1) or ImportDialog.chosen(dialog)  # type: ignore[method-assign]
    dialog.all_or_none.click()
    assert ImportDialog.chosen(dialog) == ()
    assert not dialog.take.isEnabled()
    dialog.all_or_none.click()
    assert len(ImportDialog.chosen(dialog)) == 1_000
    assert len(looks) < 10, "each look counts all of them"


def test_a_file_of_no_conversations_is_said(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "no.json").write_text('{"nothing": "here"}')
    kept.part.imports.take(tmp_path / "no.json")
    kept.settle()
    assert "No conversation was found in no.json" in kept.panel.undo.message.text()


def test_a_dropped_file_without_conversations_goes_along_with_the_prompt(
    kept: Kept, file: Path, tmp_path: Path
) -> None:
    notes, other = tmp_path / "notes.txt", tmp_path / "config.json"
    notes.write_text("x")
    other.write_text('{"a": 1}')
    attached: list[Path] = []
    kept.part.imports.take_or([notes, other, file], attached.extend)
    kept.settle()
    assert attached == [notes, other]
    assert only(kept, ImportDialog).list.count() == 2
