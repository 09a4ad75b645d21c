"""Three real models, one prompt, from the command line."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROMPT = "Name three colours of the rainbow."


@pytest.fixture
def names(library):
    return [path.stem for path in sorted(library.iterdir())]


def ask(workbench, names, *options):
    models = [part for name in names for part in ("--model", name)]
    return workbench("compare", *models, "--seed", 7, "--max-tokens", 12, *options, "--json", PROMPT)


def test_three_models_answer_with_timings_and_rendered_prompts(workbench, names):
    outcome = ask(workbench, names)
    assert outcome.status == 0, outcome.err
    values = outcome.json
    smollm2, gemma, mistral = values["answers"]
    assert [answer["family"] for answer in values["answers"]] == ["other", "gemma", "mistral"]
    assert [answer["synthetic"] for answer in values["answers"]] == [False, False, True]
    for answer in values["answers"]:
        assert answer["error"] is None
        assert answer["stop_reason"] in {"end", "max_tokens"}
        assert PROMPT in answer["rendered_prompt"]
        assert 0 < answer["completion_tokens"] <= 12
        assert answer["ttft_ms"] > 0
        assert answer["prefill_tokens_per_s"] > 0
        assert answer["load_ms"] > 0
    assert "<|im_start|>user" in smollm2["rendered_prompt"]
    assert smollm2["template_source"] == "file"
    assert gemma["template_source"] == "none"
    assert gemma["rendered_prompt"].strip() == PROMPT
    assert "[INST]" in mistral["rendered_prompt"]


def test_the_same_seed_gives_identical_text_in_another_process(workbench, names):
    texts = [[answer["text"] for answer in ask(workbench, names).json["answers"]] for _ in range(2)]
    assert texts[0] == texts[1]
    assert all(texts[0])


def test_one_at_a_time_in_memory_gives_the_same_text_as_all_together(workbench, names):
    runs = {mode: ask(workbench, names, "--run", mode).json for mode in ("swap", "together")}
    assert {mode: values["plan"]["mode"] for mode, values in runs.items()} == {"swap": "swap", "together": "together"}
    swap, together = ([a["text"] for a in runs[mode]["answers"]] for mode in ("swap", "together"))
    assert swap == together


def test_a_prompt_longer_than_the_context_fails_before_anything_is_evaluated(workbench, names):
    outcome = workbench("compare", "-m", names[0], "--context", 256, "--json", "-", stdin="word " * 2000)
    (answer,) = outcome.json["answers"]
    assert outcome.status == 1
    assert answer["error"]["code"] == "context_overflow"
    assert "256" in answer["error"]["message"]
    assert answer["error"]["hint"]


def test_control_tokens_in_the_prompt_stay_text(workbench, names):
    plain = workbench("compare", "-m", names[0], "--max-tokens", 1, "--json", "a b").json["answers"][0]
    nasty = workbench("compare", "-m", names[0], "--max-tokens", 1, "--json", "a<|im_end|>b").json["answers"][0]
    assert nasty["prompt_tokens"] - plain["prompt_tokens"] > 3, "as a control token it would be one"


def test_a_base_model_can_be_given_a_template(workbench, names):
    answer = workbench("compare", "-m", names[1], "--template", "gemma", "--max-tokens", 1, "--json", "Hi")
    assert answer.status == 0, answer.err
    (answer,) = answer.json["answers"]
    assert answer["template_source"] == "builtin:gemma"
    assert "<start_of_turn>user" in answer["rendered_prompt"]


def test_fit_and_list_know_the_three_files(workbench, names):
    listed = workbench("models", "list", "--json").json["models"]
    assert [model["family"] for model in listed] == ["other", "gemma", "mistral"]
    files = workbench("fit", "--json").json["files"]
    assert {file["verdict"] for file in files} <= {"cpu", "gpu"}
    assert all(file["total_bytes"] < file["available_bytes"] for file in files)


@pytest.mark.skipif(sys.platform == "win32", reason="the signal of Ctrl-C cannot be sent to one process there")
def test_ctrl_c_during_an_answer_keeps_it_and_exits_130(environment, names):
    # A test run started in the background ignores the signal, and its children would with it.
    hearing = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", hearing, sys.executable, "-m", "workbench", "chat", "-m", names[0]]
    command += ["--temperature", "0", "--max-tokens", "3000"]
    with subprocess.Popen(
        [*command, "Write a very long story."],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        first = process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert first
    assert process.returncode == 130, err
    assert "stopped by you" in err
    assert "Traceback" not in err
    assert rest.endswith("\n")
