"""Compare in pictures: conversations beside the panes, differences, blind votes, decks, the presenter, and comfort."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QDialog

from workbench.chat.decks.deck import Deck, DeckPrompt
from workbench.chat.plan import RunMode
from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.gui.compare.answer_deeds import AnswerDeeds
from workbench.gui.compare.parts import part
from workbench.gui.data.dialog import DataDialog
from workbench.gui.decks.part import DecksPart
from workbench.gui.history.part import HistoryPart
from workbench.gui.present.mode import Presenter
from workbench.gui.shortcuts import ShortcutsDialog
from workbench.stats.outcome import Outcome

if TYPE_CHECKING:
    from tests.screenshots.__main__ import Camera
    from workbench.chat.pane import Pane

EARLIER = (
    ("What is a hash map?", "Teaching", ("explain",), True),
    ("Suggest a name for a tea shop.", "", ("tone",), False),
    ("Summarise: the train was late and the meeting moved.", "Work", (), False),
)
BLIND_PROMPT = "Explain in two sentences why the sky is blue."
COLOUR_PROMPT = "Name three colours and one thing that has each."
DECK = Deck(
    "Customer letters",
    (
        DeckPrompt("Thank a customer for waiting.", name="Thanks", tags=("tone",)),
        DeckPrompt("Decline a refund in a friendly way.", name="Refund", tags=("tone",)),
        DeckPrompt("Ask for the order number.", name="Order number"),
        DeckPrompt("Say when the parcel arrives: on Monday.", name="Parcel"),
    ),
)
SHORT, LONG = 48, 130  # tokens
VOTES = 140
STRENGTHS = (0.9, 0.5, -1.6)  # of the votes that the pictures of the ranking are made of
STAGE_SIZE = (1280, 800)


class CompareScenes:
    """On real models, those of ``camera``, three of them in panes."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.window, self.bench = camera.window, camera.bench
        self.page = camera.window.compare

    def take(self) -> None:
        self.window.show_page("compare")
        self._tokens(SHORT)
        self.conversations()
        self.differences()
        self.alone()
        self.blind()
        self.votes()
        self.deck()
        self.presenter()
        self.comfort()
        self.eight()
        self._tokens(LONG)

    # --- the panes ---------------------------------------------------------------------------

    def conversations(self) -> None:
        """Three panes with answers, and the list of what was asked before."""
        for prompt, folder, tags, pinned in EARLIER:
            self.page.new_comparison()
            self.camera.ask(prompt)
            kept = self.page.record.diary.conversation_id
            assert kept is not None
            self.bench.conversations.set_folder(kept, folder)
            self.bench.conversations.set_tags(kept, tags)
            self.bench.conversations.set_pinned(kept, pinned=pinned)
        self.page.new_comparison()
        self.camera.ask(COLOUR_PROMPT)
        sidebar = part(self.page, HistoryPart).sidebar
        self.camera.dress("light")  # wide enough for a list beside the panes
        sidebar.toggle()
        self.camera.until(lambda: sidebar.is_open and self.window.runner.idle)
        self.camera.both("conversations")
        sidebar.find()
        sidebar.panel.field.setText("tea")
        self.camera.rest(600)
        self.camera.take("search")
        sidebar.panel.field.clear()
        sidebar.close()

    def differences(self) -> None:
        """Of the first two answers, word by word."""
        shown = part(self.page, AnswerDeeds).differences
        first, second = self.camera.panes[:2]
        shown.show(first, second, first.exchanges[-1])
        self.camera.until(lambda: shown.shown)
        shown.step(1)
        self.camera.both("differences")
        shown.leave()

    def alone(self) -> None:
        self.page.row.focus_one(self.camera.panes[0].id)
        self.camera.take("pane-alone")
        self.page.row.focus_one(None)

    def eight(self) -> None:
        """The same three files again, told apart by their temperature; four panes are beside each other."""
        self.page.new_comparison()
        models = [pane.model for pane in self.camera.panes[:3]]
        templates = [self.page.record.settings_of(pane).template for pane in self.camera.panes[:3]]
        while len(self.camera.panes) < 8:
            self.page.add_pane()
        for number, pane in enumerate(self.camera.panes):
            model = models[number % 3]
            assert model is not None
            sampling = replace(self.page.comparison.options.sampling, temperature=0.2 + 0.3 * (number // 3))
            self.page.pick(pane, model)
            settings = replace(self.page.record.settings_of(pane), template=templates[number % 3])
            own = replace(settings, sampling=sampling) if number > 2 else settings
            self.page.do(partial(self.page.record.configure, pane, own))
        before = self.page.comparison.options
        self.page.comparison.options = replace(before, max_tokens=24, mode=RunMode.SWAP)
        self.camera.ask(COLOUR_PROMPT)
        self.page.row.focus_pane(1)
        self.camera.take("eight-panes")
        self.page.comparison.options = before
        for pane in list(self.camera.panes[3:]):
            self.page.close_pane(pane)

    # --- votes -------------------------------------------------------------------------------

    def blind(self) -> None:
        """Two answers without a name, then who they were."""
        mode = self.window.blind
        self.page.new_comparison()
        mode.toggle()
        self.camera.ask(BLIND_PROMPT)
        stage = mode.stage
        self.camera.until(lambda: stage.currentWidget() is stage.voting)
        self.camera.both("blind-vote")
        for outcome in (Outcome.LEFT, Outcome.RIGHT, Outcome.TIE, Outcome.BOTH_BAD):
            if stage.currentWidget() is stage.voting:
                stage.voting.voted.emit(outcome, "", ())
                self.camera.rest()
        self.camera.until(lambda: stage.currentWidget() is stage.reveal and self.window.runner.idle)
        self.camera.take("blind-reveal")
        mode.toggle()

    def votes(self) -> None:
        """Votes of a rater whose preferences are known, about the answers' contenders."""
        panes = [pane for pane in self.camera.panes if pane.exchanges]
        strengths = {_contender(pane): strength for pane, strength in zip(panes, STRENGTHS, strict=True)}
        rng = random.Random(5)
        for number in range(VOTES):
            left, right = rng.sample(list(strengths), 2)
            chance = 1 / (1 + math.exp(strengths[right] - strengths[left]))
            outcome = Outcome.LEFT if rng.random() < chance else Outcome.RIGHT
            if rng.random() < 0.15:
                outcome = rng.choice([Outcome.TIE, Outcome.BOTH_BAD])
            sides = Side(left, rng.randint(20, 400)), Side(right, rng.randint(20, 400))
            self.bench.history.ballots.cast(
                Vote(*sides, outcome, seed=number, blind=True, tags=("tone",) if number % 3 == 0 else ())
            )
        self.window.show_page("votes")
        self.camera.until(lambda: self.window.votes.judged is not None and self.window.runner.idle)
        self.camera.both("votes")
        self.window.show_page("compare")

    # --- decks -------------------------------------------------------------------------------

    def deck(self) -> None:
        """Four prompts for three models, all answered but what is left of the last column."""
        self.page.new_comparison()
        decks = part(self.page, DecksPart)
        kept = self.bench.history.decks.save(DECK)
        decks.show_shelf()
        self.camera.take("decks")
        decks.begin(kept)
        bar = decks.run_view.bar
        self.camera.until(lambda: decks.running is None and bar.value() == bar.maximum() == len(DECK.prompts) * 3)
        self.camera.both("deck-table")
        decks.leave()

    def presenter(self) -> None:
        self.page.new_comparison()
        self.camera.ask(COLOUR_PROMPT)
        shown = Presenter(self.page)
        shown.resize(*STAGE_SIZE)
        shown.show()
        for mode in ("light", "dark"):
            self.camera.dress(mode)
            self.camera.keep(f"presenter-{mode}", shown)
        shown.close()
        self.camera.dress("light")

    # --- comfort -----------------------------------------------------------------------------

    def comfort(self) -> None:
        palette = self.window.commands.palette
        palette.appear()
        palette.field.setText("na")
        self.camera.take("palette")
        palette.leave()
        self._dialog("shortcuts", ShortcutsDialog(self.window))
        self._dialog("your-data", DataDialog(self.bench, self.window))

    def _dialog(self, name: str, dialog: QDialog) -> None:
        dialog.show()
        self.camera.until(lambda: self.window.runner.idle)
        self.camera.rest()
        self.camera.keep(name, dialog)
        dialog.reject()
        QApplication.processEvents()

    def _tokens(self, count: int) -> None:
        self.page.comparison.options = replace(self.page.comparison.options, max_tokens=count)


def _contender(pane: Pane) -> Contender:
    answer = pane.exchanges[-1].answer
    assert answer is not None
    return Contender.of(answer)
