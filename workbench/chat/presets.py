"""Presets: a system prompt, options and panes under a name, to begin the next comparison with."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from workbench.chat.options import Options
from workbench.chat.stored import StoredPane
from workbench.engine.base import Adapter, Sampling
from workbench.errors import UsageError
from workbench.store.database import Database, Row, timestamp
from workbench.words import said

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preset:
    """``id`` 0 before it is saved.  Without ``panes`` it leaves the panes as they are; ``context`` is the shared one,
    in tokens, None: as it is."""

    id: int
    name: str
    options: Options
    panes: tuple[StoredPane, ...] = ()
    context: int | None = None


class Presets:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> tuple[Preset, ...]:
        """By name."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT * FROM preset WHERE removed_at IS NULL ORDER BY lower(name), id")
            read = map(_preset, rows.fetchall())
            return tuple(preset for preset in read if preset is not None)

    def save(self, preset: Preset) -> Preset:
        """In place of the one with its id, else of the one with its name; as it was kept.

        Raises UsageError without a name."""
        name = _name(preset.name)
        record = json.dumps(_written(preset))
        with self._db.transaction() as sql:
            found = sql.execute(
                "SELECT id FROM preset WHERE removed_at IS NULL AND (id = ? OR lower(name) = lower(?))"
                " ORDER BY id = ? DESC",
                (preset.id, name, preset.id),
            ).fetchone()
            if found is None:
                cursor = sql.execute(
                    "INSERT INTO preset (name, record, changed_at) VALUES (?, ?, ?)", (name, record, timestamp())
                )
                return replace(preset, id=int(cursor.lastrowid or 0), name=name)
            sql.execute(
                "UPDATE preset SET name = ?, record = ?, changed_at = ? WHERE id = ?",
                (name, record, timestamp(), found["id"]),
            )
            return replace(preset, id=found["id"], name=name)

    def rename(self, preset_id: int, name: str) -> None:
        """Raises UsageError without a name."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE preset SET name = ? WHERE id = ?", (_name(name), preset_id))

    def remove(self, preset_id: int) -> None:
        """It can be put back."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE preset SET removed_at = ? WHERE id = ?", (timestamp(), preset_id))

    def put_back(self, preset_id: int) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE preset SET removed_at = NULL WHERE id = ?", (preset_id,))

    def purge(self, before: str) -> None:
        """Erase what was removed before that moment."""
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM preset WHERE removed_at < ?", (before,))


def _name(name: str) -> str:
    if not name.strip():
        raise UsageError(said("A preset needs a name."))
    return " ".join(name.split())


def _written(preset: Preset) -> dict[str, Any]:
    return {
        "system": preset.options.system,
        "options": preset.options.as_json(),
        "context": preset.context,
        "panes": [_pane_written(pane) for pane in preset.panes],
    }


def _preset(row: Row) -> Preset | None:
    """None for one of another version of the program; it stays where it is."""
    record = json.loads(row["record"])
    try:
        return Preset(
            id=row["id"],
            name=row["name"],
            options=Options.from_json(record["system"], record["options"], Options()),
            panes=tuple(map(_pane_read, record["panes"])),
            context=record["context"],
        )
    except (KeyError, TypeError, ValueError) as error:
        log.info("a preset is not understood and left out: %s", error)
        return None


def _pane_written(pane: StoredPane) -> dict[str, Any]:
    record = {name: getattr(pane, name) for name in ("slot", "model_path", "n_ctx", "n_threads", "template", "system")}
    return record | {
        "isolated": pane.isolated,
        "params": pane.params.as_json() if pane.params is not None else None,
        "sampling": asdict(pane.sampling) if pane.sampling is not None else None,
        "adapters": [[str(adapter.path), adapter.scale] for adapter in pane.adapters],
    }


def _pane_read(record: dict[str, Any]) -> StoredPane:
    from workbench.models.params import RunParams

    return StoredPane(
        **(record | {
            "params": RunParams(**record["params"]) if record["params"] is not None else None,
            "sampling": Sampling(**record["sampling"]) if record["sampling"] is not None else None,
            "adapters": tuple(Adapter(Path(path), scale) for path, scale in record["adapters"]),
        })
    )  # fmt: skip
