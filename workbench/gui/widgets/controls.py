"""Small controls that the parts of the Compare page share."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Slot
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLabel, QLayout, QLayoutItem, QPushButton, QSizePolicy, QToolButton, QWidget
from shiboken6 import isValid

from workbench.gui import theme
from workbench.gui.theme import Tone

_CUT = "…"
TARGET = 28  # pixels at 100 % text: the smallest thing anybody has to hit


class IconButton(QToolButton):
    """A button that shows only an icon; its words are the tool tip and the accessible name."""

    def __init__(self, icon: str, words: str, parent: QWidget | None = None, *, tone: str = "muted") -> None:
        super().__init__(parent)
        self._icon, self._tone = icon, tone
        self.setProperty("kind", "icon")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAutoRaise(True)
        self.say(words)
        self._dress()
        theme.changed.connect(self._dress)

    def say(self, words: str) -> None:
        self.setToolTip(words)
        self.setAccessibleName(words)

    def show_icon(self, icon: str) -> None:
        self._icon = icon
        self._dress()

    @Slot()
    def _dress(self) -> None:
        self.setIcon(theme.icon(self._icon, self._tone))
        side = theme.px(TARGET)
        self.setMinimumSize(side, side)
        self.setIconSize(QSize(theme.px(16), theme.px(16)))


def text_button(words: str, parent: QWidget | None = None, *, kind: str = "plain") -> QPushButton:
    """``kind`` is "primary", "plain" or "ghost"."""
    button = QPushButton(words, parent)
    button.setProperty("kind", kind)
    button.setAutoDefault(False)
    return button


def label(
    text: str = "", parent: QWidget | None = None, *, role: str = "", tone: Tone = Tone.NONE, wrap: bool = False
) -> QLabel:
    """Plain text only: what a label says may come from a model or a file."""
    made = QLabel(text, parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(wrap)
    theme.mark(made, role=role, tone=tone)
    return made


def show_below(popup: QWidget, anchor: QWidget) -> None:
    """Show a popup under the control it belongs to, within the screen."""
    screen = anchor.screen().availableGeometry()
    place = anchor.mapToGlobal(QPoint(0, anchor.height() + 2))
    popup.adjustSize()
    popup.move(
        max(screen.left(), min(place.x(), screen.right() - popup.width())),
        max(screen.top(), min(place.y(), screen.bottom() - popup.height())),
    )
    popup.show()


class ElidedLabel(QLabel):
    """One line with a "…" where ``mode`` says if there is no room for it; the whole of it is the tool tip."""

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode = mode
        self._own_tip = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def set_tip(self, tip: str) -> None:
        """What the tool tip says, whether the line is cut or not."""
        self._own_tip = tip
        self._tip()

    def setText(self, text: str) -> None:
        if text != self.text():
            super().setText(text)
            self._tip()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tip()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), self._mode, area.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        if text != _CUT:  # which would say nothing: the tool tip has it all
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
        painter.end()

    def _tip(self) -> None:
        cut = QFontMetrics(self.font()).horizontalAdvance(self.text()) > self.contentsRect().width()
        self.setToolTip(self._own_tip or (self.text() if cut else ""))


class FlowLayout(QLayout):
    """Items beside each other, wrapped into as many rows as the width asks for."""

    def __init__(self, parent: QWidget | None = None, *, gap: int = theme.Space.XS) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._place(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._living():
            size = size.expandedTo(QSize(min(item.minimumSize().width(), theme.px(200)), item.minimumSize().height()))
        return size

    def _living(self) -> list[QLayoutItem]:
        """Without those that are hidden, and those that are gone: when a window is taken down, what is in it goes
        before its layouts."""
        return [item for item in self._items if isValid(item) and not item.isEmpty()]

    def _place(self, rect: QRect, *, move: bool) -> int:
        x, y, row = rect.x(), rect.y(), 0
        beside: list[tuple[QLayoutItem, QRect]] = []
        for item in self._living():
            size = item.sizeHint()
            if x > rect.x() and x + size.width() > rect.right() + 1:
                _stand(beside, row, move=move)
                x, y, row, beside = rect.x(), y + row + self._gap, 0, []
            width = min(size.width(), rect.width())
            height = item.heightForWidth(width) if item.hasHeightForWidth() else size.height()
            height = max(height, size.height())
            beside.append((item, QRect(QPoint(x, y), QSize(width, height))))
            x, row = x + width + self._gap, max(row, height)
        _stand(beside, row, move=move)
        return y + row - rect.y()


def _stand(beside: list[tuple[QLayoutItem, QRect]], row: int, *, move: bool) -> None:
    """What is low stands in the middle of its row, as high as ``row``."""
    for item, place in beside if move else ():
        item.setGeometry(place.translated(0, (row - place.height()) // 2))
