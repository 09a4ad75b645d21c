"""How far a pack's work is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

CHUNK_BYTES = 4 * 2**20

Phase: TypeAlias = Literal["hashing", "writing", "verifying", "comparing", "copying", "placing"]


@dataclass(frozen=True, slots=True)
class PackProgress:
    """``path`` is the file at work, in the pack; bytes are those of the whole phase."""

    phase: Phase
    path: str
    done_bytes: int
    total_bytes: int
