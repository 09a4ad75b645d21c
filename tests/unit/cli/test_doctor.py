"""What ``doctor`` tells of how the program ended last."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.cli.doctor import _last_end
from workbench.paths import resolve


def test_a_model_that_ended_the_program_is_named_with_what_to_do(tmp_path: Path) -> None:
    paths = resolve(tmp_path)
    paths.opening.mkdir(parents=True)
    facts = {"pid": 1 << 22, "started_s": 1.0, "model": "Big", "path": "/m/big.gguf", "phase": "first_answer",
             "at": "2026-03-01T10:00:00+00:00"}  # fmt: skip
    (paths.opening / "mark.json").write_text(json.dumps(facts))
    check = _last_end(paths)
    assert check.state == "note"
    assert check.message == "The program ended while it was beginning its first answer with Big."
    assert check.hint
    assert "--isolated" in check.hint
    assert "workbench models isolate Big" in check.hint


def test_after_an_ordinary_end_there_is_nothing_to_tell(tmp_path: Path) -> None:
    assert _last_end(resolve(tmp_path)).state == "ok"
