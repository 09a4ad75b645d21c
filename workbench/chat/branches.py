"""Going about in the tree of a conversation: edit, go back, go on from elsewhere.  Knows no Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.chat import tree
from workbench.chat.conversations import Conversations
from workbench.chat.diary import Diary
from workbench.chat.pane import Exchange, Pane
from workbench.chat.stored import StoredConversation, TurnNode
from workbench.chat.tree import Ahead
from workbench.errors import UsageError
from workbench.words import said

if TYPE_CHECKING:
    from workbench.chat.comparison import Comparison


class Branches:
    """Nothing is ever taken away: what a pane does not show any more stays in the tree."""

    def __init__(self, comparison: Comparison, diary: Diary, conversations: Conversations) -> None:
        self._comparison = comparison
        self._diary = diary
        self._conversations = conversations

    def tree(self) -> tuple[TurnNode, ...]:
        """Every turn, in the order they were asked; none before the first."""
        conversation_id = self._diary.conversation_id
        return self._conversations.tree(conversation_id) if conversation_id is not None else ()

    def edit(self, turn_id: int, prompt: str) -> None:
        """Ask ``prompt`` beside the prompt of that turn."""
        self._refuse_while_busy()
        if not prompt.strip():
            raise UsageError(said("The prompt is empty."))
        before = self._diary.head
        self._stand_at(self._parents()[turn_id])
        try:
            self._comparison.ask(prompt)
        except UsageError:
            self._stand_at(before)
            raise

    def again(self, pane: Pane, exchange: Exchange | None = None) -> None:
        """Answer this exchange of the pane once more, None: the newest, having read what its answer had read.

        All panes go back to that prompt; what came after it stays as the branch that goes on from the old answer.
        """
        newest = pane.exchanges[-1].turn_id if pane.exchanges else None
        if exchange is None or exchange.turn_id in (None, newest):
            self._comparison.regenerate(pane)
            return
        self._refuse_while_busy()
        if exchange.answer is None:
            raise UsageError(said("This pane was not asked this prompt."), hint=said("Ask it now, as the next one."))
        before = self._diary.head
        if exchange.generation_id is not None:
            self._conversations.choose_attempt(exchange.generation_id)
        self._stand_at(exchange.turn_id)
        try:
            self._comparison.regenerate(pane)
        except UsageError:
            self._stand_at(before)
            raise

    def branch_at(self, turn_id: int | None) -> None:
        """The next prompt follows that turn, None: begins anew."""
        self._refuse_while_busy()
        self._stand_at(turn_id)

    def show_branch(self, turn_id: int) -> None:
        """Show the branch that turn is on, to its newest end."""
        self._refuse_while_busy()
        self._stand_at(tree.newest(self._parents(), turn_id))

    def show_attempt(self, pane: Pane, turn_id: int, generation_id: int) -> None:
        """Show another answer of a pane, and the branch that went on from it; where none did, the branch ends there."""
        self._refuse_while_busy()
        self._conversations.choose_attempt(generation_id)
        parents = self._parents()
        later = [tree.newest(parents, turn) for turn in self._conversations.going_on_from(generation_id)]
        if later:
            self._stand_at(max(turn for turn in later if turn is not None))
            return
        asked = [exchange.turn_id for exchange in pane.exchanges if exchange.answer is not None]
        newest = not asked or asked[-1] == turn_id  # what other panes were asked since is not this one's to leave
        self._stand_at(self._diary.head if newest else turn_id)

    def ahead(self) -> Ahead:
        """What was asked after the turn that the next prompt follows, and is not shown."""
        head = self._diary.head
        return tree.ahead(self._parents(), head) if head is not None else Ahead()

    def continue_with(self, pane: Pane | None) -> None:
        """All panes go on with what that pane goes on with, None: each with its own."""
        self._refuse_while_busy()
        if pane is not None and not any(exchange.read is not None for exchange in pane.exchanges):
            raise UsageError(said("This pane has no answer to go on with."), hint=said("Ask it something first."))
        self._diary.continuing = pane
        self._stand_at(self._diary.head)

    def show(self, stored: StoredConversation) -> None:
        """Let the panes show that branch."""
        for pane in self._comparison.panes:
            self._comparison.show(pane, tree.exchanges(stored, pane.id))
        self._diary.turn_to(stored)
        self._diary.share(self._comparison.panes)

    def _stand_at(self, turn_id: int | None) -> None:
        """The panes show the way to that turn, and the next prompt follows it."""
        conversation_id = self._diary.conversation_id
        if conversation_id is None:
            return
        if turn_id is None:
            for pane in self._comparison.panes:
                self._comparison.show(pane, ())
            self._diary.begin_anew()
            return
        self._conversations.set_head(conversation_id, turn_id)
        stored = self._conversations.load(conversation_id, turn_id)
        if stored is not None:
            self.show(stored)

    def _parents(self) -> dict[int, int | None]:
        conversation_id = self._diary.conversation_id
        return self._conversations.parents(conversation_id) if conversation_id is not None else {}

    def _refuse_while_busy(self) -> None:
        if any(pane.busy for pane in self._comparison.panes):
            raise UsageError(said("A pane is still answering."), hint=said("Wait for it, or stop it."))
