"""Rows of what was measured beside what was aimed at, printed as they come and once more as one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """Medians.  ``ratio`` is how much better ours is: above 1 it is faster; a row without an ``aim`` only tells."""

    part: str
    what: str
    ours: str
    peer: str
    ratio: float | None = None
    aim: float | None = None

    @property
    def reached(self) -> bool | None:
        """None where nothing was aimed at."""
        return None if self.aim is None else self.ratio is not None and self.ratio >= self.aim

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "reached": self.reached}


def line(row: Row) -> str:
    ratio = "" if row.ratio is None else f"{row.ratio:.3f}"
    aim = "" if row.aim is None else f"≥ {row.aim:g}"
    said = {True: "reached", False: "NOT REACHED", None: ""}[row.reached]
    return f"{row.part:8} {row.what:46} {row.ours:>16} {row.peer:>32} {ratio:>7} {aim:>7}  {said}".rstrip()


def table(rows: Sequence[Row]) -> str:
    head = f"{'part':8} {'what':46} {'ours':>16} {'the other':>32} {'ratio':>7} {'aim':>7}"
    aimed = [row for row in rows if row.aim is not None]
    reached = sum(row.reached is True for row in aimed)
    return "\n".join([head, "-" * 126, *map(line, rows), "-" * 126, f"{reached} of {len(aimed)} aims reached"])
