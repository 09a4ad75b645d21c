"""Two real models go on with one answer: what the diary says they read is what they were given."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.chat import tree
from workbench.chat.branches import Branches
from workbench.chat.comparison import Comparison
from workbench.chat.conversations import Conversations
from workbench.chat.diary import Diary
from workbench.chat.options import Options
from workbench.chat.pane import Pane
from workbench.chat.plan import RunMode
from workbench.engine.base import Sampling
from workbench.engine.llama import LlamaBackend
from workbench.engine.verdict import RememberedVerdicts
from workbench.engine.vet import Vetter
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.jobs import JobMessage, JobRunner
from workbench.models.describe import describe
from workbench.store.database import Database


class Asked:
    """Two real models, asked one after the other, and what is kept of it."""

    def __init__(self, db: Database, runner: JobRunner, messages: queue.SimpleQueue[JobMessage]) -> None:
        self._messages = messages
        self.conversations = Conversations(db)
        self.diary = Diary(self.conversations)
        engine = LlamaBackend(Vetter(RememberedVerdicts()))
        self.comparison = Comparison(runner, engine, lambda: LAPTOP_WITHOUT_GPU, self.diary)
        self.comparison.options = Options(sampling=Sampling(temperature=0.0), max_tokens=12, mode=RunMode.IN_TURN)
        self.branches = Branches(self.comparison, self.diary, self.conversations)

    def ask(self, prompt: str) -> None:
        self.do(lambda: self.comparison.ask(prompt))

    def do(self, deed: Callable[[], object]) -> None:
        deed()
        while self.comparison.busy:
            self.comparison.deliver(self._messages.get(timeout=60))


@pytest.fixture
def asked(smollm2_path: Path, gemma_path: Path, tmp_path: Path) -> Iterator[Asked]:
    messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
    runner = JobRunner(messages.put)
    with Database(tmp_path / "w.sqlite3") as db:
        made = Asked(db, runner, messages)
        try:
            for path in (smollm2_path, gemma_path):
                made.comparison.choose(made.comparison.add_pane(), describe(path), n_ctx=512)
            yield made
        finally:
            made.comparison.close()
            runner.close()


def test_a_model_reads_the_other_ones_answer_in_place_of_its_own(asked: Asked) -> None:
    own, other = asked.comparison.panes
    asked.ask("Name a colour.")
    first, theirs = own.exchanges[0].answer, other.exchanges[0].answer
    assert first is not None
    assert theirs is not None
    assert first.text != theirs.text
    asked.branches.continue_with(other)
    asked.ask("Another one.")
    second = own.exchanges[1].answer
    assert second is not None
    assert theirs.text.strip() in (second.rendered_prompt or "")
    assert first.text.strip() not in (second.rendered_prompt or "")
    stored = asked.conversations.load(asked.diary.conversation_id or 0)
    assert stored is not None
    again = Pane(own.id)
    again.exchanges = tree.exchanges(stored, own.id)
    assert again.history("", "?") == own.history("", "?")


def test_an_earlier_answer_made_again_reads_exactly_what_it_had_read(asked: Asked) -> None:
    for prompt in ("Name a colour.", "Another one.", "And a fruit."):
        asked.ask(prompt)
    pane, other = asked.comparison.panes
    old, third = pane.exchanges[1], pane.exchanges[2].answer
    assert old.answer is not None
    assert third is not None
    asked.do(lambda: asked.branches.again(pane, old))
    new = pane.exchanges[-1]
    assert new.answer is not None
    assert new.attempts == (old.generation_id, new.generation_id)
    assert new.answer.rendered_prompt == old.answer.rendered_prompt
    assert new.answer.text == old.answer.text, "the same words, asked of the same model in the same way"
    assert len(other.exchanges) == 2, "all panes stand there now"
    asked.branches.show_attempt(pane, old.turn_id or 0, old.generation_id or 0)
    assert pane.exchanges[-1].answer == third
