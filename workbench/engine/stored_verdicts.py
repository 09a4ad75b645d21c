"""Verdicts on model files, kept in the store so that a file is tried in a child once."""

from __future__ import annotations

from workbench.engine.verdict import Verdict
from workbench.store.database import Database, timestamp


class StoredVerdicts:
    """Any thread may ask."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def get(self, key: str) -> Verdict | None:
        with self._db.read() as sql:
            row = sql.execute("SELECT code, message, hint FROM vet WHERE key = ?", (key,)).fetchone()
        return Verdict(row["code"], row["message"] or "", row["hint"]) if row is not None else None

    def put(self, key: str, verdict: Verdict) -> None:
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO vet (key, accepted, code, message, hint, vetted_at) VALUES (?, ?, ?, ?, ?, ?)",
                (key, int(verdict.code is None), verdict.code, verdict.message, verdict.hint, timestamp()),
            )
