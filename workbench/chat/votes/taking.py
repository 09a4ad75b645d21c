"""The votes of a file taken in, all or none; others get to the store in between."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.chat.votes import files
from workbench.chat.votes.ballots import SELECT, Ballots, Compared, Taken, compared_of, identity, inserted
from workbench.jobs import CancelToken, Task, run
from workbench.store.database import Database, Sql

STEP = 100  # votes between two looks at whether it is cancelled
AT_ONCE_S = 0.02  # the store is not another's meanwhile, and the window may be waiting for it
BETWEEN_S = 0.002


@dataclass(frozen=True, slots=True)
class Taking:
    """So many votes are taken in of ``total``, or are read as long as that is None."""

    done: int
    total: int | None = None


def taking_file(ballots: Ballots, path: Path) -> Task[Taking, Taken]:
    """Read the whole file, then take its votes in.  Raises UsageError for a file that is not votes, and Cancelled."""

    def task(cancel: CancelToken) -> Generator[Taking, None, Taken]:
        yield Taking(0)
        found: list[Compared] = []
        for one in files.rows(path):
            found.append(one)
            if len(found) % STEP == 0:
                cancel.raise_if_cancelled()
                yield Taking(len(found))
        return (yield from taking(ballots, found, path.name)(cancel))

    return task


def take(ballots: Ballots, votes: Iterable[Compared], source: str) -> Taken:
    """``taking`` without a look at how far it is."""
    return run(taking(ballots, tuple(votes), source))


def taking(ballots: Ballots, votes: Sequence[Compared], source: str) -> Task[Taking, Taken]:
    """Keep votes, marked with the name of their file; those that are here already are not added again, also where they
    were withdrawn.  Where it is cancelled or fails, what it added is erased."""

    def task(cancel: CancelToken) -> Generator[Taking, None, Taken]:
        intake = _Intake(ballots.db, source)
        whole = False
        try:
            yield Taking(0, len(votes))
            intake.learn(cancel)
            done = 0
            while done < len(votes):
                done += intake.some(votes[done : done + STEP])
                yield Taking(done, len(votes))
                _let_others(cancel)
            whole = True
            return Taken(intake.counts["added"], intake.counts["known"], intake.counts["left out"])
        finally:
            if not whole:
                intake.erase()

    return task


class _Intake:
    def __init__(self, db: Database, source: str) -> None:
        self._db = db
        self._source = source
        self._known: dict[bytes, list[int]] = {}  # rows by ``identity``
        self._kept: dict[int, int] = {}  # rows by the id in the file
        self._added: list[int] = []
        self.counts: Counter[str] = Counter()

    def learn(self, cancel: CancelToken) -> None:
        """Which votes are here."""
        last = 0
        while True:
            with self._db.read() as sql:
                rows = sql.execute(f"{SELECT} WHERE ballot.id > ? ORDER BY ballot.id LIMIT ?", (last, STEP)).fetchall()
                for row in rows:
                    self._known.setdefault(identity(compared_of(sql, row)), []).append(row["id"])
            if not rows:
                return
            last = rows[-1]["id"]
            _let_others(cancel)

    def some(self, votes: Sequence[Compared]) -> int:
        """At least one; how many they were."""
        until = time.monotonic() + AT_ONCE_S
        with self._db.transaction() as sql:
            for done, one in enumerate(votes, 1):
                self._one(sql, one)
                if time.monotonic() > until:
                    return done
        return len(votes)

    def _one(self, sql: Sql, one: Compared) -> None:
        vote = one.vote
        if vote.repeats is not None and vote.repeats not in self._kept:
            self.counts["left out"] += 1
        elif there := self._known.get(identity(one)):
            self._kept[vote.id] = there.pop(0)
            self.counts["known"] += 1
        else:
            repeats = self._kept[vote.repeats] if vote.repeats is not None else None
            own = replace(vote, turn=None, repeats=repeats, source=self._source)
            own = replace(own, left=replace(own.left, answer=None), right=replace(own.right, answer=None))
            row = inserted(sql, own, one).id
            self._kept[vote.id] = row
            self._added.append(row)
            self.counts["added"] += 1

    def erase(self) -> None:
        """Newest first: a repeat goes before what it repeats."""
        self._added.reverse()
        for start in range(0, len(self._added), STEP):
            with self._db.transaction() as sql:
                sql.executemany(
                    "DELETE FROM ballot WHERE id = ?", [(row,) for row in self._added[start : start + STEP]]
                )
            time.sleep(BETWEEN_S)


def _let_others(cancel: CancelToken) -> None:
    """A lock that is taken again at once is seldom another's."""
    if cancel.wait(BETWEEN_S):
        cancel.raise_if_cancelled()
