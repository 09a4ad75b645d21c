"""``workbench fit``: files, the library, repositories on the hub, other machines; and loading against its advice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.loopback_hub import Faults, LoopbackHub
from tests.unit.models.gguf_files import write_model
from workbench.app import Workbench
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.hardware.facts import Memory

REPOSITORY = "example/tiny-GGUF"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine with two quantisations of one model and a file that is none."""
    folder = tmp_path / "repository"
    folder.mkdir()
    files = {
        "tiny-F16.gguf": write_model(folder / "tiny-F16.gguf", text={"general.basename": "tiny"}, file_type=1),
        "tiny-Q8_0.gguf": write_model(
            folder / "tiny-Q8_0.gguf", text={"general.basename": "tiny"}, file_type=7, layers=1
        ),
        "mmproj-tiny.gguf": write_model(folder / "mmproj.gguf", architecture="clip"),
    }
    with LoopbackHub() as there:
        there.add(REPOSITORY, files)
        monkeypatch.setenv("WORKBENCH_HUB_ENDPOINT", there.endpoint)
        yield there


def test_a_repository_is_judged_before_anything_but_headers_is_fetched(workbench, hub):
    values = workbench("fit", REPOSITORY, "--estimate", "--json").json
    assert [file["quantisation"] for file in values["files"]] == ["F16", "Q8_0"]
    (ladder,) = values["ladders"]
    assert ladder["recommended"] in {rung["name"] for rung in ladder["rungs"]}
    assert ladder["reason"]
    assert values["fetched_bytes"] > 0
    assert {file["origin"]["repository"] for file in values["files"]} == {REPOSITORY}
    assert len({file["origin"]["commit"] for file in values["files"]}) == 1
    (left_out,) = values["skipped"]
    assert left_out["name"] == "mmproj-tiny.gguf"
    assert "projector" in left_out["reason"]


def test_a_person_sees_the_ladder_and_what_was_left_out(workbench, hub, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    out = workbench("fit", REPOSITORY, "--estimate").out
    assert "★" in out
    assert "Only headers were fetched" in out
    assert "left out: mmproj-tiny.gguf" in out


def test_a_repository_of_which_nothing_can_be_judged_says_why_without_an_empty_table(workbench, hub, tmp_path):
    hub.add("example/parts", {"a-00001-of-00002.gguf": write_model(tmp_path / "a-00001-of-00002.gguf")})
    out = workbench("fit", "example/parts", "--estimate").out
    assert "Part 2 of 2 is missing" in " ".join(out.split())
    assert "verdict" not in out
    assert "context of" not in out


def test_a_model_nobody_knows_is_judged_with_low_confidence_and_the_reason(workbench, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    path = write_model(tmp_path / "strange.gguf", architecture="zorblax")
    outcome = workbench("fit", path, "--estimate")
    assert "low confidence" in outcome.out
    assert "'zorblax' is not modelled" in outcome.out
    assert workbench("fit", path, "--estimate", "--json").json["files"][0]["confident"] is False


def test_a_name_in_brackets_is_shown_as_it_is(workbench, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    path = write_model(tmp_path / "[bold]tiny.gguf")
    assert workbench("fit", path, "--estimate").out.count("[bold]tiny") == 2, "in the table and above its devices"
    workbench("models", "add", path)
    assert "[bold]tiny" in workbench("models", "list").out


def test_offline_what_was_seen_before_is_judged_and_dated(workbench, hub, monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")
    assert "Offline" not in workbench("fit", REPOSITORY, "--estimate").out
    monkeypatch.setenv("WORKBENCH_OFFLINE", "1")
    hub.forget()
    out = workbench("fit", REPOSITORY, "--estimate").out
    assert "★" in out
    assert f"Offline: {REPOSITORY} as the hub described it on 20" in out
    assert hub.served == []


def test_offline_a_repository_is_refused_before_any_request(workbench, hub, monkeypatch):
    monkeypatch.setenv("WORKBENCH_OFFLINE", "1")
    outcome = workbench("fit", REPOSITORY, "--json")
    assert (outcome.status, outcome.json["error"]["code"]) == (1, "offline")
    assert hub.served == []


def test_a_hub_that_ignores_ranges_is_no_reason_to_fetch_the_weights(workbench, hub):
    hub.break_(REPOSITORY, Faults(ignores_range=True))
    values = workbench("fit", REPOSITORY, "--estimate", "--json").json
    assert len(values["files"]) == 2


def test_a_repository_that_is_not_there_is_named(workbench, hub):
    error = workbench("fit", "nobody/nothing", "--json").json["error"]
    assert "nobody/nothing" in error["message"]
    assert error["hint"]


def test_a_machine_can_be_described_in_ones_own_words(workbench, library):
    values = workbench("fit", "alpha", "--machine", "24 GB card + 64 GB RAM", "--json").json
    assert values["machine"]["described"]
    assert values["files"][0]["verdict"] == "gpu"
    assert [device["device"] for device in values["files"][0]["devices"]] == ["CUDA0", "RAM"]


def test_a_smaller_cache_type_and_more_sequences_change_the_cache(workbench, library):
    def cache(*more: object) -> int:
        return workbench("fit", "alpha", "--estimate", "--json", "--context", 1024, *more).json["files"][0]["kv_bytes"]

    assert cache("--kv-type", "q8_0") * 32 == cache() * 17
    assert workbench("fit", "alpha", "--kv-type", "q9_9").status == 2
    plan = workbench("fit", "alpha", "--estimate", "--json", "--parallel", 4).json["files"][0]["run_params"]
    assert plan["n_seq_max"] == 4


def test_together_says_whether_all_fit_at_once(workbench, library):
    together = workbench("fit", "--together", "--estimate", "--json").json["together"]
    assert together["fits"] is True
    assert [plan["name"] for plan in together["plans"]] == ["alpha", "beta"]


@pytest.fixture
def crowded(monkeypatch):
    """A machine on which nothing is free."""
    full = replace(LAPTOP_WITHOUT_GPU, described=False, memory=Memory(1 << 30, 1 << 20))
    monkeypatch.setattr(Workbench, "machine", lambda self: full)


def test_what_is_too_big_is_refused_unless_the_user_insists(workbench, library, crowded):
    refused = workbench("chat", "-m", "alpha", "Hello", "--json")
    assert refused.status == 1
    assert refused.json["answers"][0]["error"]["code"] == "does_not_fit"
    for command in (("chat",), ("compare", "-m", "beta")):
        assert "--force loads" in workbench(*command, "-m", "alpha", "Hello").err
    insisted = workbench("chat", "-m", "alpha", "Hello", "--force", "--json")
    assert insisted.status == 0
    assert insisted.json["answers"][0]["text"]


def test_what_does_not_fit_is_told_with_what_is_missing(workbench, library, crowded):
    (alpha, _) = workbench("fit", "--estimate", "--json").json["files"]
    assert alpha["verdict"] == "too_big"
    assert alpha["margin_bytes"] == -alpha["short_by_bytes"] < 0
    assert "too big by" in " ".join(workbench("fit", "alpha", "--estimate").out.split())
