"""What the command line says of a model that ended the program, and when it stops saying it."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.paths import resolve


def leave_mark(tmp_path: Path, model: Path) -> Path:
    """As a program leaves it that ended while it loaded the model."""
    folder = resolve(tmp_path / "data").opening
    folder.mkdir(parents=True)
    facts = {"pid": 1 << 22, "started_s": 1.0, "model": model.stem, "path": str(model), "phase": "loading",
             "at": "2026-03-01T10:00:00+00:00"}  # fmt: skip
    mark = folder / "1-1.json"
    mark.write_text(json.dumps(facts), encoding="utf-8")
    return mark


def test_it_is_said_before_that_model_is_loaded_again_until_it_goes_well(workbench, library, tmp_path) -> None:
    mark = leave_mark(tmp_path, library / "alpha.gguf")
    other = workbench("chat", "-m", "beta", "Hello")
    assert "ended while" not in other.err
    assert mark.exists()
    again = workbench("chat", "-m", "alpha", "Hello")
    assert again.status == 0
    assert "The program ended while it was loading alpha." in again.err
    assert "--isolated" in again.err
    assert "workbench models isolate alpha" in again.err
    assert "ended while" not in workbench("compare", "-m", "alpha", "Hello").err


def test_in_a_process_of_its_own_there_is_nothing_to_warn_of(workbench, library, tmp_path) -> None:
    leave_mark(tmp_path, library / "alpha.gguf")
    assert "ended while" not in workbench("chat", "-m", "alpha", "--isolated", "Hello").err


def test_nor_where_the_model_always_has_one(workbench, library, tmp_path) -> None:
    leave_mark(tmp_path, library / "alpha.gguf")
    workbench("models", "isolate", "alpha")
    assert "ended while" not in workbench("chat", "-m", "alpha", "Hello").err
