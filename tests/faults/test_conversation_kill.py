"""kill -9 while a model answers: what was written of it stays, and is said to be unfinished."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workbench.chat import tree
from workbench.chat.conversations import Conversations
from workbench.chat.stored import Query
from workbench.store.database import Database

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

ANSWERS_FOR_EVER = """
import itertools, queue, sys
from pathlib import Path
from workbench.chat import diary
from workbench.chat.comparison import Comparison
from workbench.chat.conversations import Conversations
from workbench.engine.fake import FakeBackend, fake_model
from workbench.hardware.examples import LAPTOP_WITHOUT_GPU
from workbench.jobs import JobRunner
from workbench.store.database import Database

diary.PARTIAL_EVERY_S = 0.0

def script(request):
    if len(request.messages) == 1:
        return ["whole"]
    return (f"word{number} " for number in itertools.count())

messages = queue.SimpleQueue()
runner = JobRunner(messages.put)
db = Database(Path(sys.argv[1]))
comparison = Comparison(runner, FakeBackend(script, tokens_per_s=500), lambda: LAPTOP_WITHOUT_GPU,
                        diary.Diary(Conversations(db)))
pane = comparison.add_pane()
comparison.choose(pane, fake_model("model"))
comparison.ask("One?")
while comparison.busy:
    comparison.deliver(messages.get())
comparison.ask("Two?")
while True:
    comparison.deliver(messages.get())
    if "word9 " in pane.text:
        print("written", flush=True)
"""


def test_an_answer_under_way_when_the_program_is_killed_stays_and_is_marked(tmp_path: Path) -> None:
    path = tmp_path / "w.sqlite3"
    with subprocess.Popen(
        [sys.executable, "-c", ANSWERS_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.kill()
    with Database(path) as db:
        assert db.check() == ()
        conversations = Conversations(db)
        assert conversations.search(Query("word5")) == ()
        assert conversations.mark_unfinished() == 1
        stored = conversations.load(1)
        assert stored is not None
        whole, cut = tree.exchanges(stored, 0)
        assert whole.answer is not None
        assert cut.answer is not None
        assert (whole.answer.text, whole.answer.stop_reason) == ("whole", "end")
        assert cut.answer.text.startswith("word0 word1 ")
        assert cut.answer.stop_reason == "unfinished"
        assert any("unfinished" in chip for chip in cut.answer.chips)
        assert cut.attempts == (cut.generation_id,)
        assert conversations.going_on_from(whole.generation_id or 0) == (cut.turn_id,)
        assert [hit.generation_id for hit in conversations.search(Query("word5"))] == [cut.generation_id]
        assert conversations.mark_unfinished() == 0, "only once"
