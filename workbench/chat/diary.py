"""The journal of one window: writes a comparison's turns into the store as they happen."""

from __future__ import annotations

import time
from collections.abc import Sequence

from workbench.chat import tree
from workbench.chat.answer import Answer
from workbench.chat.conversations import Conversations
from workbench.chat.pane import Pane
from workbench.chat.stored import StoredConversation
from workbench.chat.titles import title_of

PARTIAL_EVERY_S = 1.0


class Diary:
    """``head`` is the turn that the next prompt follows.  ``continuing`` is the pane whose answers all panes go on
    with, None: each with its own."""

    def __init__(self, conversations: Conversations, restored: StoredConversation | None = None) -> None:
        self._conversations = conversations
        self._generations: dict[Pane, int] = {}
        self._kept_at: dict[Pane, float] = {}
        self.continuing: Pane | None = None
        self.conversation_id: int | None = None
        self.turn_to(restored)

    def turn_to(self, restored: StoredConversation | None) -> None:
        """Write the next prompt into another conversation or branch, or a new one; answers under way stay where they
        began."""
        if restored is None or restored.id != self.conversation_id:
            self.continuing = None
        self.conversation_id = restored.id if restored is not None else None
        self.head = restored.turns[-1].id if restored is not None and restored.turns else None
        # By slot: a pane that was not asked last answers its own last prompt again, not the newest one.
        self._turns = {slot: turn.id for turn in (restored.turns if restored else ()) for slot in turn.answers}

    def begin_anew(self) -> None:
        """The next prompt of this conversation follows none."""
        self.head = None
        self._turns.clear()

    def asked(self, prompt: str, panes: Sequence[Pane]) -> None:
        if self.conversation_id is None:
            self.conversation_id = self._conversations.create(title_of(prompt))
        self.share(panes)
        self._conversations.keep_panes(self.conversation_id, panes)
        self.head = self._conversations.add_turn(self.conversation_id, prompt, parent_id=self.head)
        self._turns |= {pane.id: self.head for pane in panes}

    def share(self, panes: Sequence[Pane]) -> None:
        """Let ``panes`` go on with the answers of the pane that is ``continuing``."""
        source = self.continuing
        if source is None or source not in panes or all(exchange.read is None for exchange in source.exchanges):
            return
        for pane in panes:
            if pane is not source:
                pane.exchanges[:] = tree.going_on_with(source.exchanges, pane.exchanges)
                last = pane.exchanges[-1].turn_id if pane.exchanges else None
                if last is not None:
                    self._turns[pane.id] = last

    def begun(self, pane: Pane) -> None:
        turn_id = self._turns[pane.id]
        read = [exchange.read_id for exchange in pane.exchanges[:-1] if exchange.read is not None]
        begun = self._conversations.begin(turn_id, pane, continues_id=read[-1] if read else None)
        siblings = self._conversations.siblings(turn_id)
        pane.kept_as(turn_id, begun.generation_id, attempts=begun.attempts, siblings=siblings)
        self._generations[pane] = begun.generation_id
        self._kept_at[pane] = time.monotonic()

    def partial(self, pane: Pane) -> None:
        if pane in self._generations and time.monotonic() - self._kept_at[pane] > PARTIAL_EVERY_S and pane.text:
            self._conversations.keep_partial(self._generations[pane], pane.text)
            self._kept_at[pane] = time.monotonic()

    def finished(self, pane: Pane, answer: Answer) -> None:
        generation_id = self._generations.pop(pane, None)
        if generation_id is not None:
            self._conversations.finish(generation_id, answer)
