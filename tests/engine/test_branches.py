"""Two real models go on with one answer: what the diary says they read is what they were given."""

from __future__ import annotations

import queue
from pathlib import Path

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


def test_a_model_reads_the_other_ones_answer_in_place_of_its_own(
    smollm2_path: Path, gemma_path: Path, tmp_path: Path
) -> None:
    messages: queue.SimpleQueue[JobMessage] = queue.SimpleQueue()
    runner = JobRunner(messages.put)
    with Database(tmp_path / "w.sqlite3") as db:
        conversations = Conversations(db)
        diary = Diary(conversations)
        comparison = Comparison(runner, LlamaBackend(Vetter(RememberedVerdicts())), lambda: LAPTOP_WITHOUT_GPU, diary)
        comparison.options = Options(sampling=Sampling(temperature=0.0), max_tokens=12, mode=RunMode.IN_TURN)

        def ask(prompt: str) -> None:
            comparison.ask(prompt)
            while comparison.busy:
                comparison.deliver(messages.get(timeout=60))

        try:
            for path in (smollm2_path, gemma_path):
                comparison.choose(comparison.add_pane(), describe(path), n_ctx=512)
            own, other = comparison.panes
            ask("Name a colour.")
            first, theirs = own.exchanges[0].answer, other.exchanges[0].answer
            assert first is not None
            assert theirs is not None
            assert first.text != theirs.text
            Branches(comparison, diary, conversations).continue_with(other)
            ask("Another one.")
            second = own.exchanges[1].answer
            assert second is not None
            assert theirs.text.strip() in (second.rendered_prompt or "")
            assert first.text.strip() not in (second.rendered_prompt or "")
            stored = conversations.load(diary.conversation_id or 0)
            assert stored is not None
            again = Pane(own.id)
            again.exchanges = tree.exchanges(stored, own.id)
            assert again.history("", "?") == own.history("", "?")
        finally:
            comparison.close()
            runner.close()
