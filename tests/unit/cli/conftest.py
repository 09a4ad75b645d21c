"""The command line in this process, on the scripted engine and tiny real files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.unit.models.gguf_files import write_model
from workbench.cli.main import run
from workbench.engine import child
from workbench.hardware.facts import EngineBuild, Survey


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; fails when there is anything beside it."""
        values: dict[str, Any] = json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
        assert values["schema_version"] == 1
        return values


@pytest.fixture
def workbench(capsys, monkeypatch) -> Callable[..., Outcome]:
    """Runs one command; a machine without devices, so that no child is asked about them."""
    monkeypatch.setenv("WORKBENCH_ENGINE", "fake")
    monkeypatch.setattr(child, "survey", lambda: Survey(EngineBuild("scripted", ("CPU",), ("AVX2",)), ()))

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments], lambda _: pytest.fail("the window was opened"))
        captured = capsys.readouterr()
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture
def library(tmp_path) -> Path:
    """The models folder of the test's data folder, with two files."""
    folder = tmp_path / "data" / "models"
    folder.mkdir(parents=True)
    write_model(folder / "alpha.gguf", text={"general.name": "Llama 3.2 tiny"})
    write_model(folder / "beta.gguf", text={"general.name": "Gemma tiny"}, architecture="gemma3")
    return folder
