"""The command line in this process, on the scripted engine and tiny real files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_hub import LoopbackHub
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

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines before the last one; fails when one of them is no event."""
        found = [json.loads(line) for line in self.out.splitlines()[:-1]]
        assert all("event" in one and "schema_version" not in one for one in found)
        return found

    @property
    def last(self) -> dict[str, Any]:
        """The object that ends the events."""
        values: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        assert values["schema_version"] == 1
        return values


@pytest.fixture
def workbench(capsys, monkeypatch, tmp_path) -> Callable[..., Outcome]:
    """Runs one command; a machine without devices, so that no child is asked about them, and an empty home."""
    for name in ("HOME", "USERPROFILE", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("WORKBENCH_OFFLINE", "")  # --offline sets it
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


REPOSITORY = "example/tiny-GGUF"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[LoopbackHub]:
    """A hub on this machine with two quantisations of one model, under a licence of everybody's."""
    folder = tmp_path / "published"
    folder.mkdir()
    text = {"general.name": "Tiny", "general.basename": "tiny", "general.license": "apache-2.0"}
    files = {
        "tiny-F16.gguf": write_model(folder / "tiny-F16.gguf", text=text, file_type=1),
        "tiny-Q8_0.gguf": write_model(folder / "tiny-Q8_0.gguf", text=text, file_type=7, layers=1),
    }
    with LoopbackHub() as there:
        there.add(REPOSITORY, files)
        monkeypatch.setenv("WORKBENCH_HUB_ENDPOINT", there.endpoint)
        yield there


@pytest.fixture
def answering(monkeypatch) -> Callable[[str], None]:
    """Somebody at a terminal, who answers so."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    def answer(text: str) -> None:
        monkeypatch.setattr("sys.stdin", Keyboard(text + "\n"))
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)

    return answer
