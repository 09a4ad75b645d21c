"""Votes as files: preference pairs for training, lines as the arenas publish them, and a table; and back again."""

from __future__ import annotations

import csv
import enum
import io
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from workbench.chat.exports.text import guarded
from workbench.chat.exports.whole import whole_file
from workbench.chat.votes.ballots import Ballots, Before, Compared, Filter
from workbench.chat.votes.lines import Line, arena_of, compared_of_arena, compared_of_dpo, dpo_of
from workbench.chat.votes.meta import LineError
from workbench.chat.votes.table import COLUMNS, cells_of, compared_of_cells
from workbench.errors import UsageError
from workbench.jobs import CancelToken, Task
from workbench.words import said

T = TypeVar("T")

STEP = 500  # votes between two looks at whether it is cancelled
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


def written(votes: Sequence[Compared], form: VoteForm, *, goes_on: bool = False) -> Written:
    """The whole file, or what follows in one that ``goes_on``.

    Preference pairs hold decided votes alone, without repeats, where both answers read the same.
    """
    if form is VoteForm.CSV:
        rows = io.StringIO(newline="")
        table = csv.writer(rows)
        if not goes_on:
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
        return said("neither answer was preferred")
    if one.vote.repeats is not None:
        return said("it repeats another vote")
    if not one.prompt or not one.left or not one.right:
        return said("its texts are gone")
    if one.before_left != one.before_right:
        return said("the two answers went on from different conversations")
    if one.before_left != Before() and not messages:
        return said("something stood before its prompt, which only the form with messages can hold")
    return None


def _line(record: Line) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def save(votes: Sequence[Compared], path: Path, form: VoteForm) -> Written:
    """Write it whole or not at all.  Raises UsageError where that cannot be."""
    done = written(votes, form)
    with whole_file(path) as file:
        file.write(done.text)
    return done


@dataclass(frozen=True, slots=True)
class Saving:
    """So many of all votes are read and written."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Saved:
    """``left_out`` is that of ``Written``."""

    votes: int
    left_out: tuple[tuple[str, int], ...]


def saving(ballots: Ballots, wanted: Filter, path: Path, form: VoteForm) -> Task[Saving, Saved]:
    """The same with the votes that count and are meant, a step at a time.  Raises Cancelled between the steps."""

    def task(cancel: CancelToken) -> Generator[Saving, None, Saved]:
        votes = ballots.counted(wanted)
        kept, left_out = 0, Counter[str]()
        with whole_file(path) as file:
            file.write(written((), form).text)
            for start in range(0, len(votes), STEP):
                cancel.raise_if_cancelled()
                yield Saving(start, len(votes))
                part = written(ballots.with_texts(votes[start : start + STEP]), form, goes_on=True)
                file.write(part.text)
                kept += part.votes
                left_out.update(dict(part.left_out))
            cancel.raise_if_cancelled()
        return Saved(kept, tuple(left_out.items()))

    return task


# --- reading -------------------------------------------------------------------------------


def read(path: Path) -> tuple[Compared, ...]:
    """The votes of a file in any of the forms, told by what stands in it.

    Raises UsageError that names the line for what is none of them; nothing of such a file is taken.
    """
    return tuple(rows(path))


def rows(path: Path) -> Iterator[Compared]:
    """The same one after the other, so that a long file can be given up."""
    text = _text_of(path)
    if not text.strip():
        raise UsageError(said("{file} is empty.", file=path.name), hint=_FORMS)
    yield from _json_lines(path, text) if text.lstrip().startswith(("{", "[")) else _table(path, text)


_FORMS = said(
    "Votes are read from JSONL with prompt, chosen and rejected, from JSONL as arenas publish it, and from CSV."
)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(
                said("{file} is larger than {max_bytes} MB.", file=path.name, max_bytes=MAX_BYTES // 1024**2),
                hint=said("Split it into several files of whole lines."),
            )
        with path.open(encoding="utf-8-sig", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(
            said("{file}, line {line}: not UTF-8 text.", file=path.name, line=line),
            hint=said("Save it as UTF-8. {forms}", forms=_FORMS),
        ) from error
    except OSError as error:
        raise UsageError(
            said("{file} cannot be read: {why}.", file=path, why=error.strerror or error),
            hint=said("Check the name."),
        ) from error


def _json_lines(path: Path, text: str) -> Iterator[Compared]:
    if text.lstrip().startswith("["):
        raise UsageError(
            said("{file} is one JSON list, not one object a line.", file=path.name),
            hint=said("Write each vote on a line of its own. {forms}", forms=_FORMS),
        )
    # Not splitlines(): JSON may hold U+2028 and its like within a text.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _located(path, number, _of_json, line)


def _of_json(line: str, number: int) -> Compared:
    try:
        record: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise LineError(said("no JSON: {msg} at character {colno}.", msg=error.msg, colno=error.colno)) from error
    except RecursionError as error:
        raise LineError(said("nested too deeply.")) from error
    except ValueError as error:
        raise LineError(said("a number in it is too long.")) from error
    if not isinstance(record, dict):
        raise LineError(said("an object was expected."))
    if "chosen" in record or "rejected" in record:
        return compared_of_dpo(record, number)
    if "winner" in record or "model_a" in record:
        return compared_of_arena(record, number)
    known = ", ".join(sorted(map(str, record))[:8]) or "nothing"
    raise LineError(
        said("neither chosen and rejected nor model_a, model_b and winner are there, but {known}.", known=known)
    )


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
            raise _wrong(path, start, said("no row of a table: {error}.", error=error)) from error
        if header is None:
            header = [name.strip() for name in row]
            missing = [name for name in ("model_a", "model_b", "winner") if name not in header]
            if missing:
                raise _wrong(path, 1, said("there is no column {missing}.", missing=", ".join(missing)))
        elif row:
            if len(row) != len(header):
                raise _wrong(
                    path,
                    start,
                    said(
                        "{cells} cells where {expected} were expected.",
                        cells=len(row),
                        expected=len(header),
                    ),
                )
            yield _located(path, start, compared_of_cells, dict(zip(header, row, strict=True)))


def _located(path: Path, line: int, reading: Callable[[T, int], Compared], what: T) -> Compared:
    try:
        return reading(what, line)
    except LineError as error:
        raise _wrong(path, line, str(error)) from error


def _wrong(path: Path, line: int, why: str) -> UsageError:
    return UsageError(
        said("{file}, line {line}: {why}", file=path.name, line=line, why=why),
        hint=said("Correct or remove that line; nothing was taken. {forms}", forms=_FORMS),
    )
