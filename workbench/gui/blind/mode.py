"""Blind mode of the Compare page: asking hides who answers until the votes are given."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from workbench.errors import SettingsError, UsageError
from workbench.gui.blind.hiding import hide_names
from workbench.gui.errands import errand
from workbench.gui.tr import explained, tr
from workbench.words import said

if TYPE_CHECKING:
    from workbench.chat.votes.ballots import Ballots
    from workbench.chat.votes.ratings import Ratings
    from workbench.gui.blind.sheet import Sheet
    from workbench.gui.blind.sitting import Sitting
    from workbench.gui.blind.stage import BlindStage
    from workbench.gui.pages.compare import ComparePage
    from workbench.stats.outcome import Outcome

log = logging.getLogger(__name__)


class BlindMode(QObject):
    """``on`` is the switch; ``hiding`` is whether names, order and speed are hidden now (``blind.hiding.names_hidden``
    asks the same of a widget).  ``changed`` follows both, ``voted`` every vote and every one taken back."""

    changed = Signal()
    voted = Signal()
    votes_wished = Signal()

    def __init__(self, page: ComparePage) -> None:
        super().__init__(page)
        self._page = page
        self.on = False
        self.hiding = False
        self._known: set[int] = set()  # turns that were asked openly, or judged already
        self._turns: list[int] = []  # blind ones that are being written, or wait for it
        self._unasked: list[Sheet] = []
        self._tags: set[str] = set()  # that were used before
        self._sitting: Sitting | None = None
        self._judged: tuple[int, ...] = ()  # turns that could be judged once more
        self._conversation_id: int | None = None
        for told in (page.composer.count, page.composer.plan):
            policy = told.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # nothing moves when they go
            told.setSizePolicy(policy)
        self.button = page.bar.add_button(
            tr("Blind"),
            "eye-off-outline",
            tr("Hide who answers until you have voted (Ctrl+Shift+B)"),
            checkable=True,
            apart=True,
        )
        self.button.clicked.connect(self.toggle)
        page.stage.currentChanged.connect(self._on_stage)
        page.stage.currentChanged.connect(page.composer.give_way)
        page.drawn.connect(self._follow)
        page.conversation_changed.connect(self._on_conversation)
        self._on_conversation()

    @cached_property
    def stage(self) -> BlindStage:
        """Made for the first blind prompt."""
        from workbench.gui.blind.stage import BlindStage

        stage = BlindStage()
        self._page.stage.addWidget(stage)
        stage.writing.stop.connect(self._page.stop_all)
        stage.nothing.leave.connect(self.leave)
        stage.judged.leave.connect(self.leave)
        stage.judged.again.connect(self._on_again)
        stage.voting.notes.rater_named.connect(self._on_rater)
        stage.voting.voted.connect(self._on_vote)
        stage.voting.undo.connect(self._on_undo)
        stage.reveal.undo.connect(self._on_undo)
        stage.reveal.leave.connect(self.leave)
        stage.reveal.next_prompt.connect(self._on_next)
        stage.reveal.votes.connect(self.votes_wished)
        self._page.errands.run("tags of votes", errand(self._ballots.tags), self._learnt_tags)
        return stage

    @property
    def is_shown(self) -> bool:
        """Whether the stage stands where the panes were."""
        return "stage" in self.__dict__ and self._page.stage.currentWidget() is self.stage

    @property
    def _ballots(self) -> Ballots:
        return self._page.bench.history.ballots

    # --- the switch --------------------------------------------------------------------------

    @Slot()
    def toggle(self) -> None:
        """Hide the names from the next prompt on; or hide them no more, and show what is hidden now."""
        self.on = not self.on
        if self.on:
            self._know_all()
        else:
            self._turns.clear()
            if self._sitting is not None:
                self._sitting.revealed = True
            self.leave()
        self._keep()
        self._show_switch()

    def begin_with(self, turn_ids: Sequence[int], conversation_id: int | None = None, *, anew: bool = False) -> None:
        """Vote on answers that are kept, prompt by prompt; without ``conversation_id`` on the one that is shown.

        A vote on the same prompts that was left in the middle goes on; what was judged before is left out, unless it is
        to be judged ``anew``.  Raises UsageError where there is nothing to vote on, or answers are being written.
        """
        from workbench.gui.blind.words import left_out

        if self._page.comparison.busy:
            raise UsageError(said("Answers are being written."), hint=said("Vote when they are there, or stop them."))
        kept = conversation_id if conversation_id is not None else self._page.record.diary.conversation_id
        sheets = self._stored(kept, turn_ids) if kept is not None else []
        good = [sheet for sheet in sheets if sheet.can_be_judged]
        if kept is None or not good:
            raise UsageError(
                said("There is nothing to vote on."), hint=said("It takes two whole answers to the same prompt.")
            )
        self._conversation_id = kept
        self._turns.clear()
        sitting = self._begun(kept, good, anew=anew)
        self._unasked = [sheet for sheet in sheets if not sheet.can_be_judged]
        if sitting.asked is None and sitting.judged:
            self._sitting = None
            self._all_judged(turn_ids, sitting.judged)
            return
        self._sitting = sitting
        self._advance(left_out(sitting.judged, sitting.rater) if not sitting.can_undo else "")
        self.stage.take_keys()

    def _all_judged(self, turn_ids: Sequence[int], pairs: int) -> None:
        """Says so, and judges again only where that is wished."""
        self._judged = tuple(turn_ids)
        self._hide(hidden=False)
        self._page.stage.setCurrentWidget(self.stage)
        self.stage.show_judged(pairs, self.rater)
        self._keep()

    @Slot()
    def _on_again(self) -> None:
        self.begin_with(self._judged, self._conversation_id, anew=True)

    @property
    def rater(self) -> str:
        """Who judges; empty for one who gave no name."""
        return self._page.bench.settings.rater

    @Slot(str)
    def _on_rater(self, name: str) -> None:
        """Who judges from now on, also after the window is closed."""
        if name == self.rater:
            return
        try:
            self._page.bench.take_settings({"rater": name})
        except SettingsError as error:
            self._page.composer.say(explained(error))
        if self._sitting is not None:
            self._sitting.rater = name

    def vote_on_shown(self) -> None:
        """The newest prompt of the conversation that is shown; the composer says why where that cannot be."""
        turns = [pane.exchanges[-1].turn_id for pane in self._page.comparison.panes if pane.exchanges]
        newest = max((turn for turn in turns if turn is not None), default=None)
        try:
            self.begin_with([newest] if newest is not None else [])
        except UsageError as error:
            self._page.composer.say(explained(error))

    @Slot()
    def leave(self) -> None:
        """Back to the panes."""
        if "stage" in self.__dict__:
            self.stage.writing.end()
        self._hide(hidden=False)
        if self.is_shown:
            self._page.stage.setCurrentWidget(self._page.row)

    # --- what the page does ------------------------------------------------------------------

    @Slot()
    def _on_stage(self) -> None:
        """Whoever leaves what stood before this comes back here, not to the panes with their names."""
        if self.hiding and self._page.stage.currentWidget() is self._page.row:
            self._page.stage.setCurrentWidget(self.stage)
            self.stage.take_keys()

    @Slot()
    def _follow(self) -> None:
        """A prompt that is asked while the switch is on is hidden at once, and judged when it is answered."""
        if not self.on and not self._turns:
            return
        from workbench.gui.blind.sheet import sheet_of

        panes = self._page.comparison.panes
        newest = {pane.exchanges[-1].turn_id for pane in panes if pane.exchanges}
        for turn in sorted(turn for turn in newest if turn is not None and turn not in self._known):
            self._known.add(turn)
            self._turns.append(turn)
            if self._sitting is None or self._sitting.asked is None:
                self._begin(turn)
        for turn in list(self._turns):
            sheet = sheet_of(panes, turn)
            if sheet is not None:
                self._turns.remove(turn)
                self._judge(sheet)

    def _begin(self, turn: int) -> None:
        self._sitting, self._unasked = None, []
        self._conversation_id = self._page.record.diary.conversation_id
        asked = sum(bool(pane.exchanges and pane.exchanges[-1].turn_id == turn) for pane in self._page.comparison.panes)
        self._hide(hidden=True)
        self._page.stage.setCurrentWidget(self.stage)
        self.stage.show_writing(asked)
        self._keep()

    def _judge(self, sheet: Sheet) -> None:
        from workbench.gui.blind.sitting import Sitting

        looked_at = self._sitting is not None and self._sitting.asked is not None
        if not sheet.can_be_judged:
            self._unasked.append(sheet)
        else:
            self._sitting = self._sitting or Sitting(self._ballots, self._conversation_id, rater=self.rater)
            self._sitting.add(sheet)
        if looked_at:  # the pair stays, and what is written about it
            self._keep()
        else:
            self._advance()

    def _advance(self, told: str = "") -> None:
        """The next pair, or what there is to say when none is left."""
        from workbench.gui.blind.reveal import Reveal
        from workbench.gui.blind.words import why_not

        sitting = self._sitting
        asked = sitting.asked if sitting is not None else None
        self._page.stage.setCurrentWidget(self.stage)
        if sitting is not None and asked is not None:
            sitting.rater = self.rater
            self._hide(hidden=not sitting.revealed)
            self.stage.show_pair(asked, can_undo=sitting.can_undo, told=told, tags=tuple(self._tags), rater=self.rater)
        elif self._turns:
            self._hide(hidden=True)
            self.stage.show_writing(len(self._page.comparison.panes))
        elif sitting is not None:
            sitting.revealed = True
            self._hide(hidden=False)
            self.stage.show_reveal(Reveal.of(sitting, self._unasked), can_undo=sitting.can_undo)
            self._rank(sitting)
        else:
            self._hide(hidden=False)
            self.stage.show_nothing(why_not(self._unasked))
        self._keep()

    @Slot()
    def _on_conversation(self) -> None:
        """Another conversation: as it was left there; a new one keeps the switch as it stands."""
        shown = self._page.record.diary.conversation_id
        self._turns.clear()
        self._sitting, self._unasked = None, []
        written = self._written(shown) if shown is not None else None
        if written is not None:
            self.on = bool(written.get("on"))
        elif shown is not None:
            self.on = False
        self._conversation_id = shown
        self.leave()
        self._know_all()
        self._show_switch()
        if shown is not None and written is not None and written.get("sitting"):
            self._go_on(shown, written["sitting"])

    def _go_on(self, conversation_id: int, written: dict[str, Any]) -> None:
        """Where a closed window left off; nothing where all was voted, or the prompts are gone."""
        from workbench.gui.blind.sitting import Sitting

        if written["revealed"]:
            return
        sheets = [sheet for sheet in self._stored(conversation_id, written["turns"]) if sheet.can_be_judged]
        sitting = Sitting.again(self._ballots, conversation_id, written, sheets, rater=self.rater)
        if sitting.asked is not None:
            self._sitting = sitting
            self._advance(tr("You were in the middle of this vote."))

    # --- what the stage asks for -------------------------------------------------------------

    @Slot(object, str, tuple)
    def _on_vote(self, outcome: Outcome | None, comment: str, tags: tuple[str, ...]) -> None:
        from workbench.gui.blind.words import told_after

        if self._sitting is None:
            return
        given = self._sitting.vote(outcome, comment, tags)
        self._tags |= set(tags)
        self._advance(told_after(given))
        self.voted.emit()

    @Slot()
    def _on_undo(self) -> None:
        if self._sitting is not None and self._sitting.undo() is not None:
            self._advance()
            self.voted.emit()

    @Slot()
    def _on_next(self) -> None:
        self._page.composer.setFocus()

    # --- away from the window's thread ---------------------------------------------------------

    def _rank(self, sitting: Sitting) -> None:
        """How all stand so far; with thousands of votes that takes a moment."""
        work = errand(sitting.ratings)
        self._page.errands.run("standings", work, partial(self._ranked, len(sitting.given), sitting))

    def _ranked(self, given: int, sitting: Sitting, ratings: Ratings | None) -> None:
        still = sitting is self._sitting and sitting.asked is None and len(sitting.given) == given
        if ratings is not None and still:
            self.stage.reveal.show_standings(ratings)

    def _learnt_tags(self, tags: Sequence[str]) -> None:
        from workbench.gui.blind.sheet import NAMED_ITSELF

        self._tags |= set(tags) - {NAMED_ITSELF}
        self.stage.voting.notes.tags.know(tuple(self._tags))

    # --- within ------------------------------------------------------------------------------

    def _know_all(self) -> None:
        """What was asked so far was asked openly."""
        panes = self._page.comparison.panes
        self._known |= {one.turn_id for pane in panes for one in pane.exchanges if one.turn_id is not None}

    def _stored(self, conversation_id: int, turn_ids: Sequence[int]) -> list[Sheet]:
        from workbench.gui.blind.sheet import stored_sheets

        return stored_sheets(self._page.bench.conversations, conversation_id, turn_ids)

    def _begun(self, conversation_id: int, sheets: Sequence[Sheet], *, anew: bool) -> Sitting:
        """On these sheets: the one that was left in the middle, else a new one."""
        from workbench.gui.blind.sitting import Sitting

        written = (self._written(conversation_id) or {}).get("sitting")
        if written and not written["revealed"] and written["turns"] == [sheet.turn_id for sheet in sheets]:
            again = Sitting.again(self._ballots, conversation_id, written, sheets, rater=self.rater)
            if again.asked is not None:
                return again
        sitting = Sitting(self._ballots, conversation_id, rater=self.rater, anew=anew)
        for sheet in sheets:
            sitting.add(sheet)
        return sitting

    def _show_switch(self) -> None:
        self.button.setChecked(self.on)
        self.changed.emit()

    def _hide(self, *, hidden: bool) -> None:
        hide_names(self._page, hidden=hidden, conversation_id=self._conversation_id)
        if hidden == self.hiding:
            return
        self.hiding = hidden
        # How long the prompt is for whom, and who runs beside whom, is said by name.
        for told in (self._page.composer.count, self._page.composer.plan):
            told.setVisible(not hidden)
        self.changed.emit()

    def _keep(self) -> None:
        """The switch and the round, with the conversation."""
        shown = self._conversation_id or self._page.record.diary.conversation_id
        if shown is None:
            return
        sitting = self._sitting.as_json() if self._sitting is not None else None
        written = json.dumps({"on": self.on, "sitting": sitting})
        self._page.bench.conversations.keep_draft(_key(shown), written, of=shown)

    def _written(self, conversation_id: int) -> dict[str, Any] | None:
        text = self._page.bench.conversations.draft(_key(conversation_id))
        try:
            written = json.loads(text) if text else None
        except ValueError as error:
            log.info("what was kept of a blind round is not understood and left out: %s", error)
            return None
        return written if isinstance(written, dict) else None


def _key(conversation_id: int) -> str:
    return f"blind:{conversation_id}"
