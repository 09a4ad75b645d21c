"""A receipt: what was predicted for a load, beside what llama.cpp reported and what the process grew by."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.models.breakdown import Share
from workbench.models.exact import Buffer
from workbench.models.params import RunParams

FLAGGED_SHARE = 0.02  # a difference above this share of the prediction is worth a report


@dataclass(frozen=True, slots=True)
class Growth:
    """What a load changed, measured from outside llama.cpp; ``alone`` when nothing else of this program was
    loading or answering meanwhile.

    ``process_bytes`` is the growth of this process's own memory (Linux: anonymous pages and the mapped model
    file's resident ones; elsewhere the unique set size).  ``device_bytes`` is what each device's free memory
    fell by, by device name, other programs' doings included.
    """

    process_bytes: int | None
    device_bytes: tuple[tuple[str, int], ...]
    alone: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """Stored after every real load, never changed; ``id`` is 0 before it is stored.

    ``predicted`` are the fit's shares, ``reported`` llama.cpp's own buffers after the load.
    ``predicted_basis`` is "exact" or "estimate".  ``made_at`` is ISO 8601, UTC.
    """

    id: int
    made_at: str
    model_name: str
    model_path: str
    header_sha256: str
    architecture: str
    quantisation: str
    engine: str
    device_key: str
    params: RunParams
    predicted: tuple[Share, ...]
    predicted_basis: str
    reported: tuple[Buffer, ...]
    growth: Growth
    load_ms: float
    weights_shared: bool

    @property
    def predicted_bytes(self) -> int:
        """Of what llama.cpp reports on: weights, cache and compute."""
        return sum(share.total_bytes - share.overhead_bytes for share in self.predicted)

    @property
    def reported_bytes(self) -> int:
        return sum(buffer.weights_bytes + buffer.kv_bytes + buffer.compute_bytes for buffer in self.reported)

    @property
    def difference(self) -> float:
        """(reported - predicted) / predicted: above 0 the load took more than was said."""
        return (self.reported_bytes - self.predicted_bytes) / self.predicted_bytes if self.predicted_bytes else 0.0

    @property
    def flagged(self) -> bool:
        return abs(self.difference) > FLAGGED_SHARE
