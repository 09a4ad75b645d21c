"""One line of plain text with some of its letters marked: bold and underlined, so that no colour is needed."""

from __future__ import annotations

from collections.abc import Collection

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout, QTextOption

BEGIN, END = "\x02", "\x03"  # what a search puts around its matches


def unmarked(snippet: str) -> tuple[str, tuple[int, ...]]:
    """The text of a search's snippet in one line, and the places of its matches."""
    text: list[str] = []
    places: list[int] = []
    inside = False
    for letter in snippet:
        if letter in (BEGIN, END):
            inside = letter == BEGIN
            continue
        if inside:
            places.append(len(text))
        text.append(" " if letter.isspace() else letter)
    return "".join(text), tuple(places)


def draw_marked(painter: QPainter, area: QRect, text: str, places: Collection[int], font: QFont, color: QColor) -> None:
    """Within ``area``, cut with "…" where there is no room; right-to-left text stands at the right."""
    bold = QFont(font)
    bold.setBold(True)
    metrics = QFontMetrics(bold if places else font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, area.width())
    layout = QTextLayout(shown, font)
    option = QTextOption(Qt.AlignmentFlag.AlignLeft)
    option.setWrapMode(QTextOption.WrapMode.NoWrap)
    option.setTextDirection(Qt.LayoutDirection.LayoutDirectionAuto)
    layout.setTextOption(option)
    layout.setFormats([_mark(place) for place in places if place < len(shown)])
    layout.beginLayout()
    line = layout.createLine()
    if line.isValid():
        line.setLineWidth(area.width())
    layout.endLayout()
    painter.save()
    painter.setClipRect(area)
    painter.setPen(color)
    y = area.y() + (area.height() - metrics.height()) / 2
    layout.draw(painter, QPointF(area.x(), y))
    painter.restore()


def _mark(place: int) -> QTextLayout.FormatRange:
    drawn = QTextCharFormat()
    drawn.setFontWeight(QFont.Weight.Bold)
    drawn.setFontUnderline(True)
    found = QTextLayout.FormatRange()
    found.start, found.length, found.format = place, 1, drawn
    return found
