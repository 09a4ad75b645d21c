"""Votes as rows: cast, taken back, put back, and read for a ranking."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from workbench.chat.answer import Answer
from workbench.chat.options import OWN_SAMPLING
from workbench.models.naming import bare
from workbench.stats.outcome import Outcome
from workbench.store.database import Database, Row, Sql, timestamp

SHOWN_CHARACTERS = 30  # of a system prompt, in a name


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
        """Adapters, a template that is not the file's own, and what was set for one pane alone make another
        contender."""
        from workbench.chat.footing import Footing

        footing = answer.footing or Footing()
        apart = list(footing.adapters)
        if answer.template_source not in (None, "file", "none"):
            apart.append(f"template {answer.template_source}")
        if footing.sampling == OWN_SAMPLING and answer.temperature is not None:
            apart.append(
                f"temperature {answer.temperature:g}, top-k {answer.top_k}, top-p {answer.top_p:g}, "
                f"min-p {answer.min_p:g}, repetition penalty {answer.repetition_penalty:g}"
            )
        if footing.own_system is not None:
            apart.append(f"system prompt “{shortened(footing.own_system)}”")
        name = " · ".join(filter(None, [bare(answer.model, answer.quantisation), answer.quantisation, *apart]))
        return cls(name, answer.model, answer.family, answer.quantisation, answer.sha256)

    @classmethod
    def kept(cls, record: Mapping[str, Any]) -> Contender:
        """As it is written down.  Names that say the quantisation twice, as they once were made, become today's: model
        and quantisation stand beside them, so that nothing is guessed."""
        found = cls(**record)
        once = f"{found.model} · {found.quantisation}"
        if found.name != once and not found.name.startswith(f"{once} · "):
            return found
        now = filter(None, [bare(found.model, found.quantisation), found.quantisation])
        return replace(found, name=" · ".join(now) + found.name.removeprefix(once))


def about(prompt: str) -> str:
    """What prompts that differ in blanks alone are known by, empty for none."""
    words = " ".join(prompt.split())
    return hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()[:12] if words else ""


def shortened(text: str) -> str:
    """The first words, in one line; a long text also by its hash, so that two that begin alike are told apart."""
    line = " ".join(text.split())
    if len(line) <= SHOWN_CHARACTERS:
        return line
    return f"{line[:SHOWN_CHARACTERS].rstrip()}… {hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a ballot; ``answer`` is the row of the answer, None once that is gone."""

    contender: Contender
    characters: int
    answer: int | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote; ``id`` 0 before it is cast.  ``repeats`` is the vote that was asked again with the sides exchanged.

    ``source`` is the file it was imported from, empty for one that was cast in this program; ``withdrawn_at`` is None
    as long as it counts.  ``rater`` is who gave it, where they gave a name; ``about`` is the same for votes about the
    same prompt, empty where that is not known.
    """

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
    source: str = ""
    withdrawn_at: str | None = None
    rater: str = ""
    about: str = ""

    @property
    def judge(self) -> tuple[str, str]:
        """Who gave it: by name, else everybody of one file is one, and so is everybody of this computer."""
        return (self.rater, "") if self.rater else ("", self.source)


@dataclass(frozen=True, slots=True)
class Before:
    """What one side read before the prompt: a system prompt, and the earlier turns as (prompt, answer)."""

    system: str = ""
    turns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """A vote with what was compared, in words; a text that is gone is empty."""

    vote: Vote
    prompt: str
    left: str
    right: str
    before_left: Before = Before()
    before_right: Before = Before()


@dataclass(frozen=True, slots=True)
class Filter:
    """Which votes are meant: with this tag, about this family on both sides, blind ones, those of this program or those
    out of files, by this rater; everything that is None or False does not matter."""

    tag: str | None = None
    family: str | None = None
    blind_only: bool = False
    imported: bool | None = None
    rater: str | None = None

    def takes(self, vote: Vote) -> bool:
        families = {vote.left.contender.family, vote.right.contender.family}
        return (
            (self.tag is None or self.tag in vote.tags)
            and (self.family is None or families == {self.family})
            and (vote.blind or not self.blind_only)
            and (self.imported is None or self.imported == bool(vote.source))
            and (self.rater is None or self.rater == vote.rater)
        )


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the votes of a file: ``added``, here already, and repeats of a vote that was not there."""

    added: int
    known: int
    left_out: int = 0


EVERYTHING = Filter()

_INSERT = (
    "INSERT INTO ballot (turn_id, left_answer, right_answer, left_side, right_side, outcome, blind, automatic, repeats,"
    " seed, comment, tags, voted_at, source, compared, rater, about)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
SELECT = (
    "SELECT ballot.*, CASE about WHEN '' THEN coalesce(turn.prompt, json_extract(compared, '$[0]')) END AS asked"
    " FROM ballot LEFT JOIN turn ON turn.id = turn_id"
)


class Ballots:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def cast(self, vote: Vote) -> Vote:
        """The vote as it was kept."""
        kept = replace(vote, voted_at=timestamp(), source="")
        with self.db.transaction() as sql:
            return inserted(sql, kept, None)

    def annotate(self, vote_id: int, comment: str, tags: Sequence[str]) -> None:
        with self.db.transaction() as sql:
            sql.execute("UPDATE ballot SET comment = ?, tags = ? WHERE id = ?", (comment, json.dumps(tags), vote_id))

    def withdraw(self, vote_id: int) -> bool:
        """It does not count any more; it is still there, and can be put back.  False where no such vote counts."""
        with self.db.transaction() as sql:
            cursor = sql.execute(
                "UPDATE ballot SET withdrawn_at = ? WHERE id = ? AND withdrawn_at IS NULL", (timestamp(), vote_id)
            )
            return cursor.rowcount > 0

    def put_back(self, vote_id: int) -> bool:
        """False where no such vote was withdrawn."""
        with self.db.transaction() as sql:
            cursor = sql.execute(
                "UPDATE ballot SET withdrawn_at = NULL WHERE id = ? AND withdrawn_at IS NOT NULL", (vote_id,)
            )
            return cursor.rowcount > 0

    def all(self) -> tuple[Vote, ...]:
        """Every vote there ever was, withdrawn or not, in the order they were given."""
        with self.db.read() as sql:
            return tuple(map(_vote, sql.execute(f"{SELECT} ORDER BY ballot.id").fetchall()))

    def counted(self, wanted: Filter = EVERYTHING) -> tuple[Vote, ...]:
        """Every vote that counts and is meant, in the order they were given."""
        with self.db.read() as sql:
            rows = sql.execute(f"{SELECT} WHERE withdrawn_at IS NULL ORDER BY ballot.id")
            return tuple(vote for vote in map(_vote, rows.fetchall()) if wanted.takes(vote))

    def tags(self) -> tuple[str, ...]:
        """Those of the votes that count, in the order of the alphabet."""
        return tuple(sorted({tag for vote in self.counted() for tag in vote.tags}))

    def recent(self, conversation_id: int, limit: int = 50) -> tuple[Compared, ...]:
        """The votes of a conversation that count, newest first, with what was compared."""
        with self.db.read() as sql:
            rows = sql.execute(
                f"{SELECT} WHERE withdrawn_at IS NULL AND turn.conversation_id = ? ORDER BY ballot.id DESC LIMIT ?",
                (conversation_id, limit),
            )
            return tuple(compared_of(sql, row) for row in rows.fetchall())

    def compared(self, wanted: Filter = EVERYTHING) -> tuple[Compared, ...]:
        """Every vote that counts and is meant, with what was compared."""
        with self.db.read() as sql:
            rows = sql.execute(f"{SELECT} WHERE withdrawn_at IS NULL ORDER BY ballot.id").fetchall()
            return tuple(compared_of(sql, row) for row in rows if wanted.takes(_vote(row)))

    def with_texts(self, votes: Sequence[Vote]) -> tuple[Compared, ...]:
        """Some of those that are kept, in the order they were given, with what was compared."""
        ids = [vote.id for vote in votes]
        with self.db.read() as sql:
            wanted = f"{SELECT} WHERE ballot.id IN ({', '.join('?' * len(ids))}) ORDER BY ballot.id"
            return tuple(compared_of(sql, row) for row in sql.execute(wanted, ids).fetchall())


def inserted(sql: Sql, vote: Vote, texts: Compared | None) -> Vote:
    """The vote as it was kept; ``texts`` where they are kept with it, since no answer here has them."""
    said = None
    if texts is not None:
        before = [(one.system, one.turns) for one in (texts.before_left, texts.before_right)]
        said = json.dumps([texts.prompt, texts.left, texts.right, *before])
        vote = replace(vote, about=about(texts.prompt) or vote.about)
    elif vote.turn is not None:
        turn = sql.execute("SELECT prompt FROM turn WHERE id = ?", (vote.turn,)).fetchone()
        vote = replace(vote, about=about(turn["prompt"]) if turn is not None else vote.about)
    cursor = sql.execute(
        _INSERT,
        (vote.turn, vote.left.answer, vote.right.answer, _written(vote.left), _written(vote.right),
         vote.outcome.name.lower(), int(vote.blind), int(vote.automatic), vote.repeats, vote.seed, vote.comment,
         json.dumps(vote.tags), vote.voted_at, vote.source, said,
         vote.rater, vote.about),
    )  # fmt: skip
    return replace(vote, id=int(cursor.lastrowid or 0))


def identity(one: Compared) -> bytes:
    """The same for two rows that are the same vote, wherever they are kept."""
    vote = one.vote
    names = (vote.left.contender.name, vote.right.contender.name)
    told = [*names, one.prompt, one.left, one.right, vote.outcome.name, vote.voted_at, vote.seed, vote.rater]
    return hashlib.sha256(json.dumps(told).encode()).digest()


def compared_of(sql: Sql, row: Row) -> Compared:
    """Of a row of ``SELECT``."""
    vote = _vote(row)
    if row["compared"] is not None:
        prompt, left, right, *before = json.loads(row["compared"])
        sides = [Before(system, tuple((asked, said) for asked, said in turns)) for system, turns in before]
        return Compared(vote, prompt, left, right, *sides)
    turn = sql.execute("SELECT prompt FROM turn WHERE id = ?", (vote.turn,)).fetchone()
    left, right = vote.left.answer, vote.right.answer
    prompt = turn["prompt"] if turn is not None else ""
    return Compared(vote, prompt, _text(sql, left), _text(sql, right), _before(sql, left), _before(sql, right))


def _text(sql: Sql, answer: int | None) -> str:
    row = sql.execute("SELECT text FROM generation WHERE id = ?", (answer,)).fetchone()
    return str(row["text"]) if row is not None else ""


def _before(sql: Sql, answer: int | None) -> Before:
    system = sql.execute(
        "SELECT coalesce(json_extract(record, '$.system'), pane.system, conversation.system_prompt) AS said"
        " FROM generation"
        " JOIN turn ON turn.id = turn_id JOIN conversation ON conversation.id = turn.conversation_id"
        " LEFT JOIN pane ON pane.conversation_id = conversation.id AND pane.slot = generation.slot"
        " WHERE generation.id = ?",
        (answer,),
    ).fetchone()
    if system is None:
        return Before()
    turns = sql.execute(
        "WITH RECURSIVE read (id, ago) AS (SELECT continues_id, 1 FROM generation WHERE id = ?"
        " UNION ALL SELECT continues_id, ago + 1 FROM read JOIN generation USING (id))"
        " SELECT prompt, text FROM read JOIN generation USING (id) JOIN turn ON turn.id = turn_id ORDER BY ago DESC",
        (answer,),
    )
    return Before(system["said"], tuple((one["prompt"], one["text"]) for one in turns.fetchall()))


def _written(side: Side) -> str:
    return json.dumps(asdict(side.contender) | {"characters": side.characters})


def side_of(written: str, answer: int | None = None) -> Side:
    """A side as ``Ballots`` keeps it."""
    record = json.loads(written)
    characters = record.pop("characters")
    return Side(Contender.kept(record), characters, answer)


def _vote(row: Row) -> Vote:
    return Vote(
        left=side_of(row["left_side"], row["left_answer"]),
        right=side_of(row["right_side"], row["right_answer"]),
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
        source=row["source"],
        withdrawn_at=row["withdrawn_at"],
        rater=row["rater"],
        about=row["about"] or about(row["asked"] or ""),
    )
