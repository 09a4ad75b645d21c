"""Finding words in everything that was asked and answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workbench.chat.stored import Hit, Query
from workbench.store.database import Row, Sql

MOST_RANKED = 1_000
"""Of the prompts, of the answers: where more match, the newest are looked at.  Words that so many have rank nothing."""
_WORD = re.compile(r"[^\W_]+")
_PIECE = re.compile(r'"([^"]*)"|([^"\s]+)')

_ANSWERS = """
    SELECT 'answer_words' AS place, found.rowid AS number, {worth} AS worth, c.id AS conversation_id,
           t.id AS turn_id, g.id AS generation_id, c.title, g.model_name AS model, t.asked_at
    FROM answer_words AS found JOIN generation AS g ON g.id = found.rowid JOIN turn AS t ON t.id = g.turn_id
    JOIN conversation AS c ON c.id = t.conversation_id
    WHERE {matches}"""
_PROMPTS = """
    SELECT 'prompt_words' AS place, found.rowid AS number, {worth} AS worth, c.id AS conversation_id,
           t.id AS turn_id, NULL AS generation_id, c.title, NULL AS model, t.asked_at
    FROM prompt_words AS found JOIN turn AS t ON t.id = found.rowid JOIN conversation AS c ON c.id = t.conversation_id
    WHERE {matches}"""
_TITLES = """
    SELECT 'title_words' AS place, found.rowid AS number, {worth} AS worth, c.id AS conversation_id,
           t.id AS turn_id, NULL AS generation_id, c.title, NULL AS model, t.asked_at
    FROM title_words AS found JOIN conversation AS c ON c.id = found.rowid
    JOIN turn AS t ON t.id = coalesce(c.head_turn_id, (SELECT max(id) FROM turn WHERE conversation_id = c.id))
    WHERE {matches}"""
_OF_MODEL = " AND g.model_name = :model"
_ASKED_OF_MODEL = " AND EXISTS (SELECT 1 FROM generation WHERE turn_id = t.id AND model_name = :model)"

_SOURCES = {
    "title_words": ("title", "SELECT title FROM conversation WHERE id = ?"),
    "prompt_words": ("prompt", "SELECT prompt FROM turn WHERE id = ?"),
    "answer_words": ("text", "SELECT text FROM generation WHERE id = ? AND state <> 'running'"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """What was typed: words and phrases, all of which are looked for; of the last, a beginning is enough if
    ``open_ended``."""

    phrases: tuple[str, ...]
    open_ended: bool

    @classmethod
    def of(cls, text: str) -> Words:
        """Nothing that is typed is an operator, so nothing can be malformed."""
        phrases: list[str] = []
        open_ended = False
        for quoted, bare in _PIECE.findall(text.replace("\0", " ")):
            words = _WORD.findall(quoted or bare)
            if quoted and words:
                phrases.append(" ".join(words))
            elif words:
                phrases += words
            open_ended = bool(bare and words)
        # One Latin letter begins a good part of all words: it is taken as a word until a second one is typed.
        short = bool(phrases) and phrases[-1].isascii() and len(phrases[-1]) < 2
        return cls(tuple(phrases), open_ended and not short)

    @property
    def unspaced(self) -> bool:
        """Whether a word of it is in a script that writes none apart: the index has whole sentences for words there."""
        from workbench.chat.snippets import UNSPACED

        return any(UNSPACED.search(phrase) for phrase in self.phrases)

    def for_index(self) -> str:
        terms = [f'"{phrase}"' for phrase in self.phrases]
        return " ".join(terms) + ("*" if self.open_ended else "")


def behind(sql: Sql) -> bool:
    """Whether something was written since the words were last taken in."""
    return sql.execute("SELECT 1 FROM reindex LIMIT 1").fetchone() is not None


def catch_up(sql: Sql) -> None:
    """Take in the words of what was written since, and give up those of what is gone."""
    for row in sql.execute("SELECT place, number, before FROM reindex").fetchall():
        place, number = row["place"], row["number"]
        column, current = _SOURCES[place]
        if row["before"] is not None:
            sql.execute(
                f"INSERT INTO {place} ({place}, rowid, {column}) VALUES ('delete', ?, ?)",  # noqa: S608  # our own names
                (number, row["before"]),
            )
        now = sql.execute(current, (number,)).fetchone()
        if now is not None:
            sql.execute(f"INSERT INTO {place} (rowid, {column}) VALUES (?, ?)", (number, now[0]))  # noqa: S608  # as above
    sql.execute("DELETE FROM reindex")


def forget(sql: Sql) -> None:
    """Write the index anew: until then it holds the words of what is gone, and only marks them as gone."""
    catch_up(sql)
    for place in _SOURCES:
        sql.execute(f"INSERT INTO {place} ({place}) VALUES ('optimize')")  # noqa: S608  # our own names


def search(sql: Sql, query: Query, limit: int) -> tuple[Hit, ...]:
    """Best first, and of two alike the newer one; nothing for a query without a word."""
    words = Words.of(query.text)
    if not words.phrases:
        return ()
    conditions, values = _conditions(query)
    values |= {"words": words.for_index(), "most": MOST_RANKED}
    values |= {f"word{number}": phrase.lower() for number, phrase in enumerate(words.phrases)}
    of_model, of_asked = (_OF_MODEL, _ASKED_OF_MODEL) if query.model is not None else ("", "")
    rows: list[Row] = []
    for place, part, narrowed in (
        ("answer_words", _ANSWERS, of_model),
        ("prompt_words", _PROMPTS, of_asked),
        ("title_words", _TITLES, of_asked),
    ):
        asked = part.format(**_looked_for(place, words)) + conditions + narrowed
        rows += sql.execute(f"{asked} ORDER BY found.rowid DESC LIMIT :most", values)
    rows.sort(key=lambda row: (row["worth"], -row["turn_id"]))
    return tuple(_hit(sql, row, words) for row in rows[:limit])


def _looked_for(place: str, words: Words) -> dict[str, str]:
    """By the index, or without it."""
    if not words.unspaced:
        return {"worth": f"bm25({place})", "matches": f"{place} MATCH :words"}
    column, _ = _SOURCES[place]
    each = [f"instr(lower(found.{column}), :word{number})" for number in range(len(words.phrases))]
    if place == "answer_words":
        each.append("g.state <> 'running'")
    return {"worth": "0", "matches": " AND ".join(each)}


def _conditions(query: Query) -> tuple[str, dict[str, Any]]:
    conditions = [" AND c.deleted_at IS NULL"]
    values: dict[str, Any] = {"model": query.model}
    if query.folder is not None:
        conditions.append("c.folder = :folder")
        values["folder"] = query.folder
    if query.tag is not None:
        conditions.append("c.id IN (SELECT conversation_id FROM conversation_tag WHERE tag = :tag)")
        values["tag"] = query.tag
    for name, sign, moment in (("since", ">=", query.since), ("until", "<", query.until)):
        if moment is not None:
            conditions.append(f"t.asked_at {sign} :{name}")
            values[name] = _written(moment)
    return " AND ".join(conditions), values


def _written(moment: datetime) -> str:
    """As the tables store it; without a time zone it is the user's own."""
    return moment.astimezone(UTC).isoformat()


def _hit(sql: Sql, row: Row, words: Words) -> Hit:
    from workbench.chat.snippets import snippet

    _, current = _SOURCES[row["place"]]
    text = str(sql.execute(current, (row["number"],)).fetchone()[0])
    return Hit(
        conversation_id=row["conversation_id"],
        turn_id=row["turn_id"],
        generation_id=row["generation_id"],
        title=row["title"],
        model=row["model"],
        snippet=snippet(text, words.phrases, open_ended=words.open_ended),
        asked_at=row["asked_at"],
    )
