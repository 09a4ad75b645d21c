"""Files that decks are read from: plain text, CSV, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workbench.chat import attachments
from workbench.chat.decks.deck import Deck, DeckError, DeckPrompt, parse
from workbench.errors import UsageError
from workbench.words import said

MOST_BYTES = 256 * 1024 * 1024
ENDINGS = ("txt", "md", "csv", "tsv", "jsonl", "ndjson", "json")

_TEXTS = ("prompt", "text", "question", "instruction", "input")
_NAMES = ("name", "id", "title")
_SHAPE = said('Each prompt is a text, or an object with a "prompt", and if you like a "name", "tags" and a "system".')


def read(path: Path) -> Deck:
    """The deck of a file, called as the file is.

    Raises DeckError for what is no text, holds no prompt or too many, and names the line that is wrong.
    """
    try:
        text = attachments.read(path, most_bytes=MOST_BYTES).text
    except UsageError as error:
        raise DeckError(error.message, hint=error.hint) from error
    text = text.removeprefix("\ufeff")
    ending = path.suffix.lower().lstrip(".")
    if ending in ("jsonl", "ndjson"):
        return Deck(path.stem, tuple(_from_lines(text, path.name))).checked()
    if ending == "json":
        return _from_json(text, path)
    if ending in ("csv", "tsv"):
        return Deck(path.stem, tuple(_from_table(text, path.name, ending))).checked()
    return Deck(path.stem, parse(text)).checked()


def _from_lines(text: str, name: str) -> Iterator[DeckPrompt]:
    # Not splitlines(): JSON may hold U+2028 and the like as they are.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            where = said("{name}, line {number}", name=name, number=number)
            yield _prompt(_json(line, where), where)


def _from_json(text: str, path: Path) -> Deck:
    value = _json(text, path.name)
    called = path.stem
    if isinstance(value, dict) and isinstance(value.get("prompts"), list):
        called, value = str(value.get("name") or called), value["prompts"]
    if not isinstance(value, list):
        raise DeckError(said("{file} holds no list of prompts.", file=path.name), hint=_SHAPE)
    prompts = tuple(
        _prompt(one, said("{file}, prompt {number}", file=path.name, number=number))
        for number, one in enumerate(value, 1)
    )
    return Deck(called, prompts).checked()


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DeckError(said("{where}: this is not JSON.", where=where), hint=_SHAPE) from error


def _prompt(value: object, where: str) -> DeckPrompt:
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, dict):
        raise DeckError(said("{where}: this is no prompt.", where=where), hint=_SHAPE)
    text, system, tags = _first(value, _TEXTS), value.get("system"), value.get("tags", ())
    if not isinstance(text, str) or not text.strip():
        raise DeckError(said("{where}: there is no prompt in it.", where=where), hint=_SHAPE)
    if system is not None and not isinstance(system, str):
        raise DeckError(said("{where}: the system prompt must be a text.", where=where), hint=_SHAPE)
    if isinstance(tags, str):
        tags = [tag.strip() for tag in tags.replace(";", ",").split(",")]
    if not isinstance(tags, list | tuple):
        raise DeckError(said("{where}: the tags must be a list.", where=where), hint=_SHAPE)
    name = _first(value, _NAMES)
    return DeckPrompt(text, "" if name is None else str(name), tuple(str(tag) for tag in tags if str(tag)), system)


def _first(value: dict[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _from_table(text: str, name: str, ending: str) -> Iterator[DeckPrompt]:
    """With a head that names a column of prompts, or of one column without any head."""
    before = csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=_delimiter(text, ending)) if any(row)]
    except csv.Error as error:
        raise DeckError(
            said("{name} is no table: {error}.", name=name, error=error), hint=said("Write one prompt in each row.")
        ) from error
    finally:
        csv.field_size_limit(before)
    if not rows:
        return
    head = [cell.strip().casefold() for cell in rows[0]]
    if any(column in _TEXTS for column in head):
        for number, row in enumerate(rows[1:], 2):
            record: dict[str, Any] = {key: cell for key, cell in zip(head, row, strict=False) if cell.strip()}
            if record:
                yield _prompt(record, said("{name}, row {number}", name=name, number=number))
    elif max(map(len, rows)) == 1:
        yield from (DeckPrompt(row[0].strip()) for row in rows)
    else:
        raise DeckError(
            said("{name} does not say which column holds the prompts.", name=name),
            hint=said('Call that column "prompt" in the first row.'),
        )


def _delimiter(text: str, ending: str) -> str:
    """Of the first line: a comma, unless it has more of another."""
    if ending == "tsv":
        return "\t"
    first = text.split("\n", 1)[0]
    return max((",", ";", "\t"), key=first.count)
