"""Searching many conversations, as the sidebar does it, beside a look through the same texts without an index."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.gui_figures import Figure
from tests.benchmarks.history import PANES, SEARCHED, fill, took_ms
from workbench.chat.history import History
from workbench.chat.stored import Query
from workbench.store.database import Database

AIM_MS = 100.0
QUERIES = (("a rare word", "w2024"), ("a word that nearly all have", "w1"), ("two common words", "w1 w2"))


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder) / "many.sqlite3") as db:
        random_ = random.Random(2)
        with db.transaction() as sql:
            for conversation in range(1, 101):
                fill(sql, conversation, SEARCHED // 100, PANES, random_, 200)
        conversations = History(db).conversations

        def without_index() -> object:
            with db.read() as sql:
                return sql.execute("SELECT id FROM generation WHERE text LIKE '%w2024%' LIMIT 100").fetchall()

        base, _ = took_ms(without_index)
        for what, text in QUERIES:
            query = Query(text)
            middle, worst = took_ms(lambda query=query: conversations.search(query))  # type: ignore[misc]  # bound now
            beside = f"worst {worst:.0f} ms; without an index {base:.0f} ms"
            yield Figure("search", f"{what} in {SEARCHED:,} turns × {PANES} panes", middle, "ms", AIM_MS, beside)
