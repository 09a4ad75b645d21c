"""All exchanges of a pane, one below the other; follows the newest text only while the reader is at the end.

Views are made only of what is near: a long conversation opens at its end, and goes on above as one scrolls there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from workbench.chat.pane import Exchange, Pane
from workbench.gui import reading, theme
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.compare.read_place import Anchor, Place
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import text_button

NEAR_END = 24  # pixels: as good as the end
AT_FIRST = 3  # views made when a conversation is opened
STEP = 3  # views made more when the reader comes near the first or the last of them
MOST = 48  # views alive at once
FLASH_MS = 1200


class Transcript(QScrollArea):
    """``views`` are those made, ``first`` tells which exchange the first of them shows.

    ``load_anyway`` and ``load_options`` are about the newest answer; ``wished`` tells an exchange, what
    is wished of it (``Wish``) and the wish's argument; ``scrolled`` is emitted with the transcript itself.
    """

    wished = Signal(object, str, object)
    scrolled = Signal(object)
    load_anyway = Signal()
    load_options = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(tr("Answers"))
        self.views: list[ExchangeView] = []
        self.first = 0
        self.follows = True
        self._pane: Pane | None = None
        self._exchanges: list[Exchange] = []
        self._anchor: Anchor | None = None
        self._held = False  # while the place is put right, nobody scrolls
        self._body = QWidget()
        self.earlier = text_button("", kind="link")
        self.earlier.clicked.connect(self.show_earlier)
        self.later = text_button("", kind="link")
        self.later.clicked.connect(self.show_later)
        self._column = QVBoxLayout(self._body)
        self._column.setSpacing(Space.L)
        self._column.addWidget(self.earlier, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addWidget(self.later, 0, Qt.AlignmentFlag.AlignHCenter)
        self._column.addStretch(1)
        self.setWidget(self._body)
        self._newest = text_button(tr("↓ Newest"), self)
        self._newest.clicked.connect(self.to_end)
        self._newest.hide()
        self._near = QTimer(self, singleShot=True, interval=0)
        self._near.timeout.connect(self._make_what_is_near)
        self._flash = QTimer(self, singleShot=True, interval=FLASH_MS)
        self._flash.timeout.connect(self._end_flash)
        self._flashing: ExchangeView | None = None
        bar = self.verticalScrollBar()
        bar.valueChanged.connect(self._moved)
        bar.rangeChanged.connect(self._grew)
        reading.changed.connect(self._fit_column)
        self._fit_column()
        self._say_more()

    # --- what is shown -----------------------------------------------------------------------

    def draw(self, pane: Pane) -> None:
        """Show the pane's exchanges; only what changed is touched."""
        was_at_end = self._end == len(self._exchanges)
        self._pane, self._exchanges = pane, list(pane.exchanges)
        asked = bool(self._exchanges) and self._exchanges[-1].answer is None
        same = self._count_same()
        if same < len(self.views) or not self.views:
            self._drop(self.views[same:])
            if not self.views:
                self.first = max(0, len(self._exchanges) - AT_FIRST)
        if asked and not was_at_end:
            self._show_from(max(0, len(self._exchanges) - AT_FIRST))
        elif was_at_end or self._end < self.first + AT_FIRST:
            self._extend_to(len(self._exchanges))
        self._draw_answers()
        self._say_more()

    def shown(self) -> Iterator[tuple[int, ExchangeView]]:
        """The views with how far each is before the newest exchange, which is 0."""
        last = len(self._exchanges) - 1
        return ((last - self.first - index, view) for index, view in enumerate(self.views))

    def show_exchange(self, turn_id: int) -> bool:
        """Bring this exchange into view, marked for a moment; False where the pane has none of that turn."""
        index = next((at for at, one in enumerate(self._exchanges) if one.turn_id == turn_id), None)
        if index is None:
            return False
        view = self._view_at(index)
        self._hold(view, 0.0)
        self._end_flash()
        self._flashing = view
        theme.mark(view, flash=True)
        self._flash.start()
        return True

    def place(self) -> Place | None:
        """Where the reader is; None where nothing is shown."""
        top = self.verticalScrollBar().value()
        for before_end, view in self.shown():
            if view.y() + view.height() > top or before_end == 0:
                turn_id = self._exchanges[len(self._exchanges) - 1 - before_end].turn_id
                return Place(before_end, turn_id, (top - view.y()) / max(1, view.height()))
        return None

    def go_to(self, place: Place) -> None:
        """The same exchange and the same part of it; where this pane has no such exchange it stays."""
        index = None
        if place.turn_id is not None:
            index = next((at for at, one in enumerate(self._exchanges) if one.turn_id == place.turn_id), None)
        if index is None:
            index = len(self._exchanges) - 1 - place.before_end
        if 0 <= index < len(self._exchanges):
            self._hold(self._view_at(index), place.fraction)

    @Slot()
    def to_end(self) -> None:
        if self._end < len(self._exchanges):
            self._show_from(max(0, len(self._exchanges) - AT_FIRST))
            self._draw_answers()
            self._say_more()
        self.follows = True
        self._anchor = None
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._newest.hide()

    @Slot()
    def show_earlier(self) -> None:
        """Some more above; what is being read stays where it is."""
        self._remember_place()
        self.follows = False
        self._grow_up()

    @Slot()
    def show_later(self) -> None:
        self._remember_place()
        self._extend_to(min(len(self._exchanges), self._end + STEP))
        self._drop(self.views[: max(0, len(self.views) - MOST)], from_top=True)
        self._draw_answers()
        self._say_more()
        self._settle()

    # --- views -------------------------------------------------------------------------------

    @property
    def _end(self) -> int:
        return self.first + len(self.views)

    def _count_same(self) -> int:
        """How many of the views show what the pane has now."""
        same = 0
        for view, exchange in zip(self.views, self._exchanges[self.first :], strict=False):
            redone = view.answer is not None and view.answer is not exchange.answer
            if view.prompt != exchange.prompt or redone:
                break
            same += 1
        return same

    def _view_at(self, index: int) -> ExchangeView:
        if not self.first <= index < self._end:
            self._show_from(max(0, index - 1))
            self._draw_answers()
            self._say_more()
        return self.views[index - self.first]

    def _show_from(self, first: int) -> None:
        """Views from there on instead of those there are, as far as they go."""
        self._drop(list(self.views))
        self.first = first
        self._extend_to(min(len(self._exchanges), first + AT_FIRST))

    def _extend_to(self, end: int) -> None:
        assert self._pane is not None
        for index in range(self._end, end):
            self._add(self._exchanges[index], len(self.views))
            # A new question was asked: its answer is what the reader wants to see.  Others were never asked.
            if self._exchanges[index].answer is None and index == len(self._exchanges) - 1:
                self.to_end()
        if self.follows:
            self._drop(self.views[: max(0, len(self.views) - MOST)], from_top=True)

    def _grow_up(self) -> None:
        for _ in range(min(STEP, self.first)):
            self.first -= 1
            self._add(self._exchanges[self.first], 0)
        self._drop(self.views[MOST:])
        self._draw_answers()
        self._say_more()
        self._settle()

    def _add(self, exchange: Exchange, at: int) -> None:
        """The Tab key meets it where it stands, not after all else in the window."""
        assert self._pane is not None
        view = ExchangeView(self._pane, exchange)
        view.wished.connect(partial(self._on_wish, view))
        view.opened.connect(partial(self._keep_in_sight, view))
        view.text.piecewise.replaced.connect(partial(self._move_anchor, view))
        view.load_anyway.connect(self.load_anyway)
        view.load_options.connect(self.load_options)
        last = ([self.earlier, *(_with_tab(self.views[at - 1]) if at else [])])[-1]
        self._column.insertWidget(at + 1, view)
        view.show()  # now, so that it has its height before the next frame
        self.views.insert(at, view)
        for widget in _with_tab(view):
            QWidget.setTabOrder(last, widget)
            last = widget

    def _drop(self, views: list[ExchangeView], *, from_top: bool = False) -> None:
        for view in views:
            self.views.remove(view)
            if self._anchor is not None and self._anchor.view is view:
                self._anchor = None
            if self._flashing is view:
                self._flashing = None
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        if from_top:
            self.first += len(views)

    def _draw_answers(self) -> None:
        pane = self._pane
        assert pane is not None
        for view, exchange in zip(self.views, self._exchanges[self.first :], strict=False):
            newest = exchange is self._exchanges[-1]
            if exchange.answer is not None:
                view.draw_answer(exchange.answer)
            elif newest:
                view.draw_live(pane)
            view.set_again(possible=_can_be_made_again(pane, exchange, newest=newest), newest=newest)
            view.draw_exchange(exchange, newest=newest, quiet=not pane.busy)
            view.tell_author(pane)

    def _say_more(self) -> None:
        above, below = self.first, len(self._exchanges) - self._end
        self.earlier.setVisible(above > 0)
        self.later.setVisible(below > 0)
        self.earlier.setText(tr("Earlier: {n} more", n=above))
        self.later.setText(tr("Later: {n} more", n=below))

    @Slot(str, object)
    def _on_wish(self, view: ExchangeView, wish: str, argument: object) -> None:
        if view in self.views:
            self.wished.emit(self._exchanges[self.first + self.views.index(view)], wish, argument)

    @Slot()
    def _end_flash(self) -> None:
        if self._flashing is not None:
            theme.mark(self._flashing, flash=False)
            self._flashing = None

    # --- the place that is read --------------------------------------------------------------

    def _hold(self, view: ExchangeView, fraction: float) -> None:
        """Keep this part of this view at the upper edge, also while what is above it finds its height."""
        self.follows = False
        self._anchor = Anchor(view, fraction)
        self._settle()

    @Slot()
    def _keep_in_sight(self, view: ExchangeView) -> None:
        """What the reader opened, and not the end of what is below it."""
        if view in self.views:
            self._hold(view, 0.0)

    def _settle(self) -> None:
        """Let views find their heights before anybody sees them at others: text asks for its height once it knows its
        width, and the column for its own after that."""
        for _ in range(4):
            before = self._body.size()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest.value)
            if self._body.size() == before:
                break
        self._put_right()

    def _remember_place(self) -> None:
        """Unless it is known: while views find their heights, where the bar stands says nothing."""
        place = self.place() if self._anchor is None else None
        if place is not None:
            index = len(self._exchanges) - 1 - place.before_end - self.first
            view = self.views[index]
            above = self.verticalScrollBar().value() - view.y()
            self._anchor = Anchor(view, place.fraction, above, view.width())

    def _move_anchor(self, view: ExchangeView, top: float, bottom: float, by: float) -> None:
        """What is read stays, while an answer above it is laid out."""
        if self._anchor is not None:
            self._anchor = self._anchor.after(view, top, bottom, by)

    def _put_right(self) -> None:
        if self._anchor is None:
            return
        view, above = self._anchor.view, self._anchor.pixels
        if above is None or view.width() != self._anchor.width:  # text that grew below changes nothing above it
            above = round(self._anchor.fraction * view.height())
        self._held = True
        self.verticalScrollBar().setValue(view.y() + above)
        self._held = False

    @Slot(int)
    def _moved(self, value: int) -> None:
        bar = self.verticalScrollBar()
        if not self._held:
            self.follows = value >= bar.maximum() - theme.px(NEAR_END) and self._end == len(self._exchanges)
            self._anchor = None
            if not self.follows:
                self._remember_place()
            self.scrolled.emit(self)
        self._newest.setVisible(not self.follows)
        self._near.start()

    @Slot(int, int)
    def _grew(self, _least: int, greatest: int) -> None:
        if self.follows:
            self._held = True
            self.verticalScrollBar().setValue(greatest)
            self._held = False
        else:
            self._put_right()
            self._newest.setVisible(self.verticalScrollBar().value() < greatest - theme.px(NEAR_END))
        self._near.start()

    @Slot()
    def _make_what_is_near(self) -> None:
        """Before the reader comes to an edge of what was made, there is more of it."""
        if not self.isVisible():
            return
        bar, near = self.verticalScrollBar(), self.viewport().height()
        if self.first > 0 and bar.value() < near and len(self.views) < MOST:
            if not self.follows:
                self._remember_place()
            self._grow_up()
        elif self.first > 0 and bar.value() < near and not self.follows:
            self.show_earlier()
        elif self._end < len(self._exchanges) and bar.value() > bar.maximum() - near:
            self.show_later()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._near.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_column()
        size = self._newest.sizeHint()
        self._newest.setGeometry(
            (self.width() - size.width()) // 2, self.height() - size.height() - Space.S, size.width(), size.height()
        )

    @Slot()
    def _fit_column(self) -> None:
        """No line of text becomes longer than can be read with ease."""
        widest = reading.widest(self.fontMetrics())
        side = Space.M if widest is None else max(Space.M, (self.viewport().width() - widest) // 2)
        if self._column.contentsMargins().left() != side:
            self._column.setContentsMargins(side, Space.M, side, Space.M)


def _can_be_made_again(pane: Pane, exchange: Exchange, *, newest: bool) -> bool:
    kept = exchange.turn_id is not None and exchange.answer is not None
    return (newest or kept) and not pane.busy and pane.model is not None


def _with_tab(parent: QWidget) -> list[QWidget]:
    return [found for found in parent.findChildren(QWidget) if found.focusPolicy() & Qt.FocusPolicy.TabFocus]
