"""What a repository on the hub has, as ladders with a Download button on every line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.gui.errands import Errands
from workbench.gui.models.companion_choice import CompanionChoice
from workbench.gui.models.ladder_view import LadderView, files_of
from workbench.gui.models.rung_line import Getting, Offer, RungLine
from workbench.gui.models.stock import Priced, Stock, Terms, price_files
from workbench.gui.models.words import no_speed_words
from workbench.gui.theme import Space
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import label
from workbench.hub.remote import RemoteListing
from workbench.models.file import ModelFile
from workbench.models.verdict import Ladder

if TYPE_CHECKING:
    from workbench.app import Workbench

MakeView = Callable[[Ladder, Offer], LadderView]


class RemoteLadders(QWidget):
    """``drawn`` is emitted when new prices are shown, ``failed`` with an error, ``wanted`` with a model that is to be
    downloaded, the listing it is of, and the companions that come along."""

    drawn = Signal()
    failed = Signal(object)
    wanted = Signal(object, object, object)

    def __init__(
        self,
        workbench: Workbench,
        errands: Errands,
        listing: RemoteListing,
        make_view: MakeView,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.listing = listing
        self.views: list[LadderView] = []
        self.priced: Priced | None = None
        self._make_view = make_view
        self._here: frozenset[Path] = frozenset()
        self._hashes: frozenset[str] = frozenset()
        self._coming: frozenset[Path] = frozenset()
        self._asking: frozenset[Path] = frozenset()
        self._stock: Stock | None = None
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(Space.S)
        self.companions: CompanionChoice | None = None
        projectors = workbench.companions(listing.files[0]) if listing.files else ()
        if projectors:
            self.companions = CompanionChoice(projectors)
            self._column.addWidget(self.companions)
        if listing.files:
            self._stock = Stock(partial(price_files, workbench, listing.files), errands, self)
            self._stock.priced.connect(self._draw)
            self._stock.failed.connect(self.failed)
        offered = {file.path for file in projectors}  # as such, above
        for name, why in listing.skipped:
            if name in offered:
                continue
            self._column.addWidget(label(f"{name}: {tr(why)}", role="muted", wrap=True))

    @property
    def busy(self) -> bool:
        pricing = self._stock is not None and self._stock.busy
        return pricing or any(view.building for view in self.views)

    @property
    def lines(self) -> list[RungLine]:
        return [line for view in self.views for line in view.lines]

    def price(self, terms: Terms) -> None:
        if self._stock is not None:
            self._stock.price(terms)

    def close_down(self) -> None:
        """Nobody listens any more."""
        if self._stock is not None:
            self._stock.priced.disconnect(self._draw)
            self._stock.failed.disconnect(self.failed)
            self._stock = None

    def mark(self, *, here: Collection[ModelFile], coming: Collection[Path], asking: Collection[Path]) -> None:
        """Which of the lines are in the library already, which are on their way, and of which the licence is
        being asked for."""
        self._here = frozenset(model.path for model in here)
        self._hashes = frozenset(model.sha256 for model in here if model.sha256 is not None)
        self._coming, self._asking = frozenset(coming), frozenset(asking)
        if self.priced is not None:
            offer = self._offer(self.priced)
            for view in self.views:
                view.offer = offer
            for line in self.lines:
                line.draw_offer(offer)

    def _offer(self, priced: Priced) -> Offer:
        states = {model.path: self._state(model) for model in self.listing.files}
        return Offer(priced.has_gpu, open=False, no_speed=no_speed_words(priced.machine), getting=states)

    def _state(self, model: ModelFile) -> Getting:
        if model.path in self._here or (model.sha256 is not None and model.sha256 in self._hashes):
            return Getting.HERE
        if model.path in self._coming:
            return Getting.COMING
        return Getting.ASKING if model.path in self._asking else Getting.OFFERED

    @Slot(object)
    def _draw(self, priced: Priced) -> None:
        self.priced = priced
        offer = self._offer(priced)
        if [view.key for view in self.views] == [files_of(ladder) for ladder in priced.ladders]:
            for view, ladder in zip(self.views, priced.ladders, strict=True):
                view.draw(ladder, offer)
        else:
            self._build(priced, offer)
        self.drawn.emit()

    def _build(self, priced: Priced, offer: Offer) -> None:
        for view in self.views:
            view.hide()
            view.deleteLater()
        self.views = [self._make_view(ladder, offer) for ladder in priced.ladders]
        for place, view in enumerate(self.views):
            view.wanted.connect(self._on_wanted)
            self._column.insertWidget(place + (self.companions is not None), view)

    @Slot(object)
    def _on_wanted(self, model: ModelFile) -> None:
        along = self.companions.chosen if self.companions is not None else ()
        self.wanted.emit(model, self.listing, along)
