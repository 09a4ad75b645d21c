"""One prompt and the answers to it, as they are judged: who answered stands aside until it may be said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.chat.answer import CUT_SHORT, Answer
from workbench.chat.conversations import Conversations
from workbench.chat.pane import Exchange, Pane
from workbench.chat.stored import StoredTurn
from workbench.engine.base import StopReason

NAMED_ITSELF = "named itself"
"""The tag of a ballot in which an answer told whose it is."""

_MAKERS = {
    "llama": ("llama", "meta ai"),
    "gemma": ("gemma", "gemini", "google deepmind"),
    "mistral": ("mistral", "ministral", "mixtral"),
    "qwen": ("qwen", "tongyi", "alibaba"),
    "phi": ("phi-3", "phi-4", "microsoft"),
}
_PARTIAL = frozenset({StopReason.CANCELLED.value, "unfinished"})


@dataclass(frozen=True, slots=True)
class Entry:
    """A pane's answer; ``generation_id`` is the row it is kept in."""

    pane: int
    answer: Answer
    generation_id: int | None = None

    @property
    def text(self) -> str:
        """Without blanks around it: those tell models apart and no reader."""
        return self.answer.text.strip()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What matters to a judge and tells no name."""
        words = CUT_SHORT.get(self.answer.stop_reason)
        return (words,) if words else ()

    @property
    def names_itself(self) -> bool:
        """Whether the answer says whose it is: its model, its family or their maker."""
        model = re.split(r"[\s\-_·]", self.answer.model.strip())[0].casefold()
        names = {*_MAKERS.get(self.answer.family.casefold(), ()), *([model] if len(model) > 2 else [])}
        said = self.text.casefold()
        return any(re.search(rf"(?<!\w){re.escape(name)}", said) for name in names)


@dataclass(frozen=True, slots=True)
class Sheet:
    """``entries`` can be judged, ``failed`` cannot: an error, or nothing written.  ``partial`` were not let finish."""

    turn_id: int
    prompt: str
    entries: tuple[Entry, ...]
    failed: tuple[Entry, ...] = ()
    partial: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, turn_id: int, prompt: str, answered: Iterable[Entry]) -> Sheet:
        every = tuple(answered)
        partial = tuple(one for one in every if one.answer.stop_reason in _PARTIAL)
        failed = tuple(one for one in every if one not in partial and (one.answer.error is not None or not one.text))
        whole = tuple(one for one in every if one not in partial and one not in failed)
        return cls(turn_id, prompt, whole, failed, partial)

    @property
    def can_be_judged(self) -> bool:
        return not self.partial and len(self.entries) > 1

    def entry(self, pane: int) -> Entry:
        return next(one for one in self.entries if one.pane == pane)


def turn_of(pane: Pane, turn_id: int) -> Exchange | None:
    """What a pane was asked in this turn; None where it was not."""
    return next((one for one in reversed(pane.exchanges) if one.turn_id == turn_id), None)


def stored_sheet(turn: StoredTurn) -> Sheet:
    """A turn as it is kept."""
    return Sheet.of(
        turn.id,
        turn.prompt,
        [Entry(slot, answer, turn.shown.get(slot)) for slot, answer in sorted(turn.answers.items())],
    )


def sheet_of(panes: Sequence[Pane], turn_id: int) -> Sheet | None:
    """The turn as the panes hold it; None while one of them is still answering."""
    asked = [(pane.id, found) for pane in panes if (found := turn_of(pane, turn_id)) is not None]
    if not asked or any(exchange.answer is None for _, exchange in asked):
        return None
    entries = [Entry(slot, one.answer, one.generation_id) for slot, one in asked if one.answer is not None]
    return Sheet.of(turn_id, asked[0][1].prompt, entries)


def stored_sheets(conversations: Conversations, conversation_id: int, turn_ids: Sequence[int]) -> list[Sheet]:
    """Of those turns that are still kept, on whichever branch they are."""
    stored = conversations.load(conversation_id)
    turns: dict[int, StoredTurn] = {turn.id: turn for turn in stored.turns} if stored is not None else {}
    for turn_id in turn_ids:
        if turn_id not in turns and stored is not None:
            branch = conversations.load(conversation_id, turn_id)
            turns |= {turn.id: turn for turn in branch.turns} if branch is not None else {}
    return [stored_sheet(turns[turn_id]) for turn_id in turn_ids if turn_id in turns]
