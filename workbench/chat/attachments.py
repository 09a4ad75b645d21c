"""Text files that travel with a prompt: read with care, put in it as fenced blocks, told apart from it again."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workbench.errors import UsageError
from workbench.words import said

MAX_BYTES = 8 * 1024 * 1024
MAX_FILES = 20
MOST_STRANGE = 0.002  # of a text's characters may be control characters
SHORTEST_FENCE = 3

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ALLOWED = frozenset("\t\n\r\f\x1b")
_BLOCK = re.compile(r"\n\nFile: (?P<name>[^\n]+)\n(?P<fence>`{3,})\n(?P<text>.*?)(?P=fence)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text with the name of the file it came from; ``encoding`` is how it was read, ``path`` from where."""

    name: str
    text: str
    encoding: str = "utf-8"
    path: Path | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Parted:
    """A prompt apart from what was attached to it."""

    text: str
    attachments: tuple[Attachment, ...] = ()


def read(path: Path, *, most_bytes: int = MAX_BYTES) -> Attachment:
    """Raises UsageError for what cannot be read, is too large, or is no text."""
    try:
        if not path.is_file():
            raise UsageError(said("{file} is no file.", file=path.name), hint=said("Choose one text file, or several."))
        size = path.stat().st_size
        if size > most_bytes:
            raise UsageError(
                said("{file} is too large to attach: {size:,.1f} MB.", file=path.name, size=size / 1e6),
                hint=said(
                    "A file may have {most_bytes:,.1f} MB. Attach the part that matters.", most_bytes=most_bytes / 1e6
                ),
            )
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)  # it may have grown since
    except OSError as error:
        raise UsageError(
            said("{file} cannot be read.", file=path.name), hint=error.strerror or said("Look at its rights.")
        ) from error
    text, encoding = decoded(content, path.name)
    return Attachment(_one_line(path.name), text, encoding, path)


def decoded(content: bytes, name: str) -> tuple[str, str]:
    """The text and its encoding: by byte order mark, else UTF-8 where that is valid, else Latin-1.

    Raises UsageError for what is no text.
    """
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content:
        raise _no_text(name)  # without a mark, no text of any encoding that is read here holds a zero
    for tried in (encoding,) if encoding else ("utf-8", "latin-1"):
        try:
            text = content.decode(tried)
        except UnicodeDecodeError:
            continue
        if _is_strange(text):
            break
        return text.replace("\r\n", "\n").replace("\r", "\n"), tried
    raise _no_text(name)


def with_attachments(prompt: str, attachments: Sequence[Attachment]) -> str:
    """The prompt as it is asked: each file follows in a block that nothing within it can end."""
    return prompt.rstrip("\n") + "".join(map(_block, attachments)) if attachments else prompt


def parted(prompt: str) -> Parted:
    """What ``with_attachments`` put together."""
    found: list[Attachment] = []
    rest = prompt
    while rest.endswith("```"):
        start = _last_block(rest)
        if start is None:
            break
        block = _BLOCK.fullmatch(rest, start)
        if block is None or _fence(block["text"]) != block["fence"]:
            break
        found.append(Attachment(block["name"], block["text"]))
        rest = rest[:start]
    return Parted(rest, tuple(reversed(found)))


def _last_block(prompt: str) -> int | None:
    """Where the block that ends the prompt begins: its fence is the last that stands after a file's name."""
    fence = re.search(r"`{3,}\Z", prompt)
    assert fence is not None
    opened = f"\n{fence[0]}\n"
    at = prompt.rfind(opened, 0, fence.start() + 1)
    if at < 0:
        return None
    start = prompt.rfind("\n\nFile: ", 0, at)
    return start if start >= 0 and "\n" not in prompt[start + 2 : at] else None


def _block(attachment: Attachment) -> str:
    fence = _fence(attachment.text)
    end = "" if attachment.text.endswith("\n") or not attachment.text else "\n"
    return f"\n\nFile: {_one_line(attachment.name)}\n{fence}\n{attachment.text}{end}{fence}"


def _fence(text: str) -> str:
    """Longer than any run of backticks within."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    return "`" * max(SHORTEST_FENCE, longest + 1)


def _is_strange(text: str) -> bool:
    """A text has hardly any control characters; C1 and DEL are among them: Latin-1 reads every file."""
    strange = sum(
        1 for character in text if (character < " " or "\x7f" <= character <= "\x9f") and character not in _ALLOWED
    )
    return strange > MOST_STRANGE * len(text)


def _no_text(name: str) -> UsageError:
    return UsageError(
        said("{name} is not text, so no model could read it.", name=name),
        hint=said("Attach text: Markdown, source code, CSV, JSON. Of a PDF or a document, copy the text out first."),
    )


def _one_line(name: str) -> str:
    return " ".join(name.split()) or "file"
