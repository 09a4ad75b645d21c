"""What past loads and runs on this machine taught: reserves and speeds, by device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SpeedRun:
    """One answer's speed, stored as it was measured and never changed.

    ``bytes_per_token`` are the weights and cache read for each token at its mean position, and
    ``operations_per_token`` the multiplications and additions of a prefill token.  ``decode_tokens`` were
    evaluated in ``decode_ms``, the first sampled token apart.  ``engine`` is the name and exact version;
    ``ran_at`` is ISO 8601, UTC.
    """

    ran_at: str
    device_key: str
    engine: str
    architecture: str
    header_sha256: str
    n_threads: int
    bytes_per_token: int
    decode_tokens: int
    decode_ms: float
    operations_per_token: float
    prefill_tokens: int
    prefill_ms: float


@dataclass(frozen=True, slots=True)
class Reserve:
    """Memory of a device that loads took beyond what llama.cpp reported; ``loads`` is what it rests on."""

    size_bytes: int
    loads: int


@dataclass(frozen=True, slots=True)
class DeviceSpeed:
    """Decoding: time per token = bytes read / ``bandwidth_bytes_per_s`` + ``overhead_s``.  Prefill: operations
    / ``operations_per_s``, None while unknown.  ``spread`` is the largest relative error seen, at least 0.1 and
    more where the runs are few.
    The runs read from ``smallest_bytes`` to ``largest_bytes`` for each token; 0 where nobody noted it."""

    bandwidth_bytes_per_s: float
    overhead_s: float
    operations_per_s: float | None
    runs: int
    spread: float
    smallest_bytes: int = 0
    largest_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Learnt:
    """By ``Device.key`` and ``Cpu.key``; empty on a machine that has not loaded anything yet."""

    reserves: Mapping[str, Reserve] = field(default_factory=dict)
    speeds: Mapping[str, DeviceSpeed] = field(default_factory=dict)
