"""``workbench ask`` on the scripted engine: a file of prompts in, a line for each answer out."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.unit.cli.conftest import Outcome

Workbench: TypeAlias = Callable[..., Outcome]

pytestmark = pytest.mark.usefixtures("library")


def prompts(folder: Path, *lines: str, name: str = "prompts.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def prompt(text: str, **more: object) -> str:
    return json.dumps({"prompt": text, **more})


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_prompt_gets_a_line_on_stdout(workbench: Workbench, tmp_path: Path) -> None:
    file = prompts(tmp_path, prompt("one", id="first"), "", prompt("two"))
    done = workbench("ask", file, "--model", "alpha")
    assert done.status == 0, done.err
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["event"], line["id"]) for line in found] == [("answer", "first"), ("answer", "3")]
    assert all(line["answer"] and line["stop_reason"] == "end" for line in found)


def test_a_text_file_holds_a_prompt_on_each_line(workbench: Workbench, tmp_path: Path) -> None:
    file = prompts(tmp_path, "What is one?", "", "What is two?", name="prompts.txt")
    done = workbench("ask", file, "--model", "alpha", "--out", tmp_path / "answers.jsonl", "--json")
    assert (done.status, done.last["answered"]) == (0, 2)
    assert [line["id"] for line in lines_of(tmp_path / "answers.jsonl")] == ["1", "3"]
    assert [line["done"] for line in done.events if "done" in line][-1] <= 2


def test_prompts_that_were_answered_are_left_out_the_next_time(workbench: Workbench, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    workbench("ask", prompts(tmp_path, prompt("one"), prompt("two")), "--model", "alpha", "--out", out)
    file = prompts(tmp_path, prompt("one"), prompt("changed"), prompt("three"))
    done = workbench("ask", file, "--model", "alpha", "--out", out, "--json")
    assert (done.last["answered"], done.last["skipped"]) == (2, 1)
    assert [line["id"] for line in lines_of(out)] == ["1", "2", "2", "3"]
    again = workbench("ask", file, "--model", "alpha", "--out", out, "--json")
    assert (again.last["answered"], again.last["skipped"]) == (0, 3)


def test_json_ends_with_one_object_also_where_the_answers_go_to_stdout(workbench: Workbench, tmp_path: Path) -> None:
    done = workbench("ask", prompts(tmp_path, prompt("one"), prompt("two")), "--model", "alpha", "--json")
    assert (done.status, done.last["answered"], done.last["interrupted"]) == (0, 2, False)
    assert [one["id"] for one in done.events if one["event"] == "answer"] == ["1", "2"]


@pytest.mark.parametrize("lines", ["one\ntwo\n", '{"prompt": "one"}\r\n{"prompt": "two\u2028lines"}\r\n'])
def test_prompts_may_come_from_standard_input(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    done = workbench("ask", "-", "--model", "alpha", "--json")
    assert (done.status, done.last["answered"]) == (0, 2), done.err


def test_what_is_asked_is_judged_before_anything_is_loaded(workbench: Workbench, tmp_path: Path) -> None:
    file, grammar = prompts(tmp_path, prompt("one")), tmp_path / "left.gbnf"
    grammar.write_text('root ::= root "a"', encoding="utf-8")
    left = workbench("ask", file, "--model", "alpha", "--grammar", grammar, "--json")
    assert (left.status, left.json["error"]["code"]) == (1, "grammar")
    gone = workbench("ask", file, "--model", "alpha", "--adapter", tmp_path / "none.gguf", "--json")
    assert (gone.status, gone.json["error"]["code"]) == (1, "adapter")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is Linux's /dev/full")
def test_a_full_disk_is_one_error_with_what_to_do(workbench: Workbench, tmp_path: Path) -> None:
    done = workbench("ask", prompts(tmp_path, prompt("one")), "--model", "alpha", "--out", "/dev/full", "--json")
    assert (done.status, done.last["error"]["code"]) == (1, "answers")
    assert "No space left" in done.last["error"]["message"]
    assert "goes on where it stopped" in done.last["error"]["hint"]


@pytest.mark.parametrize(
    "other",
    [
        ("--model", "beta"),
        ("--model", "alpha", "--max-tokens", "3"),
        ("--model", "alpha", "--template", "chatml"),
        ("--model", "alpha", "--date", "2026-03-01"),
        ("--model", "alpha", "--context-policy", "middle_out"),
    ],
)
def test_another_model_or_another_way_of_asking_is_another_answer(
    workbench: Workbench, tmp_path: Path, other: tuple[str, ...]
) -> None:
    file, out = prompts(tmp_path, prompt("one")), tmp_path / "answers.jsonl"
    workbench("ask", file, "--model", "alpha", "--out", out)
    assert workbench("ask", file, *other, "--out", out, "--json").last["answered"] == 1


def test_an_answer_that_a_crash_tore_off_is_asked_again(workbench: Workbench, tmp_path: Path) -> None:
    file, out = prompts(tmp_path, prompt("one"), prompt("two")), tmp_path / "answers.jsonl"
    workbench("ask", file, "--model", "alpha", "--out", out)
    out.write_text(out.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert workbench("ask", file, "--model", "alpha", "--out", out, "--json").last["answered"] == 1
    whole = [line for line in out.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    assert [json.loads(line)["id"] for line in whole] == ["1", "2"]


def test_a_prompt_that_fails_is_told_and_asked_again_and_the_others_are_answered(
    workbench: Workbench, tmp_path: Path
) -> None:
    file, out = prompts(tmp_path, prompt("one"), prompt("long " * 600)), tmp_path / "answers.jsonl"
    done = workbench("ask", file, "--model", "alpha", "--context", "256", "--out", out, "--json")
    assert (done.status, done.last["answered"], done.last["failed"]) == (1, 1, 1)
    failed = next(line for line in lines_of(out) if line["answer"] is None)
    assert failed["stop_reason"] == "error"
    assert "the context holds 256" in failed["error"]["message"]
    again = workbench("ask", file, "--model", "alpha", "--context", "256", "--out", out, "--json")
    assert (again.last["skipped"], again.last["failed"]) == (1, 1)


def test_a_system_prompt_goes_before_every_prompt_without_one(workbench: Workbench, tmp_path: Path) -> None:
    with_own = json.dumps({"messages": [{"role": "system", "content": "own"}, {"role": "user", "content": "two"}]})
    out = tmp_path / "answers.jsonl"
    workbench("ask", prompts(tmp_path, prompt("one two"), with_own), "--model", "alpha", "--out", out,
              "--system", "a b c")  # fmt: skip
    assert [line["prompt_tokens"] for line in lines_of(out)] == [3 + 4, 2 + 2]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "line 2: this is not JSON"),
        ('{"text": "x"}', 'line 2: an object with either "prompt" or "messages"'),
        ('{"prompt": 3}', 'line 2: "prompt" must be a text'),
        ('{"messages": []}', 'line 2: "messages" must be a list'),
        ('{"messages": [{"role": "robot", "content": "x"}]}', "line 2: a message needs a role"),
        ('{"prompt": "x", "id": 1}', "names two prompts 1"),
    ],
)
def test_a_mistake_in_the_file_is_named_before_anything_is_loaded(
    workbench: Workbench, tmp_path: Path, line: str, said: str
) -> None:
    done = workbench("ask", prompts(tmp_path, prompt("one", id=1), line), "--model", "alpha", "--json")
    assert done.status == 2
    assert said in done.json["error"]["message"]


def test_a_file_without_prompts_or_without_a_file_is_said(workbench: Workbench, tmp_path: Path) -> None:
    empty = workbench("ask", prompts(tmp_path, ""), "--model", "alpha", "--json")
    missing = workbench("ask", tmp_path / "nowhere.txt", "--model", "alpha", "--json")
    assert (empty.status, missing.status) == (2, 2)
    assert "holds no prompt" in empty.json["error"]["message"]
    assert "cannot be read" in missing.json["error"]["message"]


def test_a_file_that_holds_something_else_is_not_appended_to(workbench: Workbench, tmp_path: Path) -> None:
    out = tmp_path / "diary.txt"
    out.write_text("dear diary\n", encoding="utf-8")
    done = workbench("ask", prompts(tmp_path, prompt("one")), "--model", "alpha", "--out", out, "--json")
    assert done.status == 2
    assert out.read_text(encoding="utf-8") == "dear diary\n"


def test_a_line_tells_as_much_of_how_it_was_asked_as_compare_does(workbench: Workbench, tmp_path: Path) -> None:
    out = tmp_path / "answers.jsonl"
    asked = ("-m", "alpha", "--system", "Be brief.", "--seed", 3)
    workbench("ask", prompts(tmp_path, prompt("one")), *asked, "--out", out)
    (line,) = lines_of(out)
    (compared,) = workbench("compare", *asked, "--json", "one").json["answers"]
    assert line["footing"].keys() == compared["footing"].keys()
    same = ("rendered_prompt", "temperature", "top_k", "top_p", "min_p", "repetition_penalty", "context", "sha256")
    assert {name: line[name] for name in same} == {name: compared[name] for name in same}
    assert line["footing"]["system"] == "native"
