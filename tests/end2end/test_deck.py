"""A deck of prompts on real models, from the command line, killed in the middle and taken up again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

DECK = "\n".join(f"Name the colour number {number} of the rainbow." for number in range(1, 5))


@pytest.fixture
def deck(tmp_path):
    path = tmp_path / "colours.txt"
    path.write_text(DECK, encoding="utf-8")
    return path


@pytest.fixture
def names(library):
    return [path.stem for path in sorted(library.iterdir())]


def models(names):
    return [part for name in names for part in ("--model", name)]


def last_line(outcome):
    return json.loads(outcome.out.splitlines()[-1])


def test_real_models_answer_every_prompt_and_the_run_is_kept(workbench, names, deck):
    outcome = workbench("deck", "run", deck, *models(names[:2]), "--max-tokens", 6, "--seed", 3, "--json")
    assert outcome.status == 0, outcome.err
    told = last_line(outcome)
    assert told["cells"] == {"to_do": 0, "running": 0, "done": 8, "failed": 0, "stopped": 0}
    assert all(one["text"] for row in told["answers"] for one in row["answers"])
    first = told["answers"][0]["answers"][0]
    assert "Name the colour number 1" in first["rendered_prompt"]
    assert "Name the colour number 2" not in told["answers"][2]["answers"][0]["rendered_prompt"], "each begins anew"
    listed = workbench("deck", "list", "--json").json
    assert [(run["deck"], run["cells"]["done"]) for run in listed["runs"]] == [("colours", 8)]
    shown = workbench("deck", "show", told["run"])
    assert shown.out.count("● done") == 8


def test_a_killed_run_goes_on_where_it_was(workbench, names, deck, environment):
    command = [sys.executable, "-m", "workbench", "deck", "run", str(deck), *models(names[:2]), "--run", "swap",
               "--max-tokens", "16", "--json"]  # fmt: skip
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        done = 0
        for line in running.stdout:
            done = json.loads(line)["done"]
            if done == 2:
                running.send_signal(signal.SIGKILL)
                break
        running.stdout.read()
    assert done == 2
    run_id = workbench("deck", "list", "--json").json["runs"][0]["run"]
    outcome = workbench("deck", "run", "--resume", run_id, "--json")
    assert outcome.status == 0, outcome.err
    told = last_line(outcome)
    assert told["cells"]["done"] == 8
    before = json.loads(outcome.out.splitlines()[0])
    assert before["done"] >= 2, "what was answered is not asked again"
    asked = sum(1 for row in told["answers"] for one in row["answers"] if one["stop_reason"] in {"end", "max_tokens"})
    assert asked == 8


def test_ctrl_c_ends_a_run_that_can_be_taken_up_again(workbench, names, deck, environment):
    command = [
        sys.executable,
        "-m",
        "workbench",
        "deck",
        "run",
        str(deck),
        *models(names[:1]),
        "--max-tokens",
        "60",
        "--json",
    ]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if json.loads(line)["done"] == 1:
                running.send_signal(signal.SIGINT)
                break
        rest = running.stdout.read()
    assert running.returncode == 130
    told = json.loads(rest.splitlines()[-1])
    assert told["interrupted"]
    assert 1 <= told["cells"]["done"] < 4


def test_a_file_that_is_no_deck_is_refused(workbench, tmp_path):
    (tmp_path / "noise.txt").write_bytes(bytes(range(256)) * 20)
    outcome = workbench("deck", "run", tmp_path / "noise.txt", "--model", "any")
    assert outcome.status == 1
    assert "hint:" in outcome.err


def test_what_is_missing_or_too_much_is_told(workbench, deck):
    assert workbench("deck", "run", deck).status == 2
    assert workbench("deck", "run", "--resume", 7).status == 2
    assert workbench("deck", "run", deck, "--resume", 7).status == 2
    assert workbench("deck", "show", 7).status == 2
    assert "No deck has been run yet" in workbench("deck", "list").out
