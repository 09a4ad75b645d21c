"""How long the next prompt will be, counted by the loaded models away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from workbench.gui.errands import Errands, errand
from workbench.jobs import Task, run

if TYPE_CHECKING:
    from workbench.chat.comparison import Comparison


class Counted(Protocol):
    """Where the text stands and its length is shown."""

    @property
    def prompt(self) -> str: ...

    def show_counts(self, counts: dict[str, tuple[int, int]]) -> None: ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    name: str
    n_ctx: int
    task: Task[None, int | None]


class TokenCount:
    """Only the newest count is shown."""

    def __init__(self, comparison: Comparison, errands: Errands, shown: Counted) -> None:
        self._comparison = comparison
        self._errands = errands
        self._shown = shown
        self._newest = 0

    def start(self) -> None:
        """Count for every loaded pane."""
        self._newest += 1
        prompt = self._shown.prompt
        wanted = [
            _Wanted(f"{pane.id + 1}. {pane.model.title}", pane.facts.n_ctx, self._comparison.counting(pane, prompt))
            for pane in self._comparison.panes
            if pane.facts is not None and pane.model is not None
        ]
        if wanted:
            show: Callable[[dict[str, tuple[int, int]]], None] = partial(self._show, self._newest)
            self._errands.run(
                "count tokens", errand(partial(_count, wanted)), show, partial(self._show, self._newest, {})
            )
        else:
            self._shown.show_counts({})

    def _show(self, number: int, counts: dict[str, tuple[int, int]], _error: Exception | None = None) -> None:
        if number == self._newest:
            self._shown.show_counts(counts)


def _count(wanted: list[_Wanted]) -> dict[str, tuple[int, int]]:
    found = {entry.name: (run(entry.task), entry.n_ctx) for entry in wanted}
    return {name: (count, n_ctx) for name, (count, n_ctx) in found.items() if count is not None}
