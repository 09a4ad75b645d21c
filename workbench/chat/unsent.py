"""What is typed and attached and not sent yet, kept with its conversation, or for the one that is not begun yet."""

from __future__ import annotations

import enum
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.chat.attachments import Attachment, read
from workbench.chat.conversations import Conversations
from workbench.errors import UsageError

log = logging.getLogger(__name__)


class Since(enum.Enum):
    """What became of an attached file since it was read."""

    SAME = "same"
    CHANGED = "changed"
    GONE = "gone"


class Unsent:
    """``of`` is a conversation, None: the one that the next prompt begins.  Files are kept as they were read."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    def text(self, of: int | None) -> str:
        return self._conversations.draft(_key("compare", of))

    def keep_text(self, of: int | None, text: str) -> None:
        self._conversations.keep_draft(_key("compare", of), text, of=of)

    def files(self, of: int | None) -> tuple[Attachment, ...]:
        return _files(self._conversations.draft(_key("files", of)))

    def keep_files(self, of: int | None, files: Sequence[Attachment]) -> None:
        kept = [
            {"name": one.name, "text": one.text, "encoding": one.encoding, "path": str(one.path) if one.path else None}
            for one in files
        ]
        self._conversations.keep_draft(_key("files", of), json.dumps(kept) if kept else "", of=of)

    def is_there(self, of: int | None) -> bool:
        return bool(self.text(of).strip() or self.files(of))

    def move(self, before: int | None, after: int | None) -> None:
        """What was kept for one is kept for the other."""
        self.keep_text(after, self.text(before))
        self.keep_files(after, self.files(before))
        self.forget(before)

    def forget(self, of: int | None) -> None:
        self.keep_text(of, "")
        self.keep_files(of, ())


def since(attachment: Attachment) -> Since:
    """Reads the file again."""
    if attachment.path is None:
        return Since.SAME
    if not attachment.path.exists():
        return Since.GONE
    try:
        return Since.SAME if read(attachment.path) == attachment else Since.CHANGED
    except UsageError:  # too large meanwhile, or no text any more
        return Since.CHANGED


def _key(what: str, of: int | None) -> str:
    return what if of is None else f"{what} {of}"


def _files(kept: str) -> tuple[Attachment, ...]:
    if not kept:
        return ()
    try:
        return tuple(map(_file, json.loads(kept)))
    except (ValueError, TypeError, KeyError) as error:
        log.warning("what was kept of attached files is not understood and left out: %s", error)
        return ()


def _file(kept: dict[str, Any]) -> Attachment:
    path = kept["path"]
    return Attachment(str(kept["name"]), str(kept["text"]), str(kept["encoding"]), Path(path) if path else None)
