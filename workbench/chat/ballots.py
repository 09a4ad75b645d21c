"""Votes as rows: cast, taken back, put back, and read for a ranking."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from workbench.chat.answer import Answer
from workbench.stats.bradley_terry import Outcome
from workbench.store.database import Database, Row, timestamp


@dataclass(frozen=True, slots=True)
class Contender:
    """Who answered.  ``name`` is what a ranking calls it: model and quantisation, and what else sets it apart.

    Two answers with the same name count for the same contender.
    """

    name: str
    model: str
    family: str
    quantisation: str
    sha256: str | None = None

    @classmethod
    def of(cls, answer: Answer) -> Contender:
        """Adapters and a template that is not the file's own make another contender."""
        apart = list(answer.footing.adapters) if answer.footing is not None else []
        if answer.template_source not in (None, "file", "none"):
            apart.append(f"template {answer.template_source}")
        name = " · ".join([answer.model, answer.quantisation, *apart])
        return cls(name, answer.model, answer.family, answer.quantisation, answer.sha256)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a ballot; ``answer`` is the row of the answer, None once that is gone."""

    contender: Contender
    characters: int
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote; ``id`` 0 before it is cast.  ``repeats`` is the vote that was asked again with the sides exchanged."""

    left: Side
    right: Side
    outcome: Outcome
    seed: int
    blind: bool = True
    automatic: bool = False
    turn: int | None = None
    repeats: int | None = None
    comment: str = ""
    tags: tuple[str, ...] = ()
    id: int = 0
    voted_at: str = ""


class Ballots:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def cast(self, vote: Vote) -> Vote:
        """The vote as it was kept."""
        voted_at = timestamp()
        with self._db.transaction() as sql:
            cursor = sql.execute(
                "INSERT INTO ballot (turn_id, left_answer, right_answer, left_side, right_side, outcome, blind,"
                " automatic, repeats, seed, comment, tags, voted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (vote.turn, vote.left.answer, vote.right.answer, _written(vote.left), _written(vote.right),
                 vote.outcome.name.lower(), int(vote.blind), int(vote.automatic), vote.repeats, vote.seed,
                 vote.comment, json.dumps(vote.tags), voted_at),
            )  # fmt: skip
            return replace(vote, id=int(cursor.lastrowid or 0), voted_at=voted_at)

    def annotate(self, vote_id: int, comment: str, tags: Sequence[str]) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE ballot SET comment = ?, tags = ? WHERE id = ?", (comment, json.dumps(tags), vote_id))

    def withdraw(self, vote_id: int) -> None:
        """It does not count any more; it is still there, and can be put back."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE ballot SET withdrawn_at = ? WHERE id = ?", (timestamp(), vote_id))

    def put_back(self, vote_id: int) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE ballot SET withdrawn_at = NULL WHERE id = ?", (vote_id,))

    def counted(self) -> tuple[Vote, ...]:
        """Every vote that counts, in the order they were given."""
        with self._db.read() as sql:
            rows = sql.execute("SELECT * FROM ballot WHERE withdrawn_at IS NULL ORDER BY id")
            return tuple(map(_vote, rows.fetchall()))


def _written(side: Side) -> str:
    return json.dumps(asdict(side.contender) | {"characters": side.characters})


def _side(written: str, answer: int | None) -> Side:
    record = json.loads(written)
    characters = record.pop("characters")
    return Side(Contender(**record), characters, answer)


def _vote(row: Row) -> Vote:
    return Vote(
        left=_side(row["left_side"], row["left_answer"]),
        right=_side(row["right_side"], row["right_answer"]),
        outcome=Outcome[row["outcome"].upper()],
        seed=row["seed"],
        blind=bool(row["blind"]),
        automatic=bool(row["automatic"]),
        turn=row["turn_id"],
        repeats=row["repeats"],
        comment=row["comment"],
        tags=tuple(json.loads(row["tags"])),
        id=row["id"],
        voted_at=row["voted_at"],
    )
