"""Pages that are made when they are first shown, so that the window need not wait for them, and what leads to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.gui.pages.machine import MachinePage
    from workbench.gui.pages.models import ModelsPage
    from workbench.gui.pages.votes import VotesPage
    from workbench.gui.pages.welcome import WelcomePage
    from workbench.gui.window import MainWindow


def models_page(window: MainWindow) -> ModelsPage:
    from workbench.gui.compare.whereabouts import Whereabouts
    from workbench.gui.pages.models import ModelsPage

    page = ModelsPage(window.bench, window.errands)
    page.refresh_button.clicked.connect(window.watch.begin_anew)
    page.chosen.connect(window.open_model)
    page.ghost.connect(window.machine_watch.show_ghost)
    page.getting.refused.connect(window.on_not_got)
    page.getting.queued.connect(window.on_queued)
    window.watch.changed.connect(page.refresh)
    window.machine_watch.measured.connect(page.refresh)
    window.traffic.arrived.connect(page.refresh)
    Whereabouts(page.care, window.compare.record, window.compare.shelf, page)
    page.draw_coming(window.coming())
    window.stack.addWidget(page)
    return page


def machine_page(window: MainWindow) -> MachinePage:
    from workbench.gui.pages.machine import MachinePage

    page = MachinePage(window.bench, window.errands)
    page.chosen.connect(window.open_model)
    if window.machine_now is not None:
        page.draw_memory(window.machine_now, window.machine_watch.loaded)
    window.stack.addWidget(page)
    return page


def votes_page(window: MainWindow) -> VotesPage:
    from workbench.gui.pages.votes import VotesPage
    from workbench.gui.votes.ways import VoteWays

    page = VotesPage(window.bench, window.errands)
    VoteWays(window.compare, window.blind, page, window.bench.history.vote_listing, window.show_page)
    window.stack.addWidget(page)
    return page


def welcome_page(window: MainWindow) -> WelcomePage:
    from workbench.gui.pages.welcome import WelcomePage

    page = WelcomePage(window.bench, window.pump, window.runner, window.errands)
    page.fetched.connect(window.on_fetched)
    page.open_file.connect(window.commands.choose_file)
    page.add_folder.connect(window.commands.choose_folder)
    page.import_pack.connect(window.dialogs.import_pack)
    page.show_entry.connect(window.show_entry)
    page.queued.connect(window.on_queued)
    page.done.connect(window.show_compare)
    window.watch.changed.connect(page.look_again)
    if window.machine_now is not None:
        page.draw_machine(window.machine_now)
        page.draw_together(window.machine_now)
    window.stack.addWidget(page)
    return page
