"""Editing, going back and going on from elsewhere: nothing is lost, and what was read can be told afterwards."""

from __future__ import annotations

import itertools
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.chat.conftest import LAPTOP, Driven
from workbench.chat import tree
from workbench.chat.branches import Branches
from workbench.chat.comparison import Comparison
from workbench.chat.conversations import Conversations
from workbench.chat.diary import Diary
from workbench.chat.options import Options
from workbench.chat.pane import Pane
from workbench.chat.plan import RunMode
from workbench.engine.base import Message, Request
from workbench.engine.fake import FakeBackend, fake_model
from workbench.errors import GenerationError, UsageError
from workbench.jobs import JobMessage, JobRunner
from workbench.store.database import Database


class Window:
    """Two or three panes, the diary and the branches, on a real database; every answer is another text."""

    def __init__(self, db: Database, driven: Driven, diary: Diary, *, panes: int = 2) -> None:
        self.db, self.driven, self.diary = db, driven, diary
        self.conversations = Conversations(db)
        self.comparison = driven.comparison
        self.branches = Branches(self.comparison, diary, self.conversations)
        for number in range(panes):
            self.comparison.choose(self.comparison.add_pane(), fake_model(f"model-{number}"))

    def ask(self, prompt: str) -> None:
        self.comparison.ask(prompt)
        self.driven.until_quiet()

    def edit(self, turn_id: int, prompt: str) -> None:
        self.branches.edit(turn_id, prompt)
        self.driven.until_quiet()

    def again(self, pane: Pane, index: int = -1) -> None:
        self.branches.again(pane, pane.exchanges[index])
        self.driven.until_quiet()

    def prompts(self, pane: int = 0) -> list[str]:
        return [exchange.prompt for exchange in self.comparison.panes[pane].exchanges]

    def texts(self, pane: int = 0) -> list[str]:
        return [one.answer.text if one.answer else "" for one in self.comparison.panes[pane].exchanges]

    def turns(self, pane: int = 0) -> list[int]:
        return [exchange.turn_id or 0 for exchange in self.comparison.panes[pane].exchanges]

    def read_by(self, pane: int = 0) -> list[str]:
        """What the model is told of the conversation with the next prompt."""
        return [message.content for message in self.comparison.panes[pane].history("", "?")][:-1]

    def rows(self, table: str) -> dict[int, tuple[object, ...]]:
        columns = {"turn": "id, parent_id, prompt, asked_at", "generation": "id, turn_id, slot, continues_id, text"}
        with self.db.read() as sql:
            return {row["id"]: tuple(row) for row in sql.execute(f"SELECT {columns[table]} FROM {table}")}


class Numbered:
    """Answers 1, 2, 3 …, and remembers which messages each was an answer to."""

    def __init__(self) -> None:
        self.asked: dict[str, tuple[Message, ...]] = {}
        self._numbers = itertools.count(1)

    def __call__(self, request: Request) -> Sequence[str]:
        text = f"answer {next(self._numbers)}"
        self.asked[text] = request.messages
        return [text]


@contextmanager
def opened(folder: Path, script: Callable[[Request], Sequence[str]], *, panes: int = 2) -> Iterator[Window]:
    messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
    runner = JobRunner(messages.put)
    with Database(folder / "w.sqlite3") as db:
        diary = Diary(Conversations(db))
        backend = FakeBackend(script)
        comparison = Comparison(runner, backend, lambda: LAPTOP, diary)
        comparison.options = Options(mode=RunMode.IN_TURN)
        window = Window(db, Driven(comparison, backend, runner, messages), diary, panes=panes)
        try:
            yield window
        finally:
            comparison.close()
            runner.close()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    with opened(tmp_path, Numbered()) as made:
        yield made


def test_an_edited_prompt_stands_beside_the_old_one(window: Window) -> None:
    window.ask("one")
    window.ask("two")
    first, second = window.turns()
    window.edit(second, "two, but better")
    assert window.prompts() == ["one", "two, but better"]
    assert window.comparison.panes[0].exchanges[1].siblings == (second, window.turns()[1])
    assert [(node.parent_id, node.prompt) for node in window.branches.tree()] == [
        (None, "one"),
        (first, "two"),
        (first, "two, but better"),
    ]
    window.branches.show_branch(second)
    assert window.prompts() == ["one", "two"]


def test_the_first_prompt_can_be_edited_too(window: Window) -> None:
    window.ask("one")
    window.ask("two")
    window.edit(window.turns()[0], "uno")
    assert window.prompts() == ["uno"]
    assert window.driven.backend.requests[-1].messages == (Message("user", "uno"),)
    assert [node.parent_id for node in window.branches.tree() if node.prompt in ("one", "uno")] == [None, None]


def test_a_prompt_that_cannot_be_asked_leaves_everything_as_it_was(window: Window) -> None:
    window.ask("one")
    before = window.prompts(), window.texts()
    for pane in window.comparison.panes:
        window.comparison.choose(pane, None)
    with pytest.raises(UsageError, match="No model is chosen"):
        window.branches.edit(window.turns()[0], "uno")
    assert (window.prompts(), window.texts()) == before
    with pytest.raises(UsageError, match="empty"):
        window.branches.edit(window.turns()[0], " \n")


def test_going_back_the_next_prompt_follows_from_there(window: Window) -> None:
    for prompt in ("one", "two", "three"):
        window.ask(prompt)
    window.branches.branch_at(window.turns()[0])
    assert window.prompts() == ["one"]
    window.ask("another two")
    assert window.prompts() == ["one", "another two"]
    assert [m.content for m in window.driven.backend.requests[-2].messages] == ["one", window.texts()[0], "another two"]
    third = window.branches.tree()[2].id
    window.branches.show_branch(third)
    assert window.prompts() == ["one", "two", "three"]


def test_a_branch_is_followed_to_its_newest_end(window: Window) -> None:
    for prompt in ("one", "two", "three"):
        window.ask(prompt)
    first, second, third = window.turns()
    window.edit(second, "deux")
    window.branches.show_branch(second)
    assert window.turns() == [first, second, third]
    window.branches.show_branch(first)
    assert window.prompts() == ["one", "deux"], "the newest end below it"


def test_an_answer_made_again_is_another_attempt_and_the_old_one_can_be_shown(window: Window) -> None:
    window.ask("one")
    pane = window.comparison.panes[0]
    old = window.texts()[0]
    window.again(pane)
    first, second = pane.exchanges[0].attempts
    assert pane.exchanges[0].generation_id == second
    window.branches.show_attempt(pane, window.turns()[0], first)
    assert window.texts() == [old]
    window.ask("two")
    assert [m.content for m in window.driven.backend.requests[-2].messages] == ["one", old, "two"]
    assert window.rows("generation")[pane.exchanges[1].generation_id or 0][3] == first, "it went on from the old one"


def test_an_earlier_attempt_shows_the_branch_that_went_on_from_it(window: Window) -> None:
    window.ask("one")
    pane = window.comparison.panes[0]
    window.ask("two")
    window.branches.branch_at(window.turns()[0])
    window.again(pane)
    first, second = pane.exchanges[0].attempts
    assert window.prompts() == ["one"]
    window.branches.show_attempt(pane, window.turns()[0], first)
    assert (window.prompts(), pane.exchanges[0].generation_id) == (["one", "two"], first)
    window.branches.show_attempt(pane, window.turns()[0], second)
    assert (window.prompts(), pane.exchanges[0].generation_id) == (["one"], second)


def test_an_earlier_answer_is_made_again_and_what_came_after_stays_one_step_away(window: Window) -> None:
    for prompt in ("one", "two", "three"):
        window.ask(prompt)
    left, right = window.comparison.panes
    before, kept = window.texts(), window.rows("generation")
    old = left.exchanges[1].generation_id
    window.again(left, 1)
    assert window.prompts() == window.prompts(1) == ["one", "two"], "all panes go back to that prompt"
    assert window.texts()[0] == before[0]
    assert window.texts()[1] not in before
    assert [m.content for m in window.driven.backend.requests[-1].messages] == ["one", before[0], "two"]
    first, second = left.exchanges[1].attempts
    assert (first, second) == (old, left.exchanges[1].generation_id)
    assert len(right.exchanges[1].attempts) == 1, "the other pane was not asked"
    assert kept.items() <= window.rows("generation").items()
    assert window.branches.ahead() == tree.Ahead(turns=1, branches=1)
    window.branches.show_attempt(left, window.turns()[1], first)
    assert (window.prompts(), window.texts()) == (["one", "two", "three"], before)
    assert window.branches.ahead() == tree.Ahead()
    window.branches.show_attempt(left, window.turns()[1], second)
    window.ask("another three")
    assert window.prompts(1) == ["one", "two", "another three"]
    assert window.read_by()[3] == window.texts()[1]
    assert window.read_by(1)[3] == window.texts(1)[1]


def test_a_new_answer_reads_what_the_one_it_stands_beside_had_read(window: Window) -> None:
    window.ask("one")
    left = window.comparison.panes[0]
    window.again(left)
    read = window.texts()[0]
    window.ask("two")
    window.ask("three")
    window.conversations.choose_attempt(left.exchanges[0].attempts[0])  # shown by choice, but never gone on from
    window.again(left, 1)
    assert [m.content for m in window.driven.backend.requests[-1].messages] == ["one", read, "two"]


def test_an_earlier_answer_of_a_pane_without_a_model_is_left_where_it_is(window: Window) -> None:
    window.ask("one")
    window.ask("two")
    left = window.comparison.panes[0]
    window.comparison.choose(left, None)
    with pytest.raises(UsageError, match="no answer to make again"):
        window.again(left, 0)
    assert (window.prompts(), window.prompts(1)) == (["one", "two"], ["one", "two"])
    late = window.comparison.add_pane()
    window.comparison.choose(late, fake_model("late"))
    window.branches.continue_with(window.comparison.panes[1])
    window.ask("three")
    with pytest.raises(UsageError, match="not asked this prompt"):
        window.again(late, 0)
    assert window.prompts(1) == ["one", "two", "three"]


def test_what_is_ahead_is_counted_with_its_branches(window: Window) -> None:
    assert window.branches.ahead() == tree.Ahead()
    for prompt in ("one", "two", "three"):
        window.ask(prompt)
    first, second, _ = window.turns()
    window.edit(second, "deux")
    window.branches.branch_at(first)
    assert window.branches.ahead() == tree.Ahead(turns=3, branches=2)
    window.branches.show_branch(first)
    assert (window.prompts()[-1], window.branches.ahead()) == ("deux", tree.Ahead())


def test_all_panes_go_on_with_one_answer(window: Window) -> None:
    window.ask("one")
    left, right = window.comparison.panes
    theirs = window.texts(1)
    window.branches.continue_with(right)
    assert window.read_by(0) == ["one", theirs[0]]
    assert window.texts(0) != theirs, "its own answer is still shown"
    window.ask("two")
    assert {m.messages for m in window.driven.backend.requests[-2:]} == {
        (Message("user", "one"), Message("assistant", theirs[0]), Message("user", "two"))
    }
    assert left.exchanges[0].continued_id == right.exchanges[0].generation_id
    window.ask("three")
    assert window.read_by(0)[:4] == ["one", theirs[0], "two", window.texts(1)[1]]
    window.branches.continue_with(None)
    assert window.read_by(0) == ["one", theirs[0], "two", window.texts(1)[1], "three", window.texts(0)[2]]


def test_a_pane_that_joins_goes_on_with_what_another_one_was_told(window: Window) -> None:
    window.ask("one")
    late = window.comparison.add_pane()
    window.comparison.choose(late, fake_model("late"))
    window.branches.continue_with(window.comparison.panes[1])
    window.ask("two")
    assert window.read_by(2) == ["one", window.texts(1)[0], "two", window.texts(2)[1]]
    again = Conversations(window.db).load(window.diary.conversation_id or 0)
    assert again is not None
    assert [one.prompt for one in tree.exchanges(again, late.id)] == ["one", "two"]


def test_there_must_be_something_to_go_on_with(window: Window) -> None:
    with pytest.raises(UsageError, match="no answer to go on with"):
        window.branches.continue_with(window.comparison.panes[0])


def test_a_failed_answer_of_the_chosen_pane_is_read_by_nobody(window: Window) -> None:
    window.ask("one")
    window.branches.continue_with(window.comparison.panes[1])
    window.driven.backend.answer_error = GenerationError("No more.")
    window.ask("two")
    window.driven.backend.answer_error = None
    window.ask("three")
    told = [message.content for message in window.driven.backend.requests[-1].messages]
    assert told == ["one", window.texts(1)[0], "three"]


def test_nothing_is_edited_while_a_pane_answers(window: Window) -> None:
    window.ask("one")
    turn = window.turns()[0]
    window.comparison.ask("two")
    pane = window.comparison.panes[0]
    deeds: list[Callable[[], None]] = [
        lambda: window.branches.edit(turn, "uno"),
        lambda: window.branches.branch_at(turn),
        lambda: window.branches.show_branch(turn),
        lambda: window.branches.show_attempt(pane, turn, pane.exchanges[0].attempts[0]),
        lambda: window.branches.continue_with(pane),
        lambda: window.branches.again(pane, pane.exchanges[0]),
    ]
    for deed in deeds:
        with pytest.raises(UsageError, match="still answering") as caught:
            deed()
        assert caught.value.hint
    window.driven.until_quiet()
    assert window.prompts() == ["one", "two"]


# --- whatever is done, in whatever order ---------------------------------------------------------

DEEDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["ask", "ask", "again", "again at", "again at", "edit", "branch_at", "show_branch", "show_attempt",
             "continue", "own", "fail", "reopen"]
        ),
        st.integers(0, 50),
    ),
    min_size=3,
    max_size=14,
)  # fmt: skip


def do(window: Window, deed: str, number: int) -> None:
    """One deed; those that cannot be done now are left out."""
    panes = window.comparison.panes
    pane = panes[number % len(panes)]
    nodes = window.branches.tree()
    if deed == "fail":
        window.driven.backend.answer_error = GenerationError("No more.")
        window.ask(f"prompt {len(nodes)}")
        window.driven.backend.answer_error = None
    elif deed == "ask" or not nodes:
        window.ask(f"prompt {len(nodes)}")
    elif deed == "again" and pane.exchanges:
        window.again(pane)
    elif deed == "again at":
        again_at(window, pane, number)
    elif deed == "edit":
        window.edit(nodes[number % len(nodes)].id, f"edited {len(nodes)}")
    elif deed == "branch_at":
        window.branches.branch_at(nodes[number % len(nodes)].id)
    elif deed == "show_branch":
        window.branches.show_branch(nodes[number % len(nodes)].id)
    elif deed == "show_attempt" and pane.exchanges:
        show_attempt(window, pane, number)
    elif deed == "continue" and any(exchange.read is not None for exchange in pane.exchanges):
        window.branches.continue_with(pane)
    elif deed == "own":
        window.branches.continue_with(None)
    elif deed == "reopen":
        reopen(window)


def show_attempt(window: Window, pane: Pane, number: int) -> None:
    exchange = pane.exchanges[number % len(pane.exchanges)]
    if exchange.attempts and exchange.turn_id is not None:
        window.branches.show_attempt(pane, exchange.turn_id, exchange.attempts[number % len(exchange.attempts)])


def reopen(window: Window) -> None:
    stored = window.conversations.load(window.diary.conversation_id or 0)
    assert stored is not None
    window.diary.continuing = None
    window.branches.show(stored)


def again_at(window: Window, pane: Pane, number: int) -> None:
    """An answer that may stand anywhere; the turns after it are still there."""
    answered = [index for index, exchange in enumerate(pane.exchanges) if exchange.answer is not None]
    if not answered:
        return
    index = answered[number // 3 % len(answered)]
    place = window.comparison.panes.index(pane)
    turns, old = window.turns(place), pane.exchanges[index]
    before = {node.id for node in window.branches.tree()}
    window.again(pane, index)
    assert window.turns(place) == turns[: index + 1], "the branch ends with what was asked again"
    assert old.generation_id in pane.exchanges[-1].attempts
    assert {node.id for node in window.branches.tree()} == before


def chain(window: Window, generation_id: int) -> list[str]:
    """What an auditor finds: the prompt of an answer's turn, and before it each answer that was gone on from."""
    turns, generations = window.rows("turn"), window.rows("generation")
    _, turn, _, before, _ = generations[generation_id]
    told = [str(turns[int(str(turn))][2])]
    while before is not None:
        _, turn, _, earlier, text = generations[int(str(before))]
        told = [str(turns[int(str(turn))][2]), str(text), *told]
        before = earlier
    return told


@settings(max_examples=30)
@given(deeds=DEEDS)
def test_whatever_is_done_nothing_is_lost_and_every_answer_tells_what_its_model_had_read(
    deeds: list[tuple[str, int]],
) -> None:
    script = Numbered()
    with TemporaryDirectory() as folder, opened(Path(folder), script) as window:
        kept: dict[str, dict[int, tuple[object, ...]]] = {"turn": {}, "generation": {}}
        for deed, number in deeds:
            do(window, deed, number)
            for table, before in kept.items():
                now = window.rows(table)
                assert before.items() <= now.items(), f"{deed} changed or lost a {table}"
                kept[table] = now
            for generation_id, (_, _, _, _, text) in kept["generation"].items():
                if str(text) in script.asked:
                    told = [message.content for message in script.asked[str(text)]]
                    assert told == chain(window, generation_id)
            stored = window.conversations.load(window.diary.conversation_id or 0, window.diary.head)
            assert stored is not None
            if window.diary.continuing is None:
                for pane in window.comparison.panes:
                    fresh = Pane(pane.id)
                    fresh.exchanges = tree.exchanges(stored, pane.id)
                    assert fresh.history("", "?") == pane.history("", "?"), "a restart would tell it something else"
