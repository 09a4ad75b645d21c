"""A deck on its way through a set of models: what is asked next, how far it is, and how long it still takes.

Model by model where only one is in memory at a time, so that each is loaded once; prompt by prompt otherwise.
Whatever has no whole answer yet is still to do, also after the program was killed.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from workbench.chat.answer import Answer, Problem
from workbench.chat.comparison import Comparison
from workbench.chat.decks.deck import DeckError
from workbench.chat.decks.rows import CellState, DeckRuns, DeckTable
from workbench.chat.pane import Pane
from workbench.chat.plan import RunMode
from workbench.chat.stored import StoredConversation
from workbench.chat.waking import Awake
from workbench.errors import WorkbenchError
from workbench.jobs import JobMessage
from workbench.models.file import ModelFile
from workbench.store.locks import Lock
from workbench.words import said

PARTIAL_EVERY_S = 1.0
_LAST_STEPS = 20  # of each kind: how long they take may change as the machine warms up


@dataclass(frozen=True, slots=True)
class DeckProgress:
    """``left_s`` is about how long it still takes by what was measured so far, None where nothing was; ``at_least``
    says that of some models nothing is known yet.  ``asking`` is who answers now, ``prompt`` the number of the prompt
    among them all."""

    done: int
    failed: int
    total: int
    left_s: float | None = None
    at_least: bool = False
    asking: tuple[str, ...] = ()
    prompt: int | None = None


class DeckJournal:
    """Writes the answers of one run beside their prompts."""

    def __init__(self, runs: DeckRuns) -> None:
        self.runs = runs
        self.turn_id = 0
        self.finished_cells: list[tuple[int, int, Answer]] = []
        self._generations: dict[int, tuple[int, int]] = {}  # by pane: the turn, and the row of the answer
        self._kept_at: dict[int, float] = {}

    def asked(self, prompt: str, panes: Sequence[Pane]) -> None:
        """Its turn is there since the run began."""

    def begun(self, pane: Pane) -> None:
        self._generations[pane.id] = (self.turn_id, self.runs.begin(self.turn_id, pane))
        self._kept_at[pane.id] = time.monotonic()

    def partial(self, pane: Pane) -> None:
        found = self._generations.get(pane.id)
        if found is not None and time.monotonic() - self._kept_at[pane.id] > PARTIAL_EVERY_S and pane.text:
            self.runs.keep_partial(found[1], pane.text)
            self._kept_at[pane.id] = time.monotonic()

    def finished(self, pane: Pane, answer: Answer) -> None:
        found = self._generations.pop(pane.id, None)
        if found is not None:
            self.runs.finish(found[1], answer)
            self.finished_cells.append((found[0], pane.id, answer))


@dataclass(frozen=True, slots=True)
class _Step:
    number: int
    turn_id: int
    slots: tuple[int, ...]


class DeckRun:
    """``comparison`` has a pane for each column of the run, by slot, and ``journal`` for its journal; nothing else asks
    it meanwhile.  Used from one thread, which hands every message to ``deliver``.  ``ended`` counts the
    answers that did.
    """

    def __init__(
        self,
        comparison: Comparison,
        journal: DeckJournal,
        run_id: int,
        *,
        awake: Awake | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.id = run_id
        self.comparison = comparison
        self.running = False
        self.stopped = False
        self.ended = 0
        self.given_up: dict[int, Problem] = {}
        self.awake = awake or Awake()
        self._journal = journal
        self._clock = clock
        self._lock: Lock | None = None  # while it runs
        self._steps: deque[_Step] = deque()
        self._now: _Step | None = None
        self._began = 0.0
        self._took: dict[tuple[int, ...], deque[float]] = {}
        self._table = self._read()
        self._cells = dict(self._table.cells)
        self._changed: set[tuple[int, int]] = set()

    # --- what a face does --------------------------------------------------------------------

    def start(self) -> None:
        """Ask what is still to do; nothing more, where all is done.

        Raises DeckError where no model is there, or another process asks it already."""
        if self.running:
            return
        if not self._panes():
            raise DeckError(
                said("None of the models of this run is there."), hint=said("Bring a model back, or begin a new run.")
            )
        self._lock = self._journal.runs.claim(self.id)
        self._journal.runs.mark_unfinished(self.id)
        self._table = self._read()
        self._cells = dict(self._table.cells)
        self.given_up.clear()
        self.stopped = False
        mode = self.comparison.judged().mode
        if mode is RunMode.SWAP:  # also where two of three would fit: one at a time is what was told
            self.comparison.options = replace(self.comparison.options, mode=RunMode.SWAP)
        self._steps = deque(self._by_model() if mode is RunMode.SWAP else self._by_prompt())
        self.running = True
        self.awake.hold()
        self._next()

    def stop(self) -> None:
        """What is being written is stopped, and asked again by the next ``start``."""
        self.stopped = self.stopped or self.running
        self._steps.clear()
        self.comparison.stop()
        self._settle()

    def deliver(self, message: JobMessage) -> None:
        """Messages of other comparisons' jobs are left alone."""
        self.comparison.deliver(message)
        self._settle()

    def close(self) -> None:
        """The program ends, or the run is put away: everything is stopped and unloaded."""
        self.stop()
        self._rest()
        self.comparison.close()

    @property
    def table(self) -> DeckTable:
        return replace(self._table, cells=self._cells)

    def take_changed(self) -> frozenset[tuple[int, int]]:
        """The cells, turn and slot, that changed since the last call."""
        changed, self._changed = frozenset(self._changed), set()
        return changed

    @property
    def progress(self) -> DeckProgress:
        table = self.table
        left_s, at_least = self._left()
        busy = [pane for pane in self.comparison.panes if pane.busy and pane.model is not None]
        return DeckProgress(
            done=table.count(CellState.DONE),
            failed=table.count(CellState.FAILED),
            total=table.total,
            left_s=left_s,
            at_least=at_least,
            asking=tuple(pane.model.title for pane in busy if pane.model is not None),
            prompt=self._now.number if self._now is not None else None,
        )

    # --- within ------------------------------------------------------------------------------

    def _read(self) -> DeckTable:
        table = self._journal.runs.table(self.id)
        if table is None:
            raise DeckError(said("This run of a deck does not exist any more."), hint=said("Begin a new one."))
        return table

    def _panes(self) -> dict[int, Pane]:
        return {pane.id: pane for pane in self.comparison.panes if pane.model is not None}

    def _to_do(self, turn_id: int, slot: int) -> bool:
        return self._cells.get((turn_id, slot)) is not CellState.DONE

    def _by_prompt(self) -> list[_Step]:
        slots = tuple(self._panes())
        steps = [
            _Step(number, row.turn_id, tuple(slot for slot in slots if self._to_do(row.turn_id, slot)))
            for number, row in enumerate(self._table.rows, 1)
        ]
        return [step for step in steps if step.slots]

    def _by_model(self) -> list[_Step]:
        return [
            _Step(number, row.turn_id, (slot,))
            for slot in self._panes()
            for number, row in enumerate(self._table.rows, 1)
            if self._to_do(row.turn_id, slot)
        ]

    def _next(self) -> None:
        """The next prompt, of those models that are still there and able."""
        while self._steps:
            step = self._steps.popleft()
            panes = [pane for slot, pane in self._panes().items() if slot in step.slots and slot not in self.given_up]
            if not panes:
                continue
            self._now, self._began = step, self._clock()
            self._journal.turn_id = step.turn_id
            prompt = self._journal.runs.prompt(step.turn_id)
            for pane in panes:
                pane.exchanges.clear()  # each prompt begins anew
                self._mark(step.turn_id, pane.id, CellState.RUNNING)
            self.comparison.ask_of(panes, prompt.text, system=prompt.system)
            self._hear()
            if self.comparison.busy:
                return
        self._now = None
        self._rest()

    def _rest(self) -> None:
        self.running = False
        self.awake.let_go()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _settle(self) -> None:
        self._hear()
        if not self.running or self.comparison.busy:
            return
        if self._now is not None and not self.stopped:
            times = self._took.setdefault(self._now.slots, deque(maxlen=_LAST_STEPS))
            times.append(self._clock() - self._began)
        self._next()

    def _hear(self) -> None:
        """What ended since; a model that cannot be loaded is not tried again with every prompt."""
        cells, self._journal.finished_cells = self._journal.finished_cells, []
        panes = self._panes()
        self.ended += len(cells)
        for turn_id, slot, answer in cells:
            if answer.error is not None:
                self._mark(turn_id, slot, CellState.FAILED)
                if slot in panes and not panes[slot].loaded:
                    self.given_up[slot] = answer.error
            else:
                self._mark(turn_id, slot, CellState.STOPPED if answer.stop_reason == "cancelled" else CellState.DONE)

    def _mark(self, turn_id: int, slot: int, state: CellState) -> None:
        self._cells[(turn_id, slot)] = state
        self._changed.add((turn_id, slot))

    def _left(self) -> tuple[float | None, bool]:
        """Seconds that what is still to do takes, at the pace of what was done."""
        means = {slots: statistics.fmean(times) for slots, times in self._took.items()}
        if not self.running or not means:
            return None, False
        ahead = [step.slots for step in self._steps]
        left = sum(means[slots] for slots in ahead if slots in means)
        if self._now is not None and self._now.slots in means:
            left += max(0.0, means[self._now.slots] - (self._clock() - self._began))
        return left, any(slots not in means for slots in ahead)


def take_seats(
    comparison: Comparison, stored: StoredConversation, find: Callable[[str], ModelFile], *, force: bool = False
) -> dict[int, Problem]:
    """A pane for each model of a run as it was asked first; what is wrong with those that are not there any more.
    ``force`` loads also what is judged too big."""
    missing: dict[int, Problem] = {}
    for kept in stored.panes:
        if kept.model_path is None:
            continue
        try:
            model = find(kept.model_path)
        except WorkbenchError as error:
            missing[kept.slot] = Problem.of(error)
            continue
        comparison.choose(
            comparison.add_pane(kept.slot),
            model,
            n_ctx=kept.n_ctx,
            n_threads=kept.n_threads,
            template=kept.template,
            params=kept.params,
            force=force,
            adapters=kept.adapters,
            isolated=kept.isolated,
            sampling=kept.sampling,
            system=kept.system,
        )
    return missing
