"""Lists of conversations, and of what they can be filtered by."""

from __future__ import annotations

from collections import defaultdict

from workbench.chat.stored import Listed, Wanted
from workbench.store.database import Sql


def listed(sql: Sql, wanted: Wanted) -> tuple[Listed, ...]:
    """Newest first."""
    conditions = ["c.deleted_at IS NOT NULL" if wanted.deleted else "c.deleted_at IS NULL"]
    values: dict[str, object] = {}
    for name, value in (("folder", wanted.folder), ("kind", wanted.kind), ("pinned", wanted.pinned)):
        if value is not None:
            conditions.append(f"c.{name} = :{name}")
            values[name] = value
    if wanted.tag is not None:
        conditions.append("c.id IN (SELECT conversation_id FROM conversation_tag WHERE tag = :tag)")
        values["tag"] = wanted.tag
    if wanted.model is not None:
        conditions.append(
            "c.id IN (SELECT t.conversation_id FROM generation AS g JOIN turn AS t ON t.id = g.turn_id"
            " WHERE g.model_name = :model)"
        )
        values["model"] = wanted.model
    rows = sql.execute(
        "SELECT id, title, changed_at, folder, pinned, kind, source, deleted_at FROM conversation AS c"  # noqa: S608
        f" WHERE {' AND '.join(conditions)} ORDER BY changed_at DESC, id DESC",
        values,
    ).fetchall()
    sought = wanted.title.casefold()
    rows = [row for row in rows if sought in row["title"].casefold()]
    marked, answered = _tags(sql), _models(sql)
    return tuple(
        Listed(**(dict(row) | {"pinned": bool(row["pinned"])}), tags=tuple(marked[row["id"]]),
               models=tuple(answered[row["id"]]))
        for row in rows
    )  # fmt: skip


def folders(sql: Sql) -> tuple[str, ...]:
    rows = sql.execute(
        "SELECT DISTINCT folder FROM conversation WHERE folder <> '' AND deleted_at IS NULL ORDER BY lower(folder)"
    )
    return tuple(row["folder"] for row in rows)


def tags(sql: Sql) -> tuple[str, ...]:
    rows = sql.execute(
        "SELECT DISTINCT tag FROM conversation_tag JOIN conversation ON id = conversation_id"
        " WHERE deleted_at IS NULL ORDER BY lower(tag)"
    )
    return tuple(row["tag"] for row in rows)


def models(sql: Sql) -> tuple[str, ...]:
    rows = sql.execute("SELECT DISTINCT model_name FROM generation ORDER BY lower(model_name)")
    return tuple(row["model_name"] for row in rows)


def _tags(sql: Sql) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = sql.execute("SELECT conversation_id, tag FROM conversation_tag ORDER BY lower(tag)")
    for row in rows:
        found[row["conversation_id"]].append(row["tag"])
    return found


def _models(sql: Sql) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    rows = sql.execute(
        "SELECT DISTINCT t.conversation_id, g.model_name FROM turn AS t JOIN generation AS g ON g.turn_id = t.id"
        " ORDER BY t.conversation_id, g.model_name"
    )
    for row in rows:
        found[row["conversation_id"]].append(row["model_name"])
    return found
