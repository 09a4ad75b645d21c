"""What llama.cpp answered to a probe, kept in memory and in the store by an opaque key."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from workbench.models.exact import Breakdown, Buffer
from workbench.models.params import RunParams
from workbench.store.database import Database, timestamp


class StoredAnswers:
    """Any thread may ask."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._remembered: dict[str, Breakdown] = {}
        self._lock = threading.Lock()  # guards _remembered

    def all(self, keys: Mapping[RunParams, str | None]) -> dict[RunParams, Breakdown]:
        """Those that are known, marked as cached."""
        found = {params: self._get(key, params) for params, key in keys.items() if key is not None}
        return {params: replace(answer, cached=True) for params, answer in found.items() if answer is not None}

    def keep(self, key: str | None, answer: Breakdown) -> None:
        if key is None:
            return
        with self._lock:
            self._remembered[key] = answer
        text = json.dumps({"n_ctx": answer.n_ctx, "buffers": [asdict(buffer) for buffer in answer.buffers]})
        with self._db.transaction() as sql:
            sql.execute(
                "INSERT OR REPLACE INTO probe (key, answer, probed_at) VALUES (?, ?, ?)", (key, text, timestamp())
            )

    def _get(self, key: str, params: RunParams) -> Breakdown | None:
        with self._lock:
            if key in self._remembered:
                return self._remembered[key]
        with self._db.read() as sql:
            row = sql.execute("SELECT answer FROM probe WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        answer = breakdown(params, json.loads(row["answer"]))
        with self._lock:
            self._remembered[key] = answer
        return answer


def breakdown(params: RunParams, answer: Mapping[str, Any]) -> Breakdown:
    """As the child reports it, and as it is stored."""
    return Breakdown(params, answer["n_ctx"], tuple(Buffer(**buffer) for buffer in answer["buffers"]))
