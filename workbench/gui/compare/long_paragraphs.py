"""A paragraph without an end, typed into all the same: Qt lays a paragraph out as a whole for each key.

It is kept in pieces: text blocks that no line break stands between.  Each piece but the first carries a number that no
other has; a block that has the number of the one before it, because a line was broken there, begins a line of its own.
"""

from __future__ import annotations

import itertools

from PySide6.QtGui import QTextBlock, QTextBlockFormat, QTextCursor, QTextDocument, QTextFormat

LONGEST = 4_000  # characters of a piece

_NUMBER = int(QTextFormat.Property.UserProperty.value)
_numbers = itertools.count(1)


def are_in(text: str) -> bool:
    return len(text) > LONGEST and any(len(line) > LONGEST for line in text.split("\n"))


def insert(cursor: QTextCursor, text: str) -> None:
    """In place of what is selected, long paragraphs in pieces; undone in one step."""
    cursor.beginEditBlock()
    waiting: list[str] = []
    for place, line in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")):
        *whole, last = _pieces(f"\n{line}" if place else line)
        for piece in whole:
            cursor.insertText("".join([*waiting, piece]))
            waiting = []
            form = QTextBlockFormat()
            form.setProperty(_NUMBER, next(_numbers))
            cursor.insertBlock(form)
        waiting.append(last)
    cursor.insertText("".join(waiting))
    cursor.endEditBlock()


def text_between(document: QTextDocument, start: int, end: int) -> str:
    """What was written there; places are a cursor's."""
    found: list[str] = []
    block = document.findBlock(start)
    while block.isValid() and block.position() <= end:
        if found and not _goes_on(block):
            found.append("\n")
        first, last = max(0, start - block.position()), min(block.length() - 1, end - block.position())
        units = block.text().encode("utf-16-le")  # Qt counts these
        found.append(units[2 * first : 2 * last].decode("utf-16-le", "replace"))
        block = block.next()
    return "".join(found)


def _goes_on(block: QTextBlock) -> bool:
    number = block.blockFormat().property(_NUMBER)
    return number is not None and number != block.previous().blockFormat().property(_NUMBER)


def _pieces(line: str) -> list[str]:
    """Cut behind a blank where there is one."""
    found, start = [], 0
    while len(line) - start > LONGEST:
        end = line.rfind(" ", start, start + LONGEST) + 1 or start + LONGEST
        found.append(line[start:end])
        start = end
    return [*found, line[start:]]
