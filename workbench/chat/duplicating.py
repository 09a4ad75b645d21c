"""A conversation once more: every row of it, with all its branches and attempts.  Votes stay with the first."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.store.database import Row, Sql, timestamp


def duplicate(sql: Sql, conversation_id: int, title: str) -> int | None:
    """The copy's id; None where there is no such conversation."""
    row = sql.execute("SELECT * FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if row is None:
        return None
    made = _copy(
        sql, "conversation", row, {"title": title, "changed_at": timestamp(), "head_turn_id": None, "pinned": 0}
    )
    for table in ("pane", "conversation_tag"):
        for each in _of(sql, table, "conversation_id", conversation_id):
            _copy(sql, table, each, {"conversation_id": made})
    turns: dict[int | None, int | None] = {None: None}
    answers: dict[int | None, int | None] = {None: None}
    # In the order of their ids: what a row refers to was written before it.
    for turn in _of(sql, "turn", "conversation_id", conversation_id):
        turns[turn["id"]] = _copy(
            sql, "turn", turn, {"conversation_id": made, "parent_id": turns.get(turn["parent_id"])}
        )
        for answer in _of(sql, "generation", "turn_id", turn["id"]):
            answers[answer["id"]] = _copy(
                sql, "generation", answer,
                {"turn_id": turns[turn["id"]], "continues_id": answers.get(answer["continues_id"])},
            )  # fmt: skip
    head = turns.get(row["head_turn_id"])
    sql.execute("UPDATE conversation SET head_turn_id = ? WHERE id = ?", (head, made))
    return made


def _of(sql: Sql, table: str, column: str, value: int) -> list[Row]:
    # The names are this module's own.
    return sql.execute(f"SELECT * FROM {table} WHERE {column} = ? ORDER BY rowid", (value,)).fetchall()  # noqa: S608


def _copy(sql: Sql, table: str, row: Row, instead: Mapping[str, object]) -> int:
    values = {name: row[name] for name in row.keys() if name != "id"} | dict(instead)  # noqa: SIM118 - a row is no mapping
    names, marks = ", ".join(values), ", ".join("?" for _ in values)
    # The names are those of the table itself.
    cursor = sql.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608
    return int(cursor.lastrowid or 0)
