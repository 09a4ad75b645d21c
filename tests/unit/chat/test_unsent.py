"""What is typed and attached, and what became of the files."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.chat.attachments import Attachment, read
from workbench.chat.conversations import Conversations
from workbench.chat.unsent import Since, Unsent, since
from workbench.store.database import Database


@pytest.fixture
def conversations(tmp_path: Path):
    with Database(tmp_path / "w.sqlite3") as db:
        yield Conversations(db)


def test_each_conversation_has_its_own_and_so_has_the_one_not_begun_yet(conversations: Conversations) -> None:
    unsent, first = Unsent(conversations), conversations.create("one")
    files = (Attachment("a.txt", "a ``` b", "latin-1", Path("/somewhere/a.txt")), Attachment("b.txt", ""))
    unsent.keep_text(first, "half a thought")
    unsent.keep_files(None, files)
    again = Unsent(conversations)
    assert (again.text(first), again.files(first)) == ("half a thought", ())
    assert (again.text(None), again.files(None)) == ("", files)
    assert [(one.encoding, one.path) for one in again.files(None)] == [
        ("latin-1", Path("/somewhere/a.txt")), ("utf-8", None),
    ]  # fmt: skip
    again.move(None, first)
    assert (again.text(first), again.files(first), again.is_there(None)) == ("", files, False)
    again.forget(first)
    assert not again.is_there(first)


def test_what_cannot_be_read_of_kept_files_is_left_out(
    conversations: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    for kept in ("{", "[1]", '[{"name": "a"}]'):
        conversations.keep_draft("files", kept)
        assert Unsent(conversations).files(None) == ()
    assert caplog.text.count("left out") == 3


def test_what_became_of_a_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("one")
    kept = read(path)
    assert since(kept) is Since.SAME
    path.write_text("two")
    assert since(kept) is Since.CHANGED
    path.write_bytes(b"one\0\0")
    assert since(kept) is Since.CHANGED, "no text any more"
    path.unlink()
    assert since(kept) is Since.GONE
    assert since(Attachment("pasted", "text")) is Since.SAME
