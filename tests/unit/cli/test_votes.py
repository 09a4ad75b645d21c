"""Votes and exports from the command line: cast in the program, ranked, written to files, taken in and taken back."""

from __future__ import annotations

import json
import queue
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from workbench.app import Workbench
from workbench.chat.diary import Diary
from workbench.chat.stored import StoredConversation
from workbench.chat.votes.ballots import Contender, Side, Vote
from workbench.cli.loop import Loop
from workbench.engine.base import Backend, Sampling
from workbench.engine.fake import FakeBackend
from workbench.jobs import JobMessage, JobRunner
from workbench.stats.outcome import Outcome


def kept_answers(
    data_dir: Path, models: Sequence[str | Path], prompts: Sequence[str], backend: Backend | None = None
) -> StoredConversation:
    """A conversation as the window keeps it: every prompt answered by each model."""
    with Workbench.open(data_dir=data_dir, backend=backend) as bench:
        messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
        runner = JobRunner(messages.put)
        diary = Diary(bench.conversations)
        comparison = bench.comparison(runner, diary)
        try:
            for model in models:
                comparison.choose(comparison.add_pane(), bench.library.resolve(str(model)), n_ctx=512)
            options = comparison.options
            comparison.options = replace(options, sampling=Sampling(seed=7), max_tokens=12)
            for prompt in prompts:
                Loop(comparison, messages).ask(prompt, lambda: None)
        finally:
            comparison.close()
            runner.close()
        assert diary.conversation_id is not None
        return whole(bench.conversations.load(diary.conversation_id))


def whole(stored: StoredConversation | None) -> StoredConversation:
    """With everything read that is read late otherwise."""
    assert stored is not None
    turns = [replace(turn, answers={slot: replace(one) for slot, one in turn.answers.items()}) for turn in stored.turns]
    return replace(stored, turns=tuple(turns))


def vote_on(data_dir: Path, stored: StoredConversation, outcomes: Sequence[Outcome], **more: object) -> list[Vote]:
    """A vote on each turn, between the panes 0 and 1."""
    with Workbench.open(data_dir=data_dir, backend=FakeBackend()) as bench:
        cast = []
        for turn, outcome in zip(stored.turns, outcomes, strict=True):
            sides = [Side(Contender.of(turn.answers[slot]), len(turn.answers[slot].text), turn.shown[slot])
                     for slot in (0, 1)]  # fmt: skip
            vote = Vote(sides[0], sides[1], outcome, seed=1, turn=turn.id, **more)  # type: ignore[arg-type]  # a test's own
            cast.append(bench.history.ballots.cast(vote))
        return cast


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: Path) -> Path:
    folder = library.parent
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def asked(data: Path, workbench) -> StoredConversation:
    """Three prompts to two models on the scripted engine."""
    return kept_answers(data, ["alpha", "beta"], ["One?", "Two?", "Three?"], FakeBackend())


def test_without_votes_rank_says_where_they_come_from(workbench, data):
    outcome = workbench("votes", "rank")
    assert outcome.status == 0
    assert "votes import FILE" in outcome.out
    assert workbench("votes", "rank", "--json").json["rankings"] == []
    assert "No votes." in workbench("votes", "list").out


def test_votes_are_ranked_with_how_sure_that_is(workbench, data, asked):
    vote_on(data, asked, [Outcome.LEFT, Outcome.LEFT, Outcome.BOTH_BAD], tags=("tone",))
    (ranking,) = workbench("votes", "rank", "--json").json["rankings"]
    (island,) = ranking["islands"]
    assert [one["ballots"] for one in island["standings"]] == [3, 3]
    assert island["standings"][0]["votes_to_decide"] > 0
    assert island["standings"][0]["acceptable"]["estimate"] == pytest.approx(2 / 3)
    said = workbench("votes", "rank").out
    assert "Too few prompts to tell, 3 prompts so far: about" in said
    assert island["standings"][0]["prompts"] == 3
    assert ranking["prompts"] == 3
    assert ranking["agreement"] is None
    assert workbench("votes", "rank", "--rater", "Ada", "--json").json["votes"] == 0
    assert workbench("votes", "rank", "--rater", "", "--json").json["votes"] == 3
    assert workbench("votes", "rank", "--by", "tag", "--json").json["rankings"][0]["of"] == "tone"
    assert workbench("votes", "rank", "--tag", "other", "--json").json["votes"] == 0
    refused = workbench("votes", "rank", "--by", "weather")
    assert (refused.status, "tag, family or families" in refused.err) == (2, True)


def test_a_vote_is_withdrawn_and_put_back(workbench, data, asked):
    first, *_ = vote_on(data, asked, [Outcome.LEFT, Outcome.RIGHT, Outcome.TIE])
    assert workbench("votes", "withdraw", first.id, "--json").json == {
        "schema_version": 1,
        "vote": first.id,
        "counts": False,
    }
    assert [vote["id"] for vote in workbench("votes", "list", "--json").json["votes"]] == [first.id + 1, first.id + 2]
    assert "withdrawn" in workbench("votes", "list", "--all").out
    assert workbench("votes", "withdraw", first.id).status == 2
    assert "counts again" in workbench("votes", "withdraw", "--undo", first.id).out
    assert len(workbench("votes", "list", "--json").json["votes"]) == 3


def test_preference_pairs_say_what_was_asked_and_who_won(workbench, data, asked, tmp_path):
    vote_on(data, asked, [Outcome.RIGHT, Outcome.TIE, Outcome.LEFT])
    done = workbench("votes", "export", "--to", tmp_path / "pairs.jsonl", "--json").last
    assert (done["votes"], done["format"]) == (1, "dpo")
    assert {one["why"] for one in done["left_out"]} == {
        "neither answer was preferred", "something stood before its prompt, which only the form with messages can hold",
    }  # fmt: skip
    record = json.loads((tmp_path / "pairs.jsonl").read_text("utf-8"))
    assert record["prompt"] == "One?"
    assert record["chosen"] == asked.turns[0].answers[1].text
    assert record["rejected"] == asked.turns[0].answers[0].text
    # The scripted engine answers all alike: the two went on from the same words, told again here.
    assert (
        workbench("votes", "export", "--to", tmp_path / "m.jsonl", "--format", "dpo-messages", "--json").last["votes"]
        == 2
    )
    last = json.loads((tmp_path / "m.jsonl").read_text("utf-8").splitlines()[-1])
    assert [message["content"] for message in last["prompt"]] == [
        "One?", asked.turns[0].answers[0].text, "Two?", asked.turns[1].answers[0].text, "Three?",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["arena", "csv"])
def test_votes_go_to_another_computer_and_are_marked_there(workbench, data, asked, tmp_path, monkeypatch, form):
    vote_on(data, asked, [Outcome.LEFT, Outcome.TIE, Outcome.BOTH_BAD])
    workbench("votes", "export", "--to", tmp_path / "votes", "--format", form)
    here = workbench("votes", "rank", "--json").json["rankings"]
    imported = workbench("votes", "import", tmp_path / "votes", "--json")
    assert (imported.last["added"], imported.last["known"]) == (0, 3)
    assert [(one["step"], one["done"], one["total"]) for one in imported.events] == [
        ("reading", 0, None),
        ("taking in", 0, 3),
    ]
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "elsewhere"))
    assert "3 votes taken in." in workbench("votes", "import", tmp_path / "votes").out
    (there,) = workbench("votes", "rank", "--json").json["rankings"]
    assert there["imported"] == 3
    assert there["islands"] == here[0]["islands"]
    assert [vote["source"] for vote in workbench("votes", "list", "--json").json["votes"]] == ["votes"] * 3
    assert workbench("votes", "rank", "--own", "--json").json["votes"] == 0


def test_a_file_that_holds_no_votes_is_refused_with_its_line(workbench, data, tmp_path):
    (tmp_path / "v.jsonl").write_text('{"model_a": "x", "model_b": "y", "winner": "x"}\n', "utf-8")
    refused = workbench("votes", "import", tmp_path / "v.jsonl")
    assert refused.status == 2
    assert "v.jsonl, line 1: winner is 'x'" in refused.err
    assert "hint:" in refused.err


def test_a_comparison_is_exported_in_every_form(workbench, data, asked, tmp_path):
    vote_on(data, asked, [Outcome.LEFT, Outcome.TIE, Outcome.RIGHT])
    name = asked.turns[0].answers[0].model
    for ending in ("md", "html", "json", "csv"):
        done = workbench(
            "export", "last", "--to", tmp_path / f"c.{ending}", "--ratings", "--for", "auditor", "--json"
        ).json
        assert (done["turns"], done["conversation"]) == (3, asked.id)
        assert name in (tmp_path / f"c.{ending}").read_text("utf-8")
    assert "What the votes say" in (tmp_path / "c.html").read_text("utf-8")
    assert f"### {name}" in workbench("export", asked.id).out
    hidden = workbench("export", asked.id, "--hide-names", "--format", "html").out
    assert "The names are hidden" in hidden
    assert name not in hidden


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("last",), "Nothing was compared yet"),
        (("7",), "There is no conversation 7"),
        (("seven",), "is no number of a conversation"),
        (("9" * 30,), "is no number of a conversation"),
        (("7", "--json"), "--json tells of a file"),
    ],
)
def test_what_cannot_be_exported_is_said(workbench, data, arguments, said):
    refused = workbench("export", *arguments)
    assert refused.status == 2
    assert said in refused.err
