"""Text files that go with a prompt: attached, counted, asked, shown folded, refused in words."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QPlainTextEdit, QPushButton

from tests.gui.compare.conftest import ALPHA, Opened, OpenPage
from workbench.chat.attachments import parted
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend
from workbench.gui.compare.attachments import Attachments
from workbench.gui.compare.parts import part


def echo(request: Request) -> tuple[str, ...]:
    return (request.messages[-1].content,)


def opened_with(open_page: OpenPage) -> tuple[Opened, Attachments]:
    opened = open_page(FakeBackend(echo))
    opened.choose(ALPHA)
    return opened, part(opened.page, Attachments)


def test_the_model_reads_the_file_and_the_bubble_shows_it_folded(open_page: OpenPage, tmp_path: Path) -> None:
    opened, attachments = opened_with(open_page)
    notes = tmp_path / "notes.md"
    notes.write_text("Buy milk.\n", encoding="utf-8")
    attachments.take([notes])
    assert attachments.bar.isVisible()
    opened.ask("What is to do?")
    read = opened.panes[0].exchanges[-1].answer
    assert read is not None
    assert read.text == "What is to do?\n\nFile: notes.md\n```\nBuy milk.\n```"
    assert attachments.bar.isHidden(), "it went with this prompt, not with the next"
    (fold,) = opened.last(0).bubble.folds
    assert fold.button.text() == "▸ notes.md · 10 characters"
    fold.button.click()
    text = fold.findChild(QPlainTextEdit)
    assert isinstance(text, QPlainTextEdit)
    assert text.isVisible()
    assert text.toPlainText() == "Buy milk.\n"
    assert "Buy milk" not in opened.last(0).bubble._label.text()


def test_an_attached_file_is_taken_away_again(open_page: OpenPage, tmp_path: Path) -> None:
    opened, attachments = opened_with(open_page)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
        attachments.take([tmp_path / name])

    def shown() -> list[QPushButton]:
        return [chip for chip in attachments.bar.findChildren(QPushButton) if chip.isVisible()]

    opened.until(lambda: len(shown()) == 2)
    chips = shown()
    assert [chip.accessibleName() for chip in chips] == [
        "Take a.txt · 5 characters away again",
        "Take b.txt · 5 characters away again",
    ]
    chips[0].click()
    assert [one.name for one in attachments.bar.attachments] == ["b.txt"]


def test_what_is_no_text_is_refused_and_the_others_stay(open_page: OpenPage, tmp_path: Path) -> None:
    opened, attachments = opened_with(open_page)
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0")
    opened.page.composer.set_text("typed")
    attachments.take([tmp_path / "a.txt", tmp_path / "photo.png"])
    assert "photo.png is not text" in opened.page.composer.notice.text()
    assert [one.name for one in attachments.bar.attachments] == ["a.txt"]
    assert opened.page.composer.text == "typed"


def test_a_prompt_that_cannot_be_sent_keeps_its_files(open_page: OpenPage, tmp_path: Path) -> None:
    opened = open_page(FakeBackend(echo))
    attachments = part(opened.page, Attachments)
    (tmp_path / "a.txt").write_text("text")
    attachments.take([tmp_path / "a.txt"])
    opened.send("No model is chosen")
    assert [one.name for one in attachments.bar.attachments] == ["a.txt"]


def test_the_length_of_the_prompt_counts_the_file(open_page: OpenPage, tmp_path: Path) -> None:
    opened, attachments = opened_with(open_page)
    opened.ask("Load it first")
    (tmp_path / "long.txt").write_text("word " * 500)
    opened.page.composer.set_text("Short")
    attachments.take([tmp_path / "long.txt"])
    opened.until(lambda: "/" in opened.page.composer.count.text())
    opened.until(lambda: opened.page.errands.idle)
    count = int(opened.page.composer.count.text().split("/")[0].replace(",", "").replace("✕", ""))
    assert count > 500


def test_attached_files_are_kept_over_a_restart_and_it_is_said_what_became_of_them(
    open_page: OpenPage, tmp_path: Path
) -> None:
    opened, attachments = opened_with(open_page)
    opened.ask("First")
    for name in ("same.txt", "changed.txt", "gone.txt"):
        (tmp_path / name).write_text("text")
    attachments.take([tmp_path / name for name in ("same.txt", "changed.txt", "gone.txt")])
    opened.close()
    (tmp_path / "changed.txt").write_text("another text")
    (tmp_path / "gone.txt").unlink()
    again = open_page(FakeBackend(echo))
    bar = part(again.page, Attachments).bar
    assert bar.isVisible()

    def chips() -> list[str]:
        return [chip.text() for chip in bar.findChildren(QPushButton) if not chip.isHidden()]

    assert chips() == [
        "same.txt · 4 characters   ✕",
        "changed.txt · 4 characters · changed since   ✕",
        "gone.txt · 4 characters · not there any more   ✕",
    ]
    part(again.page, Attachments).take([tmp_path / "changed.txt"])
    again.until(lambda: len(chips()) == 3)
    assert chips()[-1] == "changed.txt · 12 characters   ✕", "attached again, it is read anew"
    again.until(lambda: again.panes[0].model is not None)
    again.ask("Second")
    read = again.panes[0].exchanges[-1].answer
    assert read is not None
    assert [one.name for one in parted(read.text).attachments] == ["same.txt", "gone.txt", "changed.txt"]
    again.close()
    assert part(open_page().page, Attachments).bar.isHidden()


def test_attached_files_stay_with_their_conversation(open_page: OpenPage, tmp_path: Path) -> None:
    opened, attachments = opened_with(open_page)
    opened.ask("First")
    first = opened.page.record.diary.conversation_id
    assert first is not None
    opened.page.new_comparison()
    opened.ask("Second")
    (tmp_path / "a.txt").write_text("text")
    attachments.take([tmp_path / "a.txt"])
    second = opened.page.record.diary.conversation_id
    assert second is not None
    opened.page.load_conversation(first)
    assert attachments.bar.isHidden()
    opened.page.load_conversation(second)
    assert [one.name for one in attachments.bar.attachments] == ["a.txt"]
    assert attachments.bar.isVisible()
