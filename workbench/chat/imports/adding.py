"""A conversation out of a file, written as rows."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workbench.chat.answer import Answer
from workbench.chat.imports.imported import Imported, ImportedAnswer, ImportedTurn
from workbench.chat.stored import IMPORTED
from workbench.errors import UsageError
from workbench.models.file import Family
from workbench.models.params import RunParams
from workbench.store.database import Sql, timestamp
from workbench.words import listed, said


def add(sql: Sql, imported: Imported) -> int:
    """Panes without a model: one is chosen to go on.  Raises UsageError where it holds no prompt."""
    if not imported.turns:
        raise UsageError(
            said("{title} holds no prompt.", title=imported.title),
            hint=listed(imported.problems, "; ") or None,
        )
    now = timestamp()
    moments = sorted(moment for turn in imported.turns for moment in _moments(turn))
    cursor = sql.execute(
        "INSERT INTO conversation (title, created_at, changed_at, system_prompt, source) VALUES (?, ?, ?, ?, ?)",
        (imported.title, moments[0] if moments else now, moments[-1] if moments else now, imported.system,
         imported.source),
    )  # fmt: skip
    conversation_id = int(cursor.lastrowid or 0)
    slots = sorted({answer.slot for turn in imported.turns for answer in turn.answers}) or [0]
    sql.executemany(
        "INSERT INTO pane (conversation_id, slot, n_ctx) VALUES (?, ?, ?)",
        [(conversation_id, slot, RunParams().n_ctx) for slot in slots],
    )
    turn_ids = _turns(sql, conversation_id, imported.turns, now)
    head = turn_ids[imported.head if imported.head is not None else -1]
    sql.execute("UPDATE conversation SET head_turn_id = ? WHERE id = ?", (head, conversation_id))
    return conversation_id


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a conversation is now; ``known``: it was there already, and was not added again."""

    imported: Imported
    conversation_id: int
    known: bool


def place(sql: Sql, one: Imported, there: dict[bytes, int]) -> Placed:
    """Add it where it is not yet ``there``, and note that it is; it has a prompt."""
    mark = _mark((turn.prompt, [answer.text for answer in turn.answers]) for turn in one.turns)
    known = there.get(mark)
    number = there[mark] = known if known is not None else add(sql, one)
    return Placed(one, number, known is not None)


def imported_ids(sql: Sql) -> list[int]:
    """Of what is imported and not deleted."""
    rows = sql.execute("SELECT id FROM conversation WHERE source <> '' AND deleted_at IS NULL ORDER BY id")
    return [row["id"] for row in rows]


def marks(sql: Sql, ids: Sequence[int]) -> dict[bytes, int]:
    """The marks of these conversations, as they were imported, also where they went on here."""
    rows = sql.execute(
        "SELECT conversation.id AS conversation_id, turn.id AS turn_id, prompt, text FROM conversation"  # noqa: S608
        " JOIN turn ON turn.conversation_id = conversation.id LEFT JOIN generation ON generation.turn_id = turn.id"
        # What was answered here has a file.
        f" WHERE conversation.id IN ({', '.join('?' * len(ids))}) AND (generation.id IS NULL OR model_path = '')"
        " ORDER BY conversation.id, position, slot, attempt",
        ids,
    )
    found: dict[bytes, int] = {}
    for number, of_conversation in itertools.groupby(rows, key=lambda row: int(row["conversation_id"])):
        turns = (list(turn) for _, turn in itertools.groupby(of_conversation, key=lambda row: int(row["turn_id"])))
        mark = _mark((turn[0]["prompt"], [row["text"] for row in turn if row["text"] is not None]) for turn in turns)
        found.setdefault(mark, number)
    return found


def _mark(turns: Iterable[tuple[str, Sequence[str]]]) -> bytes:
    """The same for the same prompts with the same answers."""
    return hashlib.sha256(json.dumps([[prompt, *answers] for prompt, answers in turns]).encode()).digest()


def _turns(sql: Sql, conversation_id: int, turns: Sequence[ImportedTurn], now: str) -> list[int]:
    turn_ids: list[int] = []
    # By turn and slot: its answers' rows, and the answer that it went on from itself.
    answered: list[dict[int, list[int]]] = []
    read: list[dict[int, int]] = []
    for position, turn in enumerate(turns, 1):
        parent = turn_ids[turn.parent] if turn.parent is not None else None
        cursor = sql.execute(
            "INSERT INTO turn (conversation_id, position, prompt, asked_at, parent_id) VALUES (?, ?, ?, ?, ?)",
            (conversation_id, position, turn.prompt, turn.at or now, parent),
        )
        turn_ids.append(int(cursor.lastrowid or 0))
        follows: dict[int, int] = {}
        if turn.parent is not None:
            follows = dict(read[turn.parent])
            if turn.follows is not None:
                follows |= {slot: rows[turn.follows] for slot, rows in answered[turn.parent].items()}
        read.append(follows)
        answered.append({})
        for answer in turn.answers:
            rows = answered[-1].setdefault(answer.slot, [])
            rows.append(_answer(sql, turn_ids[-1], len(rows) + 1, answer, follows.get(answer.slot), now))
    return turn_ids


def _answer(sql: Sql, turn_id: int, attempt: int, imported: ImportedAnswer, continues_id: int | None, now: str) -> int:
    answer = imported.kept or Answer(
        model=imported.model,
        path="",
        family=Family.OTHER.value,
        quantisation="",
        synthetic=False,
        text=imported.text,
        stop_reason=IMPORTED,
    )
    cursor = sql.execute(
        "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
        " synthetic, text, record, started_at, finished_at, continues_id, stop_reason)"
        " VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (turn_id, imported.slot, attempt, "failed" if answer.error else "done", answer.model, answer.family,
         answer.quantisation, int(answer.synthetic), answer.text, json.dumps(answer.as_json()),
         imported.at or now, imported.at or now, continues_id, answer.stop_reason),
    )  # fmt: skip
    return int(cursor.lastrowid or 0)


def _moments(turn: ImportedTurn) -> list[str]:
    return [moment for moment in (turn.at, *(answer.at for answer in turn.answers)) if moment is not None]
