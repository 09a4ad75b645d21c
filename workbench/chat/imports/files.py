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
from workbench.words import said

MAX_BYTES = 1 << 29
KNOWN = said(
    "ChatGPT's conversations.json, ShareGPT, JSON or JSONL with lists of messages, and comparisons that "
    "were exported as JSON can be imported."
)


class ImportingError(WorkbenchError):
    """A file holds no conversations that can be read."""


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> tuple[Imported, ...]:
    """Every conversation of a file, in its order; one that cannot be read is there without turns, and says why.

    Raises ImportingError where the file cannot be read, or nothing in it is a conversation.
    """
    found = tuple(_conversations(_text(path, max_bytes), path.name))
    if not any(one.turns for one in found):
        why = next((problem for one in found for problem in one.problems), said("it is empty"))
        raise ImportingError(said("No conversation was found in {file}: {why}.", file=path.name, why=why), hint=KNOWN)
    return found


def _text(path: Path, max_bytes: int) -> str:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > max_bytes:
                raise ImportingError(
                    said(
                        "{file} is too long to import: {size:,} bytes, and at most {max_bytes:,} are read.",
                        file=path.name,
                        size=size,
                        max_bytes=max_bytes,
                    ),
                    hint=said("Split it into several files."),
                )
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise ImportingError(
            said("{path} could not be read: {strerror}.", path=path, strerror=error.strerror or error)
        ) from error
    if data.startswith(b"PK\x03\x04"):
        raise ImportingError(
            said("{file} is an archive.", file=path.name),
            hint=said("Unpack it, and import conversations.json out of it."),
        )
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ImportingError(
            said("{file} is not text: byte {start:,} fits no encoding.", file=path.name, start=error.start), hint=KNOWN
        ) from error


def _conversations(text: str, name: str) -> Iterator[Imported]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].rstrip().endswith(("}", "]")):
            raise ImportingError(
                said("{name} is not JSON: {error}.", name=name, error=_where(error)), hint=KNOWN
            ) from error
        for number, line in lines:
            yield from _line(line, said("Line {number}", number=number))
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
            yield _one(record, said("Conversation {number}", number=number))


def _line(line: str, name: str) -> Iterator[Imported]:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        yield Imported(name, (), "", (said("it is not JSON: {error}", error=_where(error)),))
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
    what = said("it has {keys}, but no messages", keys=keys) if keys else said("it has no messages")
    return Imported(name, (), "", (what,))


def _where(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return said("{msg} at line {lineno:,}, column {colno:,}", msg=error.msg, lineno=error.lineno, colno=error.colno)
    return said("it is nested too deeply") if isinstance(error, RecursionError) else str(error)
