"""One answer in place of which its differences to another stand: what is underlined is only here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, Signal, Slot
from PySide6.QtGui import QColor, QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QTextEdit, QVBoxLayout

from workbench.gui import theme
from workbench.gui.compare.candidates import shortened, utf16_length
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.compare.words import percent
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import IconButton, label, text_button
from workbench.gui.widgets.text_view import AnswerView

if TYPE_CHECKING:
    from workbench.chat.diff import Parting, Unit

MISSING = "[…]"  # stands where only the other answer has something
MOST_MARKED = 5_000


@dataclass(frozen=True, slots=True)
class Side:
    """The characters of one answer that differ; none where only the other has something."""

    start: int
    end: int


class DifferenceCard(QFrame):
    """``mirrored`` is the right one of the pair that ``first`` is about."""

    stepped = Signal(int)
    left = Signal()

    def __init__(
        self,
        exchange: ExchangeView,
        own: Sequence[Side],
        others: Sequence[Side],
        other_name: str,
        unit: Unit,
        first: Parting | None,
        *,
        mirrored: bool,
    ) -> None:
        super().__init__()
        self.exchange = exchange
        self._own, self._others = own, others
        self._count = len(own)
        answer = exchange.answer
        assert answer is not None
        self.text = MarkedText(answer.text, own, exchange.text.accessibleName())
        self.whom = label(_compared_words(other_name, unit, self._count), role="small", wrap=True)
        self.first = label(_first_words(first, mirrored=mirrored), role="strong", wrap=True)
        self.first.setVisible(first is not None)
        self.why = label(_why_no_share(first) if first is not None else "", role="small", wrap=True)
        self.why.setVisible(bool(self.why.text()))
        self.place = label(tr("{n} differences", n=self._count), role="muted")
        self.setFocusProxy(self.text)
        self._lay_out()

    def reach(self, number: int) -> None:
        """Show this difference, and say where it is."""
        self.place.setText(tr("Difference {number} of {count}", number=number + 1, count=self._count))
        self.text.reach(number)
        own, other = self._own[number], self._others[number]
        if own.end == own.start:
            self.text.say(tr("difference {number}: nothing here", number=number + 1))
        elif other.end == other.start:
            self.text.say(
                tr("difference {number}: only here: {text}", number=number + 1, text=self.text.marked(number))
            )
        else:
            self.text.say(tr("difference {number}: here {text}", number=number + 1, text=self.text.marked(number)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        before = IconButton("chevron-up", tr("The difference before (Shift+F8)"))
        after = IconButton("chevron-down", tr("The next difference (F8)"))
        before.clicked.connect(partial(self.stepped.emit, -1))
        after.clicked.connect(partial(self.stepped.emit, 1))
        for button in (before, after):
            button.setEnabled(self._count > 0)
        back = text_button(tr("Back to the answer"), kind="link")
        back.setToolTip(tr("Esc"))
        back.clicked.connect(self.left)
        row = QHBoxLayout()
        row.setSpacing(Space.XS)
        row.addWidget(before)
        row.addWidget(after)
        row.addWidget(self.place, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.XS)
        column.addWidget(self.whom)
        column.addWidget(self.first)
        column.addWidget(self.why)
        column.addLayout(row)
        column.addWidget(self.text)
        column.addWidget(back, 0, Qt.AlignmentFlag.AlignLeft)


class MarkedText(AnswerView):
    """The answer as it was written, with what differs underlined; Tab leaves it, Esc leaves the differences."""

    def __init__(self, text: str, sides: Sequence[Side], name: str) -> None:
        super().__init__(grows=True, name=tr("{name}, with what differs", name=name))
        self._name = self.accessibleName()
        self._text, self._sides = text.rstrip(), sides[:MOST_MARKED]
        self._places: list[tuple[int, int]] = []  # of the marks, in the document's characters
        self._at = -1  # the mark that was reached
        theme.changed.connect(self._paint)
        self._paint()

    def marked(self, number: int) -> str:
        side = self._sides[number] if number < len(self._sides) else Side(0, 0)
        return self._text[side.start : side.end].strip()

    def say(self, words: str) -> None:
        self.setAccessibleName(tr("{name}: {words}", name=self._name, words=words))

    def reach(self, number: int) -> None:
        if number >= len(self._places):
            return
        self._at = number
        self._show_reached()
        start = self._places[number][0]
        around = self.parentWidget()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parentWidget()
        inside = around.widget() if around is not None else None
        if around is not None and inside is not None:
            place = self._rect(start)
            at = self.viewport().mapTo(inside, place.center())
            around.ensureVisible(at.x(), at.y(), 0, around.viewport().height() // 4)

    def _show_reached(self) -> None:
        """Selected, in a colour that the side without the focus shows too."""
        start, end = self._places[self._at]
        cursor = QTextCursor(self.document())
        cursor.setPosition(start)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        tokens = theme.current()
        chosen = QTextEdit.ExtraSelection()
        chosen.cursor = cursor
        chosen.format.setBackground(QColor(tokens.accent))
        chosen.format.setForeground(QColor(tokens.on_accent))
        self.setExtraSelections([chosen])

    @Slot()
    def _paint(self) -> None:
        self.clear()
        self.setExtraSelections([])
        self._places.clear()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()  # laid out once, not for each mark
        at = 0
        plain, marked, missing = _formats()
        for side in self._sides:
            cursor.insertText(self._text[at : side.start], plain)
            start = cursor.position()
            piece = self._text[side.start : side.end]
            body = piece.rstrip()
            cursor.insertText(body or MISSING, marked if body else missing)
            self._places.append((start, start + utf16_length(body or MISSING)))
            cursor.insertText(piece[len(body) :] or ("" if body else " "), plain)
            at = side.end
        cursor.insertText(self._text[at:], plain)
        cursor.endEditBlock()
        if self._at >= 0:
            self._show_reached()

    def _rect(self, position: int) -> QRect:
        cursor = QTextCursor(self.document())
        cursor.setPosition(position)
        return self.cursorRect(cursor)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            event.ignore()  # the card's
        else:
            super().keyPressEvent(event)


def _formats() -> tuple[QTextCharFormat, QTextCharFormat, QTextCharFormat]:
    tokens = theme.current()
    plain, marked, missing = QTextCharFormat(), QTextCharFormat(), QTextCharFormat()
    for made in (plain, marked, missing):
        made.setForeground(QColor(tokens.text))
    marked.setBackground(QColor(tokens.soft("accent")))
    marked.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
    marked.setUnderlineColor(QColor(tokens.accent))
    marked.setFontWeight(600)
    missing.setForeground(QColor(tokens.muted))
    return plain, marked, missing


def _compared_words(other: str, unit: Unit, count: int) -> str:
    from workbench.chat.diff import Unit

    if not count:
        return tr("Compared with {other}: only white space differs.", other=other)
    if unit is Unit.WORD:
        return tr("Compared with {other}, word by word. Underlined: only here. […]: only there.", other=other)
    if unit is Unit.LINE:
        return tr(
            "Compared with {other}, line by line: too long to compare words. Underlined: only here. […]: only there.",
            other=other,
        )
    return tr(
        "Compared with {other}: too long and too unlike to compare in detail. All between the first and the last "
        "difference is underlined.",
        other=other,
    )


def _first_words(first: Parting | None, *, mirrored: bool) -> str:
    """ "First differs at word 12: ‘blue’ (41 %) here, ‘green’ (37 %) there"."""
    if first is None:
        return ""
    left, right = (text.strip() or text for text in (first.left, first.right))  # a space before a word is no news
    ours, theirs = (right, left) if mirrored else (left, right)
    own, other = (first.right_share, first.left_share) if mirrored else (first.left_share, first.right_share)
    if first.by_token and own is not None and other is not None:
        said = tr(
            "First differs at word {word}: ‘{ours}’ ({own}) here, ‘{theirs}’ ({other}) there.",
            word=first.word,
            ours=shortened(ours),
            theirs=shortened(theirs),
            own=percent(own),
            other=percent(other),
        )
        rival = first.right_other if mirrored else first.left_other
        if rival is not None:
            more = tr("This model gave ‘{theirs}’ {share}.", theirs=shortened(theirs), share=percent(rival))
            return f"{said} {more}"
        return said
    if not ours or not theirs:
        return (
            tr("First differs at word {word}: this one had ended.", word=first.word)
            if not ours
            else tr("First differs at word {word}: the other one had ended.", word=first.word)
        )
    return tr(
        "First differs at word {word}: ‘{ours}’ here, ‘{theirs}’ there.",
        word=first.word,
        ours=shortened(ours),
        theirs=shortened(theirs),
    )


def _why_no_share(first: Parting) -> str:
    """Why it is not told how sure each model was; "" where it is, or where there is nothing to tell."""
    told = first.by_token and first.left_share is not None and first.right_share is not None
    if told or not first.left or not first.right:
        return ""
    if first.recorded:
        return tr("Their tokens do not begin at the same place, so there are no shares to tell.")
    return tr("To see how sure each was, set Options ▸ Alternatives before asking.")
