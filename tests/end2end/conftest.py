"""The real program in a process of its own, on the real models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Finished:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
        return values


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """A user's environment without a display, with a data folder of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WORKBENCH_", "DISPLAY", "WAYLAND"))}
    return kept | {"WORKBENCH_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "120"}


@pytest.fixture
def workbench(environment) -> Callable[..., Finished]:
    def call(*arguments: object, stdin: str | None = None) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "workbench", *map(str, arguments)],
            env=environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=240,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return call


@pytest.fixture
def library(tmp_path, real_models) -> Path:
    """The three models in the models folder, as links."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    for path in (real_models.smollm2, real_models.gemma, real_models.mistral):
        (folder / path.name).symlink_to(path)
    return folder
