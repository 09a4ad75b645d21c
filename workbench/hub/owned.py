"""Which files are this program's own: it may remove and move those, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from workbench.hub.places.reading import inside
from workbench.models.file import ModelFile
from workbench.store.database import Database, Sql, timestamp


class Owned:
    """What lies in the models folder, and what was moved from there to another one."""

    def __init__(self, db: Database, folder: Path) -> None:
        self._db = db
        self.folder = folder

    def all_of(self, files: Iterable[ModelFile]) -> frozenset[Path]:
        """The paths, by ``ModelFile.path``, of the models of which every file is own."""
        elsewhere = self.elsewhere()
        return frozenset(
            file.path for file in files if all(self._in_folder(path) or path in elsewhere for path in file.files)
        )

    def owns(self, path: Path) -> bool:
        """False for a link in the models folder that leads out of it, too."""
        return self._in_folder(path) or path in self.elsewhere()

    def elsewhere(self) -> frozenset[Path]:
        """The own files outside the models folder."""
        with self._db.read() as sql:
            return self.elsewhere_in(sql)

    def placed(self) -> dict[Path, str]:
        """What the own files outside the models folder hashed to when they were put there."""
        with self._db.read() as sql:
            return {Path(row["path"]): row["sha256"] for row in sql.execute("SELECT path, sha256 FROM own_file")}

    @staticmethod
    def elsewhere_in(sql: Sql) -> frozenset[Path]:
        return frozenset(Path(row["path"]) for row in sql.execute("SELECT path FROM own_file"))

    def _in_folder(self, path: Path) -> bool:
        return path.is_relative_to(self.folder) and inside(path, self.folder) and not os.path.islink(path)  # noqa: PTH114


def record(sql: Sql, path: Path, sha256: str) -> None:
    sql.execute(
        "INSERT OR REPLACE INTO own_file (path, sha256, placed_at) VALUES (?, ?, ?)", (str(path), sha256, timestamp())
    )


def forget(sql: Sql, path: Path) -> None:
    sql.execute("DELETE FROM own_file WHERE path = ?", (str(path),))
