"""Plain text becomes Markdown where it stands, a part at a time, and the event loop comes by in between.

What is near the reader comes first; a part that has its turn changes alone, and all below it moves by as much."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QTextBlock, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextEdit

if TYPE_CHECKING:
    from workbench.gui.markdown import Part

GOES_ON = 1  # state of a block that is no paragraph of its own: the next one belongs to it
VISIT_S = 0.008  # of work, until the event loop comes by again

_WORD = re.compile(r"\w+")


class Piecewise(QObject):
    """``replaced`` tells where a part stood in the document, its upper and lower y, and how many pixels higher it is
    now."""

    replaced = Signal(float, float, float)

    def __init__(self, edit: QTextEdit) -> None:
        super().__init__(edit)
        self._edit = edit
        self._source: Iterator[Part | None] | None = None
        self._parts: deque[Part] = deque()
        self._starts: list[int] = []  # the first text block of each line of the source, and the end
        self._from_end = False
        self._has_begun = False
        self._after = 0  # the line that what comes after the parts begins with
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._visit)

    @property
    def is_at_work(self) -> bool:
        return self._source is not None or bool(self._parts)

    def begin(self, source: Iterator[Part | None], lines: int, *, from_end: bool) -> bool:
        """The document shows the source's ``lines`` as plain text; False where it shows others."""
        self.stop()
        self._starts = _first_blocks(self._edit.document().begin())
        if len(self._starts) != lines + 1:
            return False
        self._source, self._from_end, self._after = source, from_end, lines
        self._has_begun = False
        self._next.start()
        return True

    def stop(self) -> None:
        """What has not had its turn stays as it is."""
        self._next.stop()
        self._source = None
        self._parts.clear()

    @Slot()
    def _visit(self) -> None:
        until = time.perf_counter() + VISIT_S
        while self.is_at_work:
            self._step()
            if time.perf_counter() > until:
                break
        if self.is_at_work:
            self._next.start()

    def _step(self) -> None:
        """One part is rendered, or one replaced."""
        if self._source is not None:
            try:
                part = next(self._source)
            except StopIteration:
                self._source = part = None
            if part is not None:
                self._parts.append(part if self._has_begun else replace(part, line=0))  # empty lines before it go, too
                self._has_begun = True
            if self._from_end or len(self._parts) < 2:  # where a part ends the next one tells
                return
        if not self._parts:
            return
        part = self._parts.pop() if self._from_end else self._parts.popleft()
        end = self._after if self._from_end or not self._parts else self._parts[0].line
        if self._from_end:
            self._after = part.line
        self._replace(part, end)

    def _replace(self, part: Part, end: int) -> None:
        document = self._edit.document()
        moved = 0 if self._from_end else document.blockCount() - self._starts[-1]
        first = document.findBlockByNumber(self._starts[part.line] + moved)
        last = document.findBlockByNumber(self._starts[end] - 1 + moved)
        layout, before = document.documentLayout(), document.size().height()
        top, bottom = layout.blockBoundingRect(first).top(), layout.blockBoundingRect(last).bottom()
        cursor = QTextCursor(first)
        place = cursor.position()
        cursor.setPosition(last.position() + last.length() - 1, QTextCursor.MoveMode.KeepAnchor)
        chosen = _Chosen(self._edit.textCursor(), cursor)
        cursor.beginEditBlock()
        cursor.removeSelectedText()
        cursor.block().setUserState(-1)
        if part.boxed and place > 0:  # a table stands after a paragraph, with no empty one between
            form = cursor.block().previous().blockFormat()  # of a rule, too, which has no text
            cursor.deletePreviousChar()
            cursor.setBlockFormat(form)
            place -= 1
        else:
            cursor.setBlockFormat(QTextBlockFormat())
            cursor.setBlockCharFormat(QTextCharFormat())
        if part.boxed:
            cursor.insertHtml(part.html)
        else:  # Qt leaves out how the first paragraph stands
            cursor.insertHtml(f"<p>-</p>{part.html}")
            after = QTextCursor(document)
            after.setPosition(place)
            after.deleteChar()
            after.deleteChar()
        cursor.endEditBlock()
        chosen.restore(self._edit, place, cursor.position())
        self.replaced.emit(top, bottom, document.size().height() - before)


def _first_blocks(block: QTextBlock) -> list[int]:
    found, number, goes_on = [], 0, False
    while block.isValid():
        if not goes_on:
            found.append(number)
        goes_on = block.userState() == GOES_ON
        number += 1
        block = block.next()
    return [*found, number]


def moved(y: float, top: float, bottom: float, by: float) -> float:
    """Where it is now, when what stood from top to bottom is so much higher."""
    if y <= top:
        return y
    return y + by * min(1.0, (y - top) / max(1.0, bottom - top))


class _Chosen:
    """What is selected, where some of it is about to be written otherwise: the words stay selected."""

    def __init__(self, cursor: QTextCursor, replaced: QTextCursor) -> None:
        first, end = replaced.selectionStart(), replaced.selectionEnd()
        self._ends = (cursor.anchor(), cursor.position())
        self._inside = [first <= place <= end for place in self._ends]
        self._source = replaced.selectedText() if any(self._inside) and cursor.hasSelection() else ""
        self._first, self._has = first, cursor.hasSelection()
        self._replaced = QTextCursor(replaced)

    def restore(self, edit: QTextEdit, first: int, end: int) -> None:
        if not self._has or not any(self._inside):
            return
        cursor = QTextCursor(edit.document())
        cursor.setPosition(first)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        shown = cursor.selectedText()
        now = edit.textCursor()
        places = [
            first + same_place(self._source, shown, place - self._first) if inside else other
            for place, inside, other in zip(self._ends, self._inside, (now.anchor(), now.position()), strict=True)
        ]
        now.setPosition(places[0])
        now.setPosition(places[1], QTextCursor.MoveMode.KeepAnchor)
        edit.setTextCursor(now)


def same_place(source: str, shown: str, place: int) -> int:
    """Where what stands at this place of the source stands in what is shown of it, by its words."""
    from difflib import SequenceMatcher

    old, new = list(_WORD.finditer(source)), list(_WORD.finditer(shown))
    matcher = SequenceMatcher(None, [word[0] for word in old], [word[0] for word in new], autojunk=False)
    found = 0
    for at, to, count in matcher.get_matching_blocks():
        for word, other in zip(old[at : at + count], new[to : to + count], strict=True):
            if word.start() >= place:
                return other.start() if word.start() == place else found
            found = other.start() + min(place, word.end()) - word.start()
    return len(shown) if place >= len(source) else found
