"""Decks on the Compare page: a stage beside the panes, and one run at a time in the background."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog, QStackedWidget

from workbench.errors import UsageError, WorkbenchError
from workbench.gui.blind.mode import BlindMode
from workbench.gui.compare.defaults import default_options
from workbench.gui.errands import errand
from workbench.gui.notify import Notifier
from workbench.gui.tr import explained, tr
from workbench.jobs import Job

if TYPE_CHECKING:
    from workbench.chat.decks.deck import Deck
    from workbench.chat.decks.rows import Decks
    from workbench.chat.decks.task import DeckEnd, DeckNews
    from workbench.gui.decks.editor import DeckEditor
    from workbench.gui.decks.run_view import RunView
    from workbench.gui.decks.shelf import DeckShelf
    from workbench.gui.pages.compare import ComparePage

LANE = "deck"
RUNS = 50  # on the shelf, and so many more each time they are asked for


class DecksPart(QObject):
    """``running`` is the run that is asked now, None while there is none."""

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.running: int | None = None
        self.shown: int | None = None
        self._job: Job | None = None
        self._most = RUNS
        self._pending: int | None = None  # waits until the panes have let go of their models
        self._notifier = Notifier(page)
        self.button = page.bar.add_button(
            tr("Decks"), "cards-outline", tr("Many prompts for all models, one after the other (Ctrl+D)"),
            checkable=True,
        )  # fmt: skip
        self._connect()

    def _connect(self) -> None:
        self.button.clicked.connect(self.toggle)
        self._page.stage.currentChanged.connect(self._on_stage)
        self._page.drawn.connect(self._launch_pending)
        self._page.composer.sent.connect(self._on_sent)

    # Made when they are first shown: most starts of the program show no deck.

    @cached_property
    def stack(self) -> QStackedWidget:
        made = QStackedWidget()
        self._page.stage.addWidget(made)
        return made

    @cached_property
    def shelf(self) -> DeckShelf:
        from workbench.gui.decks.shelf import DeckShelf

        made = DeckShelf()
        made.made.connect(self._on_make)
        made.imported.connect(self._on_import)
        made.edited.connect(self._on_edit)
        made.removed.connect(self._on_remove)
        made.notice.undone.connect(self._on_undone)
        made.run.connect(self.begin)
        made.opened.connect(self.show_run)
        made.earlier.connect(self._show_earlier)
        made.left.connect(self.leave)
        self.stack.addWidget(made)
        return made

    @cached_property
    def editor(self) -> DeckEditor:
        from workbench.gui.decks.editor import DeckEditor

        made = DeckEditor()
        made.saved.connect(self._on_saved)
        made.left.connect(self.show_shelf)
        self.stack.addWidget(made)
        return made

    @cached_property
    def run_view(self) -> RunView:
        from workbench.gui.decks.run_view import RunView

        made = RunView()
        made.left.connect(self.show_shelf)
        made.start.connect(self._on_start)
        made.stop.connect(self.stop)
        made.vote.connect(self._on_vote)
        made.opened.connect(self._on_opened)
        self.stack.addWidget(made)
        return made

    @property
    def _decks(self) -> Decks:
        return self._page.bench.history.decks

    # --- what is shown -----------------------------------------------------------------------

    @property
    def is_shown(self) -> bool:
        return "stack" in self.__dict__ and self._page.stage.currentWidget() is self.stack

    @Slot()
    def toggle(self) -> None:
        if self.is_shown:
            self.leave()
        elif self.running is not None:
            self.show_run(self.running)
        else:
            self.show_shelf()

    @Slot()
    def leave(self) -> None:
        self._page.stage.setCurrentWidget(self._page.row)
        self.button.setChecked(False)
        if self._page.stage.currentWidget() is self._page.row:  # not where a blind vote has the place and the keys
            self._page.composer.setFocus()

    @Slot()
    def show_shelf(self) -> None:
        self.shown = None
        runs = self._decks.runs.newest(self._most + 1)
        self.shelf.draw(self._decks.all(), runs[: self._most], self.running, earlier=len(runs) > self._most)
        self._show(self.shelf)
        (self.shelf.decks if self.shelf.decks.count() else self.shelf.make_button).setFocus()

    @Slot()
    def _show_earlier(self) -> None:
        self._most += RUNS
        self.show_shelf()
        self.shelf.runs.setFocus()

    @Slot(int)
    def show_run(self, run_id: int) -> None:
        table = self._decks.runs.table(run_id)
        if table is None:
            self.shelf.say(tr("This run does not exist any more."))
            return
        self.shown = run_id
        self.run_view.say("")
        self.run_view.show_run(table, running=run_id == self.running)
        self._show(self.run_view)
        self.run_view.view.setFocus()

    def _show(self, widget: DeckShelf | DeckEditor | RunView) -> None:
        self.stack.setCurrentWidget(widget)
        self._page.stage.setCurrentWidget(self.stack)
        self.button.setChecked(True)

    @Slot()
    def _on_sent(self) -> None:
        """The answers of a prompt are in the panes."""
        if self.is_shown:
            self.leave()

    @Slot()
    def _on_stage(self) -> None:
        self.button.setChecked(self.is_shown)

    # --- decks -------------------------------------------------------------------------------

    @Slot()
    def _on_make(self) -> None:
        self.editor.edit(None)
        self._show(self.editor)

    @Slot(int)
    def _on_edit(self, deck_id: int) -> None:
        deck = self._decks.load(deck_id)
        if deck is not None:
            self.editor.edit(deck, deck_id)
            self._show(self.editor)

    @Slot(object, object)
    def _on_saved(self, deck: Deck, deck_id: int | None) -> None:
        self._decks.save(deck, deck_id)
        self.show_shelf()

    @Slot(int)
    def _on_remove(self, deck_id: int) -> None:
        deck = self._decks.load(deck_id)
        self._decks.remove(deck_id)
        self.show_shelf()
        self.shelf.notice.offer(tr("“{name}” was deleted.", name=deck.name if deck is not None else ""), deck_id)

    @Slot(object)
    def _on_undone(self, deck_id: int) -> None:
        self._decks.put_back(deck_id)
        self.show_shelf()

    @Slot()
    def _on_import(self) -> None:
        from workbench.chat.decks.files import ENDINGS

        endings = " ".join(f"*.{ending}" for ending in ENDINGS)
        name, _ = QFileDialog.getOpenFileName(
            self._page, tr("Import a deck of prompts"), "", tr("Prompts ({endings});;All files (*)", endings=endings)
        )
        if name:
            self.import_file(Path(name))

    def import_file(self, path: Path) -> None:
        """Read away from the window's thread; what is wrong with it is said above the list."""
        from workbench.chat.decks.files import read

        task = errand(partial(read, path))
        self._page.errands.run("read a deck", task, self._on_read, self._on_refused)

    def _on_read(self, deck: Deck) -> None:
        self._decks.save(deck)
        self.show_shelf()

    def _on_refused(self, error: Exception) -> None:
        self.show_shelf()
        if isinstance(error, WorkbenchError):
            self.shelf.say(tr(error.message), tr(error.hint or ""))
        else:
            self.shelf.say(tr("This file could not be read."))

    # --- runs --------------------------------------------------------------------------------

    @Slot(int)
    def begin(self, deck_id: int) -> None:
        """A new run of the deck, on the models that are in the panes now."""
        deck, comparison = self._decks.load(deck_id), self._page.comparison
        panes = [pane for pane in comparison.panes if pane.model is not None]
        if deck is None:
            return
        if not panes:
            self.shelf.say(tr("No model is chosen."), tr("Go back to the panes and choose one there."))
            return
        self._page.commit_options()
        run_id = self._decks.runs.create(deck, panes, comparison.options, context=self._page.record.context)
        self.show_run(run_id)
        self._on_start()

    @Slot()
    def _on_start(self) -> None:
        if self.shown is None:
            return
        comparison = self._page.comparison
        if self.running is not None or self._pending is not None:
            self.run_view.say(tr("Another deck is running. Stop it first, or wait until it is done."))
            return
        if comparison.busy:
            self.run_view.say(tr("The panes are answering. Stop them, or start the deck when they are quiet."))
            return
        # The deck has the machine to itself: what is asked meanwhile waits, and the panes let go of their models.
        comparison.hold(held=True)
        for pane in comparison.panes:
            if pane.loaded:
                comparison.unload(pane)
        self._pending = self.shown
        self._launch_pending()

    @Slot()
    def _launch_pending(self) -> None:
        if self._pending is None or self._page.comparison.busy:
            return
        from workbench.chat.decks.task import run_deck

        run_id, self._pending = self._pending, None
        bench = self._page.bench
        task = run_deck(
            self._decks.runs, run_id, partial(bench.comparison, name=LANE), bench.library.resolve,
            default_options(bench.settings),
        )  # fmt: skip
        self.running = run_id
        self._job = self._page.errands.run("deck", task, self._on_end, self._on_failed, told=self._on_news, lane=LANE)
        self._redraw()

    @Slot()
    def stop(self) -> None:
        """What is being written is stopped; the rest is asked when somebody says go on."""
        if self._job is not None:
            self._job.cancel()
        self.run_view.stop_button.setEnabled(False)

    def _on_news(self, news: DeckNews) -> None:
        if self.shown == self.running:
            self.run_view.take(news)

    def _on_end(self, end: DeckEnd) -> None:
        from workbench.chat.decks.rows import CellState

        self._ended()
        problems = [f"{_named(end, slot)}: {tr(problem.message)}" for slot, problem in end.problems.items()]
        if end.asleep is not None and not end.stopped:
            problems.append(tr("The computer was not kept awake meanwhile: {why}", why=end.asleep))
        if self.shown == end.table.id:
            self.run_view.say("\n".join(problems))
        if not end.stopped:
            done = tr("{done:,} of {total:,} answers", done=end.table.count(CellState.DONE), total=end.table.total)
            self._notifier.tell(tr("“{name}” is done", name=end.table.title), done)

    def _on_failed(self, error: Exception) -> None:
        self._ended()
        if isinstance(error, WorkbenchError):
            self.run_view.say(explained(error))
        else:
            self.run_view.say(tr("The run ended with a fault of the program. Help ▸ Copy diagnostics has the details."))

    def _ended(self) -> None:
        self.running, self._job = None, None
        self.run_view.stop_button.setEnabled(True)
        self._redraw()
        self._page.do(partial(self._page.comparison.hold, held=False))

    def _redraw(self) -> None:
        if self.is_shown and self.stack.currentWidget() is self.shelf:
            self.show_shelf()
        elif self.shown is not None:
            table = self._decks.runs.table(self.shown)
            if table is not None:
                self.run_view.show_run(table, running=self.shown == self.running)

    # --- what to do with answers -------------------------------------------------------------

    @Slot(int)
    def _on_opened(self, turn_id: int) -> None:
        """The answers to one prompt, in the panes."""
        if self.shown is None:
            return
        page = self._page
        page.load_conversation(self.shown)
        page.do(partial(page.record.show_branch, turn_id))
        self.leave()

    @Slot()
    def _on_vote(self) -> None:
        from workbench.chat.decks.rows import CellState

        table = self._decks.runs.table(self.shown) if self.shown is not None else None
        if table is None:
            return
        done = {turn_id for (turn_id, _), state in table.cells.items() if state is CellState.DONE}
        turns = [row.turn_id for row in table.rows if row.turn_id in done]
        try:
            blind = next(one for one in self._page.children() if isinstance(one, BlindMode))
            blind.begin_with(turns, table.id)
        except UsageError as error:
            self.run_view.say(explained(error))


def _named(end: DeckEnd, slot: int) -> str:
    return next((column.model for column in end.table.columns if column.slot == slot), "")
