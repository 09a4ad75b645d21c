"""What a load takes on each device, part by part, each number with what it stands on."""

from __future__ import annotations

import enum
from dataclasses import dataclass

RAM = "RAM"


class Basis(enum.StrEnum):
    """What a number of bytes stands on.

    ``exact``     llama.cpp's own answer, or arithmetic that equals it to the byte.
    ``modelled``  a formula fitted to measurements, with a safety factor.
    ``reserve``   kept for what nobody reports: learnt from past loads, else a constant.
    """

    EXACT = "exact"
    MODELLED = "modelled"
    RESERVE = "reserve"


class Kind(enum.StrEnum):
    """What memory is taken for.

    ``weights``; ``kv`` the cache of attention layers, ``state`` that of recurrent ones; ``compute`` the graph's
    buffers; ``output`` the logits; ``vocabulary`` tables beside llama.cpp's buffers; ``device`` what a device
    takes for being used at all (a CUDA context, its modules); ``work`` cell tables and ggml's own work area.
    """

    WEIGHTS = "weights"
    KV = "kv"
    STATE = "state"
    COMPUTE = "compute"
    OUTPUT = "output"
    VOCABULARY = "vocabulary"
    WORK = "work"
    DEVICE = "device"


_CACHE = (Kind.KV, Kind.STATE)
_BUFFERS = (Kind.WEIGHTS, *_CACHE, Kind.COMPUTE)


@dataclass(frozen=True, slots=True)
class Part:
    kind: Kind
    size_bytes: int
    basis: Basis


@dataclass(frozen=True, slots=True)
class Share:
    """One device's part of a load, or main memory's (``device`` "RAM").

    ``available_bytes`` is what is free now less what is kept for others.  A device that lives in main
    memory is given what it may take of it, and RAM the rest, so that sums count the memory once.
    """

    device: str
    parts: tuple[Part, ...]
    available_bytes: int

    def of(self, *kinds: Kind) -> int:
        """Bytes of these kinds."""
        return sum(part.size_bytes for part in self.parts if part.kind in kinds)

    @property
    def weights_bytes(self) -> int:
        return self.of(Kind.WEIGHTS)

    @property
    def kv_bytes(self) -> int:
        """Cache and recurrent state, which llama.cpp calls the context's memory."""
        return self.of(*_CACHE)

    @property
    def compute_bytes(self) -> int:
        return self.of(Kind.COMPUTE)

    @property
    def overhead_bytes(self) -> int:
        """Everything that llama.cpp's breakdown does not list."""
        return self.total_bytes - self.of(*_BUFFERS)

    @property
    def total_bytes(self) -> int:
        return sum(part.size_bytes for part in self.parts)

    @property
    def margin_bytes(self) -> int:
        """What would be left; below 0 what is missing."""
        return self.available_bytes - self.total_bytes

    @property
    def short_by_bytes(self) -> int:
        return max(0, -self.margin_bytes)
