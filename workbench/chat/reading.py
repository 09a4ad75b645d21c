"""Conversations out of their rows: the shape first, then the texts, and each answer's record when it is asked for."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.chat import tree
from workbench.chat.answer import Answer
from workbench.chat.late_answer import LateAnswer
from workbench.chat.stored import DECK, Continued, StoredConversation, StoredPane, StoredTurn, TurnNode
from workbench.engine.base import Adapter, Sampling
from workbench.store.database import Database, Row, Sql

if TYPE_CHECKING:
    from workbench.models.params import RunParams

log = logging.getLogger(__name__)

_PANE_COLUMNS = ("slot", "model_path", "n_ctx", "n_threads", "template", "system")
_SHAPE = (
    "SELECT g.id, g.turn_id, g.slot, g.state, g.stop_reason, g.continues_id, g.chosen"
    " FROM turn AS t JOIN generation AS g ON g.turn_id = t.id"
    " WHERE t.conversation_id = ? ORDER BY g.turn_id, g.slot, g.attempt"
)
_TEXTS = (
    "SELECT g.id, g.model_name, g.model_path, g.family, g.quantisation, g.synthetic, g.state, g.text"
    " FROM turn AS t JOIN generation AS g ON g.turn_id = t.id WHERE t.conversation_id = ?"
)


def conversation(db: Database, conversation_id: int, head: int | None) -> StoredConversation | None:
    """None when there is none, or it was deleted."""
    with db.read() as sql:
        row = sql.execute(
            "SELECT * FROM conversation WHERE id = ? AND deleted_at IS NULL", (conversation_id,)
        ).fetchone()
        if row is None:
            return None
        tags = sql.execute("SELECT tag FROM conversation_tag WHERE conversation_id = ? ORDER BY tag", (row["id"],))
        head = row["head_turn_id"] if head is None and row["kind"] != DECK else head
        turns = _turns(db, sql, conversation_id, head, each=row["kind"] == DECK and head is None)
        return StoredConversation(
            id=row["id"],
            title=row["title"],
            system_prompt=row["system_prompt"],
            sampling=json.loads(row["sampling"]),
            panes=_panes(sql, conversation_id),
            turns=turns,
            kind=row["kind"],
            head_turn_id=head if head is not None or not turns else turns[-1].id,
            folder=row["folder"],
            pinned=bool(row["pinned"]),
            tags=tuple(one["tag"] for one in tags),
            source=row["source"],
            created_at=row["created_at"],
        )


def nodes(sql: Sql, conversation_id: int) -> tuple[TurnNode, ...]:
    """Every turn, in the order they were asked."""
    rows = sql.execute(
        "SELECT id, parent_id, prompt, asked_at, (SELECT count(DISTINCT slot) FROM generation"
        " WHERE turn_id = turn.id AND state = 'done') AS answered"
        " FROM turn WHERE conversation_id = ? ORDER BY id",
        (conversation_id,),
    )
    return tuple(TurnNode(**dict(row)) for row in rows.fetchall())


def parents(sql: Sql, conversation_id: int) -> dict[int, int | None]:
    rows = sql.execute("SELECT id, parent_id FROM turn WHERE conversation_id = ?", (conversation_id,))
    return {row["id"]: row["parent_id"] for row in rows}


def answer_of(row: Row) -> Answer:
    record = json.loads(row["record"])
    if row["state"] in ("running", "interrupted"):
        record |= {"text": row["text"], "stop_reason": "unfinished"}
    return Answer.from_json(record)


# --- the turns of one branch ---------------------------------------------------------------------


@dataclass(slots=True)
class _Way:
    """What one slot shows of each turn of a branch, by turn."""

    shown: dict[int, Row] = field(default_factory=dict)
    continued: dict[int, Row] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)


def _turns(db: Database, sql: Sql, conversation_id: int, head: int | None, *, each: bool) -> tuple[StoredTurn, ...]:
    shape = parents(sql, conversation_id)
    branches = [(root,) for root in sorted(shape) if shape[root] is None] if each else [tree.path(shape, head)]
    rows = sql.execute(_SHAPE, (conversation_id,)).fetchall()
    by_turn: dict[int, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_turn[row["turn_id"]][row["slot"]].append(row)
    by_id = {row["id"]: row for row in rows}
    texts = sql.execute(_TEXTS, (conversation_id,)).fetchall()
    answers = {row["id"]: _late(db, row, by_id[row["id"]]["stop_reason"]) for row in texts}
    prompts = _prompts(sql, conversation_id)
    beside: dict[int | None, list[int]] = defaultdict(list)
    for turn_id in sorted(shape):
        beside[shape[turn_id]].append(turn_id)
    found = []
    for branch in branches:
        slots = sorted({slot for turn_id in branch for slot in by_turn[turn_id]})
        ways = {slot: _way(branch, slot, by_turn, by_id) for slot in slots}
        for turn_id in branch:
            shown = {slot: way.shown[turn_id]["id"] for slot, way in ways.items() if turn_id in way.shown}
            continued = {slot: way.continued[turn_id]["id"] for slot, way in ways.items() if turn_id in way.continued}
            found.append(
                StoredTurn(
                    id=turn_id,
                    prompt=prompts[turn_id]["prompt"],
                    asked_at=prompts[turn_id]["asked_at"],
                    parent_id=shape[turn_id],
                    siblings=tuple(beside[shape[turn_id]]),
                    answers={slot: answers[row_id] for slot, row_id in shown.items()},
                    shown=shown,
                    attempts={slot: tuple(row["id"] for row in own) for slot, own in by_turn[turn_id].items()},
                    continued={slot: Continued(row_id, answers[row_id]) for slot, row_id in continued.items()},
                    unread=frozenset(slot for slot, way in ways.items() if turn_id in way.unread),
                )
            )
    return tuple(found)


def _way(branch: Sequence[int], slot: int, by_turn: dict[int, dict[int, list[Row]]], by_id: dict[int, Row]) -> _Way:
    """From the slot's last answer back along what each went on from: that, and nothing else, is what was read."""
    way = _Way()
    expected: int | None = None
    begun = False
    for turn_id in reversed(branch):
        own = by_turn[turn_id].get(slot, [])
        before = by_id.get(expected) if expected is not None else None
        read = before if before is not None and before["turn_id"] == turn_id else None
        if read is not None and read["slot"] == slot:
            way.shown[turn_id] = read
        elif own:
            way.shown[turn_id] = _chosen(own)
        if read is not None and read["slot"] != slot:
            way.continued[turn_id] = read
        if begun and read is None and own:
            way.unread.add(turn_id)
        if read is not None:
            expected = read["continues_id"]
        elif own and not begun:
            expected, begun = way.shown[turn_id]["continues_id"], True
    return way


def _chosen(attempts_of_slot: Sequence[Row]) -> Row:
    return next((row for row in attempts_of_slot if row["chosen"]), attempts_of_slot[-1])


def _prompts(sql: Sql, conversation_id: int) -> dict[int, Row]:
    rows = sql.execute("SELECT id, prompt, asked_at FROM turn WHERE conversation_id = ?", (conversation_id,))
    return {row["id"]: row for row in rows.fetchall()}


def _late(db: Database, row: Row, stop_reason: str | None) -> Answer:
    known: dict[str, Any] = {
        "model": row["model_name"],
        "path": row["model_path"],
        "family": row["family"],
        "quantisation": row["quantisation"],
        "synthetic": bool(row["synthetic"]),
        "text": row["text"],
        "stop_reason": stop_reason or "unfinished",
    }
    if row["state"] != "failed":
        known["error"] = None
    return LateAnswer.of(partial(_whole, db, row["id"], known), **known)


def _whole(db: Database, generation_id: int, known: dict[str, Any]) -> Answer:
    with db.read() as sql:
        row = sql.execute("SELECT * FROM generation WHERE id = ?", (generation_id,)).fetchone()
    if row is None:  # its conversation was deleted for good meanwhile
        return Answer(**known)
    return answer_of(row)


# --- panes ---------------------------------------------------------------------------------------


def _panes(sql: Sql, conversation_id: int) -> tuple[StoredPane, ...]:
    rows = sql.execute("SELECT * FROM pane WHERE conversation_id = ? ORDER BY slot", (conversation_id,))
    return tuple(
        StoredPane(
            **{key: row[key] for key in _PANE_COLUMNS},
            params=_params(row["params"]),
            adapters=tuple(Adapter(Path(path), scale) for path, scale in json.loads(row["adapters"])),
            isolated=bool(row["isolated"]),
            sampling=sampling_of(row["sampling"]),
        )
        for row in rows.fetchall()
    )


def _params(stored: str | None) -> RunParams | None:
    """None too for parameters of another version of the program: the planner decides then."""
    from workbench.models.params import RunParams

    if stored is None:
        return None
    try:
        return RunParams(**json.loads(stored))
    except (TypeError, ValueError) as error:
        log.info("a pane's load parameters are not understood and left out: %s", error)
        return None


def sampling_of(stored: str | None) -> Sampling | None:
    """None too for a sampling of another version of the program: the shared one holds then."""
    if stored is None:
        return None
    try:
        return Sampling(**json.loads(stored))
    except (TypeError, ValueError) as error:
        log.info("a pane's sampling is not understood and left out: %s", error)
        return None
