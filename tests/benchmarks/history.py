"""Opening a long conversation and searching many; ``python -m tests.benchmarks.history``.

Beside each figure stands SQLite itself, in the same run: the texts of the same rows read plainly, and the same words
looked for without an index.  Records are as long as real ones: the rendered prompt of a full context, and its footing.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.chat.answer import Answer
from workbench.chat.history import History
from workbench.chat.stored import Query
from workbench.store.database import Database, Sql, timestamp

TURNS, PANES, SEARCHED = 1_000, 2, 10_000
RENDERED = 16_000
OPEN_AIM_MS = SEARCH_AIM_MS = 100.0
ROUNDS = 7


def words(random_: random.Random, count: int) -> str:
    """Text in which some words are common and most are rare, as in any language."""
    return " ".join(f"w{int(random_.paretovariate(0.6)) % 30_000}" for _ in range(count))


def fill(sql: Sql, conversation: int, turns: int, panes: int, random_: random.Random, rendered: int) -> None:
    """One line of turns, each pane's answer going on from its own before."""
    sql.execute(
        "INSERT INTO conversation (id, title, created_at, changed_at) VALUES (?, ?, ?, ?)",
        (conversation, f"Conversation {conversation}", timestamp(), timestamp()),
    )
    parent: int | None = None
    before: dict[int, int] = {}
    blank = Answer("model", "/m.gguf", "llama", "Q4_K_M", False, "", "stop", rendered_prompt="x " * (rendered // 2))
    for position in range(turns):
        turn = int(
            sql.execute(
                "INSERT INTO turn (conversation_id, position, prompt, asked_at, parent_id) VALUES (?, ?, ?, ?, ?)",
                (conversation, position, words(random_, 20), timestamp(), parent),
            ).lastrowid
            or 0
        )
        for slot in range(panes):
            answer = replace(blank, text=words(random_, 150))
            before[slot] = int(
                sql.execute(
                    "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family,"
                    " quantisation, synthetic, text, record, started_at, continues_id, stop_reason)"
                    " VALUES (?, ?, 1, 'done', ?, '/m.gguf', 'llama', 'Q4_K_M', 0, ?, ?, ?, ?, 'stop')",
                    (turn, slot, f"model-{slot}", answer.text, json.dumps(answer.as_json()), timestamp(),
                     before.get(slot)),
                ).lastrowid or 0
            )  # fmt: skip
        parent = turn


def took_ms(deed: Callable[[], object]) -> tuple[float, float]:
    """Median and worst of a few rounds, after one that warms up."""
    deed()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        deed()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times), max(times)


def told(what: str, times: tuple[float, float], aim_ms: float | None = None, beside: str = "") -> bool:
    reached = aim_ms is None or times[0] <= aim_ms
    aim = "" if aim_ms is None else f"≤ {aim_ms:.0f} ms {'reached' if reached else 'NOT REACHED'}"
    print(f"{what:58} {times[0]:8.1f} ms (worst {times[1]:.1f})  {aim:22} {beside}".rstrip())
    return reached


def opening(folder: Path) -> bool:
    with Database(folder / "long.sqlite3") as db:
        with db.transaction() as sql:
            fill(sql, 1, TURNS, PANES, random.Random(1), RENDERED)
        conversations = History(db).conversations

        def plain() -> object:
            with db.read() as sql:
                return sql.execute("SELECT text FROM generation ORDER BY id").fetchall()

        base = took_ms(plain)
        told(f"{TURNS * PANES:,} texts, read plainly", base)
        found = took_ms(lambda: conversations.load(1))
        ratio = f"{found[0] / base[0]:.1f} times the plain reading"
        reached = told(f"a conversation of {TURNS:,} turns × {PANES} panes", found, OPEN_AIM_MS, ratio)
        told("the same, and the whole record of the last ten turns", took_ms(lambda: _last_ten(conversations.load(1))))
        told("its tree", took_ms(lambda: conversations.tree(1)))
        told("the list of conversations", took_ms(conversations.listed))
        return reached


def _last_ten(stored: object) -> list[str | None]:
    turns = getattr(stored, "turns", ())[-10:]
    return [answer.rendered_prompt for turn in turns for answer in turn.answers.values()]


def searching(folder: Path) -> bool:
    with Database(folder / "many.sqlite3") as db:
        random_ = random.Random(2)
        with db.transaction() as sql:
            for conversation in range(1, 101):
                fill(sql, conversation, SEARCHED // 100, PANES, random_, 200)
        conversations = History(db).conversations
        began = time.perf_counter()
        conversations.search(Query("w1"))
        print(f"{'taking in all words, once':58} {1000 * (time.perf_counter() - began):8.0f} ms")

        def without_index() -> object:
            with db.read() as sql:
                return sql.execute("SELECT id FROM generation WHERE text LIKE '%w2024%' LIMIT 100").fetchall()

        base = took_ms(without_index)
        told(f"a rare word in {SEARCHED:,} turns × {PANES}, without an index", base)
        reached = True
        for what, query in (
            ("a rare word", Query("w2024")),
            ("the word that nearly all have", Query("w1 ")),
            ("a beginning that all have", Query("w")),
            ("two common words and a beginning", Query("w1 w2 w3")),
            ("the same, by one model", Query("w1 w2 w3", model="model-1")),
            ("the same, in no folder", Query("w1 w2 w3", folder="")),
            ("a phrase", Query('"w1 w1"')),
            ("nothing", Query("nowhere")),
            ("in a script without blanks, without the index", Query("天気")),
        ):
            found = took_ms(lambda query=query: conversations.search(query))  # type: ignore[misc]  # bound at once
            hits = len(conversations.search(query))
            beside = f"{hits} hits, {found[0] / base[0]:.2f} times that without an index"
            reached &= told(f"  {what}: {query.text!r}", found, SEARCH_AIM_MS, beside)
        told("the list of conversations", took_ms(conversations.listed))
        return reached


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        reached = [opening(Path(folder)), searching(Path(folder))]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
