"""A model file as the rest of the program knows it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path

from workbench.models.header import Header


class Family(enum.Enum):
    """Whose model it is, from its own metadata; SmolLM2 has Llama's architecture and is OTHER."""

    LLAMA = "llama"
    MISTRAL = "mistral"
    GEMMA = "gemma"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One GGUF on disk, described from its header alone.

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
