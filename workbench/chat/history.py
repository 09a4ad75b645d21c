"""Everything that is kept of what was asked: one room of the database, opened once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from workbench.chat.conversations import Conversations
from workbench.chat.decks.rows import Decks
from workbench.chat.library import Prompts
from workbench.chat.presets import Presets
from workbench.chat.votes.ballots import Ballots
from workbench.chat.votes.listing import VoteListing
from workbench.store.database import Database

DELETED_FOR_GOOD_AFTER = timedelta(days=30)


class History:
    """Its parts may be used on any thread."""

    def __init__(self, db: Database) -> None:
        self.conversations = Conversations(db)
        self.ballots = Ballots(db)
        self.decks = Decks(db)
        self.vote_listing = VoteListing(db)
        self.presets = Presets(db)
        self.prompts = Prompts(db)

    def purge(self, older_than: timedelta = DELETED_FOR_GOOD_AFTER) -> None:
        """Erase what was deleted longer ago than that; until then it can be brought back."""
        before = (datetime.now(UTC) - older_than).isoformat()
        self.conversations.purge_deleted(before)
        self.presets.purge(before)
        self.prompts.purge(before)
