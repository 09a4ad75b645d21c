"""Ways to take a context back to its first tokens, by what kind of memory its model has."""

from __future__ import annotations

import logging
from typing import Protocol

from workbench.engine.native import Context, Weights
from workbench.engine.native_state import ALL_CELLS, has_recurrent_state, read_state, write_state
from workbench.engine.snapshots import Snapshots
from workbench.engine.state_cells import Cells, UnknownStateError, compose, in_ring, parse
from workbench.hardware.memory import available_bytes
from workbench.models.cells import cells_of, window_cells_of
from workbench.models.params import RunParams

_MAGIC_BYTES = 4

log = logging.getLogger(__name__)


class Rollback(Protocol):
    """``needs_cut``: a state is taken between two pieces, never within one.  ``shortens``: a state that was put
    back can be taken back further."""

    needs_cut: bool
    shortens: bool
    copies_bytes: int  # main memory that its copies of states may take

    def to(self, wanted: int) -> int:
        """Take the context back to ``wanted`` tokens or fewer: how many; 0 when it must be cleared."""
        ...

    def before(self, end: int) -> None:
        """Tokens up to ``end`` are about to be evaluated, which may push others out."""
        ...

    def remember(self, boundary: int) -> None:
        """Another prompt may want the first ``boundary`` of the tokens that are there."""
        ...

    def cleared(self) -> None:
        """The context holds nothing any more."""
        ...

    def state(self, length: int, /) -> bytearray | None:
        """All of the first ``length`` tokens, to be put back some other day; None where that cannot be."""
        ...

    def put_back(self, state: bytearray, length: int, /) -> bool:
        """Into a cleared context; False when it does not fit, and the context must be cleared again."""
        ...


def rollback_of(context: Context, weights: Weights, params: RunParams) -> Rollback:
    ring, snapshots = window_cells_of(weights.n_swa, params), Snapshots.within(available_bytes())
    if has_recurrent_state(weights):
        return Recurrent(context, snapshots, restores=not weights.n_swa)
    if weights.n_swa and ring < cells_of(params):
        return Ring(context, weights.n_swa, ring, snapshots)
    return Plain(context)


class Plain:
    """Every layer keeps every token."""

    needs_cut = False
    shortens = True
    copies_bytes = 0

    def __init__(self, context: Context) -> None:
        self._context = context

    def to(self, wanted: int) -> int:
        return wanted if self._context.keep(wanted) else 0

    def before(self, end: int) -> None:
        """Nothing is pushed out."""

    def remember(self, boundary: int) -> None:
        """Everything stays as it is."""

    def cleared(self) -> None:
        """Nothing else is kept."""

    def state(self, length: int) -> bytearray | None:
        try:
            data, caches = _read(self._context, partial=False)
            return compose(tuple(cells.span(0, length) for cells in caches), data)
        except UnknownStateError as error:
            log.warning("this model's memory cannot be stored: %s", error)
            return None

    def put_back(self, state: bytearray, length: int) -> bool:
        return write_state(self._context, state, partial=False) and self._context.keep(length)


class Ring:
    """Some layers keep a window of the last tokens, in a ring (see ``state_cells``).

    What the ring still holds is kept as it is, unless the tokens to forget lie on both sides of the ring's
    seam: llama.cpp would then go on at its start.  The windows before earlier boundaries are copied out just
    before they are overwritten.
    """

    needs_cut = False
    shortens = False

    def __init__(self, context: Context, window: int, ring: int, snapshots: Snapshots) -> None:
        self._context = context
        self._window = window
        self._ring = ring
        self._snapshots = snapshots
        self.copies_bytes = snapshots.most_bytes
        self._due: list[int] = []  # boundaries whose windows are in the ring alone
        self._oldest = 0  # the first position that the ring really holds
        self._length = 0

    def to(self, wanted: int) -> int:
        self._due = [boundary for boundary in self._due if boundary <= wanted]
        self._snapshots.forget_beyond(wanted)
        oldest = max(self._oldest, self._context.first_position())
        if oldest <= self._start(wanted):
            if (self._length - 1) // self._ring * self._ring <= wanted:
                self._length = wanted
                return wanted if self._context.keep(wanted) else 0
            state = self._copied(wanted)
        else:
            wanted = self._snapshots.longest(wanted)
            state = self._snapshots.get(wanted)
        if state is None:
            return 0
        for boundary in self._due:
            self._save(boundary)
        self._due = []
        return wanted if self._put(state, wanted) else 0

    def before(self, end: int) -> None:
        self._length = end
        gone = end - self._ring
        if gone <= self._oldest:
            return
        for boundary in [one for one in self._due if self._start(one) < gone]:
            self._due.remove(boundary)
            self._save(boundary)
        self._oldest = gone

    def remember(self, boundary: int) -> None:
        if boundary not in self._due and boundary not in self._snapshots:
            self._due.append(boundary)

    def cleared(self) -> None:
        self._snapshots.forget_beyond(0)
        self._due = []
        self._oldest = self._length = 0

    def state(self, length: int) -> bytearray | None:
        window = self._snapshots.get(length) or self._copied(length)
        if window is None:
            return None
        try:
            data, caches = _read(self._context, partial=False)
            return compose((caches[0].span(0, length), self._in_ring(window, length)), data)
        except UnknownStateError as error:
            log.warning("this model's memory cannot be stored: %s", error)
            return None

    def put_back(self, state: bytearray, length: int) -> bool:
        self._oldest, self._length = self._start(length), length
        return write_state(self._context, state, partial=False) and self._context.keep(length)

    def _start(self, length: int) -> int:
        """The first position that the token after ``length`` others may look back at."""
        return max(0, length - self._window)

    def _save(self, boundary: int) -> None:
        state = self._copied(boundary)
        if state is not None:
            self._snapshots.put(boundary, state)

    def _copied(self, length: int) -> bytearray | None:
        """The window before ``length``, out of the ring."""
        try:
            data, (window, *_) = _read(self._context, partial=True)
            return compose((window.span(self._start(length), length),), data)
        except UnknownStateError as error:
            log.warning("the sliding window of this model's memory cannot be kept: %s", error)
            return None

    def _put(self, window: bytearray, length: int) -> bool:
        try:
            state = compose((self._in_ring(window, length),), bytes(window[:_MAGIC_BYTES]))
        except UnknownStateError as error:
            log.warning("the sliding window of this model's memory cannot be put back: %s", error)
            return False
        self._oldest, self._length = self._start(length), length
        # The layers without a window forget what came after, and so does the ring its marker.
        return write_state(self._context, state, partial=True) and self._context.keep(length)

    def _in_ring(self, window: bytearray, length: int) -> Cells:
        return in_ring(parse(window)[0], length, self._ring, self._start(length))


class Recurrent:
    """Some layers keep one state of all tokens, which cannot forget any: it is copied at each boundary."""

    needs_cut = True
    shortens = False

    def __init__(self, context: Context, snapshots: Snapshots, *, restores: bool) -> None:
        """Without ``restores`` everything starts over: a window beside the state cannot be put back in order."""
        self._context = context
        self._restores = restores
        self._snapshots = snapshots
        self.copies_bytes = snapshots.most_bytes if restores else 0
        self._length = 0

    def to(self, wanted: int) -> int:
        self._snapshots.forget_beyond(wanted)
        if wanted == self._length:
            return wanted
        wanted = self._snapshots.longest(wanted)
        state = self._snapshots.get(wanted)
        if state is None or not write_state(self._context, state, partial=True):
            return 0
        self._length = wanted
        return wanted if self._context.keep(wanted) else 0

    def before(self, end: int) -> None:
        self._length = end

    def remember(self, boundary: int) -> None:
        if (
            self._restores
            and boundary == self._length
            and (state := read_state(self._context, partial=True)) is not None
        ):
            self._snapshots.put(boundary, state)

    def cleared(self) -> None:
        self._snapshots.forget_beyond(0)
        self._length = 0

    def state(self, _length: int, /) -> bytearray | None:
        return None

    def put_back(self, _state: bytearray, _length: int, /) -> bool:
        return False


def _read(context: Context, *, partial: bool) -> tuple[bytes, tuple[Cells, ...]]:
    """The magic, and the caches with every cell.  Raises UnknownStateError."""
    data = read_state(context, partial=partial, sequence=ALL_CELLS)
    if data is None:
        raise UnknownStateError("llama.cpp gave no state")
    caches = parse(data)
    if not caches:
        raise UnknownStateError("nothing is in it")
    return bytes(data[:_MAGIC_BYTES]), caches
