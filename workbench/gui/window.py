"""The window: rail, top bar and pages; it owns the runner and the pump, and ends them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QSettings, Qt, QTimer, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from workbench.chat.answer import Problem
from workbench.errors import GatedModelError
from workbench.gui import actions, dropping
from workbench.gui.blind.mode import BlindMode
from workbench.gui.bridge import EventPump
from workbench.gui.commands import PROGRAM, Commands
from workbench.gui.compare.attachments import Attachments
from workbench.gui.compare.parts import part
from workbench.gui.direction import isolated
from workbench.gui.errands import Errands, errand
from workbench.gui.first_paint import SETTLED_MS, patient_runner
from workbench.gui.history.part import HistoryPart
from workbench.gui.hub.dialogs import HubDialogs
from workbench.gui.hub.dock import Dock
from workbench.gui.hub.library_watch import LibraryWatch
from workbench.gui.hub.traffic import LIST_LANE
from workbench.gui.machine_watch import MachineWatch
from workbench.gui.pages.compare import ComparePage
from workbench.gui.safe_start import SafeStart
from workbench.gui.theme import Space, Tone
from workbench.gui.tr import tr
from workbench.gui.widgets.controls import ElidedLabel
from workbench.gui.widgets.drop import DropCurtain
from workbench.gui.widgets.memory_bar import MemoryStrip
from workbench.gui.widgets.notice import Notice
from workbench.gui.widgets.rail import Rail
from workbench.gui.widgets.tab_order import ReadInOrder
from workbench.gui.words import page_titles

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.gui.pages.machine import MachinePage
    from workbench.gui.pages.models import ModelsPage
    from workbench.gui.pages.votes import VotesPage
    from workbench.gui.pages.welcome import WelcomePage
    from workbench.hardware.facts import Hardware
    from workbench.hub.downloads import Download
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams

HEADING = 76  # pixels: enough for a page's name at 100 % text


class MainWindow(QMainWindow):
    def __init__(self, workbench: Workbench) -> None:
        super().__init__()
        self.bench = workbench
        self.pump = EventPump(self)
        self.runner = patient_runner(self, self.pump)
        self.errands = Errands(self.pump, self.runner)
        self._closed = False
        self.afterwards: Callable[[], None] | None = None  # done when all is closed
        self.setWindowTitle(PROGRAM)
        self.setAcceptDrops(True)
        self.setMinimumSize(640, 480)
        self.notice = Notice()
        self.strip = MemoryStrip()
        self.heading = ElidedLabel()
        self.heading.setProperty("role", "subtitle")
        self.heading.setMinimumWidth(HEADING)
        self.rail = Rail()
        self.dock = Dock(workbench, self.errands, self.rail, self)
        self.network, self.traffic = self.dock.network, self.dock.traffic
        self.dialogs = HubDialogs(workbench, self.errands, self.network, self)
        self.watch = LibraryWatch(workbench, self)
        self.stack = QStackedWidget()
        self.compare = ComparePage(workbench, self.pump, self.runner)
        self.blind = part(self.compare, BlindMode)
        self.machine_watch = MachineWatch(workbench, self.errands, self.compare.comparison, self.strip, self)
        self._titles = page_titles()
        self._arrange()
        self.commands = Commands(self)
        self.menus = actions.build(self, self.commands)
        self.commands.attach(self.menus)
        self._connect()
        self._restore()
        self.safe_start = SafeStart(workbench.sentinel, self.compare, self.notice)
        self.show_page("compare")
        self._touched = False
        self.errands.run("count models", errand(self._library_empty), self._first_page)
        self.traffic.resume_if_queued()

    # --- arranged ----------------------------------------------------------------------------

    def _arrange(self) -> None:
        self.rail.add("compare", tr("Compare"), "compare-horizontal", tr("Several models, one prompt (Ctrl+1)"))
        tip = tr("Every model, and which quantisation fits (Ctrl+2)")
        self.rail.add("models", tr("Models"), "layers-triple-outline", tip)
        self.rail.add("machine", tr("Machine"), "memory", tr("This machine, and what fits it (Ctrl+3)"))
        tip = tr("Which model is preferred, and how sure that is (Ctrl+4)")
        self.rail.add("votes", tr("Votes"), "vote-outline", tip)
        self.rail.add("welcome", tr("Start"), "compass-outline", tr("Get started (F1)"), at_end=True)
        self.stack.addWidget(self.compare)
        top = QFrame()
        top.setProperty("role", "topbar")
        bar = QHBoxLayout(top)
        bar.setContentsMargins(Space.L, Space.S, Space.L, Space.S)
        bar.setSpacing(Space.L)
        bar.addWidget(self.heading, 1)
        bar.addWidget(self.strip)
        said = QWidget()
        around = QVBoxLayout(said)
        around.setContentsMargins(Space.L, 0, Space.L, Space.M)
        around.addWidget(self.notice)
        said.hide()
        self.notice.shown.connect(said.setVisible)
        right = QVBoxLayout()
        right.setSpacing(0)
        right.addWidget(top)
        right.addWidget(self.stack, 1)
        right.addWidget(said)
        right.addWidget(self.dock.drawer)
        center = ReadInOrder()
        center.setProperty("role", "page")
        across = QHBoxLayout(center)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(self.rail)
        across.addLayout(right, 1)
        self.setCentralWidget(center)
        self.curtain = DropCurtain(center)

    def _connect(self) -> None:
        self.rail.chosen.connect(self.show_page)
        self.compare.title_changed.connect(self._on_title)
        self.compare.memory_changed.connect(self.machine_watch.look)
        self.watch.changed.connect(self.compare.shelf.refresh)
        self.dialogs.installed.connect(self._on_installed)
        self.dock.refused.connect(self._say_problem)
        self.dock.drawer.token_wished.connect(self.dialogs.show_token)
        self.dock.drawer.opened.connect(self._open_download)
        self.traffic.changed.connect(self._on_traffic)
        self.machine_watch.seen.connect(self._on_seen)
        self.machine_watch.failed.connect(self._say_problem)
        self.machine_watch.ticked.connect(self.network.follow)
        self.blind.changed.connect(self._on_blind)
        self.blind.votes_wished.connect(self._show_votes)

    # --- pages -------------------------------------------------------------------------------

    # The first use makes a page: together they are a quarter of the program, and nobody waits for that at the start.

    @cached_property
    def models(self) -> ModelsPage:
        from workbench.gui.later_pages import models_page

        return models_page(self)

    @cached_property
    def machine(self) -> MachinePage:
        from workbench.gui.later_pages import machine_page

        return machine_page(self)

    @cached_property
    def votes(self) -> VotesPage:
        from workbench.gui.later_pages import votes_page

        return votes_page(self)

    @cached_property
    def welcome(self) -> WelcomePage:
        from workbench.gui.later_pages import welcome_page

        return welcome_page(self)

    def made(self, name: str) -> bool:
        """Whether a page is there; one that is not has nothing to be told yet."""
        return name in self.__dict__

    @Slot(str)
    def show_page(self, name: str) -> None:
        self._touched = True
        self._shown = name
        self.stack.setCurrentWidget(getattr(self, name))
        self.rail.show_current(name)
        self._show_heading()
        if name == "machine":
            self.machine.refresh()
        elif name == "models":
            self.models.refresh()
        elif name == "votes":
            self.votes.refresh()
        elif name == "welcome":
            self.welcome.refresh()
            self.welcome.look_around()
        elif self.blind.is_shown:
            self.blind.stage.take_keys()
        else:
            self.compare.composer.setFocus()

    @Slot()
    def show_compare(self) -> None:
        self.show_page("compare")

    @Slot()
    def _show_votes(self) -> None:
        self.show_page("votes")

    @Slot(str)
    def _on_title(self, _title: str) -> None:
        self._show_heading()

    def _show_heading(self) -> None:
        name = self._shown
        title = self.compare.record.title if name == "compare" else ""
        self.heading.setText(f"{self._titles[name]}  ▸  {isolated(title)}" if title else self._titles[name])
        self.setWindowTitle(f"{title or self._titles[name]} – {PROGRAM}")

    def _first_page(self, empty: bool) -> None:
        if self._touched or self.bench.conversations.listed():
            return
        if empty:
            self.show_page("welcome")
        else:
            self.compare.propose()

    def _library_empty(self) -> bool:
        listing = self.bench.library.listing()
        if empty := not listing.files and not listing.problems:
            import workbench.gui.pages.welcome  # noqa: F401 - here, where nobody waits for it
        return empty

    @Slot()
    def on_fetched(self) -> None:
        self.compare.propose()
        self.show_page("compare")
        self.notice.say(tr("The starter models are here."), tr("Ask them something."), tone=Tone.ACCENT)
        self.notice.pass_with(self.compare.composer.sent)

    @Slot()
    def come_to_front(self) -> None:
        """Another start of the program found this window."""
        self.setWindowState((self.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive)
        self.show()
        self.raise_()
        self.activateWindow()

    @Slot()
    def _on_blind(self) -> None:
        self.machine_watch.hide_names(hidden=self.blind.hiding)

    # --- the machine, now --------------------------------------------------------------------

    @property
    def machine_now(self) -> Hardware | None:
        """As it was seen last."""
        return self.machine_watch.machine

    @Slot(object, bool)
    def _on_seen(self, machine: Hardware, first: bool) -> None:
        if self.made("machine"):
            self.machine.draw_memory(machine, self.machine_watch.loaded)
        if first and self.made("welcome"):
            self.welcome.draw_machine(machine)
            self.welcome.draw_together(machine)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.machine_watch.start()
        QTimer.singleShot(SETTLED_MS, self.watch, self.watch.begin)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.machine_watch.stop()

    # --- files -------------------------------------------------------------------------------

    def open_file(self, path: Path) -> None:
        """Into the Compare page, which says itself what is wrong with a file."""
        self.show_page("compare")
        self.compare.open_file(path)

    @Slot(object, object, bool)
    def open_model(self, model: ModelFile, params: RunParams | None = None, force: bool = False) -> None:
        self.show_page("compare")
        self.compare.open_model(model, params, force=force)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        found = dropping.dropped(event.mimeData())
        if found:
            event.acceptProposedAction()
            self.curtain.lift(dropping.words(found))

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.curtain.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Models into panes, a pack into its dialog, text along with the prompt."""
        self.curtain.hide()
        found = dropping.dropped(event.mimeData())
        for path in found.models:
            self.open_file(path)
        if found.texts:
            self.show_page("compare")
            part(self.compare, HistoryPart).imports.take_or(found.texts, part(self.compare, Attachments).take)
        if found.packs:
            self.dialogs.import_pack().check(found.packs[0])

    def add_folder(self, folder: Path) -> None:
        work = partial(self.bench.library.add_folder, folder)
        self.errands.run("add a folder", errand(work), self._on_folder, self._not_done, lane=LIST_LANE)

    def _on_folder(self, folder: Path) -> None:
        self.watch.begin_anew()
        said = tr("{folder}: nothing is copied or changed in it.", folder=folder)
        self.notice.say(tr("The folder belongs to the library now."), said, tone=Tone.ACCENT)
        self.show_page("models")

    @Slot(bool)
    def _on_installed(self, settings: bool) -> None:
        if settings:
            self.commands.dress()
        self.show_page("models")

    # --- downloads ---------------------------------------------------------------------------

    @Slot()
    def toggle_downloads(self) -> None:
        self.dock.toggle()

    @Slot(object)
    def on_queued(self, download: Download) -> None:
        self.traffic.refresh()
        self.traffic.start()
        self.dock.show_drawer()

    @Slot(object, object)
    def on_not_got(self, _model: ModelFile, problem: Problem) -> None:
        if problem.code == GatedModelError.code:
            self.models.notice.suggest(tr("Enter a token…"), self.dialogs.show_token)

    @Slot()
    def _on_traffic(self) -> None:
        if self.made("models"):
            self.models.draw_coming(self.coming())

    def coming(self) -> list[Path]:
        """Files that are on their way."""
        return [path for item in self.traffic.items if item.coming for path in item.download.files]

    @Slot(object)
    def _open_download(self, download: Download) -> None:
        self.open_file(download.files[0])

    @Slot(str)
    def show_entry(self, entry_id: str) -> None:
        self.show_page("models")
        self.models.show_entry(entry_id)

    def _not_done(self, error: Exception) -> None:
        self._say_problem(Problem.of(error))

    @Slot(object)
    def _say_problem(self, problem: Problem) -> None:
        self.notice.tell(problem)

    # --- the end -----------------------------------------------------------------------------

    def _restore(self) -> None:
        kept = QSettings(str(self.bench.paths.window), QSettings.Format.IniFormat)
        geometry = kept.value("geometry")
        if not (isinstance(geometry, QByteArray) and self.restoreGeometry(geometry)):
            self.resize(1280, 800)
        if kept.value("options", False, bool):
            self.compare.toggle_options()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop and free everything; what was written of stopped answers is kept."""
        if not self._closed:
            self._closed = True
            self.machine_watch.stop()
            kept = QSettings(str(self.bench.paths.window), QSettings.Format.IniFormat)
            kept.setValue("geometry", self.saveGeometry())
            kept.setValue("options", self.compare.bar.options.isChecked())
            kept.sync()
            self.hide()  # the last token may take a moment; nobody needs to watch
            self.dock.drawer.notice.take()
            self.errands.close()
            self.watch.close()
            if self.made("models"):
                self.models.care.close()
            self.compare.shutdown()
            self.runner.close()
            self.traffic.close()
            self.pump.drain()
        super().closeEvent(event)
