"""A file is tried once: its verdict outlives the program."""

from __future__ import annotations

import pytest

from workbench.engine.stored_verdicts import StoredVerdicts
from workbench.engine.verdict import Verdict
from workbench.store.database import Database


@pytest.mark.parametrize(
    "verdict", [Verdict(), Verdict("model_load", "No.", "Another."), Verdict("engine", "No.", None)]
)
def test_a_verdict_is_found_again_after_a_restart(tmp_path, verdict):
    with Database(tmp_path / "w.sqlite3") as db:
        assert StoredVerdicts(db).get("key") is None
        StoredVerdicts(db).put("key", Verdict("engine", "older", None))
        StoredVerdicts(db).put("key", verdict)
    with Database(tmp_path / "w.sqlite3") as db:
        assert StoredVerdicts(db).get("key") == verdict
