"""What stands behind votes: the prompts they are about, and where two who answered have not been judged yet."""

from __future__ import annotations

import json
from dataclasses import dataclass

from workbench.chat.answer import Answer
from workbench.chat.votes.ballots import Contender, Vote, side_of
from workbench.store.database import Database

NEWEST = 2_000  # answers of the two that are looked through: further back nobody votes


@dataclass(frozen=True, slots=True)
class Place:
    """A prompt in a conversation."""

    conversation_id: int
    turn_id: int


class VoteListing:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def prompts(self) -> dict[int, str]:
        """By the vote's id; empty where the prompt is gone."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT ballot.id AS id, coalesce(turn.prompt, json_extract(ballot.compared, '$[0]'), '') AS prompt"
                " FROM ballot LEFT JOIN turn ON turn.id = ballot.turn_id"
            )
            return {row["id"]: str(row["prompt"]) for row in rows}

    def place(self, vote: Vote) -> Place | None:
        """Where the answers of a vote are, None where they are gone."""
        with self._db.read() as sql:
            row = sql.execute(
                "SELECT turn.id AS turn_id, conversation_id FROM turn JOIN conversation ON conversation.id ="
                " conversation_id WHERE turn.id = ? AND deleted_at IS NULL",
                (vote.turn,),
            ).fetchone()
            return Place(row["conversation_id"], row["turn_id"]) if row is not None else None

    def unjudged(self, first: Contender, second: Contender) -> Place | None:
        """The newest prompt both answered about which no vote between the two counts."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT turn_id, turn.conversation_id AS conversation_id, record FROM generation"
                " JOIN turn ON turn.id = turn_id JOIN conversation ON conversation.id = turn.conversation_id"
                " WHERE state = 'done' AND text <> '' AND deleted_at IS NULL AND model_name IN (?, ?)"
                " ORDER BY generation.id DESC LIMIT ?",
                (first.model, second.model, NEWEST),
            ).fetchall()
            judged = {
                (row["turn_id"], frozenset(side_of(row[side]).contender.name for side in ("left_side", "right_side")))
                for row in sql.execute("SELECT turn_id, left_side, right_side FROM ballot WHERE withdrawn_at IS NULL")
            }
        wanted = frozenset({first.name, second.name})
        answered: dict[int, set[str]] = {}
        for row in rows:
            names = answered.setdefault(row["turn_id"], set())
            names.add(Contender.of(Answer.from_json(json.loads(row["record"]))).name)
            if wanted <= names and (row["turn_id"], wanted) not in judged:
                return Place(row["conversation_id"], row["turn_id"])
        return None
