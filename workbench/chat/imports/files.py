"""Conversations out of files: ChatGPT's export, ShareGPT, lists of messages, and our own comparisons."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.chat.imports import chatgpt, comparisons, message_lists
from workbench.chat.imports.imported import Imported, clean
from workbench.errors import WorkbenchError

MAX_BYTES = 1 << 29
KNOWN = (
    "ChatGPT's conversations.json, ShareGPT, JSON or JSONL with lists of messages, and comparisons that were exported "
    "as JSON can be imported."
)


class ImportingError(WorkbenchError):
    """A file holds no conversations that can be read."""


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> tuple[Imported, ...]:
    """Every conversation of a file, in its order; one that cannot be read is there without turns, and says why.

    Raises ImportingError where the file cannot be read, or nothing in it is a conversation.
    """
    found = tuple(_conversations(_text(path, max_bytes), path.name))
    if not any(one.turns for one in found):
        why = next((problem for one in found for problem in one.problems), "it is empty")
        raise ImportingError(f"No conversation was found in {path.name}: {why}.", hint=KNOWN)
    return found


def _text(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise ImportingError(
                    f"{path.name} is too long to import: {size:,} bytes, and at most {max_bytes:,} are read.",
                    hint="Split it into several files.",
                )
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ImportingError(f"{path} could not be read: {error.strerror or error}.") from error
    if data.startswith(b"PK\x03\x04"):
        raise ImportingError(f"{path.name} is an archive.", hint="Unpack it, and import conversations.json out of it.")
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ImportingError(f"{path.name} is not text: byte {error.start:,} fits no encoding.", hint=KNOWN) from error


def _conversations(text: str, name: str) -> Iterator[Imported]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].rstrip().endswith(("}", "]")):
            raise ImportingError(f"{name} is not JSON: {_where(error)}.", hint=KNOWN) from error
        for number, line in lines:
            yield from _line(line, f"Line {number}")
        return
    yield from _each(document, name)


def _each(document: Any, name: str) -> Iterator[Imported]:
    """A conversation, a list of them, or a list of messages that is one itself."""
    if not isinstance(document, list):
        yield _one(document, name)
    elif document and all(isinstance(one, dict) and ("role" in one or "from" in one) for one in document):
        yield _one({"messages": document}, name)
    else:
        for number, record in enumerate(document, 1):
            yield _one(record, f"Conversation {number}")


def _line(line: str, name: str) -> Iterator[Imported]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        yield Imported(name, (), "", (f"it is not JSON: {_where(error)}",))
        return
    yield from _each(document, name) if isinstance(document, list) else [_one(document, name)]


def _one(record: Any, name: str) -> Imported:
    if comparisons.is_one(record):
        return comparisons.read(record, name)
    if chatgpt.is_one(record):
        return chatgpt.read(record, name)
    if message_lists.is_one(record):
        return message_lists.read(record, name)
    keys = ", ".join(clean(str(key)[:40]) for key in list(record)[:5]) if isinstance(record, dict) else ""
    what = f"it has {keys}, but no messages" if keys else "it has no messages"
    return Imported(name, (), "", (what,))


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno:,}, column {error.colno:,}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
