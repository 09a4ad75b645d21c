"""Votes as files: nothing is lost on the way out and back, and what is no vote is refused with its line."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.chat.votes import files
from workbench.chat.votes import taking as votes_taking
from workbench.chat.votes.ballots import Ballots, Before, Compared, Contender, Filter, Side, Taken, Vote
from workbench.chat.votes.files import Saving, VoteForm, read, save, saving, why_no_pair, written
from workbench.chat.votes.taking import Taking, take, taking, taking_file
from workbench.errors import Cancelled, UsageError
from workbench.jobs import CancelToken, run
from workbench.stats.outcome import Outcome
from workbench.store.database import Database

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(["Llama 3B · Q4_K_M", "Gemma 1B · Q8_0", "=cmd", "'-quoted", 'a, "b"\nc'])


@st.composite
def contenders(draw: st.DrawFn) -> Contender:
    name = draw(NAMES)
    return Contender(
        name, draw(st.sampled_from(["m", "@n"])), draw(ANY_TEXT), draw(ANY_TEXT), draw(st.none() | st.just("ab"))
    )


@st.composite
def compared(draw: st.DrawFn) -> Compared:
    sides = [Side(draw(contenders()), draw(st.integers(0, 10**6))) for _ in "ab"]
    vote = Vote(
        *sides,
        draw(st.sampled_from(Outcome)),
        seed=draw(st.integers(-(2**63) + 1, 2**63 - 1)),
        blind=draw(st.booleans()),
        automatic=draw(st.booleans()),
        comment=draw(ANY_TEXT),
        tags=tuple(draw(st.lists(ANY_TEXT, max_size=3))),
        voted_at=draw(st.sampled_from(["", "2026-05-01T12:00:00.123456+00:00"])),
        rater=draw(st.sampled_from(["", "Ada", "=Bob"])),
    )
    befores = st.builds(Before, ANY_TEXT, st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=2).map(tuple))
    return Compared(vote, draw(ANY_TEXT), draw(ANY_TEXT), draw(ANY_TEXT), draw(befores), draw(befores))


def numbered(votes: Sequence[Compared]) -> list[Compared]:
    return [replace(one, vote=replace(one.vote, id=number)) for number, one in enumerate(votes, 1)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("votes")


@pytest.mark.parametrize("form", [VoteForm.ARENA, VoteForm.CSV])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(votes=st.lists(compared(), min_size=1, max_size=4))
def test_every_vote_comes_back_as_it_was(folder: Path, form: VoteForm, votes: list[Compared]) -> None:
    told = numbered(votes)
    save(told, folder / f"votes.{form}", form)
    assert list(read(folder / f"votes.{form}")) == told


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(votes=st.lists(compared(), min_size=1, max_size=4), messages=st.booleans())
def test_every_preference_pair_comes_back_as_it_was(folder: Path, votes: list[Compared], messages: bool) -> None:
    told = numbered([replace(one, before_right=one.before_left) for one in votes])
    pairs = [one for one in told if why_no_pair(one, messages=messages) is None]
    form = VoteForm.DPO_MESSAGES if messages else VoteForm.DPO
    done = save(told, folder / "pairs.jsonl", form)
    assert done.votes == len(pairs)
    assert sum(count for _, count in done.left_out) == len(told) - len(pairs)
    if pairs:
        assert list(read(folder / "pairs.jsonl")) == pairs


def side(name: str, characters: int = 3) -> Side:
    return Side(Contender(name, name, "gemma", "Q4_K_M"), characters)


def a_vote(outcome: Outcome = Outcome.LEFT, **more: object) -> Compared:
    told = replace(Vote(side("a"), side("b"), outcome, seed=7, id=1, voted_at="2026-05-01T12:00:00+00:00"), **more)
    return Compared(told, "Hello?", "yes", "no")


def test_a_preference_pair_is_what_trainers_expect() -> None:
    (line,) = written([a_vote(Outcome.RIGHT)], VoteForm.DPO).text.splitlines()
    record = json.loads(line)
    assert (record["prompt"], record["chosen"], record["rejected"]) == ("Hello?", "no", "yes")
    assert (record["chosen_model"], record["rejected_model"]) == ("b", "a")


def test_a_preference_pair_of_messages_begins_with_what_stood_before() -> None:
    before = Before("Be brief.", (("Hi", "Hi."),))
    told = replace(a_vote(), before_left=before, before_right=before)
    record = json.loads(written([told], VoteForm.DPO_MESSAGES).text)
    assert [message["role"] for message in record["prompt"]] == ["system", "user", "assistant", "user"]
    assert record["chosen"] == [{"role": "assistant", "content": "yes"}]
    assert record["rejected"] == [{"role": "assistant", "content": "no"}]
    assert written([told], VoteForm.DPO).left_out == (
        ("something stood before its prompt, which only the form with messages can hold", 1),
    )


def test_what_is_no_preference_is_left_out_and_said() -> None:
    apart = replace(a_vote(), before_left=Before("", (("Hi", "Hi."),)))
    votes = [a_vote(Outcome.TIE), a_vote(Outcome.BOTH_BAD), a_vote(repeats=1), replace(a_vote(), left=""), apart]
    done = written(votes, VoteForm.DPO_MESSAGES)
    assert (done.text, done.votes) == ("", 0)
    assert done.left_out == (
        ("neither answer was preferred", 2),
        ("it repeats another vote", 1),
        ("its texts are gone", 1),
        ("the two answers went on from different conversations", 1),
    )


def test_a_line_of_the_arena_says_who_won() -> None:
    winners = [json.loads(written([a_vote(outcome)], VoteForm.ARENA).text)["winner"] for outcome in Outcome]
    assert winners == ["model_a", "tie", "model_b", "tie (bothbad)"]


def test_a_cell_that_a_spreadsheet_would_compute_is_text() -> None:
    told = replace(a_vote(), left="=1+1", prompt="@SUM(A1)")
    text = written([told], VoteForm.CSV).text
    assert "'=1+1" in text
    assert "'@SUM" in text


# --- other programs' files -----------------------------------------------------------------


def test_an_arena_s_own_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "arena.jsonl"
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Yes"}]}]
    lines = [
        {"question_id": "1", "model_a": "x", "model_b": "y", "winner": "both_bad", "judge": "u", "turn": 1,
         "conversation_a": said, "conversation_b": said, "language": "English", "tstamp": 1714564800.5},
        {"model_a": "x", "model_b": "y", "winner": "model_b", "anony": False},
    ]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    first, second = read(path)
    assert (first.prompt, first.left, first.right) == ("Hi", "Yes", "Yes")
    assert first.vote.outcome is Outcome.BOTH_BAD
    assert first.vote.voted_at == "2024-05-01T12:00:00.500000+00:00"
    assert first.vote.blind
    assert (second.prompt, second.vote.outcome, second.vote.blind) == ("", Outcome.RIGHT, False)


def test_preference_pairs_of_others_are_read_where_they_name_the_models(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    asked, yes, no = (
        {"role": role, "content": text} for role, text in (("user", "q"), ("assistant", "y"), ("assistant", "n"))
    )
    named = {"chosen_model": "x", "rejected_model": "y"}
    lines = [{"prompt": "q", "chosen": "y", "rejected": "n"} | named,
             {"chosen": [asked, yes], "rejected": [asked, no]} | named]  # fmt: skip
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    first, second = read(path)
    assert [one.prompt for one in (first, second)] == ["q", "q"]
    assert (first.left, first.vote.outcome) == ("y", Outcome.LEFT)
    assert (second.right, second.vote.outcome) == ("y", Outcome.RIGHT)
    assert second.vote.right.contender.name == "x"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('[{"winner": "tie"}]', "one JSON list"),
        ('{"winner": "tie"', "line 1: no JSON"),
        ('{"a": 1}', "neither chosen and rejected nor model_a, model_b and winner are there, but a"),
        ('\n{"model_a": "x", "model_b": "y", "winner": "x"}', "line 2: winner is 'x'; known are model_a"),
        ('{"model_a": "x", "model_b": 3, "winner": "tie"}', "model_b is not text"),
        ('{"model_a": "x", "model_b": " ", "winner": "tie"}', "a model has no name"),
        ('{"model_a": "x", "model_b": "y", "winner": "tie", "tstamp": 1e300}', "tstamp is no time"),
        ('{"model_a": "x", "model_b": "y", "winner": "tie", "tstamp": "now"}', "tstamp is no number"),
        ('{"model_a": "x", "model_b": "y", "winner": "tie", "conversation_a": [{"role": "user"}]}', "has no text"),
        ('{"model_a": "x", "model_b": "y", "winner": "tie", "conversation_a": [7]}', "no message with a role"),
        ('{"prompt": "p", "chosen": "c", "rejected": "r"}', "whose answers these are is not said"),
        ('{"prompt": "p", "chosen": "c"}', "rejected is missing"),
        ('{"winner": "tie", "workbench": {"id": ' + "9" * 5000 + "}}", "a number in it is too long"),
        ('{"winner": "tie", "workbench": {"left": {}}}', "name is missing"),
        ('{"winner": ' + "[" * 100_000, "nested too deeply"),
        ("prompt,answer\nq,a\n", "line 1: there is no column model_a, model_b, winner"),
        ("model_a,model_b,winner\nx,y\n", "line 2: 2 cells where 3"),
        ("model_a,model_b,winner,seed\nx,y,tie,many\n", "line 2: seed is 'many'"),
        ("model_a,model_b,winner,tags\nx,y,tie,{}\n", "tags is no JSON list"),
        ('model_a,model_b,winner\nx,y,"tie', "line 2: no row of a table"),
        ("model_a,model_b,winner,voted_at\nx,y,tie,yesterday\n", "is no time"),
    ],
)  # fmt: skip
def test_what_is_no_vote_is_refused_with_its_line_and_what_to_do(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "votes.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as refused:
        read(path)
    assert said in refused.value.message
    assert "Votes are read from JSONL" in str(refused.value.hint) or "line of its own" in str(refused.value.hint)


def test_what_is_not_text_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_bytes(b"model_a,model_b,winner\nx,\xff,tie\n")
    with pytest.raises(UsageError, match="line 2: not UTF-8"):
        read(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "none.csv")
    with pytest.raises(UsageError, match="cannot be written"):
        save([a_vote()], tmp_path / "none" / "votes.csv", VoteForm.CSV)


@given(st.binary(max_size=300))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_votes_or_are_refused(folder: Path, found: bytes) -> None:
    path = folder / "noise"
    path.write_bytes(found)
    with contextlib.suppress(UsageError):
        assert all(isinstance(one, Compared) for one in read(path))


# --- kept among one's own ------------------------------------------------------------------


@pytest.fixture
def ballots(tmp_path: Path) -> Iterator[Ballots]:
    with Database(tmp_path / "w.db") as db:
        yield Ballots(db)


def test_imported_votes_are_told_apart_and_not_added_twice(ballots: Ballots, tmp_path: Path) -> None:
    own = ballots.cast(a_vote().vote)
    told = [a_vote(), replace(a_vote(Outcome.TIE), vote=replace(a_vote(Outcome.TIE).vote, id=2))]
    save(told, tmp_path / "v.jsonl", VoteForm.ARENA)
    assert take(ballots, read(tmp_path / "v.jsonl"), "v.jsonl") == Taken(2, 0)
    assert take(ballots, read(tmp_path / "v.jsonl"), "v.jsonl") == Taken(0, 2)
    assert ballots.counted(Filter(imported=False)) == (own,)
    kept = ballots.compared(Filter(imported=True))
    assert [(one.vote.source, one.prompt, one.left, one.right) for one in kept] == [
        ("v.jsonl", "Hello?", "yes", "no")
    ] * 2
    assert [one.vote.outcome for one in kept] == [Outcome.LEFT, Outcome.TIE]


@pytest.mark.parametrize("form", list(VoteForm))
def test_many_votes_are_written_a_step_at_a_time_as_they_are_in_one_go(
    ballots: Ballots, tmp_path: Path, form: VoteForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "STEP", 3)
    votes = [a_vote(list(Outcome)[number % 4], id=number, seed=number) for number in range(1, 9)]
    take(ballots, votes, "v.jsonl")
    told: list[Saving] = []
    done = run(saving(ballots, Filter(), tmp_path / "steps", form), on_event=told.append)
    whole = save(ballots.compared(), tmp_path / "whole", form)
    assert (tmp_path / "steps").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (done.votes, done.left_out) == (whole.votes, whole.left_out)
    assert told == [Saving(0, 8), Saving(3, 8), Saving(6, 8)]


def test_an_export_of_votes_that_is_cancelled_leaves_what_was_there(ballots: Ballots, tmp_path: Path) -> None:
    ballots.cast(a_vote().vote)
    target, cancel = tmp_path / "v.csv", CancelToken()
    target.write_text("earlier", "utf-8")
    with pytest.raises(Cancelled):
        run(saving(ballots, Filter(), target, VoteForm.CSV), cancel=cancel, on_event=lambda _: cancel.cancel())
    assert target.read_text("utf-8") == "earlier"


def test_a_file_is_read_and_then_taken_in_a_step_at_a_time(
    ballots: Ballots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(votes_taking, "STEP", 3)
    votes = [a_vote(list(Outcome)[number % 4], id=number, seed=number) for number in range(1, 9)]
    save(votes, tmp_path / "v.jsonl", VoteForm.ARENA)
    told: list[Taking] = []
    assert run(taking_file(ballots, tmp_path / "v.jsonl"), on_event=told.append) == Taken(8, 0)
    reading = [event for event in told if event.total is None]
    taken = [event for event in told if event.total is not None]
    assert reading == [Taking(0), Taking(3), Taking(6)]
    assert (taken[0], taken[-1]) == (Taking(0, 8), Taking(8, 8))
    assert [event.done for event in taken] == sorted({event.done for event in taken})
    assert [one.vote.outcome for one in ballots.compared()] == [one.vote.outcome for one in votes]


@pytest.mark.parametrize("after", [1, 4, 7])
def test_an_import_of_votes_that_is_cancelled_leaves_what_was_there(
    ballots: Ballots, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(votes_taking, "STEP", 1)
    own, cancel = ballots.cast(a_vote().vote), CancelToken()
    votes = [a_vote(id=1), *(a_vote(id=number, seed=number, repeats=1) for number in range(2, 9))]

    def stop(event: Taking) -> None:
        if event.done == after:
            assert len(ballots.all()) == 1 + after
            cancel.cancel()

    with pytest.raises(Cancelled):
        run(taking(ballots, votes, "v"), cancel=cancel, on_event=stop)
    assert ballots.all() == (own,)
    assert take(ballots, votes, "v") == Taken(8, 0)


def test_imported_votes_go_out_again_as_they_came(ballots: Ballots, tmp_path: Path) -> None:
    before = Before("Be brief.", (("Hi", "Hi."),))
    take(ballots, [replace(a_vote(tags=("tone",), comment="warm"), before_left=before)], "v.jsonl")
    save(ballots.compared(), tmp_path / "v.csv", VoteForm.CSV)
    (back,) = read(tmp_path / "v.csv")
    assert back == replace(a_vote(tags=("tone",), comment="warm"), before_left=before)


def test_a_repeat_goes_with_the_vote_it_repeats(ballots: Ballots) -> None:
    first, again = a_vote(), a_vote(Outcome.RIGHT, id=2, repeats=1)
    ballots.cast(a_vote(Outcome.TIE, voted_at="").vote)  # so that the numbers of file and store differ
    assert take(ballots, [first, again], "v") == Taken(2, 0)
    kept = ballots.counted(Filter(imported=True))
    assert kept[1].repeats == kept[0].id
    assert take(ballots, [a_vote(Outcome.TIE, id=9, repeats=8)], "w") == Taken(0, 0, left_out=1)


def test_a_withdrawn_vote_does_not_come_back_with_its_file(ballots: Ballots) -> None:
    take(ballots, [a_vote()], "v")
    assert ballots.withdraw(ballots.counted()[0].id)
    assert take(ballots, [a_vote()], "v") == Taken(0, 1)
    assert ballots.counted() == ()


def test_who_judged_and_which_question_it_was_come_out_of_an_arena_s_line(ballots: Ballots, tmp_path: Path) -> None:
    lines = [{"question_id": question, "model_a": "x", "model_b": "y", "winner": "model_a", "judge": judge}
             for question, judge in ((81, "expert_1"), (81, "expert_2"), ("82", "user"))]  # fmt: skip
    path = tmp_path / "judged.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    take(ballots, read(path), path.name)
    votes = ballots.counted()
    assert [vote.rater for vote in votes] == ["expert_1", "expert_2", ""]
    assert [vote.about for vote in votes] == ["81", "81", "82"]


def test_a_rater_s_name_goes_out_and_comes_back(ballots: Ballots, tmp_path: Path) -> None:
    one = a_vote(rater="Ada")
    for form in VoteForm:
        save([one], tmp_path / f"votes.{form}", form)
        assert read(tmp_path / f"votes.{form}")[0].vote.rater == "Ada"
