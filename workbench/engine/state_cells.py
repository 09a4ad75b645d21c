"""llama.cpp's saved state of a cache, taken apart into cells and put together again (llama-kv-cache.cpp, state_write).

A window's cache is a ring: position p lies in cell p mod its size.  llama.cpp restores cells one after the
other from the first, which is another order than a cold run's; sums are then rounded differently.  So the
cells are put where a cold run has them, the places between filled with zeros at positions nobody looks at.
"""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.intp]

_HEADER_BYTES = 8  # magic, sequence
_EXTRA_BYTES = 12  # llama_kv_cell_ext: of models with positions in two dimensions


class UnknownStateError(Exception):
    """The state is not laid out as expected: another kind of memory, or several sequences."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """The keys or values of one layer.  ``rows`` is (cells, bytes), or (channels, cells, bytes) when transposed."""

    head: bytes
    rows: Bytes

    def take(self, places: Places) -> Tensor:
        """The cells at ``places``; zeros where a place is -1."""
        axis = self.rows.ndim - 2
        taken = np.take(self.rows, np.maximum(places, 0), axis=axis)
        taken[(slice(None),) * axis + (places < 0,)] = 0
        return Tensor(self.head, taken)


@dataclass(frozen=True, slots=True)
class Cells:
    """One cache: the cells of a sequence in the order of their places."""

    positions: npt.NDArray[np.int32]
    extras: Bytes
    transposed: bool
    layer_count: int
    tensors: tuple[Tensor, ...]

    def span(self, start: int, stop: int) -> Cells:
        """The cells of these positions, in their order.  Raises UnknownStateError when one is missing."""
        return self.at(np.arange(start, stop, dtype=np.int32), start)

    def at(self, positions: npt.NDArray[np.int32], start: int) -> Cells:
        """Cells with these positions in this order; those before ``start`` are made of zeros."""
        order = np.argsort(self.positions, kind="stable")
        sorted_positions = self.positions[order]
        found = np.searchsorted(sorted_positions, positions)
        found = np.minimum(found, max(0, len(order) - 1))
        if len(order) == 0 or not ((sorted_positions[found] == positions) | (positions < start)).all():
            raise UnknownStateError("a position is not in the cache")
        places = np.where(positions < start, -1, order[found]).astype(np.intp)
        extras = Tensor(b"", self.extras).take(places).rows
        tensors = tuple(tensor.take(places) for tensor in self.tensors)
        return Cells(positions, extras, self.transposed, self.layer_count, tensors)

    def followed_by(self, place: int, position: int) -> Cells:
        """With another position in one place."""
        positions = self.positions.copy()
        positions[place] = position
        return Cells(positions, self.extras, self.transposed, self.layer_count, self.tensors)

    @property
    def size_bytes(self) -> int:
        return self.extras.nbytes + sum(tensor.rows.nbytes for tensor in self.tensors)


def in_ring(window: Cells, length: int, ring: int, start: int) -> Cells:
    """The cells of a window cache of ``ring`` cells after ``length`` tokens, as a cold run has them.

    ``window`` has the positions from ``start`` on.  llama.cpp goes on after the last cell it restored; so
    the cell that comes next gets the position ``length``, which the caller removes: it then starts there.
    """
    count = min(length, ring)
    places = np.arange(count, dtype=np.int32)
    cells = window.at(length - 1 - (length - 1 - places) % ring, start)
    return cells if length < ring else cells.followed_by(length % ring, length)


def parse(data: bytearray) -> tuple[Cells, ...]:
    """The caches in a state.  Raises UnknownStateError."""
    # The format says neither whether cells have extras nor whether layers have values; only one way comes out even.
    for with_extras, with_values in itertools.product((False, True), (True, False)):
        try:
            return _Reader(data, with_extras, with_values).caches()
        except (UnknownStateError, struct.error):
            continue
    raise UnknownStateError("the state has an unknown layout")


def compose(caches: tuple[Cells, ...], magic: bytes) -> bytearray:
    """A state of sequence 0; ``magic`` is the first four bytes of one that llama.cpp wrote."""
    out = bytearray(magic + struct.pack("<i", 0))
    for cells in caches:
        count = len(cells.positions)
        out += struct.pack("<II", 1, count)
        if not count:
            continue
        meta = np.zeros(count, _meta(cells.extras.shape[1]))
        meta["position"], meta["sequences"], meta["extra"] = cells.positions, 1, cells.extras
        out += meta.tobytes()
        out += struct.pack("<II", cells.transposed, cells.layer_count)
        for tensor in cells.tensors:
            out += tensor.head
            out += tensor.rows.tobytes()
    return out


def _meta(extra_bytes: int) -> np.dtype[np.void]:
    return np.dtype([("position", "<i4"), ("sequences", "<u4"), ("extra", "u1", (extra_bytes,)), ("sequence", "<i4")])


class _Reader:
    """Reads one state in one of the ways it may be meant."""

    def __init__(self, data: bytearray, with_extras: bool, with_values: bool) -> None:
        self._data = np.frombuffer(data, np.uint8)
        self._at = 0
        self._extra_bytes = _EXTRA_BYTES if with_extras else 0
        self._with_values = with_values

    def caches(self) -> tuple[Cells, ...]:
        self._take(_HEADER_BYTES)
        found = []
        while self._at < len(self._data):
            found.append(self._cache())
        return tuple(found)

    def _cache(self) -> Cells:
        streams, count = self._numbers("<II")
        if streams != 1:
            raise UnknownStateError("several caches side by side")
        kind = _meta(self._extra_bytes)
        if not count:
            return Cells(np.zeros(0, np.int32), np.zeros((0, self._extra_bytes), np.uint8), False, 0, ())
        meta = self._take(count * kind.itemsize).view(kind)
        if (meta["sequences"] != 1).any() or (meta["sequence"] != 0).any() or (meta["position"] < 0).any():
            raise UnknownStateError("cells of several sequences")
        transposed, layers = self._numbers("<II")
        if transposed > 1:
            raise UnknownStateError("no such layout")
        tensors = [self._rows(count) for _ in range(layers)]
        if self._with_values:
            tensors += [self._channels(count) if transposed else self._rows(count) for _ in range(layers)]
        return Cells(meta["position"].copy(), meta["extra"].copy(), bool(transposed), layers, tuple(tensors))

    def _rows(self, count: int) -> Tensor:
        head = self._take(12)
        _, row_bytes = struct.unpack("<iQ", head.tobytes())
        return Tensor(head.tobytes(), self._take(count * row_bytes).reshape(count, row_bytes))

    def _channels(self, count: int) -> Tensor:
        head = self._take(12)
        _, element_bytes, channels = struct.unpack("<iII", head.tobytes())
        return Tensor(
            head.tobytes(), self._take(channels * count * element_bytes).reshape(channels, count, element_bytes)
        )

    def _numbers(self, layout: str) -> tuple[int, int]:
        first, second = struct.unpack(layout, self._take(struct.calcsize(layout)).tobytes())
        return int(first), int(second)

    def _take(self, count: int) -> Bytes:
        end = self._at + count
        if end > len(self._data):
            raise UnknownStateError("the state ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken
