"""The library of prompts: kept under a name, in folders, with tags; brought in and out as JSON or plain text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from workbench.chat.titles import title_of
from workbench.errors import UsageError
from workbench.store.database import Database, Row, Sql, timestamp
from workbench.words import said

FORMAT = "inference-workbench-prompts"
VERSION = 1
RULE = "---"


@dataclass(frozen=True, slots=True)
class Prompt:
    """``id`` 0 before it is saved.  Without a name it has its first words."""

    id: int
    name: str
    text: str
    tags: tuple[str, ...] = ()
    folder: str = ""


class Prompts:
    """Any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> tuple[Prompt, ...]:
        """By folder and name; those in no folder first."""
        with self._db.read() as sql:
            rows = sql.execute(
                "SELECT * FROM saved_prompt WHERE removed_at IS NULL ORDER BY lower(folder), lower(name), id"
            )
            return tuple(map(_prompt, rows.fetchall()))

    def save(self, prompt: Prompt) -> Prompt:
        """In place of the one with its id, else as a new one; as it was kept.  Raises UsageError without a text."""
        return self.save_all([prompt])[0]

    def save_all(self, prompts: Iterable[Prompt]) -> tuple[Prompt, ...]:
        """``save`` each of them, or none."""
        with self._db.transaction() as sql:
            return tuple(_saved(sql, prompt) for prompt in prompts)

    def remove(self, prompt_id: int) -> None:
        """It can be put back."""
        with self._db.transaction() as sql:
            sql.execute("UPDATE saved_prompt SET removed_at = ? WHERE id = ?", (timestamp(), prompt_id))

    def put_back(self, prompt_id: int) -> None:
        with self._db.transaction() as sql:
            sql.execute("UPDATE saved_prompt SET removed_at = NULL WHERE id = ?", (prompt_id,))

    def purge(self, before: str) -> None:
        """Erase what was removed before that moment."""
        with self._db.transaction() as sql:
            sql.execute("DELETE FROM saved_prompt WHERE removed_at < ?", (before,))


def _saved(sql: Sql, prompt: Prompt) -> Prompt:
    if not prompt.text.strip():
        raise UsageError(said("A prompt needs a text."))
    kept = replace(prompt, name=_name(prompt), folder=" ".join(prompt.folder.split()))
    values = (kept.name, kept.text, kept.folder, json.dumps(kept.tags), timestamp())
    if kept.id:
        sql.execute(
            "UPDATE saved_prompt SET name = ?, text = ?, folder = ?, tags = ?, changed_at = ?,"
            " removed_at = NULL WHERE id = ?",
            (*values, kept.id),
        )
        return kept
    cursor = sql.execute(
        "INSERT INTO saved_prompt (name, text, folder, tags, changed_at) VALUES (?, ?, ?, ?, ?)", values
    )
    return replace(kept, id=int(cursor.lastrowid or 0))


def as_json(prompts: Sequence[Prompt]) -> str:
    """Everything of them, to be read back by ``from_text``."""
    written = [{key: value for key, value in asdict(prompt).items() if key != "id"} for prompt in prompts]
    return json.dumps({"format": FORMAT, "version": VERSION, "prompts": written}, ensure_ascii=False, indent=2) + "\n"


def as_text(prompts: Sequence[Prompt]) -> str:
    """The texts alone: one a line, or with a line of dashes between them where one has several.

    Raises UsageError where a text has such a line itself."""
    texts = [prompt.text.strip() for prompt in prompts]
    if not any("\n" in text for text in texts):
        return "".join(f"{text}\n" for text in texts)
    if any(_is_rule(line) for text in texts for line in text.split("\n")):
        raise UsageError(
            said("A prompt has a line of {rule}, which separates prompts.", rule=RULE),
            hint=said("Export them as JSON."),
        )
    return "".join(f"{text}\n{RULE}\n" for text in texts)


def from_text(text: str) -> tuple[Prompt, ...]:
    """Prompts out of what ``as_json`` or ``as_text`` wrote, or out of any text with a prompt on each line.

    Raises UsageError for JSON that holds no prompts."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n")
    if text.lstrip()[:1] in ("{", "["):
        return _from_json(text)
    lines = text.split("\n")
    if any(_is_rule(line) for line in lines):
        blocks = [""]
        for line in lines:
            if _is_rule(line):
                blocks.append("")
            else:
                blocks[-1] += line + "\n"
        lines = blocks
    return tuple(_named(Prompt(0, "", line.strip())) for line in lines if line.strip())


def _is_rule(line: str) -> bool:
    return line.rstrip() == RULE


def _from_json(text: str) -> tuple[Prompt, ...]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(said("This is not a list of prompts: the JSON is broken ({error}).", error=error)) from error
    if isinstance(record, dict) and record.get("version", VERSION) != VERSION:
        raise UsageError(
            said("These prompts were written by a later version of the program."), hint=said("Update the program.")
        )
    entries = record.get("prompts") if isinstance(record, dict) else record
    if not isinstance(entries, list):
        raise UsageError(
            said("This JSON holds no prompts."), hint=said('A list of texts or of {"name", "text"} is understood.')
        )
    return tuple(_entry(entry, number) for number, entry in enumerate(entries, 1))


def _entry(entry: Any, number: int) -> Prompt:
    if isinstance(entry, str):
        entry = {"text": entry}
    text = entry.get("text", entry.get("prompt")) if isinstance(entry, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise UsageError(said("Prompt {number} has no text.", number=number), hint=said('Each needs a "text".'))
    name, folder, tags = entry.get("name", ""), entry.get("folder", ""), entry.get("tags", ())
    return _named(
        Prompt(
            id=0,
            name=name if isinstance(name, str) else "",
            text=text,
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            folder=folder if isinstance(folder, str) else "",
        )
    )


def _named(prompt: Prompt) -> Prompt:
    return replace(prompt, name=_name(prompt))


def _name(prompt: Prompt) -> str:
    return " ".join(prompt.name.split()) or title_of(prompt.text)


def _prompt(row: Row) -> Prompt:
    return Prompt(row["id"], row["name"], row["text"], tuple(json.loads(row["tags"])), row["folder"])
