"""How fast a model will probably run: two parameters per device, a range and where it comes from."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from workbench.words import counted, said


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
            return said("learnt from {runs}", runs=counted(self.runs, "run"))
        if self.source is SpeedSource.MEASURED:
            return said("from measured memory bandwidth")
        return said("from specification")
