"""How fast a model will probably run: two parameters per device, a range and where it comes from."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class SpeedSource(enum.StrEnum):
    """``learnt`` from this user's own runs, ``measured`` from a measured memory bandwidth, else from the
    device's ``specification``."""

    LEARNT = "learnt"
    MEASURED = "measured"
    SPECIFICATION = "specification"


@dataclass(frozen=True, slots=True)
class Range:
    """Tokens per second, slowest to fastest that is likely."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Speed:
    """Expected speeds; None where nothing supports a figure.  ``runs`` is the number of runs learnt from."""

    prefill_tokens_per_s: Range | None
    decode_tokens_per_s: Range | None
    source: SpeedSource
    runs: int = 0

    @property
    def basis(self) -> str:
        """ "learnt from 7 runs"."""
        if self.source is SpeedSource.LEARNT:
            return f"learnt from {self.runs} run{'s' if self.runs != 1 else ''}"
        if self.source is SpeedSource.MEASURED:
            return "from measured memory bandwidth"
        return "from specification"
