"""Which tokens are evaluated next when many prompts share one context; pure bookkeeping, no llama.cpp."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from workbench.engine.prefix import common_length

SHARED = 0  # the sequence that holds what all prompts begin with; slots are the sequences from 1
LEAST_SHARED = 16  # a batch of its own for fewer tokens costs more than it saves


@dataclass(frozen=True, slots=True)
class Queued:
    """A prompt that waits for a slot; ``room_tokens`` are the cells that its answer may come to need."""

    index: int
    tokens: tuple[int, ...]
    room_tokens: int


@dataclass(frozen=True, slots=True)
class Admitted:
    """A prompt that got a slot; its first ``shared_tokens`` are there already."""

    slot: int
    index: int
    shared_tokens: int


@dataclass(slots=True)
class Batch:
    """Rows for one evaluation: token, position and sequence of each.

    ``outputs`` are the rows whose logits are wanted, with their slots.  ``prompts`` says for each slot of which
    prompt tokens are in it how many of them will then have been evaluated.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    outputs: list[tuple[int, int]] = field(default_factory=list)
    prompts: dict[int, int] = field(default_factory=dict)

    def add(self, tokens: Sequence[int], position: int, sequence: int, *, output: bool) -> None:
        """Consecutive tokens of one sequence; with ``output`` the last one's logits are wanted."""
        self.tokens += tokens
        self.positions += range(position, position + len(tokens))
        self.sequences += [sequence] * len(tokens)
        if output:
            self.outputs.append((len(self.tokens) - 1, sequence))


@dataclass(slots=True)
class _Occupied:
    queued: Queued
    evaluated: int
    sampled: int | None = None  # waits to be evaluated


class Schedule:
    """Prompts in the order given, ``slots`` of them at a time, in ``cells`` cells of one cache.

    A prompt is admitted when a slot and the cells that it and its answer may need are free, so that none runs
    out of cells half-way.  Its turn is not taken by a smaller one behind it.
    """

    def __init__(self, prompts: Sequence[Queued], *, slots: int, cells: int, n_batch: int) -> None:
        """``n_batch`` is the most rows of a batch, and at least ``slots``."""
        if not 1 <= slots <= n_batch:
            raise ValueError(f"{slots} slots in batches of {n_batch}")
        self.shared = shared_prefix([queued.tokens for queued in prompts])
        self._waiting = deque(prompts)
        self._free_slots = deque(range(1, slots + 1))
        self._free_cells = cells - len(self.shared)
        self._n_batch = n_batch
        self._occupied: dict[int, _Occupied] = {}

    @property
    def busy(self) -> bool:
        return bool(self._waiting or self._occupied)

    @property
    def waiting(self) -> tuple[int, ...]:
        """The prompts without a slot, by their indices."""
        return tuple(queued.index for queued in self._waiting)

    def shared_batches(self) -> list[Batch]:
        """What evaluates the shared prefix; before anything else."""
        batches = []
        for start in range(0, len(self.shared), self._n_batch):
            batch = Batch()
            batch.add(self.shared[start : start + self._n_batch], start, SHARED, output=False)
            batches.append(batch)
        return batches

    def admit(self) -> list[Admitted]:
        """Those who get a slot now."""
        admitted = []
        while self._waiting and self._free_slots and self._cells(self._waiting[0]) <= self._free_cells:
            queued = self._waiting.popleft()
            slot = self._free_slots.popleft()
            self._free_cells -= self._cells(queued)
            self._occupied[slot] = _Occupied(queued, len(self.shared))
            admitted.append(Admitted(slot, queued.index, len(self.shared)))
        if self._waiting and not self._occupied:
            raise ValueError(f"a prompt of {len(self._waiting[0].tokens)} tokens does not fit the cache")
        return admitted

    def next_batch(self) -> Batch:
        """Sampled tokens first, one row each, then prompts in chunks, the longest admitted first."""
        batch = Batch()
        for slot, occupied in self._occupied.items():
            if occupied.sampled is not None:
                batch.add((occupied.sampled,), occupied.evaluated, slot, output=True)
                occupied.evaluated += 1
                occupied.sampled = None
        for slot, occupied in self._occupied.items():
            tokens, start = occupied.queued.tokens, occupied.evaluated
            end = min(len(tokens), start + self._n_batch - len(batch.tokens))
            if end > start:
                batch.add(tokens[start:end], start, slot, output=end == len(tokens))
                batch.prompts[slot] = occupied.evaluated = end
        return batch

    def sampled(self, slot: int, token: int) -> None:
        """A token that the next batch evaluates."""
        self._occupied[slot].sampled = token

    def position(self, slot: int) -> int:
        """How many of its tokens have been evaluated, the shared ones too."""
        return self._occupied[slot].evaluated

    def release(self, slot: int) -> None:
        """An answer has ended."""
        self._free_cells += self._cells(self._occupied.pop(slot).queued)
        self._free_slots.append(slot)

    def withdraw(self, index: int) -> None:
        """A prompt that waits is not wanted any more."""
        self._waiting = deque(queued for queued in self._waiting if queued.index != index)

    def _cells(self, queued: Queued) -> int:
        return len(queued.tokens) - len(self.shared) + queued.room_tokens


def shared_prefix(prompts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all prompts begin with, if it is worth a batch; each keeps at least one token of its own."""
    if len(prompts) < 2:
        return ()
    first, last = min(prompts), max(prompts)  # in order, all others lie between these two
    length = min(common_length(first, last), min(map(len, prompts)) - 1)
    return first[:length] if length >= LEAST_SHARED else ()


def cells_wanted(prompts: Sequence[Queued], slots: int) -> int:
    """The cells that let the most demanding ``slots`` prompts be answered at a time."""
    shared = len(shared_prefix([queued.tokens for queued in prompts]))
    needs = sorted((len(queued.tokens) - shared + queued.room_tokens for queued in prompts), reverse=True)
    return shared + sum(needs[:slots])


def cells_needed(prompts: Sequence[Queued]) -> int:
    """The cells without which the most demanding prompt could not be answered at all."""
    return cells_wanted(prompts, 1)


def sequences_wanted(slots: int, shared_tokens: int, n_swa: int) -> int:
    """How many sequences to ask llama.cpp for.

    One for each slot and one for the shared prefix.  A sliding window's cache has ``n_swa`` cells for each
    sequence, and cells that several sequences share are not given up when the window has moved on: a shared
    prefix longer than the window needs the room of some more (llama-kv-cache-iswa.cpp; find_slot in
    llama-kv-cache.cpp).
    """
    beyond = -(-max(0, shared_tokens - n_swa) // n_swa) if n_swa else 0
    return slots + 1 + beyond
