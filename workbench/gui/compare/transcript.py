"""All exchanges of a pane, one below the other; follows the newest text only while the reader is at the end."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from workbench.chat.pane import Pane
from workbench.gui import theme
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.theme import Space
from workbench.gui.widgets.controls import text_button

NEAR_END = 24  # pixels: as good as the end


def _with_tab(parent: QWidget) -> list[QWidget]:
    return [found for found in parent.findChildren(QWidget) if found.focusPolicy() & Qt.FocusPolicy.TabFocus]


class Transcript(QScrollArea):
    """``again``, ``load_anyway`` and ``load_options`` are about the newest answer."""

    again = Signal()
    load_anyway = Signal()
    load_options = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Answers")
        self.views: list[ExchangeView] = []
        self.follows = True
        self._body = QWidget()
        self._column = QVBoxLayout(self._body)
        self._column.setContentsMargins(Space.M, Space.M, Space.M, Space.M)
        self._column.setSpacing(Space.L)
        self._column.addStretch(1)
        self.setWidget(self._body)
        self._newest = text_button("↓ Newest", self)
        self._newest.clicked.connect(self.to_end)
        self._newest.hide()
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._moved)
        bar.rangeChanged.connect(self._grew)

    def draw(self, pane: Pane) -> None:
        """Show the pane's exchanges; only what changed is touched."""
        same = 0
        for view, exchange in zip(self.views, pane.exchanges, strict=False):
            redone = view.answer is not None and view.answer is not exchange.answer
            if view.prompt != exchange.prompt or redone:
                break
            same += 1
        for view in self.views[same:]:
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        del self.views[same:]
        for exchange in pane.exchanges[same:]:
            view = ExchangeView(pane, exchange)
            view.again.clicked.connect(self.again)
            view.load_anyway.connect(self.load_anyway)
            view.load_options.connect(self.load_options)
            self._place(view)
            if exchange.answer is None:
                self.to_end()  # a new question was asked: its answer is what the reader wants to see
        self._draw_answers(pane)

    def _place(self, view: ExchangeView) -> None:
        """Below the others; the Tab key meets it there too, not after all else in the window."""
        last = ([self, *_with_tab(self._body)])[-1]
        self._column.insertWidget(self._column.count() - 1, view)
        self.views.append(view)
        for widget in _with_tab(view):
            QWidget.setTabOrder(last, widget)
            last = widget

    def _draw_answers(self, pane: Pane) -> None:
        for view, exchange in zip(self.views, pane.exchanges, strict=True):
            if exchange.answer is not None:
                view.draw_answer(exchange.answer)
            elif exchange is pane.exchanges[-1]:
                view.draw_live(pane)
            view.set_again(possible=exchange is pane.exchanges[-1] and not pane.busy and pane.model is not None)

    @Slot()
    def to_end(self) -> None:
        self.follows = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._newest.hide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = self._newest.sizeHint()
        self._newest.setGeometry(
            (self.width() - size.width()) // 2, self.height() - size.height() - Space.S, size.width(), size.height()
        )

    @Slot(int)
    def _moved(self, value: int) -> None:
        bar = self.verticalScrollBar()
        self.follows = value >= bar.maximum() - theme.px(NEAR_END)
        self._newest.setVisible(not self.follows)

    @Slot(int, int)
    def _grew(self, _least: int, greatest: int) -> None:
        if self.follows:
            self.verticalScrollBar().setValue(greatest)
        else:
            self._newest.setVisible(self.verticalScrollBar().value() < greatest - theme.px(NEAR_END))
