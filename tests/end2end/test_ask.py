"""``workbench ask`` in a process of its own: many prompts on a real model, stopped and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

MANY = 64


def lines_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def last(outcome):
    return json.loads(outcome.out.splitlines()[-1])


@pytest.fixture
def many(tmp_path) -> Path:
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"What is {n} plus {n}?"}) + "\n" for n in range(MANY)))
    return path


def test_many_prompts_are_answered_together_and_none_twice(workbench, many, mistral_path, tmp_path):
    asked = (
        "ask",
        many,
        "-m",
        mistral_path,
        "--slots",
        8,
        "--max-tokens",
        4,
        "--out",
        tmp_path / "out.jsonl",
        "--json",
    )
    first = last(workbench(*asked))
    assert (first["answered"], first["failed"], first["skipped"]) == (MANY, 0, 0)
    found = lines_of(tmp_path / "out.jsonl")
    assert sorted(int(str(line["id"])) for line in found) == list(range(1, MANY + 1))
    assert {line["together"] for line in found} != {None}
    again = last(workbench(*asked))
    assert (again["answered"], again["skipped"]) == (0, MANY)


def test_in_audit_an_answer_is_what_the_prompt_gives_by_itself(workbench, mistral_path, tmp_path):
    (tmp_path / "two.txt").write_text("Name a colour.\nName a fruit.\n")
    shared = ("-m", mistral_path, "--seed", 5, "--max-tokens", 6, "--json")
    outcome = workbench("ask", tmp_path / "two.txt", "--audit", *shared)
    answers = [json.loads(line)["answer"] for line in outcome.out.splitlines() if '"answer"' in line[:20]]
    alone = workbench("chat", "Name a fruit.", *shared).json["answers"][0]["text"]
    assert answers[1] == alone


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a POSIX signal")
def test_ctrl_c_keeps_what_was_answered_and_the_same_command_goes_on(
    environment, workbench, many, mistral_path, tmp_path
):
    out = tmp_path / "out.jsonl"
    asked = [
        "ask",
        str(many),
        "-m",
        str(mistral_path),
        "--slots",
        "2",
        "--max-tokens",
        "150",
        "--out",
        str(out),
        "--json",
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", *asked], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        told = []
        for line in process.stdout:
            told.append(json.loads(line))
            if told[-1].get("done", 0) > 0:
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert told[-1]["interrupted"]
    kept = len(lines_of(out))
    assert 0 < kept == told[-1]["answered"] < MANY
    many.write_text("".join(many.read_text().splitlines(keepends=True)[: kept + 2]))
    rest = last(workbench(*asked))
    assert rest["skipped"] + rest["answered"] == kept + 2
    assert rest["skipped"] > 0


def test_answers_keep_to_a_schema_with_an_adapter_in_a_process_of_its_own(workbench, mistral_path, tmp_path):
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    (tmp_path / "peft").mkdir()
    (tmp_path / "peft" / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (tmp_path / "one.txt").write_text("How old are you?\n")
    shared = ("ask", tmp_path / "one.txt", "-m", mistral_path, "--schema", tmp_path / "schema.json", "--json")
    outcome = workbench(*shared, "--isolated")
    (answer,) = [one for one in map(json.loads, outcome.out.splitlines()) if one.get("event") == "answer"]
    assert isinstance(json.loads(answer["answer"])["age"], int)
    refused = workbench(*shared, "--adapter", tmp_path / "peft")
    assert refused.status == 1
    assert "convert_lora_to_gguf.py" in refused.json["error"]["hint"]


def test_a_long_conversation_is_refused_or_shortened_and_what_was_dropped_is_told(workbench, mistral_path, tmp_path):
    """Sixty messages."""
    turns = [{"role": role, "content": "word " * 12} for _ in range(30) for role in ("user", "assistant")]
    file = tmp_path / "long.jsonl"
    file.write_text(json.dumps({"messages": [*turns, {"role": "user", "content": "And now?"}]}))
    shared = ("ask", file, "-m", mistral_path, "--context", 512, "--max-tokens", 2, "--json")
    refused = workbench(*shared)
    assert (refused.status, last(refused)["failed"]) == (1, 1)
    assert "the context holds 512" in refused.out
    for policy in ("drop_oldest", "middle_out"):
        outcome = workbench(*shared, "--context-policy", policy)
        assert outcome.status == 0, outcome.err
        (answer,) = [one for one in map(json.loads, outcome.out.splitlines()) if one.get("event") == "answer"]
        assert answer["dropped"]["policy"] == policy
        assert answer["dropped"]["messages"] > 0
