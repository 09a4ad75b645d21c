"""The tags of a conversation in the list: chips below its title, each of which narrows the list to its tag."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem, QWidget

from workbench.chat.stored import Listed
from workbench.gui import theme
from workbench.gui.history.tree_model import ENTRY, TITLE
from workbench.gui.theme import Points, Radius, Space
from workbench.gui.tr import tr

LINE = 28  # pixels at 100 % text: of the chips, as high as may be hit with ease
INSET = 4  # what a chip is lower than its line, twice

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Chip:
    """``area`` is what may be clicked; ``tag`` is None for the number of those that have no room."""

    area: QRect
    words: str
    tag: str | None


def chips(area: QRect, tags: tuple[str, ...], metrics: QFontMetrics) -> tuple[Chip, ...]:
    """As many as there is room for, the last one cut if it is the only one, and how many more there are."""
    found: list[Chip] = []
    at = area.left()
    for number, tag in enumerate(tags):
        left = len(tags) - number - 1
        rest = _wide(metrics, tr("+{n}", n=left)) + Space.XS if left else 0
        room = area.right() - at - rest
        wide = _wide(metrics, tag)
        if wide > room and found:
            words = tr("+{n}", n=left + 1)
            found.append(Chip(QRect(at, area.top(), _wide(metrics, words), area.height()), words, None))
            break
        words = tag if wide <= room else metrics.elidedText(tag, Qt.TextElideMode.ElideRight, room - 2 * Space.S)
        found.append(Chip(QRect(at, area.top(), min(wide, room), area.height()), words, tag))
        at += min(wide, room) + Space.XS
    return tuple(found)


class TagDelegate(QStyledItemDelegate):
    """A conversation without tags takes one line, one with tags two."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._line: QSize | None = None  # what a title takes: the same for all, and measured once for all
        theme.changed.connect(self._forget)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        if self._line is None:
            self._line = super().sizeHint(option, index)
        tall = index.column() == TITLE and _tags(index)
        return QSize(self._line.width(), self._line.height() + theme.px(LINE)) if tall else self._line

    @Slot()
    def _forget(self) -> None:
        self._line = None

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        if _tags(index):  # the background is that of both lines, the title stands in the upper one
            up = Qt.AlignmentFlag.AlignTop
            option.displayAlignment = up | (option.displayAlignment & Qt.AlignmentFlag.AlignHorizontal_Mask)
            option.decorationAlignment = up | Qt.AlignmentFlag.AlignHCenter

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        if index.column() != TITLE or not _tags(index):
            return
        tokens = theme.current()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(small(option.font))
        for chip in chips_of(index, option.rect, option.font):
            inside = chip.area.adjusted(0, 0, 0, -2 * theme.px(INSET))  # near its title
            if chip.tag is not None:
                painter.setPen(QColor(tokens.border))
                painter.setBrush(QColor(tokens.surface))
                painter.drawRoundedRect(inside, Radius.CONTROL, Radius.CONTROL)
            painter.setPen(QColor(tokens.muted))
            painter.drawText(inside, int(Qt.AlignmentFlag.AlignCenter), chip.words)
        painter.restore()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        super().updateEditorGeometry(editor, option, index)
        if _tags(index):
            place = editor.geometry()
            place.setHeight(place.height() - theme.px(LINE))
            place.moveTop(option.rect.top())
            editor.setGeometry(place)


def chips_of(index: Index, row: QRect, font: QFont) -> tuple[Chip, ...]:
    """Where they stand in the place of a title, ``row``."""
    high = theme.px(LINE)
    area = QRect(row.left() + Space.S, row.bottom() + 1 - high, row.width() - Space.S, high)
    return chips(area, _tags(index), QFontMetrics(small(font)))


def small(font: QFont) -> QFont:
    made = QFont(font)
    made.setBold(False)
    made.setPointSizeF(Points.SMALL * theme.scale())
    return made


def _wide(metrics: QFontMetrics, words: str) -> int:
    return metrics.horizontalAdvance(words) + 2 * Space.S


def _tags(index: Index) -> tuple[str, ...]:
    entry = index.data(ENTRY)
    return entry.tags if isinstance(entry, Listed) else ()
