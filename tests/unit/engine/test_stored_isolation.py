"""Which models run in a process of their own is remembered of the model, wherever its file lies."""

from __future__ import annotations

from pathlib import Path

from tests.unit.models.gguf_files import write_model
from workbench.engine.stored_isolation import StoredIsolation
from workbench.models.describe import describe
from workbench.store.database import Database


def test_it_outlives_the_program_and_a_move_and_can_be_taken_back(tmp_path: Path) -> None:
    one, other = write_model(tmp_path / "one.gguf"), write_model(tmp_path / "other.gguf", layers=3)
    with Database(tmp_path / "w.sqlite3") as db:
        assert not StoredIsolation(db).isolates(describe(one))
        StoredIsolation(db).isolate(describe(one), isolated=True)
        StoredIsolation(db).isolate(describe(one), isolated=True)
    moved = one.rename(tmp_path / "moved.gguf")
    with Database(tmp_path / "w.sqlite3") as db:
        kept = StoredIsolation(db)
        assert kept.isolates(describe(moved))
        assert not kept.isolates(describe(other))
        kept.isolate(describe(moved), isolated=False)
        assert not kept.isolates(describe(moved))
