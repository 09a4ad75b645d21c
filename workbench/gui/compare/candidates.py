"""An answer token by token: how sure the model was of each, and what else it could have said."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QScrollArea, QTextEdit, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.compare.words import NARROW_SPACE
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label
from workbench.gui.widgets.text_view import AnswerView

if TYPE_CHECKING:
    from workbench.engine.recorded import Candidate, Choice

SURE = 0.9  # a token with at least this share of all probability is not marked
STEPS = 1000
MOST_SHOWN = 24  # characters of a candidate
MOST_PIECES = 1_000_000


class TokenView(AnswerView):
    """The text of an answer; the less sure a token was, the stronger its mark.

    Each one can be clicked, or reached with Left and Right and opened with Enter: Tab leaves the answer, it may have
    thousands.
    """

    def __init__(self, name: str) -> None:
        super().__init__(grows=True, name=tr("{name}, token by token", name=name))
        self._pieces: tuple[tuple[str, Choice], ...] = ()
        self._ends: tuple[int, ...] = ()  # of the pieces, in the document's characters
        self._name = self.accessibleName()
        self.at = -1  # the piece that the keys have reached
        self.popup: CandidatesPopup | None = None
        theme.changed.connect(self._paint)

    def show_choices(self, text: str, choices: Sequence[Choice]) -> None:
        """``choices`` begin where they stand in ``text``; what was thought before is left out.

        A token without text of its own, such as the first half of a character, has no mark.
        """
        self._pieces = tuple(pieces_of(text, choices))
        self._ends = tuple(itertools.accumulate(utf16_length(piece) for piece, _ in self._pieces))
        self._paint()

    @Slot()
    def _paint(self) -> None:
        self.clear()
        cursor = QTextCursor(self.document())
        cursor.beginEditBlock()  # laid out once, not for each token
        for number, (piece, choice) in enumerate(self._pieces):
            cursor.insertText(piece, self._format(number, choice))
        cursor.endEditBlock()

    def _format(self, number: int, choice: Choice) -> QTextCharFormat:
        tokens = theme.current()
        made = QTextCharFormat()
        made.setAnchor(True)
        made.setAnchorHref(f"token:{number}")
        made.setForeground(QColor(tokens.text))
        made.setFontUnderline(False)
        sure = probability(choice.taken)
        if sure < SURE:
            made.setBackground(QColor(theme.mix(tokens.caution, tokens.surface, 0.10 + 0.35 * (1 - sure))))
            made.setUnderlineStyle(
                QTextCharFormat.UnderlineStyle.SingleUnderline if sure >= 0.5
                else QTextCharFormat.UnderlineStyle.WaveUnderline
            )  # fmt: skip
            made.setUnderlineColor(QColor(tokens.caution))
        made.setToolTip(tr("{percent} sure", percent=percent(choice.taken)))
        return made

    @Slot(QUrl)
    def _on_link(self, url: QUrl) -> None:
        self.at = int(url.toString().partition(":")[2])
        self._open()

    def _open(self) -> None:
        self.popup = CandidatesPopup(self._pieces[self.at][1], self)
        place = self.cursorRect(self._cursor(self.at, to_end=False))
        self.popup.open_at(self.viewport().mapToGlobal(QPoint(place.left(), place.bottom() + 2)))

    def _cursor(self, number: int, *, to_end: bool) -> QTextCursor:
        """Before a piece, or holding all of it."""
        cursor = QTextCursor(self.document())
        cursor.setPosition(self._ends[number - 1] if number else 0)
        if to_end:
            cursor.setPosition(self._ends[number], QTextCursor.MoveMode.KeepAnchor)
        return cursor

    # --- keys --------------------------------------------------------------------------------

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Past all of its tokens; QTextBrowser would stop at each."""
        return QTextEdit.focusNextPrevChild(self, forward)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        by_key = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if by_key and self._pieces:
            self._reach(max(self.at, 0))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Home: -MOST_PIECES, Qt.Key.Key_End: MOST_PIECES}
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not plain or not self._pieces:
            super().keyPressEvent(event)
        elif event.key() in steps:
            self._reach(min(max(self.at + steps[Qt.Key(event.key())], 0), len(self._pieces) - 1))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space) and self.at >= 0:
            self._open()
        else:
            super().keyPressEvent(event)

    def _reach(self, number: int) -> None:
        self.at = number
        self.setTextCursor(self._cursor(number, to_end=True))
        piece, choice = self._pieces[number]
        self.setAccessibleName(f"{self._name}: {shown(piece)}, {percent(choice.taken)}")
        column = self._scrolling()
        inside = column.widget() if column is not None else None
        if column is not None and inside is not None:
            place = self.viewport().mapTo(inside, self.cursorRect().center())
            column.ensureVisible(place.x(), place.y())

    def _scrolling(self) -> QScrollArea | None:
        """The view is as high as its text: what scrolls is around it."""
        around = self.parentWidget()
        while around is not None and not isinstance(around, QScrollArea):
            around = around.parentWidget()
        return around


class CandidatesPopup(QFrame):
    """The likeliest tokens at one place, with the share of probability that each had before any sampler."""

    def __init__(self, choice: Choice, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "popup")
        self.setAccessibleName(tr("What else could have come"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.XS)
        self.rows = ranked(choice)
        for row, candidate in enumerate(self.rows):
            taken = candidate.token == choice.taken.token
            said = label(f"{'✓ ' if taken else ''}{shortened(candidate.text)}", role="strong" if taken else "")
            said.setToolTip(shown(candidate.text))
            grid.addWidget(said, row, 0)
            grid.addWidget(_bar(candidate), row, 1)
            grid.addWidget(_figure(candidate), row, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(label(tr("What else could have come here"), role="muted"))
        column.addLayout(grid)
        told = sum(map(math.exp, (candidate.logprob for candidate in self.rows)))
        column.addWidget(
            label(
                tr("all others together: {others}, before sampling", others=_percent(max(0.0, 1 - told))), role="muted"
            )
        )
        read = (f"{shown(candidate.text)} {percent(candidate)}" for candidate in self.rows)
        self.setAccessibleDescription(", ".join(read))

    def open_at(self, place: QPoint) -> None:
        self.adjustSize()
        area = self.screen().availableGeometry()
        self.move(
            max(area.left(), min(place.x(), area.right() - self.width())),
            max(area.top(), min(place.y(), area.bottom() - self.height())),
        )
        self.show()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self.close()
        else:
            super().keyPressEvent(event)


def pieces_of(text: str, choices: Sequence[Choice]) -> list[tuple[str, Choice]]:
    """Each token's part of the answer; what comes before the first belongs to it."""
    own = [choice for choice in choices if not choice.thinking]
    ends = [*(choice.start for choice in own[1:]), len(text)]
    starts = [0, *(choice.start for choice in own[1:])]
    pieces = [(text[start:end], choice) for start, end, choice in zip(starts, ends, own, strict=False)]
    return [(piece, choice) for piece, choice in pieces if piece]


def ranked(choice: Choice) -> tuple[Candidate, ...]:
    """Likeliest first; the token that was taken is always among them."""
    known = {candidate.token: candidate for candidate in (*choice.others, choice.taken)}
    return tuple(sorted(known.values(), key=lambda candidate: -candidate.logprob))


def probability(candidate: Candidate) -> float:
    return math.exp(min(0.0, candidate.logprob))


def percent(candidate: Candidate) -> str:
    return _percent(probability(candidate))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}{NARROW_SPACE}%"


def shown(text: str) -> str:
    """A token as it can be read: spaces and line ends are visible."""
    return text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣") or tr("(nothing visible)")


def shortened(text: str) -> str:
    """As much of it as a row has room for."""
    made = shown(text)
    return made if len(made) <= MOST_SHOWN else f"{made[: MOST_SHOWN - 1]}…"


def utf16_length(text: str) -> int:
    """Qt counts in UTF-16: an emoji is two."""
    return len(text.encode("utf-16-le", errors="surrogatepass")) // 2


def _bar(candidate: Candidate) -> QProgressBar:
    bar = QProgressBar()
    bar.setRange(0, STEPS)
    bar.setValue(round(STEPS * probability(candidate)))
    bar.setTextVisible(False)
    bar.setFixedSize(theme.px(120), theme.px(6))
    bar.setAccessibleName(f"{shown(candidate.text)}: {percent(candidate)}")
    return bar


def _figure(candidate: Candidate) -> QLabel:
    made = label(percent(candidate), role="mono")
    made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return made
