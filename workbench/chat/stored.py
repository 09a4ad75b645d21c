"""What is kept of conversations, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from workbench.chat.answer import Answer
from workbench.chat.pane import Pane
from workbench.engine.base import Adapter, Sampling

if TYPE_CHECKING:
    from workbench.models.params import RunParams

CHAT, DECK = "chat", "deck"
IMPORTED = "imported"
"""The stop reason of answers that another program wrote."""


@dataclass(frozen=True, slots=True)
class StoredPane:
    """``params`` are the very parameters to load, None where the planner decides.  ``sampling`` and ``system`` are the
    pane's own, None: the shared ones."""

    slot: int
    model_path: str | None
    n_ctx: int
    n_threads: int | None
    template: str | None
    params: RunParams | None = None
    adapters: tuple[Adapter, ...] = ()
    isolated: bool = False
    sampling: Sampling | None = None
    system: str | None = None

    @classmethod
    def of(cls, pane: Pane) -> StoredPane:
        return cls(
            slot=pane.id,
            model_path=str(pane.model.path) if pane.model is not None else None,
            n_ctx=pane.params.n_ctx,
            n_threads=pane.n_threads,
            template=pane.template,
            params=pane.params if pane.exactly else None,
            adapters=pane.adapters,
            isolated=pane.isolated,
            sampling=pane.sampling,
            system=pane.system,
        )


@dataclass(frozen=True, slots=True)
class Continued:
    """The answer of another slot that a slot went on from, and its row."""

    generation_id: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A prompt and, by slot, the answer that is shown to it.

    ``shown`` are the rows of ``answers``, ``attempts`` all rows of a slot, oldest first.  ``siblings`` are the turns
    with the same parent, itself included, oldest first.  ``continued`` are the slots whose next answer went on from
    another slot's; ``unread`` those whose next answer did not read this turn's.
    """

    id: int
    prompt: str
    answers: Mapping[int, Answer]
    parent_id: int | None = None
    asked_at: str = ""
    siblings: tuple[int, ...] = ()
    shown: Mapping[int, int] = field(default_factory=dict)
    attempts: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    continued: Mapping[int, Continued] = field(default_factory=dict)
    unread: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class StoredConversation:
    """``turns`` are the branch from its root to ``head_turn_id``; of a deck all prompts, each by itself."""

    id: int
    title: str
    system_prompt: str
    sampling: dict[str, Any]
    panes: tuple[StoredPane, ...] = ()
    turns: tuple[StoredTurn, ...] = field(default=(), repr=False)
    kind: str = CHAT
    head_turn_id: int | None = None
    folder: str = ""
    pinned: bool = False
    tags: tuple[str, ...] = ()
    source: str = ""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class TurnNode:
    """One prompt of the tree.  ``answered`` is how many slots have a finished answer to it."""

    id: int
    parent_id: int | None
    prompt: str
    asked_at: str
    answered: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which conversations a list shows; None: any.  An empty ``folder`` is none at all."""

    folder: str | None = None
    tag: str | None = None
    model: str | None = None
    kind: str | None = None
    pinned: bool | None = None
    title: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """``models`` are the names of those that answered."""

    id: int
    title: str
    changed_at: str
    folder: str = ""
    pinned: bool = False
    tags: tuple[str, ...] = ()
    kind: str = CHAT
    models: tuple[str, ...] = ()
    source: str = ""
    deleted_at: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Words to look for in prompts, answers and titles; the last one may be the beginning of a word, and what stands in
    double quotes is looked for as it stands.  None: any; an empty ``folder`` is none at all.

    ``since`` and ``until`` are moments: what was asked from the one on, and before the other.
    """

    text: str
    model: str | None = None
    tag: str | None = None
    folder: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """``generation_id`` and ``model`` where an answer was found, None where it is a prompt or a title.  In ``snippet``
    the words that were found stand between the characters 2 and 3."""

    conversation_id: int
    turn_id: int
    generation_id: int | None
    title: str
    model: str | None
    snippet: str
    asked_at: str
