"""The size of a graph's buffer, found as llama.cpp finds it: by playing its allocations through.

ggml (ggml-alloc.c of the pinned engine) gives each tensor the smallest hole it fits in, or the end of the
buffer, and frees it after its last use; what the buffer needs is where the highest tensor ended.  Which tensor
is made when does not depend on the batch or the context: a graph is drawn once for each shape (``Graph``), and
played for any sizes in some tenths of a millisecond (``Program.peak_bytes``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Size: TypeAlias = tuple[int, ...]
"""Bytes of a tensor as factors of ``TERMS``, so that one drawing serves any batch and context."""

# Tokens of a batch; rows of output; pairs of a token and a cell it sees, in the full cache and in the window's;
# cells of the full cache; sequences; and what stays the same.
TERMS = ("tokens", "outputs", "cells", "window_cells", "stored_cells", "sequences", "constant")

_ALIGNMENT_BYTES = 32
_ENDLESS = 1 << 62


def size_of(
    *,
    tokens: int = 0,
    outputs: int = 0,
    cells: int = 0,
    window_cells: int = 0,
    stored_cells: int = 0,
    sequences: int = 0,
    constant: int = 0,
) -> Size:
    """Bytes for each one of ``TERMS``."""
    return (tokens, outputs, cells, window_cells, stored_cells, sequences, constant)


class Tensor:
    """A node or input of a graph under construction; a view has the ``root`` whose memory it shows.

    ``layout`` is equal where ggml_are_same_layout would say so: of rows, or of rows divided into heads.
    ``outside`` tensors live in a cache or in the weights and take nothing of the buffer.
    """

    __slots__ = ("children", "in_place", "layout", "outside", "owned", "root", "size", "slot", "sources", "views")

    def __init__(
        self,
        size: Size,
        sources: tuple[Tensor, ...] = (),
        *,
        layout: object = None,
        root: Tensor | None = None,
        in_place: bool = False,
        outside: bool = False,
    ) -> None:
        self.size = size
        self.sources = sources
        self.layout = layout if layout is not None else size
        self.root = root
        self.in_place = in_place
        self.outside = outside
        self.children = self.views = 0
        self.owned = False
        self.slot = -1


class Graph:
    """Tensors in the order in which llama.cpp's graph builder adds them."""

    def __init__(self) -> None:
        self._nodes: list[Tensor] = []
        self._inputs: list[Tensor] = []
        self._seen: set[Tensor] = set()
        self._kept: set[Tensor] = set()

    def input(self, size: Size) -> Tensor:
        return Tensor(size)

    def outside(self) -> Tensor:
        """A cache or a weight."""
        return Tensor(size_of(), outside=True)

    def make(self, size: Size, *sources: Tensor, divided: bool = False) -> Tensor:
        """An operation whose result has memory of its own."""
        return Tensor(size, sources, layout=("divided", size) if divided else None)

    def change(self, first: Tensor, *others: Tensor) -> Tensor:
        """An operation that may overwrite a source of the same layout: add, multiply, norm, rope, softmax."""
        return Tensor(first.size, (first, *others), layout=first.layout, in_place=True)

    def view(self, source: Tensor, size: Size | None = None, *, divided: bool = True) -> Tensor:
        """The same memory in other dimensions, or a part of it of that ``size``.

        Results made of a view have its dimensions without its gaps, and nothing is written over a view: so
        the gaps do not matter.
        """
        shown = size or source.size
        return Tensor(shown, (source,), layout=("divided", shown) if divided else shown, root=source.root or source)

    def store(self, *sources: Tensor) -> Tensor:
        """A write to memory outside the buffer."""
        return Tensor(size_of(), sources, outside=True)

    def keep(self, tensor: Tensor) -> Tensor:
        """Mark an output of the graph, whose memory is not given back."""
        self._kept.add(tensor)
        return tensor

    def expand(self, tensor: Tensor) -> None:
        """Add a tensor and all it needs, sources first (ggml_build_forward_expand)."""
        if tensor in self._seen:
            return
        self._seen.add(tensor)
        for source in tensor.sources:
            self.expand(source)
        is_input = not tensor.sources and not tensor.outside
        (self._inputs if is_input else self._nodes).append(tensor)

    def program(self) -> Program:
        """The allocations and releases in order."""
        return _Recorder(self._kept).record(self._inputs, self._nodes)


class _Recorder:
    """Which tensor gets memory of its own, and when it gives it back (ggml_gallocr_alloc_graph_impl)."""

    def __init__(self, kept: set[Tensor]) -> None:
        self._kept = kept
        self._steps: list[int] = []
        self._sizes: list[Size] = []

    def record(self, inputs: Sequence[Tensor], nodes: Sequence[Tensor]) -> Program:
        for tensor in inputs:
            self._allocate(tensor)
        for node in nodes:
            if node.root is not None:
                node.root.views += 1
            for source in node.sources:
                source.children += 1
        for node in nodes:
            if node.root is None and not node.outside:
                self._allocate(node)
            for source in node.sources:
                self._used(source)
        return Program(tuple(self._steps), tuple(self._sizes))

    def _allocate(self, tensor: Tensor) -> None:
        tensor.owned = True
        for parent in tensor.sources if tensor.in_place else ():
            # A view is never "owned", so that nothing is written over one.
            free = parent.owned and parent not in self._kept and parent.children == 1 and parent.views == 0
            if free and parent.layout == tensor.layout:
                tensor.slot, parent.owned = parent.slot, False
                return
        tensor.slot = len(self._sizes)
        self._sizes.append(tensor.size)
        self._steps.append(tensor.slot + 1)

    def _used(self, source: Tensor) -> None:
        source.children -= 1
        if source.children or source.views:
            return
        if source.root is None:
            self._release(source)
            return
        source.root.views -= 1
        if not source.root.views and not source.root.children:
            self._release(source.root)

    def _release(self, tensor: Tensor) -> None:
        if tensor.owned and tensor not in self._kept:
            tensor.owned = False
            self._steps.append(-tensor.slot - 1)


_MOST_KNOWN = 4096


@dataclass(frozen=True, slots=True)
class Program:
    """``steps`` are slot numbers from 1, above 0 to allocate and below to free; ``sizes`` those slots' sizes."""

    steps: tuple[int, ...]
    sizes: tuple[Size, ...]
    _known: dict[tuple[int, ...], int] = field(default_factory=dict, init=False, repr=False, compare=False)

    def peak_bytes(self, values: tuple[int, ...]) -> int:
        """The buffer's size for the values of ``TERMS``, in their order; the search for a plan asks again and again."""
        if (peak := self._known.get(values)) is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            peak = self._known[values] = self._played(values)
        return peak

    def _played(self, values: tuple[int, ...]) -> int:
        a, b, c, d, e, f, g = values
        known: dict[Size, int] = {}
        sizes = []
        for size in self.sizes:
            if (found := known.get(size)) is None:
                s, t, u, v, w, x, y = size
                exact = a * s + b * t + c * u + d * v + e * w + f * x + g * y
                found = -(-exact // _ALIGNMENT_BYTES) * _ALIGNMENT_BYTES
                known[size] = found
            sizes.append(found)
        return _peak(self.steps, sizes)


def _peak(steps: Sequence[int], sizes: Sequence[int]) -> int:
    """Play the steps on one buffer: its holes by address, the last of them endless."""
    starts, lengths = [0], [_ENDLESS]
    places = [0] * len(sizes)
    highest = 0
    for step in steps:
        if step > 0:
            needed = sizes[step - 1]
            best, best_length = -1, _ENDLESS
            for hole in range(len(starts) - 1):
                if needed <= lengths[hole] <= best_length:
                    best, best_length = hole, lengths[hole]
            place = places[step - 1] = starts[best]
            highest = max(highest, place + needed)
            starts[best] += needed
            lengths[best] -= needed
            if not lengths[best]:
                del starts[best], lengths[best]
        else:
            _give_back(starts, lengths, places[-step - 1], sizes[-step - 1])
    return highest


def _give_back(starts: list[int], lengths: list[int], place: int, size: int) -> None:
    """A hole at ``place``, joined with those it touches."""
    if not size:
        return
    after = 0
    while starts[after] < place:
        after += 1
    if starts[after] == place + size:
        starts[after], lengths[after] = place, lengths[after] + size
        if after and starts[after - 1] + lengths[after - 1] == place:
            lengths[after - 1] += lengths[after]
            del starts[after], lengths[after]
    elif after and starts[after - 1] + lengths[after - 1] == place:
        lengths[after - 1] += size
    else:
        starts.insert(after, place)
        lengths.insert(after, size)
