"""The Models page: every model with its ladder of quantisations, priced for this machine or another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.gui.errands import Errands
from workbench.gui.hub.catalogue_card import CatalogueCard
from workbench.gui.hub.entry_row import EntryRow
from workbench.gui.hub.file_care import FileCare
from workbench.gui.hub.getting import Getting
from workbench.gui.hub.undo_notice import UndoNotice
from workbench.gui.hub.words import copies_words, place_words, plain_tip
from workbench.gui.models.asking import ExactAnswer
from workbench.gui.models.ladder_view import LadderView
from workbench.gui.models.library_ladders import LibraryLadders
from workbench.gui.models.load_dialog import LoadDialog, LoadQuestion
from workbench.gui.models.lookup import LookupCard
from workbench.gui.models.remote_ladders import RemoteLadders
from workbench.gui.models.rung_line import Offer, RungLine
from workbench.gui.models.steady import Steady
from workbench.gui.models.stock import Priced, Stock, Terms, price_library
from workbench.gui.models.terms_bar import TermsBar
from workbench.gui.models.words import no_speed_words
from workbench.gui.theme import Space
from workbench.gui.tr import explained, later, tr
from workbench.gui.widgets.cards import Card, ScrollPage, clear
from workbench.gui.widgets.controls import label, text_button
from workbench.hub.library import Held
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.verdict import Fit, Ladder, Verdict

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.hub.remote import RemoteListing

WIDEST = 1180  # pixels at 100 % text
EMPTY = later(
    "No model file yet. Open a GGUF from the File menu, drop one on the window, or see "
    "Help ▸ Get started. To see what would fit before downloading anything, search below."
)


class ModelsPage(ScrollPage):
    """``chosen`` is emitted with a model to open, its parameters (None: the shared ones) and whether to load it
    although it is too big; ``ghost`` with the fit of the line that is looked at, or None."""

    chosen = Signal(object, object, bool)
    ghost = Signal(object)

    def __init__(self, workbench: Workbench, errands: Errands, parent: QWidget | None = None) -> None:
        super().__init__(WIDEST, parent)
        self.setAccessibleName(tr("Models"))
        self._bench, self._errands = workbench, errands
        self.status = label(role="muted", wrap=True)
        self.status.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.terms = TermsBar(workbench.settings.context)
        self.library = LibraryLadders(self._library_view)
        self._steady = Steady(self)
        self.notice = UndoNotice()
        self.lookup = LookupCard(workbench, errands)
        self.catalogue = CatalogueCard(workbench, errands)
        self.getting = Getting(workbench, errands, self)
        self.care = FileCare(workbench, errands, self.notice, self)
        self.exact = ExactAnswer(errands, self)
        self._stock = Stock(partial(price_library, workbench), errands, self)
        self._remote: RemoteLadders | None = None
        self._priced: Priced | None = None
        self._held: tuple[Held, ...] = ()
        self._here: tuple[ModelFile, ...] = ()
        self._coming: frozenset[Path] = frozenset()
        self._line: RungLine | None = None
        self._hovered: RungLine | None = None
        self._opened: dict[tuple[Path, ...], bool] = {}
        self._arrange()
        self._connect()

    @property
    def views(self) -> list[LadderView]:
        """Those of the library."""
        return self.library.views

    @property
    def cards(self) -> list[Card]:
        return self.library.cards

    @property
    def remotes(self) -> list[RemoteLadders]:
        """Ladders of repositories: what was looked up, then those of opened models of the catalogue."""
        opened = [row.ladders for row in self.catalogue.with_ladders if row.ladders is not None]
        return [*([self._remote] if self._remote is not None else []), *opened]

    @property
    def remote_views(self) -> list[LadderView]:
        return [view for ladders in self.remotes for view in ladders.views]

    @property
    def busy(self) -> bool:
        working = self._stock.busy or self.library.building or self._steady.holding
        remote = any(ladders.busy for ladders in self.remotes) or self.catalogue.busy or self.getting.busy
        return working or remote or self.exact.waiting or self.lookup.busy or self.care.busy

    @property
    def lines(self) -> list[RungLine]:
        """Every line that is shown, from the top."""
        return [line for view in (*self.views, *self.remote_views) for line in view.lines]

    @Slot()
    def refresh(self) -> None:
        """Look at the library and at the free memory again."""
        self._price(self.terms.terms)

    @Slot()
    def _look_again(self) -> None:
        """Asked for by hand: also where no watch tells what changed, as on many network drives."""
        self._bench.look_at_places_again()
        self.refresh()

    # --- arranged ----------------------------------------------------------------------------

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.addWidget(label(tr("Models"), role="display"))
        head.addWidget(self.status, 1)
        self.refresh_button = text_button(tr("Look again"))
        head.addWidget(self.refresh_button)
        self.column.addLayout(head)
        self.column.addWidget(self.terms)
        self.column.addWidget(self.notice)
        self.empty = label(tr(EMPTY), role="muted", wrap=True)
        self.empty.hide()
        self.column.addWidget(self.empty)
        self.column.addWidget(self.library)
        self.library.hide()
        self.column.addWidget(self.lookup)
        self.column.addWidget(self.catalogue)
        self.column.addStretch(1)

    def _connect(self) -> None:
        self.refresh_button.clicked.connect(self._look_again)
        self.terms.changed.connect(self._price)
        self._stock.priced.connect(self._draw)
        self._stock.failed.connect(self._not_priced)
        self.exact.answered.connect(self._on_exact)
        self.exact.refused.connect(self._on_refused)
        self.lookup.found.connect(self._on_found)
        self.lookup.cleared.connect(self._forget_remote)
        self.lookup.typed.connect(self.catalogue.narrow)
        self.catalogue.found.connect(self._on_entry)
        self.catalogue.searched.connect(self.lookup.search)
        self.catalogue.folded.connect(self._leave_lines)
        self.getting.refused.connect(self._on_not_got)
        self.getting.changed.connect(self._mark)
        self.care.changed.connect(self.refresh)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._on_focus)

    # --- prices ------------------------------------------------------------------------------

    @Slot(object)
    def _price(self, terms: Terms) -> None:
        self.status.setText(tr("working it out…"))
        self._stock.price(terms)
        for ladders in self.remotes:
            ladders.price(terms)

    @Slot(object)
    def _not_priced(self, error: Exception) -> None:
        self.status.setText(f"✕ {explained(Problem.of(error))}")

    @Slot(object)
    def _draw(self, priced: Priced) -> None:
        """New prices; where the models are the same, every line keeps its place."""
        self._priced = priced
        machine = priced.machine
        self._say_status()
        self.empty.setVisible(not priced.ladders and not priced.problems)
        self.exact.drop()
        self._held, self._here = priced.held, tuple(one.file for one in priced.held)
        self.catalogue.draw_here(priced.held)
        self._mark()
        held = {one.file.path: (place_words(one), plain_tip(copies_words(one))) for one in priced.held}
        offer = Offer(priced.has_gpu, open=not priced.terms.described, no_speed=no_speed_words(machine), held=held)
        with self._steady.hold(self._parts()):
            self.library.draw(priced, offer)
        self._line, self._hovered = (line if line in self.lines else None for line in (self._line, self._hovered))
        self._show_ghost()
        self._ask(self._line)

    @Slot()
    def _say_status(self) -> None:
        if self._priced is not None and not self._stock.busy:
            shown = [self._priced, *(each.priced for each in self.remotes if each.priced is not None)]
            self.status.setText(_status(self._priced, [ladder for priced in shown for ladder in priced.ladders]))

    def _parts(self) -> list[QWidget]:
        """What can be held in its place: the line with the focus before all, then from the top."""
        focused = [self._line] if self._line is not None else []
        return [*focused, *self.lines, *self.views, self.lookup, *self.catalogue.rows, self.catalogue]

    def _library_view(self, ladder: Ladder, offer: Offer, is_open: bool) -> LadderView:
        return self._view(ladder, offer, is_open=is_open)

    def _view(self, ladder: Ladder, offer: Offer, *, is_open: bool) -> LadderView:
        view = LadderView(ladder, offer)
        view.load.connect(self._on_load)
        view.options.connect(self._on_options)
        view.looked_at.connect(self._on_hover)
        view.opened.connect(self._ask)
        view.menu.connect(self._on_menu)
        view.set_open(is_open=self._opened.get(view.key, is_open))
        view.folded.connect(self._on_folded)
        return view

    # --- the hub -----------------------------------------------------------------------------

    @Slot(object)
    def _on_found(self, listing: RemoteListing) -> None:
        self._remote = self._ladders(listing)
        self.lookup.below.addWidget(self._remote)

    @Slot(object, object)
    def _on_entry(self, row: EntryRow, listing: RemoteListing) -> None:
        before = row.show_ladders(self._ladders(listing))
        if before is not None:
            self._leave_lines()
            before.close_down()
            before.deleteLater()

    def _ladders(self, listing: RemoteListing) -> RemoteLadders:
        made = RemoteLadders(self._bench, self._errands, listing, self._remote_view)
        made.drawn.connect(self._say_status)
        made.failed.connect(self._not_priced)
        made.wanted.connect(self.getting.get)
        made.mark(here=self._here, coming=self._coming, asking=self.getting.asking)
        made.price(self.terms.terms)
        return made

    def _remote_view(self, ladder: Ladder, offer: Offer) -> LadderView:
        return self._view(ladder, offer, is_open=True)

    @Slot()
    def _forget_remote(self) -> None:
        self._leave_lines()
        if self._remote is not None:
            self._remote.close_down()
            self._remote = None
        clear(self.lookup.below)
        self._say_status()

    def show_entry(self, entry_id: str) -> None:
        """A model of the catalogue, opened and in sight."""
        row = self.catalogue.show_entry(entry_id)
        if row is not None:
            QTimer.singleShot(0, row, partial(self.ensureWidgetVisible, row, 0, Space.L))

    def draw_coming(self, coming: Collection[Path]) -> None:
        """Which files are on their way."""
        if frozenset(coming) != self._coming:
            self._coming = frozenset(coming)
            self._mark()

    @Slot()
    def _mark(self) -> None:
        for ladders in self.remotes:
            ladders.mark(here=self._here, coming=self._coming, asking=self.getting.asking)

    @Slot(object, object)
    def _on_not_got(self, model: ModelFile, problem: Problem) -> None:
        self.notice.say(f"✕ {model.path.name}: {tr(problem.message)}", tr(problem.hint or ""))

    @Slot(object, object)
    def _on_menu(self, line: RungLine, anchor: QWidget) -> None:
        held = next((one for one in self._held if one.file.path == line.fit.model.path), None)
        if held is not None:
            self.care.menu(held).popup(anchor.mapToGlobal(QPoint(0, anchor.height())))

    # --- lines -------------------------------------------------------------------------------

    @Slot(QWidget, QWidget)
    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        line = next((line for line in self.lines if new is not None and (line is new or line.isAncestorOf(new))), None)
        if line is self._line:
            return
        self._line = line
        if line is not None:
            self.ensureWidgetVisible(line, 0, Space.L)
            self._ask(line)
        self._show_ghost()

    @Slot(object)
    def _on_hover(self, line: RungLine | None) -> None:
        self._hovered = line
        self._show_ghost()

    def _show_ghost(self) -> None:
        """Of the line under the mouse, else of the one with the focus; not for a machine that is elsewhere."""
        line = self._hovered or self._line
        here = self._priced is not None and not self._priced.terms.described
        self.ghost.emit(line.fit if line is not None and here else None)

    def _leave_lines(self) -> None:
        self.exact.drop()
        self._line = self._hovered = None
        self.ghost.emit(None)

    @Slot(object)
    def _ask(self, line: RungLine | None) -> None:
        """llama.cpp's own answer for a line, in a moment; asked once."""
        if line is None or self._priced is None or line.fit.basis == "exact":
            return
        terms = self._priced.terms
        params = terms.params(line.fit.model)
        task = self._bench.exact(line.fit.model, n_ctx=params.n_ctx, params=params, machine=terms.machine)
        self.exact.ask(line, task)

    @Slot(object, object)
    def _on_exact(self, line: RungLine, found: Fit) -> None:
        view = next((view for view in (*self.views, *self.remote_views) if line in view.lines), None)
        if view is not None and self._priced is not None:
            line.draw_exact(found)
            view.choose_anew(self._priced.machine)
            self._show_ghost()

    @Slot(object, object)
    def _on_refused(self, line: RungLine, error: Exception) -> None:
        if line in self.lines:
            line.draw_refused(Problem.of(error).message)

    @Slot(object, bool)
    def _on_folded(self, view: LadderView, is_open: bool) -> None:
        self._opened[view.key] = is_open
        self._hovered = None
        self._show_ghost()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._bench.ask_for_token_again()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._leave_lines()

    # --- opening -----------------------------------------------------------------------------

    @Slot(object)
    def _on_load(self, found: Fit) -> None:
        self.chosen.emit(found.model, self._own_params(found), False)

    def _own_params(self, found: Fit) -> RunParams | None:
        """None where the line was priced as any pane would load it: it then follows the shared context."""
        usual = Terms(n_ctx=self._bench.settings.context)
        asked = self._priced.terms if self._priced is not None else usual
        return None if asked == usual else found.params

    @Slot(object, object)
    def _on_options(self, found: Fit, params: RunParams | None) -> None:
        terms = self._priced.terms if self._priced is not None else Terms()
        question = LoadQuestion(
            model=found.model,
            params=params or found.params,
            machine=terms.machine,
            here=found.model.origin is None and not terms.described,
        )
        dialog = LoadDialog(self._bench, self._errands, question, self)
        dialog.load.connect(self.chosen)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()


def _status(priced: Priced, ladders: Sequence[Ladder]) -> str:
    """What the prices stand on, and once for all lines why speeds are unknown."""
    machine = priced.machine
    elsewhere = priced.terms.described and machine.described
    said = (
        tr("for {label}, not measured here", label=machine.label) if elsewhere else tr("by the memory that is free now")
    )
    fits = [rung.fit for ladder in ladders for rung in ladder.rungs]
    unknown = any(found.speed is None and found.verdict is not Verdict.TOO_BIG for found in fits)
    return (
        tr("{said}; where speeds are unknown: {no_speed_words}", said=said, no_speed_words=no_speed_words(machine))
        if unknown
        else said
    )
