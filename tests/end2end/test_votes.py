"""Real models answer, somebody votes, and what is handed on says what happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.cli.test_votes import vote_on, whole
from workbench.chat.conversations import Conversations
from workbench.stats.outcome import Outcome
from workbench.store.database import Database

PROMPTS = ("Name three colours.", "Say hello.", "Count to three.", "Name an animal.")

# In a process of its own: the engine stays out of the tests' own one.
ASK = """
import sys
from pathlib import Path
from tests.unit.cli.test_votes import kept_answers
kept_answers(Path(sys.argv[1]), sys.argv[2:4], sys.argv[4:])
"""


def test_real_answers_are_voted_on_rated_and_exported(workbench, environment, library, real_models, tmp_path):
    data = library.parent
    models = (real_models.smollm2.stem, real_models.gemma.stem)
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(data), *models, *PROMPTS],
        env=environment | {"PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert asked.returncode == 0, asked.stderr
    with Database(data / "workbench.sqlite3") as db:
        stored = whole(Conversations(db).load(1))
    assert len(stored.turns) == len(PROMPTS)
    vote_on(data, stored, [Outcome.LEFT, Outcome.LEFT, Outcome.LEFT, Outcome.BOTH_BAD])

    ranking = workbench("votes", "rank", "--json").json["rankings"][0]
    first, last = ranking["islands"][0]["standings"]
    assert first["contender"]["model"] == stored.turns[0].answers[0].model
    assert first["beats_next"]["low"] < 0.5 < first["beats_next"]["estimate"]
    assert first["votes_to_decide"] > 0
    assert last["acceptable"]["estimate"] == 0.75

    written = workbench("votes", "export", "--to", tmp_path / "pairs.jsonl", "--json").out.splitlines()[-1]
    assert json.loads(written)["votes"] == 1
    pair = json.loads((tmp_path / "pairs.jsonl").read_text("utf-8"))
    assert pair["prompt"] == PROMPTS[0]
    assert pair["chosen"] == stored.turns[0].answers[0].text

    assert workbench("export", "last", "--to", tmp_path / "c.html", "--for", "auditor", "--ratings").status == 0
    page = (tmp_path / "c.html").read_text("utf-8")
    assert "&lt;|im_start|&gt;user" in page, "what the model was given"
    assert "What the votes say" in page
    assert "<script" not in page
    assert workbench("export", "last", "--to", tmp_path / "c.json").status == 0
    told = json.loads((tmp_path / "c.json").read_text("utf-8"))
    for turn, kept in zip(told["turns"], stored.turns, strict=True):
        for slot, answer in enumerate(turn["answers"]):
            assert answer["text"] == kept.answers[slot].text
            assert answer["seed"] == 7
            assert answer["decode_tokens_per_s"] == kept.answers[slot].decode_tokens_per_s
            assert answer["engine_version"]
            assert answer["completion_tokens"] <= 12
    assert [turn["votes"][0]["verdict"].endswith("both bad") for turn in told["turns"]] == [False, False, False, True]
