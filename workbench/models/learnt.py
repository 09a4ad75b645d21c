"""What past loads and runs on this machine taught: reserves and speeds, by device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reserve:
    """Memory of a device that loads took beyond what llama.cpp reported; ``loads`` is what it rests on."""

    size_bytes: int
    loads: int


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """Decoding: time per token = bytes read / ``bandwidth_bytes_per_s`` + ``overhead_s``.  Prefill: operations
    / ``operations_per_s``, None while unknown.  ``spread`` is the largest relative error seen, at least 0.1."""

    bandwidth_bytes_per_s: float
    overhead_s: float
    operations_per_s: float | None
    runs: int
    spread: float


@dataclass(frozen=True, slots=True)
class Learnt:
    """By ``Device.key`` and ``Cpu.key``; empty on a machine that has not loaded anything yet."""

    reserves: Mapping[str, Reserve] = field(default_factory=dict)
    speeds: Mapping[str, DeviceSpeed] = field(default_factory=dict)
