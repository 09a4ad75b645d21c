"""A comparison as a file, from the window: the form is chosen, the folder remembered, and it says where it went."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QApplication

from tests.gui.compare.conftest import ALPHA, BETA, Opened, OpenPage
from workbench.chat.exports.files import Format
from workbench.engine.fake import FakeBackend, say
from workbench.gui.blind.hiding import hide_names
from workbench.gui.compare.export_dialog import ExportDialog, file_name, open_export
from workbench.gui.compare.wishes import Wish


def answered(open_page: OpenPage) -> Opened:
    opened = open_page(FakeBackend(say(["It is ", "**so**."])))
    opened.choose(ALPHA, BETA)
    opened.ask("Why is it so?")
    return opened


def dialog() -> ExportDialog:
    return next(found for found in QApplication.topLevelWidgets() if isinstance(found, ExportDialog))


def test_each_form_is_written_and_names_the_models(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page)
    for form in Format:
        made = ExportDialog(opened.page)
        opened.qtbot.addWidget(made)
        made._choices[form].setChecked(True)
        made.write(tmp_path / "out")
        text = (tmp_path / f"out.{form.value}").read_text(encoding="utf-8")
        assert "alpha" in text
        assert "Why is it so?" in text
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))


def test_it_says_where_the_file_went_and_opens_the_folder(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page)
    opened.last(0).wished.emit(Wish.EXPORT, None)
    made = dialog()
    opened_folders: list[QUrl] = []
    made.opens = opened_folders.append
    made.write(tmp_path / "out.html")
    assert str(tmp_path / "out.html") in made.told.text()
    made.folder.click()
    assert [url.toLocalFile() for url in opened_folders] == [str(tmp_path)]
    made.reject()
    again = ExportDialog(opened.page)
    opened.qtbot.addWidget(again)
    assert again._folder() == tmp_path


def test_a_folder_that_cannot_be_written_is_said(open_page: OpenPage, tmp_path: Path) -> None:
    made = ExportDialog(answered(open_page).page)
    made.write(tmp_path / "no such folder" / "out.md")
    assert "cannot be written" in made.told.text()
    assert made.saved is None
    assert made.folder.isHidden()


def test_with_nothing_asked_there_is_nothing_to_export(open_page: OpenPage) -> None:
    opened = open_page()
    open_export(opened.page)
    assert "nothing to export" in opened.page.composer.notice.text()
    assert not any(isinstance(found, ExportDialog) for found in QApplication.topLevelWidgets())


def test_before_a_blind_vote_the_file_names_nobody(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page)
    hide_names(opened.page, hidden=True)
    made = ExportDialog(opened.page)
    made.write(tmp_path / "out.md")
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "alpha" not in text.casefold()
    assert "Why is it so?" in text


def test_a_title_becomes_a_name_that_every_system_takes() -> None:
    assert file_name("Refund policy: tone/test?") == "Refund-policy-tone-test"
    assert file_name("../../etc") == "etc"
    assert file_name("???") == "comparison"
    assert len(file_name("long " * 100)) <= 60
