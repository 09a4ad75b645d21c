"""Everything that is kept of what was asked: one room of the database, opened once."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from workbench.chat import searching
from workbench.chat.conversations import Conversations
from workbench.errors import StoreError
from workbench.store.database import Database

if TYPE_CHECKING:
    from workbench.chat.decks.rows import Decks
    from workbench.chat.library import Prompts
    from workbench.chat.presets import Presets
    from workbench.chat.votes.ballots import Ballots
    from workbench.chat.votes.listing import VoteListing

log = logging.getLogger(__name__)

DELETED_FOR_GOOD_AFTER = timedelta(days=30)


class History:
    """Its parts may be used on any thread; each is imported when it is first used."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.conversations = Conversations(db)

    @cached_property
    def ballots(self) -> Ballots:
        from workbench.chat.votes.ballots import Ballots

        return Ballots(self._db)

    @cached_property
    def decks(self) -> Decks:
        from workbench.chat.decks.rows import Decks

        return Decks(self._db)

    @cached_property
    def vote_listing(self) -> VoteListing:
        from workbench.chat.votes.listing import VoteListing

        return VoteListing(self._db)

    @cached_property
    def presets(self) -> Presets:
        from workbench.chat.presets import Presets

        return Presets(self._db)

    @cached_property
    def prompts(self) -> Prompts:
        from workbench.chat.library import Prompts

        return Prompts(self._db)

    def purge(self, older_than: timedelta = DELETED_FOR_GOOD_AFTER) -> None:
        """Erase what was deleted longer ago than that; until then it can be brought back.

        No byte of it is left in the database then.  What another program's work, or a full disk, kept from being
        cleared away is so the next time.  Takes a while where something is erased: the file is written anew.
        """
        before = (datetime.now(UTC) - older_than).isoformat()
        self.conversations.purge_deleted(before)
        self.presets.purge(before)
        self.prompts.purge(before)
        self.decks.purge(before)
        with self._db.read() as sql:
            left = sql.execute("SELECT 1 FROM leftover").fetchone() is not None
        if left:
            self._clear_leftovers()

    def _clear_leftovers(self) -> None:
        try:
            with self._db.transaction() as sql:
                searching.forget(sql)
            self._db.compact()
            with self._db.transaction() as sql:
                sql.execute("DELETE FROM leftover")
        except StoreError as error:
            log.warning("what was erased could not be cleared from the file yet: %s", error)
