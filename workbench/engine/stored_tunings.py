"""What was best when prompts were tried at a time and in batches, kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from workbench.store.database import Database, timestamp


@dataclass(frozen=True, slots=True)
class Tuning:
    """What was best; ``tokens_per_s`` are those of all slots together while they decode."""

    slots: int
    n_batch: int
    tokens_per_s: float


class Tunings:
    """What was found before.  Any thread may ask."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, key: str) -> Tuning | None:
        with self._db.read() as sql:
            row = sql.execute("SELECT slots, n_batch, tokens_per_s FROM batch_tuning WHERE key = ?", (key,)).fetchone()
        return None if row is None else Tuning(row["slots"], row["n_batch"], row["tokens_per_s"])

    def keep(self, key: str, tuning: Tuning) -> None:
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO batch_tuning (key, slots, n_batch, tokens_per_s, tuned_at)"
                " VALUES (:key, :slots, :n_batch, :tokens_per_s, :tuned_at)",
                {"key": key, "tuned_at": timestamp(), **asdict(tuning)},
            )
