"""Everything that is kept of what was asked: one room of the database, opened once."""

from __future__ import annotations

from workbench.chat.ballots import Ballots
from workbench.chat.conversations import Conversations
from workbench.store.database import Database


class History:
    """Its parts may be used on any thread."""

    def __init__(self, db: Database) -> None:
        self.conversations = Conversations(db)
        self.ballots = Ballots(db)
