"""What scripts and people get from ``workbench conversations``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

TALKS = [
    {"title": "Breakfast", "messages": [
        {"role": "user", "content": "How do I boil an egg?"},
        {"role": "assistant", "content": "In water.", "model": "gemma"},
        {"role": "user", "content": "How long?"},
        {"role": "assistant", "content": "Six minutes.", "model": "gemma"},
    ]},
    {"title": "Colours", "messages": [{"role": "user", "content": "Which colour is an [red]egg[/]?"}]},
    {"nothing": 1},
]  # fmt: skip


@pytest.fixture
def imported(workbench, tmp_path: Path):
    path = tmp_path / "talks.json"
    path.write_text(json.dumps(TALKS))
    return workbench("conversations", "import", path, "--json")


def test_an_import_tells_what_came_and_what_was_left_out(imported) -> None:
    assert imported.status == 0
    values = imported.json
    assert [(one["id"], one["title"], one["turns"]) for one in values["imported"]] == [
        (1, "Breakfast", 2), (2, "Colours", 1),
    ]  # fmt: skip
    assert values["left_out"] == [{"title": "Conversation 3", "problems": ["it has nothing, but no messages"]}]


def test_the_same_file_again_adds_nothing(workbench, imported, tmp_path: Path) -> None:
    again = workbench("conversations", "import", tmp_path / "talks.json", "--json").json
    assert again["imported"] == []
    assert [(one["id"], one["title"]) for one in again["known"]] == [(1, "Breakfast"), (2, "Colours")]
    workbench("conversations", "delete", 2)
    once_more = workbench("conversations", "import", tmp_path / "talks.json").out
    assert "1 Breakfast: here already." in once_more
    assert "3 Colours: 1 prompt." in once_more


def test_an_import_is_told_to_people_too(workbench, tmp_path: Path) -> None:
    path = tmp_path / "talks.json"
    path.write_text(json.dumps(TALKS))
    told = workbench("conversations", "import", path, "--folder", "Old ones")
    assert "1 Breakfast: 2 prompts." in told.out
    assert "Conversation 3 was left out: it has nothing, but no messages." in told.err
    assert len(workbench("conversations", "list", "--folder", "Old ones", "--json").json["conversations"]) == 2


def test_a_file_that_is_none_fails_with_a_hint(workbench, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary")
    outcome = workbench("conversations", "import", path, "--json")
    assert outcome.status == 1
    assert outcome.json["error"]["code"] == "importing"
    assert "notes.txt is not JSON" in outcome.json["error"]["message"]
    assert outcome.json["error"]["hint"]


def test_conversations_are_listed_deleted_and_restored(workbench, imported) -> None:
    values = workbench("conversations", "list", "--json").json["conversations"]
    assert {one["title"]: one["models"] for one in values} == {"Breakfast": ["gemma"], "Colours": []}
    assert workbench("conversations", "list", "--model", "gemma", "--json").json["conversations"][0]["id"] == 1
    assert workbench("conversations", "delete", 1, "--json").json["deleted"] == [1]
    assert [one["id"] for one in workbench("conversations", "list", "--json").json["conversations"]] == [2]
    gone = workbench("conversations", "list", "--deleted", "--json").json["conversations"]
    assert [one["id"] for one in gone] == [1]
    assert gone[0]["deleted_at"]
    assert workbench("conversations", "show", 1).status == 2
    assert workbench("conversations", "restore", 1, "--json").json["restored"] == [1]
    assert "Breakfast" in workbench("conversations", "list").out


@pytest.mark.parametrize("command", [("show", 9), ("delete", 1, 9), ("restore", 1)])
def test_what_is_not_there_is_said_to_be_missing(workbench, imported, command) -> None:
    outcome = workbench("conversations", *command, "--json")
    assert outcome.status == 2
    assert f"There is no conversation {command[-1]}." in outcome.json["error"]["message"]
    assert outcome.json["error"]["hint"].startswith("workbench conversations list")
    assert len(workbench("conversations", "list", "--json").json["conversations"]) == 2, "nothing was done by half"


def test_words_are_found_with_where_they_stand(workbench, imported) -> None:
    (hit,) = workbench("conversations", "search", "minu", "--json").json["hits"]
    assert (hit["conversation"], hit["model"], hit["snippet"], hit["found"]) == (
        1,
        "gemma",
        "Six minutes.",
        ["minutes"],
    )
    assert hit["answer"]
    both = workbench("conversations", "search", "egg", "--json").json["hits"]
    assert {one["conversation"] for one in both} == {1, 2}
    assert len(workbench("conversations", "search", "egg", "boil", "--json").json["hits"]) == 1
    assert len(workbench("conversations", "search", "an egg", "--json").json["hits"]) == 1, "blanks make a phrase"
    assert not workbench("conversations", "search", "egg boil", "--json").json["hits"]
    assert not workbench("conversations", "search", "egg", "--until", "2001-01-01", "--json").json["hits"]
    assert len(workbench("conversations", "search", "egg", "--since", "2001-01-01", "--json").json["hits"]) == 2
    told = workbench("conversations", "search", "colour").out
    assert "[red]egg[/]?" in told, "what was asked is no markup"


def test_a_conversation_is_shown_with_its_answers_and_its_tree(workbench, imported) -> None:
    told = workbench("conversations", "show", 1).out
    for words in ("Breakfast", "from: list of messages", "How do I boil an egg?", "gemma", "Six minutes."):
        assert words in told
    values = workbench("conversations", "show", 1, "--json").json
    assert [turn["prompt"] for turn in values["turns"]] == ["How do I boil an egg?", "How long?"]
    assert values["turns"][0]["answers"][0]["text"] == "In water."
    assert values["tree"][1]["parent"] == values["tree"][0]["id"]
    earlier = workbench("conversations", "show", 1, "--turn", values["tree"][0]["id"], "--json").json
    assert [turn["prompt"] for turn in earlier["turns"]] == ["How do I boil an egg?"]
    assert (
        "1 more prompt is on other branches"
        in workbench("conversations", "show", 1, "--turn", values["tree"][0]["id"]).out
    )
    tree = workbench("conversations", "show", 1, "--tree").out.splitlines()
    assert [line[0] for line in tree] == ["●", "●"]
    assert workbench("conversations", "show", 1, "--turn", 99).status == 2
