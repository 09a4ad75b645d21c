"""An answer token by token: how sure the model was of each, and what else it could have said."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, QUrl, Slot
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from workbench.engine.base import Candidate, Choice
from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label
from workbench.gui.widgets.text_view import AnswerView

SURE = 0.9  # a token with at least this share of all probability is not marked
STEPS = 1000


class TokenView(AnswerView):
    """The text of an answer; the less sure a token was, the stronger its mark.  Each one can be clicked, or reached
    with Tab and opened with Enter."""

    def __init__(self, name: str) -> None:
        super().__init__(grows=True, name=f"{name}, token by token")
        self._pieces: tuple[tuple[str, Choice], ...] = ()
        self.popup: CandidatesPopup | None = None
        theme.changed.connect(self._paint)

    def show_choices(self, text: str, choices: Sequence[Choice]) -> None:
        """``choices`` begin where they stand in ``text``; what was thought before is left out.

        A token without text of its own, such as the first half of a character, has no mark.
        """
        self._pieces = tuple(pieces_of(text, choices))
        self._paint()

    @Slot()
    def _paint(self) -> None:
        self.clear()
        cursor = QTextCursor(self.document())
        for number, (piece, choice) in enumerate(self._pieces):
            cursor.insertText(piece, self._format(number, choice))

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
        made.setToolTip(f"{percent(choice.taken)} sure")
        return made

    @Slot(QUrl)
    def _on_link(self, url: QUrl) -> None:
        number = int(url.toString().partition(":")[2])
        self.popup = CandidatesPopup(self._pieces[number][1], self)
        self.popup.open_at(self.viewport().mapToGlobal(self._below(number)))

    def _below(self, number: int) -> QPoint:
        cursor = QTextCursor(self.document())
        written = sum(len(piece) for piece, _ in self._pieces[:number])
        cursor.setPosition(min(written, self.document().characterCount() - 1))
        place = self.cursorRect(cursor)
        return QPoint(place.left(), place.bottom() + 2)


class CandidatesPopup(QFrame):
    """The likeliest tokens at one place, with the share of probability that each had before any sampler."""

    def __init__(self, choice: Choice, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("role", "popup")
        self.setAccessibleName("What else could have come")
        grid = QGridLayout()
        grid.setHorizontalSpacing(Space.M)
        grid.setVerticalSpacing(Space.XS)
        self.rows = ranked(choice)
        for row, candidate in enumerate(self.rows):
            taken = candidate.token == choice.taken.token
            said = label(f"{'✓ ' if taken else ''}{shown(candidate.text)}", role="strong" if taken else "")
            grid.addWidget(said, row, 0)
            grid.addWidget(_bar(candidate), row, 1)
            grid.addWidget(_figure(candidate), row, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.M, Space.S, Space.M, Space.S)
        column.setSpacing(Space.S)
        column.addWidget(label("What else could have come here", role="muted"))
        column.addLayout(grid)
        told = sum(map(math.exp, (candidate.logprob for candidate in self.rows)))
        column.addWidget(label(f"all others together: {max(0.0, 1 - told):.1%}, before sampling", role="muted"))

    def open_at(self, place: QPoint) -> None:
        self.adjustSize()
        area = self.screen().availableGeometry()
        self.move(
            max(area.left(), min(place.x(), area.right() - self.width())),
            max(area.top(), min(place.y(), area.bottom() - self.height())),
        )
        self.show()
        self.setFocus()


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
    return f"{probability(candidate):.1%}"


def shown(text: str) -> str:
    """A token as it can be read: spaces and line ends are visible."""
    return text.replace("\n", "⏎").replace("\t", "⇥").replace(" ", "␣") or "(nothing visible)"


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
