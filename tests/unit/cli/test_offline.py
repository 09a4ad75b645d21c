"""``workbench offline``: the one switch, kept, and everything that it stands for."""

from __future__ import annotations

from tests.unit.cli.conftest import REPOSITORY


def test_the_switch_is_kept_until_it_is_turned_back(workbench, hub):
    assert workbench("offline", "on", "--json").json["offline"] is True
    assert workbench("offline", "check", "--json").json["offline"] is True
    assert workbench("models", "search", "tiny", "--json").json["error"]["code"] == "offline"
    assert hub.served == []
    assert workbench("offline", "off", "--json").json["offline"] is False
    assert workbench("models", "search", "tiny", "--json").json["repositories"]


def test_the_check_lists_every_use_with_its_state_and_its_switch(workbench, hub):
    values = workbench("offline", "check", "--json").json
    assert {use["state"] for use in values["uses"]} == {"allowed", "this machine only"}
    assert any(hub.endpoint in use["to"] for use in values["uses"])
    for use in values["uses"]:
        assert use["what"]
        assert use["when"]
        assert (use["switch"] is None) == (use["state"] == "this machine only")
    workbench("offline", "on")
    uses = workbench("offline", "check", "--json").json["uses"]
    assert {use["state"] for use in uses} == {"off", "this machine only"}


def test_people_see_a_line_for_each_use(workbench, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = workbench("offline", "check").out
    assert "Downloading models" in out
    assert "workbench offline on" in out
    assert "nothing goes beyond this computer" in workbench("offline", "on").out
    assert "nothing goes beyond this computer" in workbench("offline", "check").out


def test_the_flag_holds_for_one_command(workbench, hub, monkeypatch):
    assert workbench("--offline", "offline", "check", "--json").json["offline"] is True
    monkeypatch.setenv("WORKBENCH_OFFLINE", "")
    assert workbench("offline", "check", "--json").json["offline"] is False


def test_where_the_environment_says_otherwise_turning_it_off_is_no_success(workbench, monkeypatch):
    monkeypatch.setenv("WORKBENCH_OFFLINE", "1")
    outcome = workbench("offline", "off", "--json")
    assert outcome.status == 1
    assert outcome.json["error"]["code"] == "settings"
    assert "WORKBENCH_OFFLINE" in outcome.json["error"]["hint"]


def test_what_was_looked_at_before_is_judged_offline_too(workbench, hub):
    workbench("models", "show", REPOSITORY)
    workbench("offline", "on")
    hub.forget()
    values = workbench("models", "show", REPOSITORY, "--json").last
    assert values["kept_at"]
    assert values["ladders"]
    assert values["licence"]["terms"]["id"] == "apache-2.0"
    assert hub.served == []
