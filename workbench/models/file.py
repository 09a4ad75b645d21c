"""A model file as the rest of the program knows it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from workbench.models.exact import Head
from workbench.models.header import Header


class Family(enum.Enum):
    """Whose model it is, from its own metadata; SmolLM2 has Llama's architecture and is OTHER."""

    LLAMA = "llama"
    MISTRAL = "mistral"
    GEMMA = "gemma"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a file that is not on this machine can be had; ``commit`` is a full hash, never a branch.

    ``path`` is the file's in the repository; ``etag`` what the server calls these very bytes.
    """

    repository: str
    commit: str
    path: str
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One GGUF model, described from its header alone: a file on disk, or one that could be had.

    ``path`` is where the file is, or would be once it was fetched (``origin`` is set then); of a split model
    the first part's, and ``parts`` are all its paths in order.  ``size_bytes`` counts all parts.  ``heads`` are
    what the exact probe reads; empty for a file on disk, which is its own head.

    ``name`` is the library's name for it (the file's stem, made unique).  ``title`` is what the
    metadata calls the model.  ``synthetic`` marks random weights whose answers are noise.
    ``sha256`` is None until somebody computed it.
    """

    path: Path
    name: str
    title: str
    family: Family
    architecture: str
    quantisation: str
    size_bytes: int
    parameter_count: int
    n_ctx_train: int
    synthetic: bool
    licence: str | None
    chat_template: str | None = field(repr=False)
    header: Header = field(repr=False)
    sha256: str | None = None
    parts: tuple[Path, ...] = ()
    origin: Origin | None = None
    heads: tuple[Head, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of the model, the first part first."""
        return self.parts or (self.path,)

    @property
    def bits_per_weight(self) -> float:
        """Of the weights alone; 0 for a file without any."""
        weights = sum(tensor.size_bytes for tensor in self.header.tensors)
        return 8 * weights / self.parameter_count if self.parameter_count else 0.0
