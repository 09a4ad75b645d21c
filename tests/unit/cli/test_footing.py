"""Asking several models alike, or not, from the command line: what was asked for, and what is said about it."""

from __future__ import annotations

import pytest


def test_adapters_go_to_the_models_they_are_for(workbench, library):
    values = workbench("compare", "-m", "alpha", "-m", "alpha", "-m", "beta", "--adapter", "2=/here/style.gguf@0.5",
                       "--adapter", "/here/all.gguf", "--json", "Hello").json  # fmt: skip
    adapters = [answer["footing"]["adapters"] for answer in values["answers"]]
    assert adapters == [["all.gguf × 1"], ["style.gguf × 0.5", "all.gguf × 1"], ["all.gguf × 1"]]
    assert [one["what"] for one in values["differences"]] == ["adapters"]


def test_what_was_not_alike_is_said_to_people(workbench, library):
    outcome = workbench("compare", "-m", "alpha", "-m", "beta", "--adapter", "1=x.gguf", "Hello")
    assert "not alike: adapters: x.gguf × 1 / none" in outcome.out


def test_alternatives_are_told_with_each_token(workbench, library):
    values = workbench("compare", "-m", "alpha", "--alternatives", 3, "--json", "Hello").json
    (answer,) = values["answers"]
    assert len(answer["choices"]) == answer["completion_tokens"]
    assert all(len(choice["others"]) == 3 for choice in answer["choices"])


def test_a_chat_shows_how_sure_the_model_was_of_each_token(workbench, library):
    shown = workbench("chat", "-m", "alpha", "--alternatives", 2, "--max-tokens", 2, "Hello")
    assert shown.status == 0
    assert shown.err.count(" of ") == 2
    assert "%" in shown.err


def test_by_whose_wish_a_model_was_sampled_is_said_where_the_vendor_was_asked(workbench, library):
    for command in ("chat", "compare"):
        assert "no recommendation is known" in workbench(command, "-m", "alpha", "--sampling", "vendor", "Hi").err


def test_a_form_that_cannot_be_promised_is_refused_before_anything_is_loaded(workbench, library, tmp_path):
    (tmp_path / "left.gbnf").write_text('root ::= root "a"')
    (tmp_path / "remote.json").write_text('{"$ref": "https://example.com/x.json"}')
    for option, file, code in (("--grammar", "left.gbnf", "grammar"), ("--schema", "remote.json", "schema")):
        outcome = workbench("compare", "-m", "alpha", option, tmp_path / file, "--json", "Hello")
        assert (outcome.status, outcome.json["error"]["code"]) == (1, code)


def test_policies_and_modes_are_reported(workbench, library, monkeypatch):
    monkeypatch.setenv("WORKBENCH_CONTEXT_POLICY", "middle_out")
    arguments = ("compare", "-m", "alpha", "--sampling", "vendor", "--mode", "throughput", "--isolated", "--json", "Hi")
    values = workbench(*arguments).json
    assert (values["sampling_mode"], values["context_policy"], values["mode"]) == ("vendor", "middle_out", "throughput")
    (answer,) = values["answers"]
    assert (answer["footing"]["isolated"], answer["footing"]["exactness"]) == (True, "throughput")
    assert workbench("compare", "-m", "alpha", "--context-policy", "refuse", "--json", "Hi").json[
        "context_policy"
    ] == "refuse"  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--adapter", "3=x.gguf"], "there is no model 3; 1 were given"),
        (["--adapter", "0=x.gguf"], "there is no model 0"),
        (["--schema", "/no/such.json"], "schema file /no/such.json cannot be read"),
        (["--schema", "a.json", "--grammar", "b.gbnf"], "a schema or a grammar, not both"),
        (["--context-policy", "forget"], "forget"),
        (["--date", "2026-02-30"], "there is no such day"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_reason(workbench, library, arguments, said):
    outcome = workbench("compare", "-m", "alpha", *arguments, "--json", "Hello")
    assert outcome.status == 2
    assert said in outcome.json["error"]["message"] + (outcome.json["error"]["hint"] or "")


def test_people_are_told_the_seed_with_which_it_can_be_asked_again(workbench, library):
    assert "seed 4711" in workbench("compare", "-m", "alpha", "--seed", 4711, "Hello").err
    assert "seed 4711" in workbench("chat", "-m", "alpha", "--seed", 4711, "Hello").err


def test_a_template_is_for_one_model_or_for_all(workbench, library):
    values = workbench("compare", "-m", "alpha", "-m", "beta", "--template", "none", "--template", "2=chatml",
                       "--json", "Hello").json  # fmt: skip
    assert [answer["error"] for answer in values["answers"]] == [None, None]
    outcome = workbench("compare", "-m", "alpha", "--template", "2=chatml", "--json", "Hello")
    assert "there is no model 2" in outcome.json["error"]["message"]


def test_help_shows_the_whole_form_of_an_adapter_and_a_template(workbench):
    said = " ".join(workbench("compare", "--help").out.replace("│", " ").split())
    assert "[N=]FILE[@SCALE]" in said, said
    assert "[N=]NAME" in said
