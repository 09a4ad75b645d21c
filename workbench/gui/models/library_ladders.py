"""The library's models as cards of families; what stays keeps its place, its lines, and whether it is open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.gui.models.ladder_view import LadderView
from workbench.gui.models.rung_line import Offer, RungLine
from workbench.gui.models.stock import Priced, by_family
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.cards import Card, clear
from workbench.gui.widgets.controls import label
from workbench.hub.library import Problem
from workbench.models.verdict import Ladder

OPEN_AT_FIRST = 8  # lines that can be read at a glance

MakeView = Callable[[Ladder, Offer, bool], LadderView]


class LibraryLadders(QWidget):
    """``make_view`` is given a ladder, what can be done with it, and whether it is open at first."""

    def __init__(self, make_view: MakeView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_view = make_view
        self.views: list[LadderView] = []
        self.cards: list[Card] = []
        self._families = QVBoxLayout()
        self._families.setSpacing(Space.L)
        self._problems = QVBoxLayout()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(Space.L)
        column.addLayout(self._families)
        column.addLayout(self._problems)

    @property
    def lines(self) -> list[RungLine]:
        return [line for view in self.views for line in view.lines]

    @property
    def building(self) -> bool:
        return any(view.building for view in self.views)

    def draw(self, priced: Priced, offer: Offer) -> None:
        """New prices, or other models: views and cards that stay are drawn anew where they are."""
        few = sum(len(ladder.rungs) for ladder in priced.ladders) <= OPEN_AT_FIRST
        known = {(view.family, view.ladder.title): view for view in self.views}
        cards = {card.title.text(): card for card in self.cards}
        self.views, self.cards = [], []
        for title, ladders in by_family(priced.ladders):
            card = cards.pop(title, None) or Card(title)
            views = []
            for ladder in ladders:
                view = known.pop((title, ladder.title), None)
                if view is None:
                    view = self._make_view(ladder, offer, few)
                    view.family = title
                else:
                    view.draw(ladder, offer)
                views.append(view)
            _place(card.body, views)
            self.views += views
            self.cards.append(card)
        _drop(known.values())
        _drop(cards.values())
        _place(self._families, self.cards)
        self._draw_problems(priced.problems)
        self.setVisible(bool(self.cards) or bool(priced.problems))

    def _draw_problems(self, problems: Sequence[Problem]) -> None:
        clear(self._problems)
        for problem in problems:
            said = label(f"✕  {problem.path.name}: {tr(problem.error.message)}", tone=Tone.BAD, wrap=True)
            said.setToolTip(tr(problem.error.hint or ""))
            self._problems.addWidget(said)


def _place(layout: QVBoxLayout, widgets: Sequence[QWidget]) -> None:
    """In this order; one that stands where it belongs is not touched, so that it keeps the focus."""
    for place, widget in enumerate(widgets):
        if layout.indexOf(widget) != place:
            layout.insertWidget(place, widget)


def _drop(widgets: Iterable[QWidget]) -> None:
    for widget in widgets:
        widget.hide()
        parent = widget.parentWidget()
        layout = parent.layout() if parent is not None else None
        if layout is not None:
            layout.removeWidget(widget)
        widget.deleteLater()
