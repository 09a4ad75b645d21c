"""Names of models, given once and kept for as long as the files are there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import StoreError
from workbench.store.database import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unnamed:
    """``identity`` is what the name is remembered by; ``wishes`` never end."""

    identity: str
    wishes: Iterator[str]


class Names:
    """The first to have a name keeps it, whatever is found later; any thread, any process."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, models: Sequence[Unnamed]) -> list[str]:
        """A name for each, those of before where there are any; no two are equal, whatever their case."""
        with self._db.read() as sql:
            kept = {row["identity"]: row["name"] for row in sql.execute("SELECT identity, name FROM library_name")}
        present = {model.identity for model in models}
        taken = {name.casefold() for identity, name in kept.items() if identity in present or not _is_gone(identity)}
        names: list[str] = []
        given: list[tuple[str, str]] = []
        for model in models:
            name = kept.get(model.identity)
            if name is None:
                name = next(wish for wish in model.wishes if wish.casefold() not in taken)
                taken.add(name.casefold())
                given.append((model.identity, name))
            names.append(name)
        if given:
            self._remember(given)
        return names

    def moved(self, before: str, after: str) -> None:
        """What was known by one identity goes by another from now on, and keeps its name."""
        with self._db.transaction() as sql:
            row = sql.execute("SELECT name FROM library_name WHERE identity = ?", (before,)).fetchone()
            if row is not None:
                sql.execute("DELETE FROM library_name WHERE identity IN (?, ?)", (before, after))
                sql.execute("INSERT INTO library_name (identity, name) VALUES (?, ?)", (after, row["name"]))

    def _remember(self, given: Iterable[tuple[str, str]]) -> None:
        try:
            with self._db.transaction() as sql:
                for identity, name in given:
                    # Whoever had it is gone, or the name would not have been given.
                    sql.execute("DELETE FROM library_name WHERE name = ? OR identity = ?", (name, identity))
                    sql.execute("INSERT INTO library_name (identity, name) VALUES (?, ?)", (identity, name))
        except StoreError as error:
            # The list is worth more than the memory of its names; the next one tries again.
            log.warning("the names of new models could not be kept: %s", error)


def _is_gone(identity: str) -> bool:
    """Whether the file is gone for good; one whose folder is gone too may be on a disk that is not plugged in."""
    path = Path(identity)
    if not path.is_absolute():
        return True  # a name in another program, which it no longer has
    return os.path.isdir(path.parent) and not os.path.lexists(path)  # noqa: PTH112
