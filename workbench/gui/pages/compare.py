"""The Compare page: several models answer the same prompt side by side."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSettings, Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from workbench.chat.options import Options
from workbench.chat.pane import Exchange, Pane
from workbench.errors import UsageError
from workbench.gui import theme
from workbench.gui.bridge import EventPump
from workbench.gui.compare.composer import Composer
from workbench.gui.compare.counting import TokenCount
from workbench.gui.compare.focus import PaneKeys
from workbench.gui.compare.opening import Opening
from workbench.gui.compare.own import own_settings, told_apart
from workbench.gui.compare.pane_row import MAX_PANES, PaneRow
from workbench.gui.compare.pane_view import PaneView
from workbench.gui.compare.parts import attach
from workbench.gui.compare.proposal import Proposal
from workbench.gui.compare.record import PaneSettings, Record
from workbench.gui.compare.shelf import Shelf
from workbench.gui.compare.toolbar import CompareBar
from workbench.gui.diagnostics import versions
from workbench.gui.errands import Errands, errand, nothing
from workbench.gui.theme import Space
from workbench.gui.tr import explained, tr
from workbench.gui.widgets.text_view import import_markdown
from workbench.jobs import JobRunner

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.gui.compare.options_panel import OptionsPanel
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams

FIRST_PANES = 2


class ComparePage(QWidget):
    """Draws one ``Comparison`` and hands its wishes to it.

    ``drawn`` follows every change of the panes, ``conversation_changed`` says that it shows another one.
    ``stage`` shows ``row``, or what a part puts in its place; ``left`` is where parts stand beside it.

    To end: ``shutdown()``, then the runner's ``close()``, then the pump's ``drain()``, so that what was
    written of stopped answers is kept.
    """

    title_changed = Signal(str)
    memory_changed = Signal()
    drawn = Signal()
    conversation_changed = Signal()
    panel_made = Signal(object)

    def __init__(self, workbench: Workbench, pump: EventPump, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "page")
        self.setAccessibleName(tr("Compare"))
        self.bench = self._bench = workbench
        self.errands = Errands(pump, runner)
        self.record = Record(workbench, runner)
        self.comparison = self.record.comparison
        self.shelf = Shelf(workbench, self.errands, self)
        kept = QSettings(str(workbench.paths.window), QSettings.Format.IniFormat)
        self.row = PaneRow(kept)
        self.stage = QStackedWidget()
        self.left = QHBoxLayout()
        self.composer = Composer()
        self.bar = CompareBar()
        self._defaults = (self.comparison.options, self.record.context)
        self.counting = TokenCount(self.comparison, self.errands, self.composer)
        self.opening = Opening(self.shelf, self.record, self)
        self._proposal = Proposal(self.shelf, self._taken, self.open_model, self)
        self._send_when_open = False
        self._was_loaded: tuple[int, ...] = ()
        self._title = ""
        self._lay_out()
        self.keys = PaneKeys(self, kept)
        self._connect(pump)
        self._start()
        attach(self)

    # --- for the window ----------------------------------------------------------------------

    def open_model(self, model: ModelFile, params: RunParams | None = None, *, force: bool = False) -> None:
        """Into the first empty pane, else into a new one, else into the one in use."""
        self.pick(self._pane_for_a_model(), model, params, force=force)

    def open_file(self, path: Path) -> None:
        """A GGUF file into the pane ``open_model`` would take; what is wrong with it is said there."""
        self.opening.open_into(self._pane_for_a_model(), path)

    @Slot()
    def new_comparison(self) -> None:
        """A new conversation with the same models."""
        self.record.begin()
        self._send_when_open = False
        self.opening.forget()
        self.composer.say("")
        self._rebuild()
        self.composer.setFocus()
        self.conversation_changed.emit()

    def load_conversation(self, conversation_id: int) -> None:
        if self.record.open(conversation_id):
            self.show_record()
        else:
            self.composer.say(tr("This conversation does not exist any more."))

    @Slot()
    def send(self) -> None:
        """Ask all panes; the text stays where it is when that cannot be."""
        self.commit_options()
        if self.record.wanted:
            self._send_when_open = True
            self.composer.say(tr("Sent as soon as the models of this conversation are found."))
            return
        try:
            self.record.ask(self.composer.prompt)
        except UsageError as error:
            self.composer.say(explained(error))
            return
        self.composer.take_sent()
        self._show_changes()
        self.errands.run("import Markdown", errand(import_markdown), nothing)  # before the answer is there

    @Slot()
    def stop_all(self) -> None:
        self.comparison.stop()
        self._show_changes()

    def shutdown(self) -> None:
        """Let the unsent text be kept, stop and unload everything."""
        self.commit_options()
        self.composer.settle()
        self.errands.close()
        self.comparison.close()

    @Slot()
    def add_pane(self) -> None:
        if len(self.comparison.panes) < MAX_PANES:
            pane = self.comparison.add_pane()
            self._rebuild()
            self._view(pane).header.model.setFocus()

    @cached_property
    def panel(self) -> OptionsPanel:
        """The options, made when they are first shown."""
        from workbench.gui.compare.options_panel import OptionsPanel

        made = OptionsPanel(*self._defaults)
        made.hide()
        made.show_options(self.comparison.options, self.record.context)
        made.changed.connect(self._on_options)
        made.closed.connect(self.toggle_options)
        self._across.addWidget(made)
        self.panel_made.emit(made)
        return made

    def commit_options(self) -> None:
        """What is being typed there counts now."""
        if "panel" in self.__dict__:
            self.panel.commit_pending()

    def show_options(self) -> None:
        """As they are now, without saying that they changed."""
        if "panel" in self.__dict__:
            self.panel.show_options(self.comparison.options, self.record.context)

    @Slot()
    def toggle_options(self) -> None:
        self.panel.setVisible(self.panel.isHidden())
        self.bar.options.setChecked(not self.panel.isHidden())
        if self.panel.isHidden():
            self.composer.setFocus()
        else:
            self.panel.system.setFocus()

    # --- what panes ask for ------------------------------------------------------------------

    def pick(self, pane: Pane, model: ModelFile, params: RunParams | None = None, *, force: bool = False) -> None:
        self.do(partial(self.record.choose, pane, model, params=params, force=force))
        self.counting.start()

    def load_options(self, pane: Pane) -> None:
        """The pane's model with parameters of the user's own."""
        if pane.model is None:
            return
        from workbench.gui.models.load_dialog import LoadDialog, LoadQuestion

        # What the planner placed is left to it again; what the user gave stays as it was given.
        dialog = LoadDialog(self._bench, self.errands, LoadQuestion(pane.model, pane.params), self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.load.connect(partial(self._load_with, pane))
        dialog.open()

    def load_anyway(self, pane: Pane) -> None:
        self.do(partial(self.record.load_anyway, pane))

    def _load_with(self, pane: Pane, model: ModelFile, params: RunParams, force: bool) -> None:
        if pane in self.comparison.panes:
            self.pick(pane, model, params, force=force)

    def versions(self) -> list[str]:
        return versions(self._bench)

    def browse(self, pane: Pane) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Open GGUF file"), "", tr("GGUF models (*.gguf);;All files (*)"))
        if name:
            self.opening.open_into(pane, Path(name))

    def stop(self, pane: Pane) -> None:
        self.do(partial(self.comparison.stop, pane))

    def regenerate(self, pane: Pane, exchange: Exchange | None = None) -> None:
        """None: the newest."""
        self.commit_options()
        self.do(partial(self.record.again, pane, exchange))

    def unload(self, pane: Pane) -> None:
        self.do(partial(self.comparison.unload, pane))

    def close_pane(self, pane: Pane) -> None:
        if len(self.comparison.panes) > 1:
            self.record.close_pane(pane)
            self._rebuild()

    def settings(self, pane: Pane) -> None:
        from workbench.gui.compare.dialogs import PaneSettingsDialog

        current, apply = self.record.settings_of(pane), partial(self._configure, pane)
        PaneSettingsDialog(pane, current, self.record.context, apply, self, shared=self.comparison.options).open()

    def use_template(self, pane: Pane, template: str) -> None:
        self.do(partial(self.record.use_template, pane, template))

    def show_prompt(self, pane: Pane) -> None:
        from workbench.gui.compare.dialogs import RenderedPromptDialog

        RenderedPromptDialog(pane, self).open()

    # --- within ------------------------------------------------------------------------------

    def _start(self) -> None:
        self.shelf.refresh()
        if self.record.open_last():
            self.show_record()
        if not self.comparison.panes:
            for _ in range(FIRST_PANES):
                self.comparison.add_pane()
            self._rebuild()
        self.setFocusProxy(self.composer)
        self.composer.setFocus()

    def propose(self) -> None:
        """To somebody who has compared nothing yet, the first models that fit."""
        self._proposal.make()

    def _taken(self) -> bool:
        return any(pane.model is not None or self.opening.name_of(pane) for pane in self.comparison.panes)

    def show_record(self) -> None:
        """Another conversation: its panes, its options, and its models as they are found."""
        self._send_when_open = False
        self.composer.say("")
        self.show_options()
        self.shelf.set_context(self.record.context)
        self.opening.find_wanted()
        self._rebuild()
        self.conversation_changed.emit()

    @Slot()
    def _on_complete(self) -> None:
        if self._send_when_open:
            self._send_when_open = False
            self.composer.say("")
            self.send()

    def _pane_for_a_model(self) -> Pane:
        panes = self.comparison.panes
        empty = [pane for pane in panes if pane.model is None and not self.opening.name_of(pane)]
        if empty:
            return empty[0]
        if len(panes) < MAX_PANES:
            pane = self.comparison.add_pane()
            self._rebuild()
            return pane
        return next((pane for pane in panes if pane.id == self.row.in_use), panes[-1])

    def _configure(self, pane: Pane, chosen: PaneSettings) -> None:
        self.do(partial(self.record.configure, pane, chosen))

    def do(self, deed: Callable[[], object]) -> None:
        try:
            deed()
        except UsageError as error:
            self.composer.say(explained(error))
        self._show_changes()

    # --- drawing -----------------------------------------------------------------------------

    def _rebuild(self) -> None:
        """The panes themselves changed."""
        known = {view.pane: view for view in self.row.views}
        panes = self.comparison.panes
        self.row.arrange([known.get(pane) or PaneView(pane, self.shelf, self) for pane in panes])
        self._draw_all()
        self.counting.start()

    @Slot()
    def _draw_all(self) -> None:
        for pane in self.comparison.panes:
            self._draw(pane)
        self._show_changes()

    def _draw(self, pane: Pane) -> None:
        exactly = pane.params if pane.exactly else None
        found = self.shelf.fit_state(pane.model, pane.params.n_ctx, exactly) if pane.model is not None else None
        alone = len(self.comparison.panes) == 1
        own = own_settings(pane, self.record.own_context(pane), self.comparison.options)
        apart = told_apart(pane, self.comparison.panes, own)
        self._view(pane).draw(found, opening=self.opening.name_of(pane), alone=alone, own=own, apart=apart)

    def _view(self, pane: Pane) -> PaneView:
        return next(view for view in self.row.views if view.pane is pane)

    @Slot()
    def _show_changes(self) -> None:
        """Draw the panes that changed, and what stands for all of them."""
        changed = self.comparison.take_changed()
        for pane in self.comparison.panes:
            if pane.id in changed:
                self._draw(pane)
        panes = self.comparison.panes
        busy = any(pane.busy for pane in panes)
        models = sum(pane.model is not None for pane in panes)
        self.composer.draw(models=models, busy=busy, plan=self.comparison.plan)
        self.bar.add.setEnabled(len(panes) < MAX_PANES)
        loaded = tuple(pane.id for pane in panes if pane.loaded)
        if loaded != self._was_loaded:
            self._was_loaded = loaded
            self.memory_changed.emit()
            self.shelf.refresh()
            self.counting.start()
        elif changed and not busy:
            self.counting.start()
        self.row.tell_differences()
        self.row.draw_tabs()
        self.drawn.emit()
        if self.record.title != self._title:
            self._title = self.record.title
            self.title_changed.emit(self._title)

    # --- hearing -----------------------------------------------------------------------------

    def _connect(self, pump: EventPump) -> None:
        pump.otherwise = self.comparison.deliver
        pump.delivered.connect(self._show_changes)
        self.shelf.changed.connect(self._draw_all)
        self.opening.changed.connect(self._draw_all)
        self.opening.opened.connect(self.pick)
        self.opening.refused.connect(self.composer.say)
        self.opening.complete.connect(self._on_complete)
        self.composer.send.connect(self.send)
        self.composer.stop_all.connect(self.stop_all)
        self.composer.paused.connect(self.counting.start)
        self.bar.add.clicked.connect(self.add_pane)
        self.bar.new.clicked.connect(self.new_comparison)
        self.bar.options.clicked.connect(self.toggle_options)
        theme.changed.connect(self._draw_all)
        within = Qt.ShortcutContext.WidgetWithChildrenShortcut
        QShortcut(QKeySequence("Ctrl+I"), self, self.toggle_options, context=within)

    @Slot(object, int)
    def _on_options(self, options: Options, context: int) -> None:
        self.record.set_options(options, context)
        self.shelf.set_context(context)
        self._draw_all()
        self.counting.start()

    def _lay_out(self) -> None:
        main = QVBoxLayout()
        main.setSpacing(Space.S)
        main.addWidget(self.bar)
        self.stage.addWidget(self.row)
        main.addWidget(self.stage, 1)
        main.addWidget(self.composer)
        across = self._across = QHBoxLayout(self)
        across.setContentsMargins(Space.L, Space.S, Space.L, Space.L)
        across.setSpacing(Space.M)
        across.addLayout(self.left)
        across.addLayout(main, 1)
