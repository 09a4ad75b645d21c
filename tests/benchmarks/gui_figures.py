"""A figure of the window beside what was aimed at, as a row of one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """``beside`` is what it is measured against in the same run; ``value`` is at most ``aim``, both in ``unit``, or a
    ratio where that is empty.  One without an aim only tells."""

    part: str
    what: str
    value: float
    unit: str = ""
    aim: float | None = None
    beside: str = ""

    @property
    def reached(self) -> bool | None:
        return None if self.aim is None else self.value <= self.aim

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "reached": self.reached}


def line(figure: Figure) -> str:
    aim = "" if figure.aim is None else f"≤ {figure.aim:g} {figure.unit}".rstrip()
    said = {True: "reached", False: "MISSED", None: ""}[figure.reached]
    value = f"{figure.value:,.2f} {figure.unit}".rstrip()
    return f"{figure.part:8} {figure.what:58} {value:>14} {aim:>10}  {said:8} {figure.beside}".rstrip()


def table(figures: Sequence[Figure]) -> str:
    head = f"{'part':8} {'what':58} {'measured':>14} {'aim':>10}"
    aimed = [figure for figure in figures if figure.aim is not None]
    reached = sum(figure.reached is True for figure in aimed)
    rule = "-" * 124
    return "\n".join([head, rule, *map(line, figures), rule, f"{reached} of {len(aimed)} aims reached"])
