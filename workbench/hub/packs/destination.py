"""Where the files of packs go on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Destination:
    """Where files of each kind go; ``packs`` keeps what was installed: lists, bills, licences."""

    models: Path
    catalogue: Path
    suites: Path
    results: Path
    packs: Path

    @classmethod
    def below(cls, data: Path) -> Destination:
        return cls(*(data / name for name in ("models", "catalogue", "suites", "results", "packs")))

    @property
    def roots(self) -> tuple[Path, ...]:
        return self.models, self.catalogue, self.suites, self.results, self.packs
