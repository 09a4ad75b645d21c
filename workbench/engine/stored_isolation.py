"""Which models always get a process of their own, kept in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.store.database import Database, timestamp

if TYPE_CHECKING:
    from workbench.models.file import ModelFile


class StoredIsolation:
    """Kept by the file's header, so wherever the file lies.  Any thread may ask."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def isolates(self, model: ModelFile) -> bool:
        asked = "SELECT 1 FROM isolated_model WHERE header_sha256 = ?"
        with self._db.read() as sql:
            return sql.execute(asked, (model.header.sha256,)).fetchone() is not None

    def isolate(self, model: ModelFile, *, isolated: bool) -> None:
        with self._db.transaction() as sql:
            if isolated:
                sql.execute(
                    "INSERT OR IGNORE INTO isolated_model (header_sha256, since) VALUES (?, ?)",
                    (model.header.sha256, timestamp()),
                )
            else:
                sql.execute("DELETE FROM isolated_model WHERE header_sha256 = ?", (model.header.sha256,))
