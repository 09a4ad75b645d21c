"""Whether the user has agreed to a starter model's licence; asked once, and remembered."""

from __future__ import annotations

from workbench.hub.starter import Starter
from workbench.store.database import Database, timestamp


def consented(db: Database, starter: Starter) -> bool:
    """Whether the user agreed to this licence, for this model, before."""
    with db.read() as sql:
        row = sql.execute(
            "SELECT 1 FROM licence_consent WHERE model = ? AND licence = ?", (starter.key, starter.licence)
        ).fetchone()
    return row is not None


def remember(db: Database, starter: Starter) -> None:
    """Keep the user's consent."""
    with db.transaction() as sql:
        sql.execute(
            "INSERT OR IGNORE INTO licence_consent (model, licence, agreed_at) VALUES (?, ?, ?)",
            (starter.key, starter.licence, timestamp()),
        )
