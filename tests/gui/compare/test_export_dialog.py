"""A comparison as a file, from the window: the form is chosen, the folder remembered, and it says where it went."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
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


def write(opened: Opened, made: ExportDialog, path: Path) -> None:
    """And wait until it is said how that went."""
    made.write(path)
    opened.until(lambda: not made.writing)


def test_each_form_is_written_and_names_the_models(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page)
    for form in Format:
        made = ExportDialog(opened.page)
        opened.qtbot.addWidget(made)
        made.form_button(form).setChecked(True)
        write(opened, made, tmp_path / "out")
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
    write(opened, made, tmp_path / "out.html")
    assert str(tmp_path / "out.html") in made.told.text()
    made.folder.click()
    assert [url.toLocalFile() for url in opened_folders] == [str(tmp_path)]
    made.close_button.click()
    again = ExportDialog(opened.page)
    opened.qtbot.addWidget(again)
    assert again._folder() == tmp_path


def test_a_folder_that_cannot_be_written_is_said(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page)
    made = ExportDialog(opened.page)
    write(opened, made, tmp_path / "no such folder" / "out.md")
    assert "cannot be written" in made.told.text()
    assert made.saved is None
    assert made.folder.isHidden()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Opened], threading.Event]]:
    """Lets no export begin to read before the event is set."""
    go_on = threading.Event()

    def hold(opened: Opened) -> threading.Event:
        conversations = opened.page.bench.history.conversations
        load = conversations.load

        def wait(*arguments: object) -> object:
            assert go_on.wait(60)
            return load(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(conversations, "load", wait)
        return go_on

    yield hold
    go_on.set()


Hold = Callable[[Opened], threading.Event]


def test_while_it_is_written_the_window_goes_on_and_it_says_how_far(
    open_page: OpenPage, tmp_path: Path, held: Hold
) -> None:
    opened = answered(open_page)
    go_on = held(opened)
    open_export(opened.page)
    made = dialog()
    told: list[str] = []
    made.bar.valueChanged.connect(lambda _: told.append(made.told.text()))
    made.write(tmp_path / "out.html")
    assert made.bar.isVisible()
    assert not made.save_button.isEnabled()
    assert not made.form_button(Format.HTML).isEnabled()
    assert "Reading" in made.told.text()
    assert made.close_button.text() == "Cancel"
    go_on.set()
    opened.until(lambda: not made.writing)
    assert made.bar.maximum() == made.bar.value() == 1
    assert made.bar.isHidden()
    assert made.save_button.isEnabled()
    assert made.saved == tmp_path / "out.html"
    made.close_button.click()


def test_a_cancelled_export_leaves_what_was_there_and_the_dialog_open(
    open_page: OpenPage, tmp_path: Path, held: Hold
) -> None:
    opened = answered(open_page)
    (tmp_path / "out.md").write_text("of yesterday", encoding="utf-8")
    go_on = held(opened)
    made = ExportDialog(opened.page)
    opened.qtbot.addWidget(made)
    made.show()
    made.write(tmp_path / "out.md")
    made.close_button.click()
    assert made.isVisible()
    assert "nothing was written" in made.told.text()
    assert made.bar.isHidden()
    go_on.set()
    opened.until(lambda: opened.runner.idle)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.md"]
    assert (tmp_path / "out.md").read_text("utf-8") == "of yesterday"
    write(opened, made, tmp_path / "out.md")
    assert "Why is it so?" in (tmp_path / "out.md").read_text("utf-8")


def test_a_dialog_that_is_closed_ends_its_export(open_page: OpenPage, tmp_path: Path, held: Hold) -> None:
    opened = answered(open_page)
    go_on = held(opened)
    open_export(opened.page)
    made = dialog()
    made.write(tmp_path / "out.md")
    made.reject()
    go_on.set()
    opened.until(lambda: opened.runner.idle)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def test_with_nothing_asked_there_is_nothing_to_export(open_page: OpenPage) -> None:
    opened = open_page()
    open_export(opened.page)
    assert "nothing to export" in opened.page.composer.notice.text()
    assert not any(isinstance(found, ExportDialog) for found in QApplication.topLevelWidgets())


def test_before_a_blind_vote_the_file_names_nobody(open_page: OpenPage, tmp_path: Path) -> None:
    opened = answered(open_page)
    hide_names(opened.page, hidden=True)
    made = ExportDialog(opened.page)
    write(opened, made, tmp_path / "out.md")
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "alpha" not in text.casefold()
    assert "Why is it so?" in text


def test_a_title_becomes_a_name_that_every_system_takes() -> None:
    assert file_name("Refund policy: tone/test?") == "Refund-policy-tone-test"
    assert file_name("../../etc") == "etc"
    assert file_name("???") == "comparison"
    assert len(file_name("long " * 100)) <= 60
