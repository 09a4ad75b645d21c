"""Conversations as rows: what was asked, what was answered, and what was left unfinished."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.chat.answer import Answer, blank
from workbench.chat.pane import Pane
from workbench.chat.stored import (
    CHAT,
    Hit,
    Listed,
    Query,
    StoredConversation,
    StoredPane,
    StoredTurn,
    TurnNode,
    Wanted,
)
from workbench.jobs import Task, run
from workbench.store.database import Database, Sql, timestamp

if TYPE_CHECKING:
    from workbench.chat.imports.adding import Placed
    from workbench.chat.imports.imported import Imported
    from workbench.chat.imports.placing import Importing

__all__ = [
    "Conversations",
    "Hit",
    "Listed",
    "Query",
    "StoredConversation",
    "StoredPane",
    "StoredTurn",
    "TurnNode",
    "Wanted",
]


@dataclass(frozen=True, slots=True)
class Begun:
    """The row of an answer that starts, and all rows of that pane for the prompt, oldest first."""

    generation_id: int
    attempts: tuple[int, ...]


class Conversations:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def mark_unfinished(self) -> int:
        """Mark answers that were being written when the program last ended; how many there were."""
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "UPDATE generation SET state = 'interrupted', finished_at = ? WHERE state = 'running'", (timestamp(),)
            )
            return int(cursor.rowcount)

    # --- conversations -----------------------------------------------------------------------

    def create(self, title: str, *, kind: str = CHAT, source: str = "") -> int:
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO conversation (title, created_at, changed_at, kind, source) VALUES (?, ?, ?, ?, ?)",
                (title, timestamp(), timestamp(), kind, source),
            )
            return int(cursor.lastrowid or 0)

    def listed(self, wanted: Wanted = Wanted()) -> tuple[Listed, ...]:  # noqa: B008  # a frozen value
        """Newest first."""
        from workbench.chat import listing

        with self._db.read() as sql:
            return listing.listed(sql, wanted)

    def folders(self) -> tuple[str, ...]:
        """Those that hold a conversation, by name."""
        from workbench.chat import listing

        with self._db.read() as sql:
            return listing.folders(sql)

    def tags(self) -> tuple[str, ...]:
        """Those that a conversation has, by name."""
        from workbench.chat import listing

        with self._db.read() as sql:
            return listing.tags(sql)

    def models(self) -> tuple[str, ...]:
        """Those that answered, by name."""
        from workbench.chat import listing

        with self._db.read() as sql:
            return listing.models(sql)

    def search(self, query: Query, limit: int = 100) -> tuple[Hit, ...]:
        """Best first.  Whatever is typed is taken as words."""
        from workbench.chat import searching

        with self._db.read() as sql:
            behind = searching.behind(sql)
        if behind:
            with self._db.transaction() as sql:
                searching.catch_up(sql)
        with self._db.read() as sql:
            return searching.search(sql, query, limit)

    def rename(self, conversation_id: int, title: str) -> None:
        """A title of blanks is left as it was."""
        if title.strip():
            self._set(conversation_id, "title = ?", " ".join(title.split()))

    def set_folder(self, conversation_id: int, folder: str) -> None:
        """An empty one takes it out of its folder."""
        self._set(conversation_id, "folder = ?", " ".join(folder.split()))

    def set_pinned(self, conversation_id: int, pinned: bool) -> None:
        self._set(conversation_id, "pinned = ?", int(pinned))

    def set_tags(self, conversation_id: int, tags: Sequence[str]) -> None:
        """In place of those it has."""
        wanted = [tag for tag in (" ".join(tag.split()) for tag in tags) if tag]
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM conversation_tag WHERE conversation_id = ?", (conversation_id,))
            sql.executemany(
                "INSERT OR IGNORE INTO conversation_tag (conversation_id, tag) VALUES (?, ?)",
                [(conversation_id, tag) for tag in wanted],
            )

    def delete(self, conversation_id: int) -> None:
        """It is in no list any more; ``restore`` brings it back until it is purged."""
        self._set(conversation_id, "deleted_at = ?", timestamp())

    def restore(self, conversation_id: int) -> None:
        self._set(conversation_id, "deleted_at = ?", None)

    def purge_deleted(self, before: str) -> int:
        """Erase what was deleted before that moment; how many conversations those were.  See ``History.purge``."""
        from workbench.chat import searching

        with self._db.transaction() as sql:
            purged = sql.execute("DELETE FROM conversation WHERE deleted_at < ?", (before,)).rowcount
            searching.catch_up(sql)
            return int(purged)

    # --- one of them -------------------------------------------------------------------------

    def load(self, conversation_id: int, head: int | None = None) -> StoredConversation | None:
        """The branch that ends with ``head``, None: with the turn shown last.  None when it is not there.

        Of a deck without ``head``: every prompt, each a branch of its own.
        """
        from workbench.chat import reading

        return reading.conversation(self._db, conversation_id, head)

    def tree(self, conversation_id: int) -> tuple[TurnNode, ...]:
        """Every turn, in the order they were asked."""
        from workbench.chat import reading

        with self._db.read() as sql:
            return reading.nodes(sql, conversation_id)

    def parents(self, conversation_id: int) -> dict[int, int | None]:
        """The tree's shape alone: of every turn, the one it follows."""
        from workbench.chat import reading

        with self._db.read() as sql:
            return reading.parents(sql, conversation_id)

    def going_on_from(self, generation_id: int) -> tuple[int, ...]:
        """The turns at which the same slot went on from that answer, oldest first."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT DISTINCT later.turn_id FROM generation AS later JOIN generation AS earlier"
                " ON later.continues_id = earlier.id AND later.slot = earlier.slot"
                " WHERE earlier.id = ? ORDER BY later.turn_id",
                (generation_id,),
            )
            return tuple(row["turn_id"] for row in rows)

    def set_head(self, conversation_id: int, turn_id: int | None) -> None:
        """The branch that is shown when it is opened again."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE conversation SET head_turn_id = ? WHERE id = ?", (turn_id, conversation_id))

    def choose_attempt(self, generation_id: int) -> None:
        """Show this answer to its prompt in place of the newest one."""
        with self._db.transaction() as sql:
            sql.execute(
                "UPDATE generation SET chosen = (id = :chosen) WHERE turn_id ="
                " (SELECT turn_id FROM generation WHERE id = :chosen)"
                " AND slot = (SELECT slot FROM generation WHERE id = :chosen)",
                {"chosen": generation_id},
            )

    def set_shared(self, conversation_id: int, system_prompt: str, sampling: dict[str, Any]) -> None:
        with self._db.transaction() as sql:
            sql.execute(
                "UPDATE conversation SET system_prompt = ?, sampling = ?, changed_at = ? WHERE id = ?",
                (system_prompt, json.dumps(sampling), timestamp(), conversation_id),
            )

    def set_panes(self, conversation_id: int, panes: Sequence[Pane]) -> None:
        """These and no others.  A pane without a model, whose file is not there, stays as it was kept."""
        kept = json.dumps([pane.id for pane in panes])
        with self._db.transaction() as sql:
            sql.execute(
                "DELETE FROM pane WHERE conversation_id = ? AND slot NOT IN (SELECT value FROM json_each(?))",
                (conversation_id, kept),
            )
            _keep_panes(sql, conversation_id, panes)

    def keep_panes(self, conversation_id: int, panes: Sequence[Pane]) -> None:
        """These as they are now; the others stay as they were kept."""
        with self._db.transaction() as sql:
            _keep_panes(sql, conversation_id, panes)

    # --- asking and answering ----------------------------------------------------------------

    def add_turn(self, conversation_id: int, prompt: str, *, parent_id: int | None) -> int:
        """A prompt that follows ``parent_id``, None: that begins anew.  It is what is shown from now on."""
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO turn (conversation_id, position, prompt, asked_at, parent_id)"
                " SELECT ?, coalesce(max(position), 0) + 1, ?, ?, ? FROM turn WHERE conversation_id = ?",
                (conversation_id, prompt, timestamp(), parent_id, conversation_id),
            )
            turn_id = int(cursor.lastrowid or 0)
            sql.execute(
                "UPDATE conversation SET changed_at = ?, head_turn_id = ? WHERE id = ?",
                (timestamp(), turn_id, conversation_id),
            )
            return turn_id

    def siblings(self, turn_id: int) -> tuple[int, ...]:
        """The turns beside it, itself included, oldest first."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT other.id FROM turn AS it JOIN turn AS other ON other.conversation_id = it.conversation_id"
                " AND other.parent_id IS it.parent_id WHERE it.id = ? ORDER BY other.id",
                (turn_id,),
            )
            return tuple(row["id"] for row in rows)

    def begin(self, turn_id: int, pane: Pane, *, continues_id: int | None = None) -> Begun:
        """A row for the answer that starts now, which goes on from the answer ``continues_id``.

        A second answer to one prompt is a new attempt, and shown in place of the first."""
        assert pane.model is not None
        record = blank(pane.model, "", "unfinished").as_json()
        mine = (turn_id, pane.id)
        with self._db.transaction() as sql:
            sql.execute("UPDATE generation SET chosen = 0 WHERE turn_id = ? AND slot = ? AND chosen = 1", mine)
            cursor = sql.execute(
                "INSERT INTO generation (turn_id, slot, attempt, state, model_name, model_path, family, quantisation,"
                " synthetic, record, started_at, continues_id)"
                " SELECT ?, ?, coalesce(max(attempt), 0) + 1, 'running', ?, ?, ?, ?, ?, ?, ?, ?"
                " FROM generation WHERE turn_id = ? AND slot = ?",
                (*mine, pane.model.name, str(pane.model.path), pane.model.family.value, pane.model.quantisation,
                 int(pane.model.synthetic), json.dumps(record), timestamp(), continues_id, *mine),
            )  # fmt: skip
            rows = sql.execute("SELECT id FROM generation WHERE turn_id = ? AND slot = ? ORDER BY attempt", mine)
            return Begun(int(cursor.lastrowid or 0), tuple(row["id"] for row in rows.fetchall()))

    def keep_partial(self, generation_id: int, text: str) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE generation SET text = ? WHERE id = ? AND state = 'running'", (text, generation_id))

    def finish(self, generation_id: int, answer: Answer) -> None:
        from workbench.chat import searching

        state = "failed" if answer.error else "done"
        with self._db.transaction() as sql:
            sql.execute(
                "UPDATE generation SET state = ?, text = ?, record = ?, finished_at = ?, stop_reason = ? WHERE id = ?",
                (state, answer.text, json.dumps(answer.as_json()), timestamp(), answer.stop_reason, generation_id),
            )
            searching.catch_up(sql)

    def add_imported(self, imported: Imported) -> int:
        """A conversation of another program, with all its branches.  Raises UsageError where it holds no prompt."""
        from workbench.chat import searching
        from workbench.chat.imports import adding

        with self._db.transaction() as sql:
            conversation_id = adding.add(sql, imported)
            searching.catch_up(sql)
            return conversation_id

    def importing(self, found: Sequence[Imported]) -> Task[Importing, tuple[Placed, ...]]:
        """Those with a prompt, all or none; what is here already is not added again."""
        from workbench.chat.imports.placing import importing

        return importing(self._db, found)

    def import_all(self, found: Sequence[Imported]) -> tuple[Placed, ...]:
        """``importing`` in one go."""
        return run(self.importing(found))

    def duplicate(self, conversation_id: int, title: str) -> int | None:
        """All of it once more, but for its votes; None where there is no such conversation."""
        from workbench.chat import duplicating, searching

        with self._db.transaction() as sql:
            made = duplicating.duplicate(sql, conversation_id, title)
            searching.catch_up(sql)
            return made

    # --- unsent text -------------------------------------------------------------------------

    def draft(self, key: str) -> str:
        with self._db.read() as sql:
            row = sql.execute("SELECT text FROM draft WHERE key = ?", (key,)).fetchone()
            return str(row["text"]) if row is not None else ""

    def keep_draft(self, key: str, text: str, *, of: int | None = None) -> None:
        """It goes with the conversation ``of`` when that is erased; an empty one is not kept."""
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM draft WHERE key = ?", (key,))
            if text and (of is None or sql.execute("SELECT 1 FROM conversation WHERE id = ?", (of,)).fetchone()):
                sql.execute("INSERT INTO draft (key, text, conversation_id) VALUES (?, ?, ?)", (key, text, of))

    # --- within ------------------------------------------------------------------------------

    def _set(self, conversation_id: int, what: str, value: object) -> None:
        """``what`` is a column of ours, never what somebody typed."""
        with self._db.transaction() as sql:
            sql.execute(f"UPDATE conversation SET {what} WHERE id = ?", (value, conversation_id))  # noqa: S608


def _keep_panes(sql: Sql, conversation_id: int, panes: Sequence[Pane]) -> None:
    for pane in panes:
        sql.execute(
            f"INSERT OR {'REPLACE' if pane.model is not None else 'IGNORE'}"  # noqa: S608  # one of two words
            " INTO pane (conversation_id, slot, model_path, n_ctx, n_threads, template, params, adapters, isolated,"
            " sampling, system) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (conversation_id, *_row(StoredPane.of(pane))),
        )


def _row(pane: StoredPane) -> tuple[object, ...]:
    params = json.dumps(pane.params.as_json()) if pane.params is not None else None
    adapters = json.dumps([(str(adapter.path), adapter.scale) for adapter in pane.adapters])
    sampling = json.dumps(asdict(pane.sampling)) if pane.sampling is not None else None
    return (
        pane.slot, pane.model_path, pane.n_ctx, pane.n_threads, pane.template, params, adapters, int(pane.isolated),
        sampling, pane.system,
    )  # fmt: skip
