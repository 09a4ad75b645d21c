"""The tree of a conversation's turns, and the way through it that a pane shows.  Pure; knows no store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.chat.pane import Exchange
from workbench.chat.stored import StoredConversation


def path(parents: Mapping[int, int | None], head: int | None) -> tuple[int, ...]:
    """The turns from the root to ``head``; without one, to the newest turn of all."""
    at = newest(parents, None) if head is None or head not in parents else head
    found: list[int] = []
    while at is not None:
        found.append(at)
        at = parents[at]
    return tuple(reversed(found))


def newest(parents: Mapping[int, int | None], under: int | None) -> int | None:
    """The newest turn at or below ``under``, None: of all.  It has none below itself: those would be newer."""
    if under is None:
        return max(parents, default=None)
    below = {under}
    for turn in sorted(parents):  # a turn is newer than the one it follows
        if parents[turn] in below:
            below.add(turn)
    return max(below)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What lies below a turn: how many turns, on how many branches."""

    turns: int = 0
    branches: int = 0


def ahead(parents: Mapping[int, int | None], turn: int) -> Ahead:
    below = {turn}
    for other in sorted(parents):  # a turn is newer than the one it follows
        if parents[other] in below:
            below.add(other)
    below.discard(turn)
    return Ahead(len(below), len(below - set(parents.values())))


def siblings(parents: Mapping[int, int | None], turn: int) -> tuple[int, ...]:
    """The turns with the same parent, itself included, oldest first."""
    return tuple(sorted(other for other, parent in parents.items() if parent == parents[turn]))


def exchanges(stored: StoredConversation, slot: int) -> list[Exchange]:
    """What a pane shows of a conversation."""
    found = []
    for turn in stored.turns:
        answer, continued = turn.answers.get(slot), turn.continued.get(slot)
        if answer is None and continued is None:
            continue
        found.append(
            Exchange(
                prompt=turn.prompt,
                answer=answer,
                turn_id=turn.id,
                generation_id=turn.shown.get(slot),
                attempts=turn.attempts.get(slot, ()),
                siblings=turn.siblings,
                continued=continued.answer if continued is not None else None,
                continued_id=continued.generation_id if continued is not None else None,
                unread=slot in turn.unread,
            )
        )
    return found


def going_on_with(source: Sequence[Exchange], own: Sequence[Exchange]) -> list[Exchange]:
    """``own`` as a pane shows it that goes on with all that ``source``, another pane's, goes on with."""
    mine = {exchange.turn_id: exchange for exchange in own}
    theirs = {exchange.turn_id: exchange for exchange in source}
    found = []
    for turn_id in sorted({*mine, *theirs}, key=lambda turn: turn or 0):
        there = theirs.get(turn_id)
        here = mine.get(turn_id) or replace(theirs[turn_id], answer=None, generation_id=None, attempts=())
        if there is None or there.read is None:
            found.append(replace(here, continued=None, continued_id=None, unread=True))
        elif there.read_id == here.generation_id:
            found.append(replace(here, continued=None, continued_id=None, unread=False))
        else:
            found.append(replace(here, continued=there.read, continued_id=there.read_id, unread=False))
    return [exchange for exchange in found if exchange.answer is not None or exchange.continued is not None]
