"""What a quantised file came from: written into its own header, so that it goes wherever the file goes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.models.header import Header

_KEY = "workbench.quantised."


@dataclass(frozen=True, slots=True)
class Lineage:
    """``source_sha256`` is that of the source's first file; the importance matrix's is None where none was used.

    ``made_at`` is an ISO 8601 time in UTC.
    """

    source: str
    source_sha256: str
    quantisation: str
    importance_sha256: str | None
    engine_version: str
    made_at: str

    def metadata(self) -> dict[str, str | int]:
        values = {
            "source": self.source,
            "source_sha256": self.source_sha256,
            "type": self.quantisation,
            "importance_sha256": self.importance_sha256 or "",
            "engine": self.engine_version,
            "made_at": self.made_at,
        }
        return {_KEY + name: value for name, value in values.items()}

    def as_json(self) -> dict[str, str | None]:
        return {
            "source": self.source,
            "source_sha256": self.source_sha256,
            "type": self.quantisation,
            "importance_sha256": self.importance_sha256,
            "engine": self.engine_version,
            "made_at": self.made_at,
        }


def lineage_of(header: Header) -> Lineage | None:
    """Of a file that this program quantised, else None."""
    source, sha256, kind, engine, made_at = (
        header.text(_KEY + name) for name in ("source", "source_sha256", "type", "engine", "made_at")
    )
    if source is None or sha256 is None or kind is None or engine is None or made_at is None:
        return None
    return Lineage(source, sha256, kind, header.text(_KEY + "importance_sha256") or None, engine, made_at)


def importance_metadata(path: Path, *, matrices: int, chunks: int) -> dict[str, str | int]:
    """The keys that llama-quantize writes when it was given an importance matrix."""
    return {
        "quantize.imatrix.file": path.name,
        "quantize.imatrix.entries_count": matrices,
        "quantize.imatrix.chunks_count": chunks,
    }
