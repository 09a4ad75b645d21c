"""Decks as rows, and their runs: which model has answered which prompt."""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.chat.answer import Answer
from workbench.chat.conversations import Conversations
from workbench.chat.decks.deck import Deck, DeckError, DeckPrompt
from workbench.chat.options import Options
from workbench.chat.pane import Pane
from workbench.chat.stored import DECK, Listed, StoredConversation, Wanted
from workbench.engine.base import StopReason
from workbench.errors import StoreError
from workbench.store.database import Database, Row, Sql, timestamp
from workbench.store.locks import HeldElsewhereError, Lock
from workbench.words import said

_SHOWN = 200  # letters of a prompt, in a table


@dataclass(frozen=True, slots=True)
class ListedDeck:
    """A deck without its prompts; ``first`` is the beginning of the first one."""

    id: int
    name: str
    count: int
    first: str
    changed_at: str


class Decks:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.runs = DeckRuns(db)

    def save(self, deck: Deck, deck_id: int | None = None) -> int:
        """A new one, or in place of another.  Raises DeckError where it is empty or too large."""
        deck = deck.checked()
        values = (deck.name, json.dumps([one.as_json() for one in deck.prompts], ensure_ascii=False), timestamp())
        with self._db.transaction() as sql:
            if deck_id is None:
                cursor = sql.execute("INSERT INTO deck (name, prompts, changed_at) VALUES (?, ?, ?)", values)
                return int(cursor.lastrowid or 0)
            sql.execute("UPDATE deck SET name = ?, prompts = ?, changed_at = ? WHERE id = ?", (*values, deck_id))
            return deck_id

    def all(self) -> tuple[ListedDeck, ...]:
        """Changed last first."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT id, name, changed_at, json_array_length(prompts) AS count,"
                " substr(json_extract(prompts, '$[0].text'), 1, ?) AS first"
                " FROM deck WHERE removed_at IS NULL ORDER BY changed_at DESC, id DESC",
                (_SHOWN,),
            )
            return tuple(
                ListedDeck(row["id"], row["name"], row["count"], row["first"] or "", row["changed_at"]) for row in rows
            )

    def load(self, deck_id: int) -> Deck | None:
        with self._db.read() as sql:
            row = sql.execute("SELECT name, prompts FROM deck WHERE id = ?", (deck_id,)).fetchone()
        if row is None:
            return None
        return Deck(row["name"], tuple(map(DeckPrompt.from_json, json.loads(row["prompts"]))))

    def remove(self, deck_id: int) -> None:
        """Its runs stay; ``put_back`` undoes it."""
        self._set_removed(deck_id, timestamp())

    def put_back(self, deck_id: int) -> None:
        self._set_removed(deck_id, None)

    def purge(self, before: str) -> None:
        """Erase what was removed before that moment."""
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM deck WHERE removed_at < ?", (before,))

    def _set_removed(self, deck_id: int, at: str | None) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE deck SET removed_at = ? WHERE id = ?", (at, deck_id))


class CellState(enum.StrEnum):
    """What became of one prompt and one model; DONE alone need not be asked again."""

    TO_DO = "to_do"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


# How the states of answers read here.  An answer that the end of the program cut off is neither whole nor failed.
_STATES = {
    "running": CellState.RUNNING,
    "done": CellState.DONE,
    "failed": CellState.FAILED,
    "interrupted": CellState.STOPPED,
}


@dataclass(frozen=True, slots=True)
class DeckRow:
    """A prompt of a run; ``beginning`` is how it begins."""

    turn_id: int
    name: str
    beginning: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeckColumn:
    """A model of a run; ``path`` None: there is none in that slot."""

    slot: int
    path: str | None
    model: str


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run without its prompts: ``done`` of its ``total`` answers are there."""

    id: int
    title: str
    models: tuple[str, ...]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class DeckTable:
    """A run as far as it is; a cell that is missing is still to do."""

    id: int
    title: str
    rows: tuple[DeckRow, ...]
    columns: tuple[DeckColumn, ...]
    cells: Mapping[tuple[int, int], CellState]

    def state(self, turn_id: int, slot: int) -> CellState:
        return self.cells.get((turn_id, slot), CellState.TO_DO)

    @property
    def total(self) -> int:
        return len(self.rows) * len(self.columns)

    def count(self, state: CellState) -> int:
        found = sum(one is state for one in self.cells.values())
        return found + (self.total - len(self.cells) if state is CellState.TO_DO else 0)


class DeckRuns:
    """Runs of decks: conversations in which every prompt begins anew."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._conversations = Conversations(db)

    def create(self, deck: Deck, panes: Sequence[Pane], options: Options | None = None, **shared: Any) -> int:
        """A run with every prompt still to do; its conversation's id.  ``shared`` is kept beside the options."""
        deck = deck.checked()
        run_id = self._conversations.create(deck.name, kind=DECK)
        if options is not None:
            self._conversations.set_shared(run_id, options.system, options.as_json() | shared)
        with self._db.transaction() as sql:
            for position, prompt in enumerate(deck.prompts, 1):
                cursor = sql.execute(
                    "INSERT INTO turn (conversation_id, position, prompt, asked_at) VALUES (?, ?, ?, ?)",
                    (run_id, position, prompt.text, timestamp()),
                )
                sql.execute(
                    "INSERT INTO deck_turn (turn_id, name, tags, system) VALUES (?, ?, ?, ?)",
                    (cursor.lastrowid, prompt.name, json.dumps(prompt.tags), prompt.system),
                )
        self._conversations.set_panes(run_id, panes)
        return run_id

    def listed(self) -> tuple[Listed, ...]:
        """Newest first."""
        return self._conversations.listed(Wanted(kind=DECK))

    def newest(self, most: int) -> tuple[ListedRun, ...]:
        """So many runs, newest first: cheap, however many there are and however long their answers."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT id, title, (SELECT count(*) FROM turn WHERE conversation_id = conversation.id) AS prompts"
                " FROM conversation WHERE kind = ? AND deleted_at IS NULL ORDER BY changed_at DESC, id DESC LIMIT ?",
                (DECK, most),
            ).fetchall()
            return tuple(_listed(sql, row) for row in rows)

    def asked(self, run_id: int) -> StoredConversation | None:
        """With which panes and options it is asked, without its answers; None where there is no such run."""
        with self._db.read() as sql:
            row = sql.execute(
                "SELECT min(turn.id) AS first FROM turn JOIN conversation ON conversation.id = conversation_id"
                " WHERE conversation_id = ? AND kind = ?",
                (run_id, DECK),
            ).fetchone()
        return self._conversations.load(run_id, row["first"]) if row["first"] is not None else None

    def table(self, run_id: int) -> DeckTable | None:
        """None where there is no such run."""
        with self._db.read() as sql:
            head = sql.execute(
                "SELECT title FROM conversation WHERE id = ? AND kind = ? AND deleted_at IS NULL", (run_id, DECK)
            ).fetchone()
            if head is None:
                return None
            rows = sql.execute(
                "SELECT turn.id, deck_turn.name, deck_turn.tags,"
                " substr(turn.prompt, 1, ?) AS beginning"
                " FROM turn LEFT JOIN deck_turn ON deck_turn.turn_id = turn.id"
                " WHERE turn.conversation_id = ? ORDER BY turn.position",
                (_SHOWN, run_id),
            )
            found = tuple(
                DeckRow(row["id"], row["name"] or "", row["beginning"], tuple(json.loads(row["tags"] or "[]")))
                for row in rows
            )
            columns, cells = _columns(sql, run_id), _cells(sql, run_id)
        slots = {column.slot for column in columns}
        here = {place: state for place, state in cells.items() if place[1] in slots}
        return DeckTable(run_id, head["title"], found, columns, here)

    def prompt(self, turn_id: int) -> DeckPrompt:
        """Raises LookupError where there is no such turn."""
        with self._db.read() as sql:
            row = sql.execute(
                "SELECT turn.prompt, deck_turn.name, deck_turn.tags, deck_turn.system"
                " FROM turn LEFT JOIN deck_turn ON deck_turn.turn_id = turn.id WHERE turn.id = ?",
                (turn_id,),
            ).fetchone()
        if row is None:
            raise LookupError(f"there is no prompt {turn_id}")
        return DeckPrompt(row["prompt"], row["name"] or "", tuple(json.loads(row["tags"] or "[]")), row["system"])

    def mark_unfinished(self, run_id: int) -> None:
        """Answers that were being written when the program ended are still to do."""
        with self._db.transaction() as sql:
            sql.execute(
                "UPDATE generation SET state = 'interrupted', finished_at = ? WHERE state = 'running'"
                " AND turn_id IN (SELECT id FROM turn WHERE conversation_id = ?)",
                (timestamp(), run_id),
            )

    def claim(self, run_id: int) -> Lock:
        """This process alone asks its prompts, until the lock is released.  Raises DeckError where another one does."""
        try:
            return Lock(self._db.path.with_name(f"deck-{run_id}.lock"))
        except HeldElsewhereError as error:
            raise DeckError(
                said("Run {run} is being asked already.", run=run_id)
                if error.process is None
                else said("Run {run} is being asked already by process {process}.", run=run_id, process=error.process),
                hint=said("Wait for it there, or stop it there first."),
            ) from error
        except OSError as error:
            raise StoreError(
                said("{path} cannot be written: {why}.", path=self._db.path.parent, why=error.strerror),
                hint=said("Check its permissions."),
            ) from error

    def begin(self, turn_id: int, pane: Pane) -> int:
        """The row of an answer that starts now."""
        return self._conversations.begin(turn_id, pane).generation_id

    def keep_partial(self, generation_id: int, text: str) -> None:
        self._conversations.keep_partial(generation_id, text)

    def finish(self, generation_id: int, answer: Answer) -> None:
        self._conversations.finish(generation_id, answer)


def _listed(sql: Sql, row: Row) -> ListedRun:
    columns = _columns(sql, row["id"])
    slots = ", ".join("?" * len(columns))
    done = sql.execute(
        # Of each cell the newest attempt, as in ``_cells``; read from an index alone.
        "SELECT count(*) FROM generation AS newest WHERE turn_id IN (SELECT id FROM turn WHERE conversation_id = ?)"  # noqa: S608
        f" AND slot IN ({slots}) AND state = 'done' AND stop_reason IS NOT ?"
        " AND NOT EXISTS (SELECT 1 FROM generation AS later WHERE later.turn_id = newest.turn_id"
        " AND later.slot = newest.slot AND later.attempt > newest.attempt)",
        (row["id"], *(column.slot for column in columns), StopReason.CANCELLED),
    ).fetchone()[0]
    names = tuple(column.model for column in columns)
    return ListedRun(row["id"], row["title"], names, done, row["prompts"] * len(columns))


def _columns(sql: Sql, run_id: int) -> tuple[DeckColumn, ...]:
    rows = sql.execute(
        "SELECT pane.slot, pane.model_path, (SELECT model_name FROM generation JOIN turn ON turn.id = turn_id"
        " WHERE turn.conversation_id = pane.conversation_id AND generation.slot = pane.slot LIMIT 1) AS name"
        " FROM pane WHERE conversation_id = ? AND model_path IS NOT NULL ORDER BY slot",
        (run_id,),
    )
    found: list[DeckColumn] = []
    names: Counter[str] = Counter()
    for row in rows:
        name = row["name"] or _stem(row["model_path"])
        names[name] += 1
        # The same model twice, asked otherwise: by its place among those of its name.
        called = name if names[name] == 1 else f"{name} ({names[name]})"
        found.append(DeckColumn(row["slot"], row["model_path"], called))
    return tuple(found)


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".gguf")


def _cells(sql: Sql, run_id: int) -> dict[tuple[int, int], CellState]:
    """Of each prompt and model the newest attempt; read from an index alone, however long the answers are."""
    rows = sql.execute(
        "SELECT turn_id, slot, attempt, state, stop_reason FROM generation WHERE turn_id IN"
        " (SELECT id FROM turn WHERE conversation_id = ?) ORDER BY turn_id, slot, attempt",
        (run_id,),
    )
    return {(row["turn_id"], row["slot"]): _state(row) for row in rows}


def _state(row: Row) -> CellState:
    """One that was stopped is kept as it is, and asked again all the same."""
    stopped = row["state"] == "done" and row["stop_reason"] == StopReason.CANCELLED
    return CellState.STOPPED if stopped else _STATES[row["state"]]
