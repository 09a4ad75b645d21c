"""Where two answers to one prompt differ: marked in both, with the first place told in words, F8 for the next."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import shiboken6
from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtGui import QCursor, QKeySequence, QShortcut
from PySide6.QtWidgets import QMenu, QWidget

from workbench.chat.answer import Answer
from workbench.chat.pane import Exchange, Pane
from workbench.gui.compare.difference_card import DifferenceCard, Side
from workbench.gui.compare.exchange import ExchangeView
from workbench.gui.errands import errand
from workbench.gui.tr import tr

if TYPE_CHECKING:
    from workbench.chat.diff import Diff, Parting
    from workbench.gui.pages.compare import ComparePage


class Differences(QObject):
    """One pair of answers at a time.  ``at`` is the difference that the keys have reached, -1 for none."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.cards: tuple[DifferenceCard, ...] = ()
        self.at = -1
        self._count = 0
        self._sought: tuple[ExchangeView, ExchangeView] | None = None
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        self._keys = [
            QShortcut(QKeySequence("F8"), page, partial(self.step, 1), context=within),
            QShortcut(QKeySequence("Shift+F8"), page, partial(self.step, -1), context=within),
        ]
        self._enable_keys(enabled=False)

    @property
    def shown(self) -> bool:
        return bool(self.cards)

    def choose(self, pane: Pane, exchange: Exchange) -> None:
        """To the one other pane that answered this, or to the one picked from a menu."""
        others = self.rivals(pane, exchange)
        if not others:
            self._page.composer.say(tr("No other pane has answered this prompt yet."))
        elif len(others) == 1:
            self.show(pane, others[0], exchange)
        else:
            menu = QMenu(self._page)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            for other in others:
                menu.addAction(self._name(other), partial(self.show, pane, other, exchange))
            menu.popup(QCursor.pos())

    def newest(self) -> None:
        """Of the newest answer in the pane that had the focus last, else in the first."""
        panes = sorted(self._page.comparison.panes, key=lambda pane: pane.id != self._page.row.in_use)
        for pane in panes:
            if pane.exchanges and _answer(pane.exchanges[-1]) is not None:
                self.choose(pane, pane.exchanges[-1])
                return
        self._page.composer.say(tr("There are no two answers to compare yet."))

    def rivals(self, pane: Pane, exchange: Exchange) -> list[Pane]:
        """The other panes with an answer to the same prompt."""
        return [
            other
            for other in self._page.comparison.panes
            if other is not pane and _answer(self._counterpart(other, pane, exchange)) is not None
        ]

    def show(self, pane: Pane, other: Pane, exchange: Exchange) -> None:
        """Nothing of it is seen before it is worked out, away from the window's thread."""
        self.leave()
        rival = self._counterpart(other, pane, exchange)
        here, there = self._view(pane, exchange), self._view(other, rival) if rival is not None else None
        left, right = _answer(exchange), _answer(rival)
        if here is None or there is None or left is None or right is None:
            return
        if left.text == right.text:
            self._page.composer.say(tr("Both answers are the same, letter by letter."))
            return
        self._sought = (here, there)
        names = (self._name(pane), self._name(other))
        work = partial(_worked_out, left, right)
        self._page.errands.run("differences", errand(work), partial(self._draw, (here, there), names))

    @Slot()
    def leave(self) -> None:
        """Both answers as they read."""
        cards, self.cards, self._sought = self.cards, (), None
        self._enable_keys(enabled=False)
        for card in cards:
            if shiboken6.isValid(card) and shiboken6.isValid(card.exchange):
                with_focus = any(found.hasFocus() for found in card.findChildren(QWidget))
                card.exchange.show_instead(None)
                if with_focus:
                    card.exchange.text.setFocus()

    def step(self, by: int) -> None:
        """To the next difference, or back to the one before; round from the last to the first."""
        if not self._count or not all(map(shiboken6.isValid, self.cards)):
            return
        self.at = (self.at + by) % self._count if self.at >= 0 else (0 if by > 0 else self._count - 1)
        for card in self.cards:
            card.reach(self.at)

    def _draw(
        self, views: tuple[ExchangeView, ExchangeView], names: tuple[str, str], found: tuple[Diff, Parting | None]
    ) -> None:
        if views != self._sought or not all(map(shiboken6.isValid, views)):
            return  # something else is wished for, or gone, since
        compared, first = found
        left, right = _sides(compared)
        made = []
        for number, (view, side, other) in enumerate(((views[0], left, right), (views[1], right, left))):
            card = DifferenceCard(view, side, other, names[1 - number], compared.unit, first, mirrored=number == 1)
            card.stepped.connect(self.step)
            card.left.connect(self.leave)
            card.destroyed.connect(self._on_gone)
            view.show_instead(card)
            made.append(card)
        self.cards = tuple(made)
        self.at, self._count = -1, len(compared.changes)
        self._enable_keys(enabled=True)
        self.cards[0].setFocus()

    @Slot()
    def _on_gone(self) -> None:
        """One of the two answers is another now: what is marked in the other one says nothing any more."""
        if self.cards and not all(map(shiboken6.isValid, self.cards)):
            self.leave()

    def _enable_keys(self, *, enabled: bool) -> None:
        for key in self._keys:
            key.setEnabled(enabled)

    def _counterpart(self, other: Pane, pane: Pane, exchange: Exchange) -> Exchange | None:
        """The other pane's exchange of the same turn; of what nothing keeps, that as far from the end."""
        if exchange.turn_id is not None:
            return next((one for one in other.exchanges if one.turn_id == exchange.turn_id), None)
        before_end = len(pane.exchanges) - pane.exchanges.index(exchange)
        found = other.exchanges[-before_end] if before_end <= len(other.exchanges) else None
        return found if found is not None and found.prompt == exchange.prompt else None

    def _view(self, pane: Pane, exchange: Exchange) -> ExchangeView | None:
        transcript = next(view.transcript for view in self._page.row.views if view.pane is pane)
        found = next((view for view in transcript.views if view.exchange == exchange), None)
        if found is None and exchange.turn_id is not None and transcript.show_exchange(exchange.turn_id):
            found = next((view for view in transcript.views if view.exchange == exchange), None)
        return found

    def _name(self, pane: Pane) -> str:
        number = self._page.comparison.panes.index(pane) + 1
        title = pane.model.title if pane.model is not None else tr("no model")
        return tr("pane {number}, {model}", number=number, model=title)


def _worked_out(left: Answer, right: Answer) -> tuple[Diff, Parting | None]:
    from workbench.chat.diff import diff, parting

    return diff(left.text, right.text), parting(left, right)


def _answer(exchange: Exchange | None) -> Answer | None:
    answer = exchange.answer if exchange is not None else None
    return answer if answer is not None and answer.text else None


def _sides(compared: Diff) -> tuple[Sequence[Side], Sequence[Side]]:
    left = [Side(change.left_start, change.left_end) for change in compared.changes]
    right = [Side(change.right_start, change.right_end) for change in compared.changes]
    return left, right
