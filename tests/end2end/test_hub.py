"""The real program and a hub on this machine: a real model pulled, killed in the middle, resumed, and used offline."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from workbench.hub.part import PIECE_BYTES

REPOSITORY, FILE = "example/SmolLM2-GGUF", "SmolLM2-135M-Q4.gguf"
CONNECTIONS = 3


@pytest.fixture
def hub(environment, tmp_path, smollm2_path) -> Iterator[LoopbackHub]:
    """A hub with one real model, sent slowly enough to be interrupted; nobody else's models are in the home."""
    environment["HOME"] = environment["USERPROFILE"] = str(tmp_path / "home")
    with LoopbackHub() as there:
        there.add(REPOSITORY, {FILE: smollm2_path}, faults=Faults(step_s=0.004))
        environment["WORKBENCH_HUB_ENDPOINT"] = there.endpoint
        yield there


@pytest.fixture
def begun(environment) -> Callable[..., tuple[int, list[dict[str, Any]]]]:
    """Begins to pull, and stops it so once half of the model is here: exit status, and what was said after that."""

    def begin(stop: Callable[[subprocess.Popen[str]], object]) -> tuple[int, list[dict[str, Any]]]:
        command = [sys.executable, "-m", "workbench", "models", "pull", REPOSITORY, "--estimate", "--yes", "--json"]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as program:
            assert program.stdout is not None
            for line in program.stdout:
                event = json.loads(line)
                if event.get("phase") == "fetching" and event["done_bytes"] > event["total_bytes"] / 2:
                    stop(program)
                    break
            said = [json.loads(line) for line in program.stdout if line.endswith("\n")]
        return program.returncode, said

    return begin


def final(tmp_path: Path) -> Path:
    return tmp_path.joinpath("data", "models", *REPOSITORY.split("/"), FILE)


def test_a_pull_that_was_killed_goes_on_and_the_model_answers_offline(workbench, begun, hub, tmp_path, smollm2_path):
    status, _ = begun(subprocess.Popen.kill)
    assert status not in (0, 130), "it had no chance to tidy up"
    assert not final(tmp_path).exists(), "what is not verified has no model's name"
    assert hub.sent_bytes() > 0
    hub.break_(REPOSITORY, Faults())
    pulled = workbench("models", "pull", f"{REPOSITORY}:{FILE}", "--json")
    assert pulled.status == 0, pulled.err
    values = json.loads(pulled.out.splitlines()[-1])
    assert values["download"]["state"] == "done"
    assert final(tmp_path).read_bytes() == smollm2_path.read_bytes()
    # Of what had arrived only the pieces that were under way are fetched again.
    assert hub.sent_bytes() <= smollm2_path.stat().st_size + (CONNECTIONS + 1) * PIECE_BYTES

    assert workbench("offline", "on").status == 0
    hub.forget()
    answered = workbench("chat", "-m", values["model"]["name"], "--max-tokens", "4", "--seed", "1", "--json", "Hello")
    assert answered.status == 0, answered.err
    assert answered.json["answers"][0]["completion_tokens"] > 0
    assert workbench("models", "verify", values["model"]["name"], "--json").status == 0
    refused = workbench("models", "search", "smollm", "--json")
    assert json.loads(refused.out)["error"]["code"] == "offline"
    assert hub.served == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_pauses_and_says_how_to_go_on(workbench, begun, hub, tmp_path, smollm2_path):
    status, said = begun(lambda program: program.send_signal(signal.SIGINT))
    assert status == 130
    last = said[-1]
    assert last["download"]["state"] == "paused"
    assert last["download"]["done_bytes"] > 0
    assert not final(tmp_path).exists()
    hub.break_(REPOSITORY, Faults())
    assert workbench(*last["resume"].split()[1:]).status == 0
    assert final(tmp_path).stat().st_size == smollm2_path.stat().st_size


def test_people_see_what_happens_in_a_pipe_too(workbench, hub, smollm2_path):
    hub.break_(REPOSITORY, Faults())
    pulled = workbench("models", "pull", REPOSITORY, "--yes")
    assert pulled.status == 0, pulled.err
    assert "★" in pulled.err
    assert "commercial use" in pulled.err
    assert "fetching" in pulled.err
    assert "verified" in pulled.out
    assert "Traceback" not in pulled.err
