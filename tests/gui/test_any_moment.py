"""Deeds in random order at any moment: nothing breaks, nothing is logged as an error, no finished answer is lost."""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.chat.decks.deck import Deck, DeckPrompt
from workbench.chat.options import Options
from workbench.chat.pane import Exchange, Pane
from workbench.chat.plan import RunMode
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, Thought
from workbench.errors import EngineError
from workbench.gui import theme
from workbench.gui.compare.parts import part
from workbench.gui.compare.wishes import Wish
from workbench.gui.decks.part import DecksPart
from workbench.gui.history.part import HistoryPart
from workbench.gui.pages.compare import ComparePage
from workbench.gui.present.mode import PresenterPart
from workbench.gui.window import MainWindow
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU

SEEDS = (3, 5, 21)
DEEDS = 40
TITLES = ("Llama Alpha 1B", "Gemma Beta 2B", "Ministral Gamma 3B")
PIECES = (
    "word ",
    "**bold** ",
    "\n\n",
    "👩‍",
    "👧 ",
    "e",
    "\u0301 ",
    "<img src=x> ",
    "`code",
    "` ",
    "שלום ",
    "| a |\n",
    "```\n",
)
WAITS = 200  # visits of the event loop, at most, that one deed waits for something to have begun


class Storyteller:
    """Answers of every length, some thought first, some broken off by a fault; knows which it has told to the end."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()  # guards _random, _numbers and told together
        self._numbers = itertools.count(1)
        self.told: set[str] = set()

    def __call__(self, request: Request) -> Iterator[str]:
        with self._lock:
            chance = self._random.random()
            pieces = [self._random.choice(PIECES) for _ in range(self._random.choice((0, 1, 5, 30, 200)))]
            whole = [f"answer {next(self._numbers)} ", *pieces]
        if chance < 0.1:
            yield Thought("Let me see. ")
        for place, piece in enumerate(whole):
            if chance > 0.9 and place == len(whole) // 2:
                raise EngineError("The engine gave up on this answer.", hint="Ask again.")
            yield piece
        with self._lock:
            self.told.add("".join(whole))


def look() -> None:
    """One visit of the event loop; it deletes what is to be deleted, as only a running one does by itself."""
    QApplication.processEvents()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


class Player:
    """Does what a user may do, in an order that the seed decides; a deed that is refused is refused in words."""

    def __init__(self, window: MainWindow, seed: int) -> None:
        self.window = window
        self.page: ComparePage = window.compare
        self.random = random.Random(seed)
        self.done: list[str] = []
        self._deeds: list[Callable[[], object]] = [
            *(4 * [self.ask]), self.queue_more, self.go_on, self.stop, self.stop_one, self.again, self.close_pane,
            self.add_pane, self.choose, self.own_sampling, self.unload, self.new, self.switch, self.switch, self.delete,
            self.undo, self.edit, self.branch_here, self.attempt, self.goes_on, self.blind,
            *(3 * [self.blind_round]), *(3 * [self.vote]), self.blind_on_shown, self.leave_blind, self.deck,
            self.stop_deck, self.open_deck_answer, self.decks_shown, self.focus_one, self.mode, self.present,
            self.other_page, self.search, self.dress, *(5 * [self.wait]),
        ]  # fmt: skip

    def play(self, deeds: int) -> None:
        for _ in range(deeds):
            deed = self.random.choice(self._deeds)
            self.done.append(deed.__name__)
            deed()
            for _ in range(self.random.choice((0, 0, 1, 3, 10))):
                look()

    # --- answers -----------------------------------------------------------------------------

    def ask(self) -> None:
        self.page.composer.set_text(self.random.choice(("Why?", "Tell me more.", "א" * 50, "**What** is `it`?")))
        self.page.send()

    def queue_more(self) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.ask()

    def go_on(self) -> None:
        self.page.do(self.page.comparison.go_on)

    def stop(self) -> None:
        self.page.stop_all()

    def stop_one(self) -> None:
        self.page.stop(self._pane())

    def again(self) -> None:
        self.page.regenerate(self._pane())

    def wait(self) -> None:
        """Until something is being written, or all is quiet, whichever chance says; not for ever."""
        quiet = self.random.random() < 0.5
        for _ in range(WAITS):
            look()
            panes = self.page.comparison.panes
            if self.page.comparison.busy is not quiet or (not quiet and any(pane.text for pane in panes)):
                break
            threading.Event().wait(0.001)

    # --- panes -------------------------------------------------------------------------------

    def close_pane(self) -> None:
        self.page.close_pane(self._pane())

    def add_pane(self) -> None:
        self.page.add_pane()
        self.choose()

    def choose(self) -> None:
        files = self.page.shelf.models
        if files:
            self.page.pick(self._pane(), self.random.choice(files))

    def own_sampling(self) -> None:
        record, pane = self.page.record, self._pane()
        own = replace(record.settings_of(pane), sampling=self.random.choice((None, Options().sampling)))
        self.page.do(lambda: record.configure(pane, own))

    def unload(self) -> None:
        self.page.unload(self._pane())

    def focus_one(self) -> None:
        self.page.row.focus_one(self.random.choice((None, self._pane().id)))

    def mode(self) -> None:
        page = self.page
        options = replace(page.comparison.options, mode=self.random.choice(list(RunMode)))
        page.panel.show_options(options, page.record.context)
        page.panel.changed.emit(options, page.record.context)

    # --- conversations -----------------------------------------------------------------------

    def new(self) -> None:
        self.page.new_comparison()

    def switch(self) -> None:
        listed = self.window.bench.conversations.listed()
        if listed:
            self.page.load_conversation(self.random.choice(listed).id)

    def delete(self) -> None:
        listed = self.window.bench.conversations.listed()
        if listed:
            part(self.page, HistoryPart).sidebar.panel.wished.emit("delete", self.random.choice(listed))

    def undo(self) -> None:
        part(self.page, HistoryPart).undo()

    def search(self) -> None:
        sidebar = part(self.page, HistoryPart).sidebar
        sidebar.toggle()
        sidebar.refresh()

    def edit(self) -> None:
        self._wish(Wish.EDIT, "Something else, then.")

    def branch_here(self) -> None:
        self._wish(Wish.BRANCH_HERE)

    def attempt(self) -> None:
        pane, exchange = self._exchange()
        if exchange is not None and exchange.attempts:
            self.page.row.wished.emit(pane, exchange, Wish.ATTEMPT, self.random.choice(exchange.attempts))
        if exchange is not None and exchange.siblings:
            self.page.row.wished.emit(pane, exchange, Wish.BRANCH, self.random.choice(exchange.siblings))

    def goes_on(self) -> None:
        self._wish(self.random.choice((Wish.CONTINUE_ALL, Wish.CONTINUE_OWN, Wish.QUOTE, Wish.COPY)), "")

    # --- blind -------------------------------------------------------------------------------

    def blind(self) -> None:
        self.window.blind.toggle()

    def blind_round(self) -> None:
        """Asked blind, left in peace for a while, and judged."""
        if not self.window.blind.on:
            self.blind()
        self.ask()
        for _ in range(self.random.choice((1, 3))):
            self.wait()
        for _ in range(self.random.randint(1, 4)):
            self.vote()

    def blind_on_shown(self) -> None:
        self.window.blind.vote_on_shown()

    def leave_blind(self) -> None:
        self.window.blind.leave()

    def vote(self) -> None:
        """As the keys would, where a pair is shown."""
        stage = self.window.blind.stage
        if stage.voting.isVisible():
            stage.voting.bar.press(self.random.choice(("left", "right", "tie", "bad", "skip", "undo")))
        elif stage.reveal.isVisible():
            self.random.choice((stage.reveal.undo, stage.reveal.leave, stage.reveal.next_prompt)).emit()

    # --- decks, and all else -----------------------------------------------------------------

    def deck(self) -> None:
        prompts = tuple(DeckPrompt(f"Question {number}") for number in range(self.random.randint(1, 6)))
        part(self.page, DecksPart).begin(self.window.bench.history.decks.save(Deck("Questions", prompts)))

    def stop_deck(self) -> None:
        part(self.page, DecksPart).stop()

    def decks_shown(self) -> None:
        part(self.page, DecksPart).toggle()

    def open_deck_answer(self) -> None:
        decks = part(self.page, DecksPart)
        table = self.window.bench.history.decks.runs.table(decks.shown) if decks.shown is not None else None
        if table is not None:
            decks.run_view.opened.emit(self.random.choice(table.rows).turn_id)

    def present(self) -> None:
        presenting = part(self.page, PresenterPart)
        if presenting.presenter is None:
            presenting.show()
        else:
            self.random.choice(
                (presenting.presenter.ask, presenting.presenter.turn_blind, presenting.presenter.close)
            )()

    def other_page(self) -> None:
        self.window.show_page(self.random.choice(("compare", "compare", "models", "machine", "votes", "welcome")))

    def dress(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, "dark" if self.random.random() < 0.5 else "light", 1.0)

    # --- within ------------------------------------------------------------------------------

    def _pane(self) -> Pane:
        return self.random.choice(self.page.comparison.panes)

    def _exchange(self) -> tuple[Pane, Exchange | None]:
        pane = self._pane()
        return pane, self.random.choice(pane.exchanges) if pane.exchanges else None

    def _wish(self, wish: Wish, argument: object = None) -> None:
        pane, exchange = self._exchange()
        if exchange is not None:
            self.page.row.wished.emit(pane, exchange, wish, argument)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose library holds three models."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    for name, title in zip(("alpha", "beta", "gamma"), TITLES, strict=True):
        write_model(folder / f"{name}.gguf", text={"general.name": title})
    return tmp_path / "data"


def kept(data: Path) -> dict[str, str]:
    """The text of every answer in the store, with its state."""
    with closing(sqlite3.connect(data / "workbench.sqlite3")) as sql:
        return dict(sql.execute("SELECT text, state FROM generation").fetchall())


@contextmanager
def opened(data: Path, backend: FakeBackend, qtbot: QtBot) -> Iterator[MainWindow]:
    """A window, closed at whatever moment it is then."""
    with Workbench.open(data_dir=data, backend=backend) as bench:
        bench.machine = lambda: LAPTOP_WITHOUT_GPU  # type: ignore[method-assign]  # the same wherever tests run
        window = MainWindow(bench)
        qtbot.addWidget(window)
        window.show()
        try:
            qtbot.waitUntil(lambda: window.compare.shelf.looked)
            yield window
        finally:
            window.close()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.qt_log_ignore("This plugin does not support (propagateSizeHints|raise|grabbing the keyboard)")
def test_whatever_is_done_at_any_moment_nothing_breaks_and_every_finished_answer_is_kept(
    qapp: QApplication, qtbot: QtBot, data: Path, home: Path, seed: int
) -> None:
    """Exceptions, errors in the log, warnings of Qt and threads left behind fail every test of this suite."""
    theme.apply(qapp, "light", 1.0)
    storyteller = Storyteller(seed)
    backend = FakeBackend(storyteller, tokens_per_s=random.Random(seed).choice((None, 300.0, 2000.0)))
    with opened(data, backend, qtbot) as window:
        player = Player(window, seed)
        player.play(DEEDS)
    assert backend.live == 0
    found = kept(data)
    assert storyteller.told <= set(found), player.done
    assert "running" not in found.values(), player.done
    with opened(data, backend, qtbot) as again:
        assert again.compare.comparison.panes
