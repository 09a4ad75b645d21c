"""Conversations of a file added one after the other, all or none; others get to the store in between."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from workbench.chat import searching
from workbench.chat.imports import adding
from workbench.chat.imports.adding import Placed
from workbench.chat.imports.imported import Imported
from workbench.jobs import CancelToken, Task
from workbench.store.database import Database

AT_ONCE_S = 0.02  # the store is not another's meanwhile, and the window may be waiting for it
BETWEEN_S = 0.002
READ_AT_ONCE = 10  # conversations


@dataclass(frozen=True, slots=True)
class Importing:
    done: int
    total: int


def importing(db: Database, found: Sequence[Imported]) -> Task[Importing, tuple[Placed, ...]]:
    """Those with a prompt; what is here already is not added again.  Where it is cancelled or fails, what it added is
    erased."""

    def task(cancel: CancelToken) -> Generator[Importing, None, tuple[Placed, ...]]:
        cancel.raise_if_cancelled()
        wanted = [one for one in found if one.turns]
        there = _there(db, cancel)
        placed: list[Placed] = []
        whole = False
        try:
            while len(placed) < len(wanted):
                placed += _some(db, wanted[len(placed) :], there)
                yield Importing(len(placed), len(wanted))
                _let_others(cancel)
            whole = True
            return tuple(placed)
        finally:
            if not whole:
                _erase(db, [one.conversation_id for one in placed if not one.known])

    return task


def _there(db: Database, cancel: CancelToken) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    with db.read() as sql:
        ids = adding.imported_ids(sql)
    for start in range(0, len(ids), READ_AT_ONCE):
        with db.read() as sql:
            found = adding.marks(sql, ids[start : start + READ_AT_ONCE]) | found
        _let_others(cancel)
    return found


def _some(db: Database, wanted: Sequence[Imported], there: dict[bytes, int]) -> list[Placed]:
    """At least one."""
    until = time.monotonic() + AT_ONCE_S
    placed: list[Placed] = []
    with db.transaction() as sql:
        for one in wanted:
            placed.append(adding.place(sql, one, there))
            searching.catch_up(sql)
            if time.monotonic() > until:
                break
    return placed


def _let_others(cancel: CancelToken) -> None:
    """A lock that is taken again at once is seldom another's."""
    if cancel.wait(BETWEEN_S):
        cancel.raise_if_cancelled()


def _erase(db: Database, ids: Sequence[int]) -> None:
    for number in ids:
        with db.transaction() as sql:
            sql.execute("DELETE FROM conversation WHERE id = ?", (number,))
            searching.catch_up(sql)
        time.sleep(BETWEEN_S)
