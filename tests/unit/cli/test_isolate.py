"""``workbench models isolate``: a model that always runs in a process of its own."""

from __future__ import annotations

from typing import Any

from workbench.engine.fake import FakeBackend


def isolated(outcome: Any) -> dict[str, bool]:
    return {answer["model"]: answer["footing"]["isolated"] for answer in outcome.json["answers"]}


def test_it_holds_for_that_model_until_it_is_taken_back(workbench, library):
    asked = ("compare", "-m", "alpha", "-m", "beta", "--json", "Hi")
    assert workbench("models", "isolate", "alpha", "--json").json == {
        "schema_version": 1, "model": "alpha", "isolated": True
    }  # fmt: skip
    assert isolated(workbench(*asked)) == {"alpha": True, "beta": False}
    assert workbench("models", "isolate", "alpha", "--off", "--json").json["isolated"] is False
    assert isolated(workbench(*asked)) == {"alpha": False, "beta": False}


def test_a_file_of_prompts_is_answered_there_too(workbench, library, tmp_path, monkeypatch):
    loads = []
    opening = FakeBackend.open
    monkeypatch.setattr(
        FakeBackend, "open", lambda self, request, cancel: loads.append(request) or opening(self, request, cancel)
    )
    (tmp_path / "prompts.txt").write_text("Hello\n")
    workbench("models", "isolate", "alpha")
    for name in ("alpha", "beta"):
        assert workbench("ask", tmp_path / "prompts.txt", "-m", name).status == 0
    assert [load.isolated for load in loads] == [True, False]


def test_it_is_said_in_words(workbench, library):
    assert workbench("models", "isolate", "beta").out == "beta always runs in a process of its own.\n"


def test_a_model_that_is_not_there_is_an_error(workbench, library):
    outcome = workbench("models", "isolate", "gamma", "--json")
    assert (outcome.status, outcome.json["error"]["code"]) == (1, "model_not_found")
