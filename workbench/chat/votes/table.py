"""One vote as one row of a table, written and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workbench.chat.exports.text import unguarded
from workbench.chat.votes.ballots import Before, Compared, Contender, Side, Vote
from workbench.chat.votes.lines import WINNERS, winner_of
from workbench.chat.votes.meta import MAX_NUMBER, LineError, moment, named_side, rater_of, tags_of
from workbench.words import said

_BY_SIDE = ("model", "answer", "file", "family", "quantisation", "sha256", "characters", "system", "earlier")
COLUMNS = (
    "id", "voted_at", "winner", "prompt", *(f"{name}_{side}" for name in _BY_SIDE for side in "ab"),
    "blind", "automatic", "repeats", "seed", "tags", "comment", "source", "rater",
)  # fmt: skip
"""``model_a``, ``model_b`` and ``winner`` are needed; the others may be missing."""


def cells_of(one: Compared) -> list[str]:
    vote = one.vote
    cells = {
        "id": str(vote.id),
        "voted_at": vote.voted_at,
        "winner": WINNERS[vote.outcome],
        "prompt": one.prompt,
        "blind": str(int(vote.blind)),
        "automatic": str(int(vote.automatic)),
        "repeats": "" if vote.repeats is None else str(vote.repeats),
        "seed": str(vote.seed),
        "tags": json.dumps(vote.tags, ensure_ascii=False),
        "comment": vote.comment,
        "source": vote.source,
        "rater": vote.rater,
    }
    sides = (("a", vote.left, one.left, one.before_left), ("b", vote.right, one.right, one.before_right))
    for letter, side, text, before in sides:
        contender = side.contender
        cells |= {
            f"model_{letter}": contender.name,
            f"answer_{letter}": text,
            f"file_{letter}": contender.model,
            f"family_{letter}": contender.family,
            f"quantisation_{letter}": contender.quantisation,
            f"sha256_{letter}": contender.sha256 or "",
            f"characters_{letter}": str(side.characters),
            f"system_{letter}": before.system,
            f"earlier_{letter}": json.dumps(before.turns, ensure_ascii=False) if before.turns else "",
        }
    return [cells[column] for column in COLUMNS]


def compared_of_cells(guarded: Mapping[str, str], number: int) -> Compared:
    """Raises LineError."""
    cells = {name: unguarded(cell) for name, cell in guarded.items()}
    vote = Vote(
        _side(cells, "a"),
        _side(cells, "b"),
        winner_of(cells["winner"]),
        seed=_whole(cells, "seed", 0),
        blind=_flag(cells, "blind"),
        automatic=_flag(cells, "automatic"),
        repeats=_whole(cells, "repeats", 0) if cells.get("repeats") else None,
        comment=cells.get("comment", ""),
        tags=tags_of(_json(cells, "tags")),
        id=_whole(cells, "id", -number),
        voted_at=moment(cells.get("voted_at", "")),
        rater=rater_of(cells.get("rater")),
    )
    return Compared(
        vote,
        cells.get("prompt", ""),
        cells.get("answer_a", ""),
        cells.get("answer_b", ""),
        _before(cells, "a"),
        _before(cells, "b"),
    )


def _side(cells: Mapping[str, str], letter: str) -> Side:
    characters = _whole(cells, f"characters_{letter}", len(cells.get(f"answer_{letter}", "")))
    side = named_side(cells[f"model_{letter}"], characters)
    if not cells.get(f"file_{letter}"):
        return side
    file, family, quantisation, sha256 = (
        cells.get(f"{name}_{letter}", "") for name in ("file", "family", "quantisation", "sha256")
    )
    told = {"name": side.contender.name, "model": file, "family": family, "quantisation": quantisation}
    return replace(side, contender=Contender.kept(told | {"sha256": sha256 or None}))


def _before(cells: Mapping[str, str], letter: str) -> Before:
    turns = _json(cells, f"earlier_{letter}")
    if not all(isinstance(one, list) and len(one) == 2 and all(isinstance(text, str) for text in one) for one in turns):
        raise LineError(said("earlier_{letter} is no list of prompts with their answers.", letter=letter))
    return Before(cells.get(f"system_{letter}", ""), tuple((asked, told) for asked, told in turns))


def _whole(cells: Mapping[str, str], name: str, otherwise: int) -> int:
    cell = cells.get(name, "").strip()
    if not cell:
        return otherwise
    # No more digits than 64 bits have: int() takes longer and longer for the rest.
    if not cell.removeprefix("-").isdecimal() or len(cell) > 20 or abs(int(cell)) > MAX_NUMBER:
        raise LineError(said("{name} is {cell!r}, no whole number.", name=name, cell=cell[:40]))
    return int(cell)


def _flag(cells: Mapping[str, str], name: str) -> bool:
    cell = cells.get(name, "").strip().lower()
    if cell not in ("", "0", "1", "true", "false"):
        raise LineError(said("{name} is {cell!r}; known are 0 and 1.", name=name, cell=cell[:40]))
    return cell in ("1", "true")


def _json(cells: Mapping[str, str], name: str) -> list[Any]:
    cell = cells.get(name, "")
    if not cell:
        return []
    try:
        value = json.loads(cell)
    except (ValueError, RecursionError):
        raise LineError(said("{name} is no JSON list.", name=name)) from None
    if not isinstance(value, list):
        raise LineError(said("{name} is no JSON list.", name=name))
    return value
