"""Decks: read from files, kept, and run through a set of models."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.chat.conftest import LAPTOP
from workbench.chat.comparison import Comparison
from workbench.chat.decks.deck import Deck, DeckError, DeckPrompt, as_text, parse
from workbench.chat.decks.files import read
from workbench.chat.decks.rows import CellState, Decks
from workbench.chat.decks.run import DeckJournal, DeckRun
from workbench.chat.options import Options
from workbench.chat.plan import RunMode
from workbench.chat.waking import Awake
from workbench.engine.base import Request
from workbench.engine.fake import FakeBackend, fake_model, say
from workbench.errors import GenerationError, ModelLoadError
from workbench.jobs import JobMessage, JobRunner
from workbench.store.database import Database

THREE = Deck("Colours", tuple(DeckPrompt(f"Which colour is thing {number}?") for number in range(3)))


@contextmanager
def nothing() -> Iterator[None]:
    yield None


@dataclass
class Running:
    decks: Decks
    run: DeckRun
    backend: FakeBackend
    messages: queue.SimpleQueue[JobMessage]
    awake: Awake
    seen: list[str] = field(default_factory=list)

    def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            self.run.deliver(self.messages.get(timeout=60))

    def to_the_end(self) -> None:
        self.until(lambda: not self.run.running and not self.run.comparison.busy)

    def states(self) -> list[str]:
        table = self.decks.runs.table(self.run.id)
        assert table is not None
        found = [str(table.state(row.turn_id, column.slot)) for row in table.rows for column in table.columns]
        (listed,) = self.decks.runs.newest(1)
        assert (listed.done, listed.total) == (found.count("done"), len(found)), "the shelf counts as the table does"
        return found

    def asked(self) -> list[str]:
        return [request.messages[-1].content for request in self.backend.requests]


@pytest.fixture
def open_run(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Each call is a start of the program on the same data."""
    closing: list[Callable[[], None]] = []

    def make(
        backend: FakeBackend | None = None,
        deck: Deck = THREE,
        run_id: int | None = None,
        *,
        models: int = 2,
        mode: RunMode = RunMode.AUTO,
        clock: Callable[[], float] | None = None,
    ) -> Running:
        db = Database(tmp_path / "decks.db")
        decks = Decks(db)
        messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
        runner = JobRunner(messages.put)
        engine = backend or FakeBackend(say(["Blue."]))
        journal = DeckJournal(decks.runs)
        comparison = Comparison(runner, engine, lambda: LAPTOP, journal, name="deck")
        comparison.options = Options(mode=mode)
        for number in range(models):
            comparison.choose(comparison.add_pane(), fake_model(f"model-{number}"))
        made_id = run_id or decks.runs.create(deck, comparison.panes)
        awake = Awake(nothing)
        more = {"clock": clock} if clock is not None else {}
        run = DeckRun(comparison, journal, made_id, awake=awake, **more)

        def close() -> None:
            run.close()
            runner.close()
            db.close()
            assert engine.live == 0, "an engine was left open"

        closing.append(close)
        return Running(decks, run, engine, messages, awake)

    yield make
    for close in closing:
        close()


# --- running ---------------------------------------------------------------------------------


def test_every_model_answers_every_prompt_and_each_prompt_begins_anew(open_run):
    running = open_run()
    running.run.start()
    assert running.awake.held
    running.to_the_end()
    assert running.states() == ["done"] * 6
    assert not running.awake.held
    assert all(len(request.messages) == 1 for request in running.backend.requests), "no prompt hears of another"
    assert running.run.progress.done == 6


def test_where_models_are_swapped_each_is_loaded_once(open_run):
    running = open_run(models=3, mode=RunMode.SWAP)
    running.run.start()
    most = 0

    def quiet() -> bool:
        nonlocal most
        most = max(most, running.backend.live)
        return not running.run.running

    running.until(quiet)
    assert running.states() == ["done"] * 9
    assert (running.backend.opened, most) == (3, 1)
    texts = [prompt.text for prompt in THREE.prompts]
    assert running.asked() == texts * 3, "model by model"


def test_side_by_side_it_goes_prompt_by_prompt(open_run):
    running = open_run(mode=RunMode.IN_TURN)
    running.run.start()
    running.to_the_end()
    assert running.asked() == [prompt.text for prompt in THREE.prompts for _ in range(2)]
    assert running.backend.opened == 2


def test_models_too_big_to_stand_side_by_side_are_swapped_without_being_told(open_run):
    running = open_run(models=0)
    for name in ("big-a", "big-b"):
        running.run.comparison.choose(running.run.comparison.add_pane(), fake_model(name, size_bytes=9 * 10**9))
    running.run.start()
    running.to_the_end()
    assert running.backend.opened == 2
    assert len(running.backend.requests) == 6


def test_a_run_that_was_stopped_goes_on_with_what_has_no_whole_answer(open_run):
    backend = FakeBackend(lambda _: (f"{n} " for n in range(10**9)), tokens_per_s=500)
    running = open_run(backend, mode=RunMode.IN_TURN)
    running.run.start()
    running.until(lambda: bool(running.run.comparison.panes[0].text))
    running.run.stop()
    running.to_the_end()
    running.run.close()
    assert running.run.stopped
    assert set(running.states()) == {"stopped", "to_do"}
    stored = running.decks.runs.asked(running.run.id)
    assert "stopped by you" in stored.turns[0].answers[0].chips
    backend.script, backend.tokens_per_s = say(["Blue."]), None
    running.run.start()
    running.to_the_end()
    assert running.states() == ["done"] * 6


def test_the_same_model_twice_has_two_names(open_run):
    running = open_run(models=1)
    comparison = running.run.comparison
    comparison.choose(comparison.add_pane(), comparison.panes[0].model, system="Be brief.")
    run_id = running.decks.runs.create(THREE, comparison.panes)
    columns = running.decks.runs.table(run_id).columns
    assert [column.model for column in columns] == ["model-0", "model-0 (2)"]


def test_another_start_of_the_program_takes_a_run_up_where_it_was_killed(open_run):
    first = open_run(mode=RunMode.IN_TURN)
    first.run.start()
    first.until(lambda: first.states().count("done") == 2)
    run_id, asked = first.run.id, len(first.backend.requests)
    lock, first.run._lock = first.run._lock, None
    lock.release()  # as the system does when a process is killed
    second = open_run(run_id=run_id, mode=RunMode.IN_TURN)  # the first one never said goodbye
    second.run.start()
    second.to_the_end()
    assert second.states() == ["done"] * 6
    assert len(second.backend.requests) == 4
    assert asked >= 2


def test_a_run_that_is_being_asked_is_not_asked_by_another_start_of_the_program(open_run):
    first = open_run(mode=RunMode.IN_TURN)
    first.run.start()
    second = open_run(run_id=first.run.id, mode=RunMode.IN_TURN)
    with pytest.raises(DeckError, match=f"Run {first.run.id} is being asked already by process"):
        second.run.start()
    first.to_the_end()
    assert first.states() == ["done"] * 6
    assert second.backend.requests == []
    second.run.start()
    assert not second.run.running, "nothing is left to do, and nobody holds it any more"


def test_a_run_that_is_done_asks_nothing(open_run):
    first = open_run()
    first.run.start()
    first.to_the_end()
    again = open_run(run_id=first.run.id)
    again.run.start()
    assert not again.run.running
    assert again.backend.requests == []


def test_one_prompt_that_fails_stops_nobody_and_is_tried_again_next_time(open_run):
    def script(request: Request) -> list[str]:
        if "1" in request.messages[-1].content:
            raise GenerationError("It broke.")
        return ["Blue."]

    running = open_run(FakeBackend(script), models=1)
    running.run.start()
    running.to_the_end()
    assert running.states() == ["done", "failed", "done"]
    running.backend.script = say(["Red."])
    running.run.start()
    running.to_the_end()
    assert running.states() == ["done"] * 3
    assert len(running.backend.requests) == 4


def test_a_model_that_cannot_be_loaded_is_tried_once_not_with_every_prompt(open_run):
    running = open_run(FakeBackend(load_error=ModelLoadError("Broken file.")), models=1)
    running.run.start()
    running.to_the_end()
    assert running.states() == ["failed", "to_do", "to_do"]
    assert running.run.given_up[0].message == "Broken file."


def test_closing_a_model_in_the_middle_lets_the_others_go_on(open_run):
    running = open_run(mode=RunMode.IN_TURN)
    running.run.start()
    running.until(lambda: running.states()[0] == "done")
    running.run.comparison.remove_pane(running.run.comparison.panes[0])
    running.to_the_end()
    assert running.states()[1::2] == ["done"] * 3


def test_closing_in_the_middle_ends_everything(open_run):
    running = open_run(FakeBackend(lambda _: (f"{n} " for n in range(10**9)), tokens_per_s=500))
    running.run.start()
    running.until(lambda: bool(running.run.comparison.panes[0].text))
    running.run.close()
    running.until(lambda: not running.run.comparison.busy)
    assert not running.run.running
    assert not running.awake.held
    assert "done" not in running.states()


def test_a_prompt_s_own_system_prompt_is_told_with_it_alone(open_run):
    deck = Deck("Two", (DeckPrompt("a", system="Be a pirate."), DeckPrompt("b")))
    running = open_run(deck=deck, models=1)
    running.run.start()
    running.to_the_end()
    assert [[m.role for m in request.messages] for request in running.backend.requests] == [
        ["system", "user"],
        ["user"],
    ]


def test_progress_says_how_long_is_left_by_what_was_measured(open_run):
    now = [0.0]

    def script(_: Request) -> list[str]:
        now[0] += 10.0
        return ["Blue."]

    running = open_run(FakeBackend(script), models=1, clock=lambda: now[0])
    running.run.start()
    assert running.run.progress.left_s is None, "nothing was measured yet"
    running.until(lambda: running.states()[0] == "done")
    progress = running.run.progress
    assert (progress.total, progress.done, progress.failed) == (3, 1, 0)
    assert 10.0 <= progress.left_s <= 20.0
    assert progress.asking == ("model-0",)


def test_a_run_without_any_model_is_refused(open_run):
    running = open_run(models=0)
    with pytest.raises(DeckError, match="None of the models"):
        running.run.start()


def test_ten_thousand_prompts_and_one_of_a_million_letters_are_kept_and_read_again(open_run):
    prompts = (DeckPrompt("x" * 1_000_000), *(DeckPrompt(f"prompt {number}") for number in range(9_999)))
    running = open_run(deck=Deck("Large", prompts), models=1)
    table = running.decks.runs.table(running.run.id)
    assert (len(table.rows), table.total, len(table.rows[0].beginning)) == (10_000, 10_000, 200)
    assert len(running.decks.runs.prompt(table.rows[0].turn_id).text) == 1_000_000
    running.run.start()
    running.until(lambda: running.run.progress.done + running.run.progress.failed >= 2)
    assert running.states()[:2] == ["failed", "done"] or running.states()[:2] == ["done", "done"]


# --- kept ------------------------------------------------------------------------------------


def test_decks_are_kept_changed_removed_and_put_back(tmp_path):
    with Database(tmp_path / "decks.db") as db:
        decks = Decks(db)
        deck_id = decks.save(THREE)
        decks.save(Deck("  Other\n name ", (DeckPrompt("x", "n", ("a", "b"), "s"),)), deck_id)
        (listed,) = decks.all()
        assert (listed.id, listed.name, listed.count, listed.first) == (deck_id, "Other name", 1, "x")
        assert decks.load(deck_id).prompts == (DeckPrompt("x", "n", ("a", "b"), "s"),)
        decks.remove(deck_id)
        assert decks.all() == ()
        decks.put_back(deck_id)
        assert len(decks.all()) == 1
        with pytest.raises(DeckError, match="no prompt"):
            decks.save(Deck("Empty", ()))


# --- read ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("lines.txt", "one\n\n  two  \r\nthree\n", ["one", "two", "three"]),
        ("blocks.md", "one\nmore\n---\n\n------\ntwo\n", ["one\nmore", "two"]),
        ("a.jsonl", '{"prompt": "one"}\n\n"two"\n{"text": "three", "id": 3}\n', ["one", "two", "three"]),
        ("a.json", '["one", {"prompt": "two"}]', ["one", "two"]),
        ("a.csv", 'Prompt,Tags\n"one, with comma","a;b"\n"two\nlines",\n', ["one, with comma", "two\nlines"]),
        ("b.csv", "one\ntwo\n", ["one", "two"]),
        ("c.csv", "id;question\n1;one\n2;two\n", ["one", "two"]),
        ("a.tsv", "prompt\tname\none\tfirst\n", ["one"]),
    ],
)
def test_decks_are_read_from_files_of_many_kinds(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text, encoding="utf-8")
    deck = read(tmp_path / name)
    assert [prompt.text for prompt in deck.prompts] == expected
    assert deck.name == Path(name).stem


def test_names_tags_and_system_prompts_are_read(tmp_path):
    path = tmp_path / "deck.json"
    record = {"name": "Mine", "prompts": [{"prompt": "p", "id": 7, "tags": "a, b", "system": "s"}]}
    path.write_text(json.dumps(record), encoding="utf-8")
    assert read(path) == Deck("Mine", (DeckPrompt("p", "7", ("a", "b"), "s"),))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"\x00\x01\x02\xff" * 50, "text"),
        ("a.txt", b"\n \n", "no prompt"),
        ("a.jsonl", b'{"prompt": "x"}\n{broken\n', "line 2"),
        ("a.jsonl", b'{"prompt": ""}\n', "line 1"),
        ("a.jsonl", b"[" * 100_000, "not JSON"),
        ("a.json", b'{"a": 1}', "no list"),
        ("a.json", b"[1]", "prompt 1"),
        ("a.csv", b"a,b\n1,2\n", "which column"),
        ("a.txt", b"x\n" * 10_001, "at most 10,000"),
    ],
)
def test_a_file_that_is_no_deck_is_refused_with_a_reason(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DeckError, match=said):
        read(tmp_path / name)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DeckError):
        read(tmp_path / "nothing.txt")


@pytest.mark.parametrize(
    "texts", [["a", "b"], ["a\nb", "c"], ["only\ntwo lines"], [" indented", "x"], ["a\n---\nb", "---"]]
)
def test_what_is_written_as_text_is_read_as_it_was(texts):
    prompts = tuple(DeckPrompt(text, tags=("kept",)) for text in texts)
    assert parse(as_text(prompts), prompts) == prompts


def test_the_states_of_cells_have_words_of_their_own():
    assert {state.value for state in CellState} == {"to_do", "running", "done", "failed", "stopped"}
