"""``workbench models search|pull``: what is asked, what arrives, and what scripts are told meanwhile."""

from __future__ import annotations

import signal

import pytest

from tests.loopback_hub import Faults
from tests.unit.cli.conftest import REPOSITORY
from tests.unit.models.gguf_files import write_model
from workbench.cli import output, pulling
from workbench.hub.download_rows import Failure
from workbench.hub.download_state import DownloadState
from workbench.hub.transfer import Phase


def arrived(tmp_path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "data" / "models").rglob("*.gguf"))


def test_a_named_quantisation_arrives_verified_with_events_before_the_one_object(workbench, hub, tmp_path):
    outcome = workbench("models", "pull", f"{REPOSITORY}:q8_0", "--yes", "--json")
    assert outcome.status == 0
    assert arrived(tmp_path) == ["tiny-Q8_0.gguf"]
    assert {event["event"] for event in outcome.events} == {"headers", "download"}
    assert outcome.events[-1]["phase"] == "done"
    values = outcome.last
    assert values["model"]["name"] == "tiny-Q8_0"
    assert values["model"]["sha256"], "its hash is known, since it was verified"
    assert values["download"]["state"] == "done"
    assert values["download"]["done_bytes"] == values["download"]["total_bytes"] == values["model"]["size_bytes"]
    assert values["licence"]["terms"]["title"] == "Apache License 2.0"
    assert values["recommended"] is None
    assert values["resume"] is None


def test_a_file_can_be_named_by_its_path_and_by_the_address_of_its_page(workbench, hub, tmp_path):
    assert workbench("models", "pull", f"{REPOSITORY}:tiny-F16.gguf", "--yes").status == 0
    page = f"{hub.endpoint}/{REPOSITORY}/blob/main/tiny-Q8_0.gguf"
    assert workbench("models", "pull", page, "--yes").status == 0
    assert arrived(tmp_path) == ["tiny-F16.gguf", "tiny-Q8_0.gguf"]


def test_without_a_name_the_recommended_one_is_fetched_and_the_reason_said(workbench, hub, tmp_path):
    values = workbench("models", "pull", REPOSITORY, "--estimate", "--yes", "--json").last
    ladder = workbench("fit", REPOSITORY, "--estimate", "--json").json["ladders"][0]
    assert values["recommended"] == ladder["reason"]
    assert values["model"]["name"] == ladder["recommended"]
    assert len(arrived(tmp_path)) == 1


def test_where_nobody_can_agree_to_the_licence_it_is_shown_and_nothing_is_fetched(workbench, hub, tmp_path):
    outcome = workbench("models", "pull", f"{REPOSITORY}:Q8_0", "--json")
    assert outcome.status == 1
    assert outcome.last["error"]["code"] == "licence"
    assert "--yes" in outcome.last["error"]["hint"]
    assert "commercial use allowed" in outcome.err
    assert arrived(tmp_path) == []


def test_a_no_to_the_licence_ends_it_with_nothing_fetched(workbench, hub, answering, tmp_path):
    answering("n")
    outcome = workbench("models", "pull", f"{REPOSITORY}:Q8_0")
    assert outcome.status == 130
    assert arrived(tmp_path) == []


def test_a_yes_is_asked_for_once_for_a_revision(workbench, hub, answering, tmp_path):
    answering("y")
    assert workbench("models", "pull", f"{REPOSITORY}:Q8_0").status == 0
    answering("")
    second = workbench("models", "pull", f"{REPOSITORY}:F16")
    assert second.status == 0
    assert "agree" not in second.err
    assert arrived(tmp_path) == ["tiny-F16.gguf", "tiny-Q8_0.gguf"]


def test_what_is_here_already_is_not_fetched_again(workbench, hub):
    workbench("models", "pull", f"{REPOSITORY}:Q8_0", "--yes")
    hub.forget()
    outcome = workbench("models", "pull", f"{REPOSITORY}:Q8_0", "--json")
    assert outcome.status == 0
    assert outcome.last["here_already"] is True
    assert outcome.last["model"]["name"] == "tiny-Q8_0"
    assert hub.sent_bytes() == 0


def test_ctrl_c_pauses_and_the_command_that_it_names_goes_on(workbench, hub, tmp_path, monkeypatch):
    big = write_model(tmp_path / "published" / "big-F16.gguf", layers=60)
    hub.add("example/big", {"big-F16.gguf": big}, faults=Faults(step_s=0.05))
    emit, interrupts = output.emit_event, iter([True])

    def interrupting(name, values):
        emit(name, values)
        if values.get("phase") == "fetching" and next(interrupts, False):
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(output, "emit_event", interrupting)
    outcome = workbench("models", "pull", "example/big:F16", "--yes", "--json")
    assert outcome.status == 130
    assert outcome.last["download"]["state"] == "paused"
    assert outcome.last["model"] is None
    assert arrived(tmp_path) == []
    hub.break_("example/big", Faults())
    resume = outcome.last["resume"].split()
    assert resume[0] == "workbench"
    assert workbench(*resume[1:]).status == 0
    assert arrived(tmp_path) == ["big-F16.gguf"]


def test_a_quantisation_that_is_not_there_is_refused_with_those_that_are(workbench, hub):
    error = workbench("models", "pull", f"{REPOSITORY}:Q2_K", "--yes", "--json").last["error"]
    assert error["code"] == "model_not_found"
    assert "F16" in error["hint"]
    assert "Q8_0" in error["hint"]


def test_a_gated_repository_names_the_page_to_accept_at(workbench, hub, tmp_path):
    workbench("fit", REPOSITORY, "--estimate")  # the headers are kept; now the publisher closes the gate
    hub.add(REPOSITORY, {"tiny-Q8_0.gguf": tmp_path / "published" / "tiny-Q8_0.gguf"}, gated="manual")
    outcome = workbench("models", "pull", f"{REPOSITORY}:Q8_0", "--yes", "--json")
    assert outcome.status == 1
    error = outcome.last["error"]
    assert error["code"] == "gated_model"
    assert REPOSITORY in error["message"] + error["hint"]
    assert f"{hub.endpoint}/{REPOSITORY}" in error["hint"]
    assert arrived(tmp_path) == []


def test_offline_nothing_is_asked_and_the_error_says_why(workbench, hub):
    outcome = workbench("--offline", "models", "pull", f"{REPOSITORY}:Q8_0", "--yes", "--json")
    assert outcome.status == 1
    assert outcome.last["error"]["code"] == "offline"
    assert hub.served == []


def test_a_name_of_the_catalogue_leads_to_its_repository(workbench, hub, tmp_path):
    hub.add("ggml-org/gemma-3-1b-it-GGUF", {"gemma-F16.gguf": tmp_path / "published" / "tiny-F16.gguf"})
    assert workbench("models", "pull", "gemma-3-1b-it:F16", "--yes").status == 0
    assert arrived(tmp_path) == ["gemma-F16.gguf"]


def test_a_repository_that_cannot_be_had_is_passed_over_for_the_next_and_that_is_said(workbench, hub, tmp_path):
    published = tmp_path / "published" / "tiny-F16.gguf"
    entry = workbench("models", "show", "gemma-3-1b-it", "--json").last
    first, second, third = entry["repositories"][:3]
    hub.add(second, {"gemma-F16.gguf": published}, gated="manual")
    hub.add(third, {"gemma-F16.gguf": published})
    outcome = workbench("models", "pull", "gemma-3-1b-it:F16", "--yes", "--json")
    assert outcome.status == 0
    passed = {event["passed_over"]: event["error"] for event in outcome.events if "passed_over" in event}
    assert {name: error["code"] for name, error in passed.items()} == {first: "model_not_found", second: "gated_model"}
    assert f"{hub.endpoint}/{second}," in passed[second]["hint"]
    assert outcome.last["download"]["repository"] == third
    assert f"{second} is passed over" in workbench("models", "show", "gemma-3-1b-it").err
    workbench("offline", "on")
    hub.forget()
    assert workbench("models", "show", "gemma-3-1b-it", "--json").last["ladders"], "the one that was looked at"
    assert hub.served == []


def test_where_no_repository_can_be_had_the_last_one_s_reason_is_said(workbench, hub):
    error = workbench("models", "pull", "gemma-3-1b-it", "--yes", "--json").last["error"]
    assert error["code"] == "model_not_found"
    assert error["hint"]


def test_a_refreshed_entry_says_when_the_hub_was_asked(workbench, hub, tmp_path):
    hub.add("ggml-org/gemma-3-1b-it-GGUF", {"gemma-F16.gguf": tmp_path / "published" / "tiny-F16.gguf"})
    assert workbench("models", "show", "gemma-3-1b-it", "--json").last["asked_at"] is None
    fresh = workbench("models", "show", "gemma-3-1b-it", "--refresh", "--json").last
    later = workbench("models", "show", "gemma-3-1b-it", "--json").last
    assert fresh["asked_at"] == later["asked_at"] is not None
    assert [file["name"] for file in later["files"] if file["repository"] == "ggml-org/gemma-3-1b-it-GGUF"] == [
        "gemma-F16.gguf"
    ]
    assert f"the hub was asked on {later['asked_at'][:10]}" in workbench("models", "show", "gemma-3-1b-it").out


def test_verifying_says_what_the_bytes_were_compared_with(workbench, hub):
    workbench("models", "pull", f"{REPOSITORY}:Q8_0", "--yes")
    (model,) = workbench("models", "verify", "tiny-Q8_0", "--json").last["models"]
    sources = [one["source"] for one in model["files"][0]["met"]]
    assert sources[0].startswith(f"the model hub ({REPOSITORY} at commit ")
    assert f"as the model hub ({REPOSITORY} at commit " in workbench("models", "verify", "tiny-Q8_0").out


def test_a_name_that_is_nothing_offers_those_that_are_near(workbench, hub):
    error = workbench("models", "pull", "gemma-3-1b", "--yes", "--json").json["error"]
    assert error["code"] == "model_not_found"
    assert "gemma-3-1b-it" in error["hint"]


def test_people_see_what_is_fetched_and_what_to_do_next(workbench, hub):
    outcome = workbench("models", "pull", f"{REPOSITORY}:Q8_0", "--yes")
    assert "verified" in outcome.out
    assert "workbench chat -m tiny-Q8_0" in outcome.out
    assert "Apache License 2.0: commercial use allowed" in outcome.err


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            DownloadState(1, "a.gguf", Phase.FETCHING, 5, 10, bytes_per_s=2e6, eta_s=61),
            ("fetching a.gguf", "2 MB/s · 61 s left"),
        ),
        (DownloadState(1, "a.gguf", Phase.FETCHING, 5, 10), ("fetching a.gguf", "0 bytes/s")),
        (
            DownloadState(1, "a.gguf", Phase.WAITING, 5, 10, waits_s=12, error=Failure("hub", "Nobody.", None)),
            ("waiting for a.gguf", "again in 12 s"),
        ),
        (DownloadState(1, "a.gguf", Phase.VERIFYING, 10, 10, checked_bytes=4), ("verifying a.gguf", "")),
    ],
)
def test_each_phase_has_its_words(state, words):
    told = pulling.tell(state)
    assert (told.what, told.more) == words
    assert told.aside == (state.error.message if state.error is not None else "")
    assert told.event["phase"] == state.phase.value


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (99, "99 s"), (240, "4 min"), (4800, "1 h 20 min")])
def test_durations_are_short(seconds, words):
    assert pulling.duration(seconds) == words


# --- searching -------------------------------------------------------------------------------


def test_search_shows_the_catalogue_first_and_the_hub_after_it(workbench, hub, tmp_path):
    hub.add("someone/gemma-tiny-GGUF", {"tiny-F16.gguf": tmp_path / "published" / "tiny-F16.gguf"})
    values = workbench("models", "search", "gemma", "--json").json
    assert "gemma-3-1b-it" in [entry["id"] for entry in values["catalogue"]]
    assert [hit["repository"] for hit in values["repositories"]] == ["someone/gemma-tiny-GGUF"]
    assert values["hub"] is None
    out = workbench("models", "search", "gemma").out
    assert out.index("Catalogue") < out.index("someone/gemma-tiny-GGUF")


def test_offline_a_search_shows_the_catalogue_and_says_that_the_hub_was_not_asked(workbench, hub):
    values = workbench("--offline", "models", "search", "gemma", "1b", "--json").json
    assert values["repositories"] == []
    assert values["hub"]["code"] == "offline"
    assert hub.served == []


def test_a_search_that_finds_nothing_says_so(workbench, hub):
    outcome = workbench("models", "search", "zebra")
    assert outcome.status == 0
    assert "Nothing is called “zebra”" in outcome.out
