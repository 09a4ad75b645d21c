"""What a search found, best first: the title, and the words around the match."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from workbench.chat.stored import Hit
from workbench.gui import names, theme
from workbench.gui.history.grouping import when
from workbench.gui.history.marked import draw_marked, unmarked
from workbench.gui.history.tree_model import one_line
from workbench.gui.theme import Points, Space
from workbench.gui.tr import tr

HIT, WHO = int(Qt.ItemDataRole.UserRole), int(Qt.ItemDataRole.UserRole) + 1
BEFORE = 14  # characters that are left before the first match, where there is little room
ROW = 52  # pixels at 100 % text
NO_INDEX = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


class HitList(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.hits: Sequence[Hit] = ()
        self.hides: Callable[[], bool] = bool  # whether no model may be named now

    def show(self, hits: Sequence[Hit]) -> None:
        self.beginResetModel()
        self.hits = hits
        self.endResetModel()

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.hits)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        hit = self.hits[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            text, _ = unmarked(hit.snippet)
            return tr("{title}, {who}: {words}", title=one_line(hit.title), who=self._who(hit), words=text)
        return {HIT: hit, WHO: self._who(hit)}.get(role)

    def _who(self, hit: Hit) -> str:
        """Whose words these are."""
        if hit.model is None:
            return tr("your prompt")
        return tr("an answer") if self.hides() else names.current().file(hit.model)


def near(text: str, places: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """The text from shortly before its first match, so that the match is seen in a narrow line."""
    if not places or places[0] <= BEFORE:
        return text, places
    cut = text.rfind(" ", 0, places[0] - BEFORE // 2) + 1 or places[0] - BEFORE
    cut = max(cut, places[0] - 2 * BEFORE)
    return "…" + text[cut:], tuple(place - cut + 1 for place in places)


class HitDelegate(QStyledItemDelegate):
    """Two lines: the title with whose words they are, and the words, the match bold and underlined."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, theme.px(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        hit = index.data(HIT)
        tokens = theme.current()
        area: QRect = option.rect
        state = option.state
        small = QFont(option.font)
        small.setPointSizeF(Points.SMALL * theme.scale())
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor(tokens.soft("accent")))
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), QColor(tokens.accent))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, QColor(tokens.hover))
        inside = area.adjusted(Space.M, Space.XS, -Space.S, -Space.XS)
        upper = QRect(inside.left(), inside.top(), inside.width(), inside.height() // 2)
        lower = QRect(inside.left(), upper.bottom() + 1, inside.width(), inside.height() - upper.height())
        painter.setFont(small)
        painter.setPen(QColor(tokens.muted))
        moment = when(hit.asked_at)
        wide = painter.fontMetrics().horizontalAdvance(moment)
        at_end = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(upper, int(at_end), moment)
        upper.setRight(upper.right() - wide - Space.S)
        said = tr("{title} · {who}", title=one_line(hit.title) or tr("Untitled"), who=index.data(WHO))
        draw_marked(painter, upper, said, (), small, QColor(tokens.muted))
        text, places = near(*unmarked(hit.snippet))
        draw_marked(painter, lower, text, places, option.font, QColor(tokens.text))
        painter.restore()
