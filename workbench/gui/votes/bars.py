"""An estimate with its interval as a bar: a line from low to high, a mark at the estimate, a tick at even."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.gui import theme
from workbench.gui.tr import tr
from workbench.stats.interval import Interval

HEIGHT = 20  # pixels at 100 % text
WIDTH = 120
MARK = 5


class IntervalBar(QWidget):
    """A share from 0 to 1; what it shows is said in words as its tool tip and accessible description.

    ``even`` is where the tick stands: what there is without any difference; None: nowhere.
    """

    def __init__(self, interval: Interval, words: str, *, even: float | None = 0.5, tone: str = "accent") -> None:
        super().__init__()
        self.interval, self._even, self._tone = interval, even, tone
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(words)
        self.setAccessibleDescription(range_words(interval))
        self.setToolTip(f"{words}: {range_words(interval)}")

    def sizeHint(self) -> QSize:
        return QSize(theme.px(2 * WIDTH), theme.px(HEIGHT))

    def minimumSizeHint(self) -> QSize:
        return QSize(theme.px(WIDTH), theme.px(HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens, mark = theme.current(), float(theme.px(MARK))
        area = QRectF(self.rect()).adjusted(mark, 0, -mark, 0)
        middle = area.center().y()

        def at(share: float) -> float:
            return area.left() + area.width() * min(1.0, max(0.0, share))

        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.track))
        painter.drawRoundedRect(QRectF(area.left(), middle - 2, area.width(), 4), 2, 2)
        if self._even is not None:
            painter.setPen(QPen(QColor(tokens.muted), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(at(self._even), area.top() + 1), QPointF(at(self._even), area.bottom() - 1))
        color = QColor(tokens.color(self._tone))
        painter.setPen(QPen(color, 2))
        low, high = at(self.interval.low), at(self.interval.high)
        painter.drawLine(QPointF(low, middle), QPointF(high, middle))
        for end in (low, high):
            painter.drawLine(QPointF(end, middle - mark), QPointF(end, middle + mark))
        if self.interval.estimate == self.interval.estimate:  # there is none without observations
            place = at(self.interval.estimate)
            painter.setPen(QPen(QColor(tokens.surface), 1.5))
            painter.setBrush(color)
            corners = ((place, middle - mark), (place + mark, middle), (place, middle + mark), (place - mark, middle))
            painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in corners]))
        painter.end()


def range_words(interval: Interval) -> str:
    """ "64 % (45 to 80 %)"."""
    low, high = round(100 * interval.low), round(100 * interval.high)
    if interval.estimate != interval.estimate:
        return tr("unknown ({low} to {high} %)", low=low, high=high)
    return tr("{share:.0f} % ({low} to {high} %)", share=100 * interval.estimate, low=low, high=high)
