"""Pages as columns of cards, and facts in two columns."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from workbench.gui import theme
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import label
from workbench.gui.widgets.tab_order import reading_order


class ScrollPage(QScrollArea):
    """``column`` takes the parts; it is never wider than ``widest`` (pixels at 100 % text), and in the middle."""

    def __init__(self, widest: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._widest = widest
        self.setProperty("role", "page")
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._inside = QWidget()
        self.column = QVBoxLayout(self._inside)
        self.column.setContentsMargins(Space.XL, Space.L, Space.XL, Space.XL)
        self.column.setSpacing(Space.L)
        outer = QWidget()
        outer.setProperty("role", "page")
        row = QHBoxLayout(outer)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self._inside, 1000)
        row.addStretch(1)
        self.setWidget(outer)
        self._limit_width()
        theme.changed.connect(self._limit_width)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes through the page as it is read, and then on to what is beside the page."""
        window = self.window()
        order = [widget for widget in reading_order(window) if widget is not self]
        inside = [widget for widget in order if self.isAncestorOf(widget)]
        now = window.focusWidget()
        if not order:
            return False
        if now in order:
            target = order[(order.index(now) + (1 if forward else -1)) % len(order)]
        else:
            target = (inside or order)[0 if forward else -1]
        target.setFocus(Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason)
        if target in inside:
            self.ensureWidgetVisible(target, 0, Space.L)
        return True

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if event.reason() == Qt.FocusReason.TabFocusReason:  # the page itself has nothing to do
            self.focusNextPrevChild(True)

    @Slot()
    def _limit_width(self) -> None:
        self._inside.setMaximumWidth(theme.px(self._widest))


class Middle(QWidget):
    """``inside`` is never wider than ``widest`` (pixels at 100 % text), and in the middle, as what ``ScrollPage`` has
    below it."""

    def __init__(self, inside: QWidget, widest: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inside, self._widest = inside, widest
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(inside, 1000)
        row.addStretch(1)
        self._limit_width()
        theme.changed.connect(self._limit_width)

    @Slot()
    def _limit_width(self) -> None:
        self._inside.setMaximumWidth(theme.px(self._widest))


class ScrollBody(QScrollArea):
    """The part of a dialog that scrolls: ``column`` takes what is in it, from the top."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setProperty("role", "page")
        self.setAccessibleName(name)
        inside = QWidget()
        inside.setProperty("role", "page")
        around = QVBoxLayout(inside)
        around.setContentsMargins(0, 0, Space.S, 0)
        self.column = QVBoxLayout()
        self.column.setSpacing(Space.M)
        around.addLayout(self.column)
        around.addStretch(1)
        self.setWidget(inside)


class Card(QFrame):
    """``body`` takes the content."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self.title = label(title, role="subtitle")
        self.body = QVBoxLayout()
        self.body.setSpacing(Space.S)
        column = QVBoxLayout(self)
        column.setContentsMargins(Space.L, Space.M, Space.L, Space.L)
        column.setSpacing(Space.M)
        column.addWidget(self.title)
        column.addLayout(self.body)


class Facts(QWidget):
    """Names on the left in grey, values on the right, which can be selected and copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(Space.L)
        self._grid.setVerticalSpacing(Space.S - 2)
        self._grid.setColumnStretch(1, 1)

    def add(self, name: str, value: str, *, mono: bool = False) -> None:
        row = self._grid.rowCount()
        # Paths have no spaces to break at: an invisible one after each separator.
        shown = label(value.replace("/", "/\u200b") if mono else value, role="mono" if mono else "", wrap=True)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        shown.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        shown.setMinimumWidth(theme.px(120))
        shown.setAccessibleName(f"{name}: {value}")
        self._grid.addWidget(label(name, tone=theme.Tone.MUTED), row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(shown, row, 1)


def clear(layout: QLayout) -> None:
    """Take everything out and let it go."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
        elif (inner := item.layout()) is not None:
            clear(inner)
