"""Conversations as rows: what was asked, what was answered, and what was left unfinished."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench.chat.answer import Answer, blank
from workbench.chat.pane import Pane
from workbench.engine.base import Adapter
from workbench.models.params import RunParams
from workbench.store.database import Database, Row, Sql, timestamp

log = logging.getLogger(__name__)

PARTIAL_EVERY_S = 1.0
TITLE_LENGTH = 60

_PANE_COLUMNS = ("slot", "model_path", "n_ctx", "n_threads", "template")


@dataclass(frozen=True, slots=True)
class StoredPane:
    """``params`` are the very parameters to load, None where the planner decides."""

    slot: int
    model_path: str | None
    n_ctx: int
    n_threads: int | None
    template: str | None
    params: RunParams | None = None
    adapters: tuple[Adapter, ...] = ()
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A prompt and, by pane, the newest answer to it."""

    id: int
    prompt: str
    answers: dict[int, Answer]


@dataclass(frozen=True, slots=True)
class StoredConversation:
    id: int
    title: str
    system_prompt: str
    sampling: dict[str, Any]
    panes: tuple[StoredPane, ...] = ()
    turns: tuple[StoredTurn, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Listed:
    id: int
    title: str
    changed_at: str


class Conversations:
    def __init__(self, db: Database) -> None:
        self._db = db

    def mark_unfinished(self) -> int:
        """Mark answers that were being written when the program last ended; how many there were."""
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "UPDATE generation SET state = 'interrupted', finished_at = ? WHERE state = 'running'", (timestamp(),)
            )
            return int(cursor.rowcount)

    def create(self, title: str) -> int:
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO conversation (title, created_at, changed_at) VALUES (?, ?, ?)",
                (title, timestamp(), timestamp()),
            )
            return int(cursor.lastrowid or 0)

    def listed(self) -> tuple[Listed, ...]:
        """Newest first."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT id, title, changed_at FROM conversation ORDER BY changed_at DESC, id DESC")
            return tuple(Listed(row["id"], row["title"], row["changed_at"]) for row in rows)

    def delete(self, conversation_id: int) -> None:
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM conversation WHERE id = ?", (conversation_id,))

    def load(self, conversation_id: int) -> StoredConversation | None:
        with self._db.read() as sql:
            head = sql.execute("SELECT * FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
            if head is None:
                return None
            panes = sql.execute("SELECT * FROM pane WHERE conversation_id = ? ORDER BY slot", (conversation_id,))
            stored = tuple(
                StoredPane(
                    **{key: row[key] for key in _PANE_COLUMNS},
                    params=_params(row["params"]),
                    adapters=tuple(Adapter(Path(path), scale) for path, scale in json.loads(row["adapters"])),
                    isolated=bool(row["isolated"]),
                )
                for row in panes
            )
            turns = sql.execute("SELECT * FROM turn WHERE conversation_id = ? ORDER BY position", (conversation_id,))
            found = tuple(StoredTurn(row["id"], row["prompt"], _answers(sql, row["id"])) for row in turns.fetchall())
        return StoredConversation(
            head["id"], head["title"], head["system_prompt"], json.loads(head["sampling"]), stored, found
        )

    def set_shared(self, conversation_id: int, system_prompt: str, sampling: dict[str, Any]) -> None:
        with self._db.transaction() as sql:
            sql.execute(
                "UPDATE conversation SET system_prompt = ?, sampling = ?, changed_at = ? WHERE id = ?",
                (system_prompt, json.dumps(sampling), timestamp(), conversation_id),
            )

    def set_panes(self, conversation_id: int, panes: Sequence[Pane]) -> None:
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM pane WHERE conversation_id = ?", (conversation_id,))
            sql.executemany(
                "INSERT INTO pane (conversation_id, slot, model_path, n_ctx, n_threads, template, params, adapters,"
                " isolated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(conversation_id, *_row(pane)) for pane in panes],
            )

    def add_turn(self, conversation_id: int, prompt: str) -> int:
        with self._db.transaction() as sql:
            sql.execute("UPDATE conversation SET changed_at = ? WHERE id = ?", (timestamp(), conversation_id))
            cursor = sql.execute(
                "INSERT INTO turn (conversation_id, position, prompt, asked_at)"
                " SELECT ?, coalesce(max(position), 0) + 1, ?, ? FROM turn WHERE conversation_id = ?",
                (conversation_id, prompt, timestamp(), conversation_id),
            )
            return int(cursor.lastrowid or 0)

    def begin(self, turn_id: int, pane: Pane) -> int:
        """A row for the answer that starts now; a second answer to one prompt is a new attempt."""
        assert pane.model is not None
        record = blank(pane.model, "", "unfinished").as_json()
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
                " synthetic, record, started_at)"
                " SELECT ?, ?, coalesce(max(attempt), 0) + 1, 'running', ?, ?, ?, ?, ?, ?, ?"
                " FROM generation WHERE turn_id = ? AND slot = ?",
                (turn_id, pane.id, pane.model.name, str(pane.model.path), pane.model.family.value,
                 pane.model.quantisation, int(pane.model.synthetic), json.dumps(record), timestamp(), turn_id, pane.id),
            )  # fmt: skip
            return int(cursor.lastrowid or 0)

    def keep_partial(self, generation_id: int, text: str) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE generation SET text = ? WHERE id = ? AND state = 'running'", (text, generation_id))

    def finish(self, generation_id: int, answer: Answer) -> None:
        state = "failed" if answer.error else "done"
        with self._db.transaction() as sql:
            sql.execute(
                "UPDATE generation SET state = ?, text = ?, record = ?, finished_at = ? WHERE id = ?",
                (state, answer.text, json.dumps(answer.as_json()), timestamp(), generation_id),
            )

    # --- unsent text -------------------------------------------------------------------------

    def draft(self, key: str) -> str:
        with self._db.read() as sql:
            row = sql.execute("SELECT text FROM draft WHERE key = ?", (key,)).fetchone()
            return str(row["text"]) if row is not None else ""

    def keep_draft(self, key: str, text: str) -> None:
        with self._db.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO draft (key, text) VALUES (?, ?)", (key, text))


def _row(pane: Pane) -> tuple[object, ...]:
    path = str(pane.model.path) if pane.model is not None else None
    params = json.dumps(pane.params.as_json()) if pane.exactly else None
    adapters = json.dumps([(str(adapter.path), adapter.scale) for adapter in pane.adapters])
    return (
        pane.id, path, pane.params.n_ctx, pane.n_threads, pane.template, params, adapters, int(pane.isolated)
    )  # fmt: skip


def _params(stored: str | None) -> RunParams | None:
    """None too for parameters of another version of the program: the planner decides then."""
    if stored is None:
        return None
    try:
        return RunParams(**json.loads(stored))
    except (TypeError, ValueError) as error:
        log.info("a pane's load parameters are not understood and left out: %s", error)
        return None


def _answers(sql: Sql, turn_id: int) -> dict[int, Answer]:
    rows = sql.execute("SELECT * FROM generation WHERE turn_id = ? ORDER BY slot, attempt", (turn_id,))
    return {row["slot"]: _answer(row) for row in rows.fetchall()}


def _answer(row: Row) -> Answer:
    record = json.loads(row["record"])
    if row["state"] in ("running", "interrupted"):
        record |= {"text": row["text"], "stop_reason": "unfinished"}
    return Answer.from_json(record)


class Diary:
    """The journal of one window: writes a comparison's turns into the store as they happen."""

    def __init__(self, conversations: Conversations, restored: StoredConversation | None = None) -> None:
        self._conversations = conversations
        self._generations: dict[Pane, int] = {}
        self._kept_at: dict[Pane, float] = {}
        self.turn_to(restored)

    def turn_to(self, restored: StoredConversation | None) -> None:
        """Write the next prompt into another conversation, or a new one; answers under way stay where they began."""
        self.conversation_id = restored.id if restored is not None else None
        # By slot: a pane that was not asked last answers its own last prompt again, not the newest one.
        self._turns = {slot: turn.id for turn in (restored.turns if restored else ()) for slot in turn.answers}

    def asked(self, prompt: str, panes: Sequence[Pane]) -> None:
        if self.conversation_id is None:
            self.conversation_id = self._conversations.create(title_of(prompt))
        self._conversations.set_panes(self.conversation_id, panes)
        turn_id = self._conversations.add_turn(self.conversation_id, prompt)
        self._turns |= {pane.id: turn_id for pane in panes}

    def begun(self, pane: Pane) -> None:
        self._generations[pane] = self._conversations.begin(self._turns[pane.id], pane)
        self._kept_at[pane] = time.monotonic()

    def partial(self, pane: Pane) -> None:
        if pane in self._generations and time.monotonic() - self._kept_at[pane] > PARTIAL_EVERY_S:
            self._conversations.keep_partial(self._generations[pane], pane.text)
            self._kept_at[pane] = time.monotonic()

    def finished(self, pane: Pane, answer: Answer) -> None:
        generation_id = self._generations.pop(pane, None)
        if generation_id is not None:
            self._conversations.finish(generation_id, answer)


def title_of(prompt: str) -> str:
    """The first line of a prompt, short enough for a list."""
    line = next((line.strip() for line in prompt.splitlines() if line.strip()), "")
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"
