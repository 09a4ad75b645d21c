"""Votes as files: preference pairs for training, lines as the arenas publish them, and a table; and back again."""

from __future__ import annotations

import csv
import enum
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workbench.chat.exports.text import guarded
from workbench.chat.votes.ballots import Before, Compared
from workbench.chat.votes.lines import Line, arena_of, compared_of_arena, compared_of_dpo, dpo_of
from workbench.chat.votes.meta import LineError
from workbench.chat.votes.table import COLUMNS, cells_of, compared_of_cells
from workbench.errors import UsageError

T = TypeVar("T")

MAX_BYTES = 512 * 1024 * 1024
MAX_FIELD_CHARACTERS = 64 * 1024 * 1024


class VoteForm(enum.StrEnum):
    """DPO: prompt, chosen, rejected.  DPO_MESSAGES: the same as lists of messages."""

    DPO = "dpo"
    DPO_MESSAGES = "dpo-messages"
    ARENA = "arena"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Written:
    """``left_out`` says in plain words which votes the form cannot hold, with how many of each."""

    text: str
    votes: int
    left_out: tuple[tuple[str, int], ...] = ()


def written(votes: Sequence[Compared], form: VoteForm) -> Written:
    """The whole file.  Preference pairs hold decided votes alone, without repeats, where both answers read the same."""
    if form is VoteForm.CSV:
        rows = io.StringIO(newline="")
        table = csv.writer(rows)
        table.writerow(COLUMNS)
        table.writerows([guarded(cell) for cell in cells_of(one)] for one in votes)
        return Written(rows.getvalue(), len(votes))
    if form is VoteForm.ARENA:
        return Written("".join(_line(arena_of(one)) for one in votes), len(votes))
    messages = form is VoteForm.DPO_MESSAGES
    kept = [one for one in votes if why_no_pair(one, messages=messages) is None]
    reasons = [why for one in votes if (why := why_no_pair(one, messages=messages)) is not None]
    return Written(
        "".join(_line(dpo_of(one, messages=messages)) for one in kept),
        len(kept),
        tuple((why, reasons.count(why)) for why in dict.fromkeys(reasons)),
    )


def why_no_pair(one: Compared, *, messages: bool = True) -> str | None:
    """Why a vote is no preference pair, in plain words; None where it is one.

    Without ``messages`` a pair has room for the prompt alone, not for what stood before it.
    """
    if one.vote.automatic or one.vote.outcome.name not in ("LEFT", "RIGHT"):
        return "neither answer was preferred"
    if one.vote.repeats is not None:
        return "it repeats another vote"
    if not one.prompt or not one.left or not one.right:
        return "its texts are gone"
    if one.before_left != one.before_right:
        return "the two answers went on from different conversations"
    if one.before_left != Before() and not messages:
        return "something stood before its prompt, which only the form with messages can hold"
    return None


def _line(record: Line) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def save(votes: Sequence[Compared], path: Path, form: VoteForm) -> Written:
    """Write it whole or not at all.  Raises UsageError where that cannot be."""
    done = written(votes, form)
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(done.text.encode())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Choose another folder or name."
        ) from error
    return done


# --- reading -------------------------------------------------------------------------------


def read(path: Path) -> tuple[Compared, ...]:
    """The votes of a file in any of the forms, told by what stands in it.

    Raises UsageError that names the line for what is none of them; nothing of such a file is taken.
    """
    text = _text_of(path)
    if not text.strip():
        raise UsageError(f"{path.name} is empty.", hint=_FORMS)
    rows = _json_lines(path, text) if text.lstrip().startswith(("{", "[")) else _table(path, text)
    return tuple(rows)


_FORMS = "Votes are read from JSONL with prompt, chosen and rejected, from JSONL as arenas publish it, and from CSV."


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                f"{path.name} is larger than {MAX_BYTES // 1024**2} MB.",
                hint="Split it into several files of whole lines.",
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path.name}, line {line}: not UTF-8 text.", hint=f"Save it as UTF-8. {_FORMS}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.", hint="Check the name.") from error


def _json_lines(path: Path, text: str) -> Iterator[Compared]:
    if text.lstrip().startswith("["):
        raise UsageError(
            f"{path.name} is one JSON list, not one object a line.",
            hint=f"Write each vote on a line of its own. {_FORMS}",
        )
    # Not splitlines(): JSON may hold U+2028 and its like within a text.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _located(path, number, _of_json, line)


def _of_json(line: str, number: int) -> Compared:
    try:
        record: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise LineError(f"no JSON: {error.msg} at character {error.colno}.") from error
    except RecursionError as error:
        raise LineError("nested too deeply.") from error
    except ValueError as error:
        raise LineError("a number in it is too long.") from error
    if not isinstance(record, dict):
        raise LineError("an object was expected.")
    if "chosen" in record or "rejected" in record:
        return compared_of_dpo(record, number)
    if "winner" in record or "model_a" in record:
        return compared_of_arena(record, number)
    known = ", ".join(sorted(map(str, record))[:8]) or "nothing"
    raise LineError(f"neither chosen and rejected nor model_a, model_b and winner are there, but {known}.")


def _table(path: Path, text: str) -> Iterator[Compared]:
    csv.field_size_limit(MAX_FIELD_CHARACTERS)
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    while True:
        start = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise _wrong(path, start, f"no row of a table: {error}.") from error
        if header is None:
            header = [name.strip() for name in row]
            missing = [name for name in ("model_a", "model_b", "winner") if name not in header]
            if missing:
                raise _wrong(path, 1, f"there is no column {', '.join(missing)}.")
        elif row:
            if len(row) != len(header):
                raise _wrong(path, start, f"{len(row)} cells where {len(header)} were expected.")
            yield _located(path, start, compared_of_cells, dict(zip(header, row, strict=True)))


def _located(path: Path, line: int, reading: Callable[[T, int], Compared], what: T) -> Compared:
    try:
        return reading(what, line)
    except LineError as error:
        raise _wrong(path, line, str(error)) from error


def _wrong(path: Path, line: int, why: str) -> UsageError:
    return UsageError(
        f"{path.name}, line {line}: {why}", hint=f"Correct or remove that line; nothing was taken. {_FORMS}"
    )
