"""What scripts and people get from each command: keys, exit status, errors with hints."""

from __future__ import annotations

import pytest

from workbench.engine.fake import FakeBackend, say

ANSWER_KEYS = {
    "model",
    "family",
    "text",
    "stop_reason",
    "prompt_tokens",
    "completion_tokens",
    "rendered_prompt",
    "template_source",
    "load_ms",
    "ttft_ms",
    "prefill_tokens_per_s",
    "decode_tokens_per_s",
    "error",
    "size_bytes",
    "sha256",
    "synthetic",
}
FIT_KEYS = {
    "file",
    "architecture",
    "parameter_count",
    "verdict",
    "context",
    "weights_bytes",
    "kv_bytes",
    "compute_bytes",
    "overhead_bytes",
    "total_bytes",
    "available_bytes",
    "short_by_bytes",
    "max_context",
    "basis",
    "run_params",
    "reasons",
    "devices",
}
BYTE_KEYS = {key for key in FIT_KEYS if key.endswith("_bytes")}


def test_hardware_names_the_facts(workbench):
    values = workbench("hardware", "--json").json
    assert values["cpu"]["usable_cores"] >= 1
    assert values["memory"]["available_bytes"] > 0
    assert values["devices"] == []
    assert values["build"]["version"] == "scripted"


def test_hardware_speaks_plainly_to_people(workbench):
    outcome = workbench("hardware")
    assert outcome.status == 0
    assert "memory free" in outcome.out


def test_models_list_has_the_promised_keys(workbench, library):
    values = workbench("models", "list", "--json").json
    assert [model["name"] for model in values["models"]] == ["alpha", "beta"]
    assert [model["family"] for model in values["models"]] == ["llama", "gemma"]
    for model in values["models"]:
        assert {"name", "path", "family", "architecture", "quantisation", "size_bytes"} <= model.keys()


def test_an_empty_library_says_how_to_get_models(workbench):
    outcome = workbench("models", "list")
    assert outcome.status == 0
    assert "workbench models starter" in outcome.out


def test_a_broken_file_in_the_library_is_named_and_the_others_are_listed(workbench, library):
    (library / "broken.gguf").write_bytes(b"GGUF")
    values = workbench("models", "list", "--json").json
    assert len(values["models"]) == 2
    (problem,) = values["problems"]
    assert problem["path"].endswith("broken.gguf")
    assert problem["message"]


def test_fit_sums_its_devices(workbench, library):
    values = workbench("fit", "--json").json
    assert values["machine"]["memory"]["total_bytes"] > 0
    for file in values["files"]:
        assert file.keys() >= FIT_KEYS
        assert file["verdict"] in {"gpu", "split", "cpu", "too_big"}
        for key in BYTE_KEYS:
            assert file[key] == sum(device[key] for device in file["devices"])
        assert file["total_bytes"] == sum(
            file[key] for key in ("weights_bytes", "kv_bytes", "compute_bytes", "overhead_bytes")
        )


def test_fit_answers_for_a_described_machine(workbench, library):
    values = workbench("fit", "alpha", "--machine", "rtx 4070 12 gb", "--json").json
    assert values["machine"]["described"] is True
    assert values["files"][0]["verdict"] == "gpu"
    assert workbench("fit", "alpha", "--machine", "abacus", "--json").status == 2


def test_compare_answers_in_the_order_asked_with_the_promised_keys(workbench, library):
    outcome = workbench("compare", "-m", "beta", "-m", "alpha", "-m", "beta", "--seed", 3, "Hello", "--json")
    values = outcome.json
    assert outcome.status == 0
    assert [answer["model"] for answer in values["answers"]] == ["beta", "alpha", "beta"]
    assert values["prompt"] == "Hello"
    assert values["seed"] == 3
    assert values["plan"]["mode"] in {"together", "in_turn", "swap"}
    assert values["engine"] == {"name": "fake", "version": "scripted"}
    for answer in values["answers"]:
        assert answer.keys() >= ANSWER_KEYS
        assert answer["error"] is None
        assert answer["stop_reason"] == "end"


def test_options_of_the_command_line_reach_the_answers(workbench, library):
    values = workbench("compare", "-m", "alpha", "--temperature", 0.1, "--top-k", 5, "--top-p", 0.5, "--min-p", 0.2,
                       "--repetition-penalty", 1.1, "--max-tokens", 1, "--context", 512, "--threads", 1,
                       "--system", "Be brief.", "--json", "Hello").json  # fmt: skip
    (answer,) = values["answers"]
    assert values["sampling"] | {"repeat_last_n": 0} == {
        "temperature": 0.1, "top_k": 5, "top_p": 0.5, "min_p": 0.2, "repetition_penalty": 1.1, "repeat_last_n": 0
    }  # fmt: skip
    assert (answer["stop_reason"], answer["completion_tokens"]) == ("max_tokens", 1)
    assert (answer["context"], answer["threads"]) == (512, 1)
    assert "Be brief." in answer["rendered_prompt"]
    assert answer["temperature"] == 0.1


def test_temperature_is_0_7_and_the_seed_is_reported_unless_given(workbench, library):
    values = workbench("compare", "-m", "alpha", "--json", "Hello").json
    assert values["sampling"]["temperature"] == 0.7
    assert isinstance(values["seed"], int)
    assert values["answers"][0]["seed"] == values["seed"]


def test_the_context_is_at_most_the_trained_one(workbench, library):
    values = workbench("compare", "-m", "alpha", "--context", 100_000, "--json", "Hello").json
    assert values["answers"][0]["context"] == 1024


def test_a_prompt_comes_from_a_file(workbench, library, tmp_path):
    (tmp_path / "prompt.txt").write_text("From a file.", encoding="utf-8")
    assert workbench("compare", "-m", "alpha", "--json", f"@{tmp_path}/prompt.txt").json["prompt"] == "From a file."


def test_a_prompt_comes_from_standard_input(workbench, library, monkeypatch, tmp_path):
    (tmp_path / "piped").write_text("From a pipe.", encoding="utf-8")
    with (tmp_path / "piped").open(encoding="utf-8") as piped:
        monkeypatch.setattr("sys.stdin", piped)
        assert workbench("compare", "-m", "alpha", "--json", "-").json["prompt"] == "From a pipe."


def test_a_failed_answer_makes_exit_status_1_and_keeps_the_object_whole(workbench, library):
    outcome = workbench("compare", "-m", "alpha", "--context", 256, "--json", "word " * 400)
    (answer,) = outcome.json["answers"]
    assert outcome.status == 1
    assert answer["stop_reason"] == "error"
    assert answer["error"]["code"] == "context_overflow"
    assert answer["error"]["hint"]
    assert answer["decode_tokens_per_s"] is None


def test_people_see_columns_and_figures(workbench, library):
    outcome = workbench("compare", "-m", "alpha", "-m", "beta", "Hello")
    assert outcome.status == 0
    assert "alpha" in outcome.out
    assert outcome.out.count("This answer comes") == 2
    assert "TTFT" in outcome.out


def test_chat_writes_the_answer_to_stdout_and_the_figures_to_stderr(workbench, library):
    outcome = workbench("chat", "-m", "alpha", "Hello")
    assert outcome.out.startswith("This answer comes from the scripted engine")
    assert "TTFT" not in outcome.out
    assert "TTFT" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["compare", "-m", "nowhere", "Hello"], 1, "model_not_found"),
        (["compare", "-m", "/no/such/file.gguf", "Hello"], 1, None),
        (["compare", "-m", "alpha", "@/no/such/prompt"], 2, "usage"),
        (["compare", "-m", "alpha", ""], 2, "usage"),
        (["compare", "-m", "alpha"], 2, "usage"),
        (["compare", "-m", "alpha", "--temperature", "hot", "Hello"], 2, "usage"),
        (["compare", "Hello"], 2, "usage"),
        (["chat", "-m", "alpha"], 2, "usage"),
        (["models", "show", "gamma"], 1, "model_not_found"),
        (["frobnicate"], 2, "usage"),
    ],
)
def test_bad_input_is_one_clear_error_on_stderr_and_one_object_on_stdout(workbench, library, arguments, status, code):
    outcome = workbench(*arguments, "--json")
    assert outcome.status == status
    error = outcome.json["error"]
    assert error["message"]
    if code is not None:
        assert error["code"] == code
    assert "error:" in outcome.err
    assert "Traceback" not in outcome.err


def test_nine_models_are_too_many(workbench, library):
    outcome = workbench("compare", *["-m", "alpha"] * 9, "Hello", "--json")
    assert outcome.status == 2
    assert "8" in outcome.json["error"]["message"]


def test_a_setting_out_of_range_names_itself(workbench, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CONTEXT", "12")
    outcome = workbench("models", "list", "--json")
    assert outcome.status == 1
    assert outcome.json["error"]["code"] == "settings"
    assert "context" in outcome.json["error"]["message"].lower()


def test_every_command_explains_itself(workbench):
    models = ("list", "search", "show", "pull", "import", "forget", "verify", "remove", "where", "starter", "add")
    packs = (["create"], ["verify"], ["install"], ["list"], ["key"], ["key", "new"], ["key", "accept"],
             ["key", "withdraw"], ["key", "list"])  # fmt: skip
    for command in ([], ["hardware"], ["models"], *(["models", name] for name in models), ["fit"], ["chat"],
                    ["compare"], ["doctor"], ["tour"], ["pack"], *(["pack", *names] for names in packs),
                    ["offline"], *(["offline", name] for name in ("on", "off", "check"))):  # fmt: skip
        outcome = workbench(*command, "--help")
        assert outcome.status == 0
        assert "Usage" in outcome.out


def test_state_moves_with_the_data_folder(workbench, tmp_path):
    assert workbench("--data-dir", tmp_path / "elsewhere", "models", "list").status == 0
    assert (tmp_path / "elsewhere" / "workbench.sqlite3").exists()
    assert not (tmp_path / "data" / "workbench.sqlite3").exists()


def test_ctrl_c_keeps_what_was_written_and_exits_130(workbench, library, monkeypatch):
    from workbench.cli.loop import Loop

    deliver, interrupts = Loop._deliver_batch, iter([True])

    def interrupting(self):
        deliver(self)
        if self.comparison.panes[0].text and next(interrupts, False):
            raise KeyboardInterrupt

    monkeypatch.setattr(
        "workbench.engine.fake.FakeBackend", lambda **_: FakeBackend(say(["word "] * 1000), tokens_per_s=100)
    )
    monkeypatch.setattr(Loop, "_deliver_batch", interrupting)
    outcome = workbench("compare", "-m", "alpha", "--json", "Hello")
    assert outcome.status == 130
    values = outcome.json
    assert values["interrupted"] is True
    assert values["answers"][0]["stop_reason"] == "cancelled"
    assert values["answers"][0]["text"]
