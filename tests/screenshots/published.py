"""A repository as publishers make them, for the pictures: one shape, seven quantisations, files that are all header."""

from __future__ import annotations

import dataclasses
import struct
from pathlib import Path

from tests.engine.shapes import transformer
from tests.engine.sparse_gguf import Sketch, write_sparse

REPOSITORY = "example/Shape-of-Llama-8B-GGUF"
# llama.cpp's file types, and the type that most of such a file's weights have.
QUANTISATIONS = {
    "F16": (1, "f16"),
    "Q8_0": (7, "q8_0"),
    "Q6_K": (18, "q6_k"),
    "Q5_K_M": (17, "q5_k"),
    "Q4_K_M": (15, "q4_k"),
    "Q3_K_M": (12, "q3_k"),
    "Q2_K": (10, "q2_k"),
}
_UINT32 = 4
_FILE_TYPE = b"general.file_type" + struct.pack("<I", _UINT32)


@dataclasses.dataclass(frozen=True)
class Form:
    """The figures of a model of the Llama architecture."""

    layers: int
    width: int
    heads: int
    n_ff: int


EIGHT_BILLION = Form(layers=32, width=4096, heads=32, n_ff=14336)
THREE_BILLION = Form(layers=28, width=3072, heads=24, n_ff=8192)


def write_repository(folder: Path, *, name: str = "Shape-of-Llama-8B", form: Form = EIGHT_BILLION) -> dict[str, Path]:
    """The files by their paths in the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    return {f"{name}-{code}.gguf": _write(folder / f"{name}-{code}.gguf", code, form) for code in QUANTISATIONS}


def _write(path: Path, code: str, form: Form) -> Path:
    file_type, kind = QUANTISATIONS[code]
    write_sparse(_sketch(kind, form), path)
    with path.open("r+b") as file:
        start = file.read(4096)
        place = start.index(_FILE_TYPE) + len(_FILE_TYPE)
        file.seek(place)
        file.write(struct.pack("<I", file_type))
    return path


def _sketch(kind: str, form: Form) -> Sketch:
    made = transformer(
        "llama",
        layers=form.layers,
        width=form.width,
        heads=form.heads,
        heads_kv=8,
        length=128,
        n_ff=form.n_ff,
        n_vocab=32_000,
        kind=kind,
    )
    if kind not in ("f16", "q8_0"):
        return made
    weights = tuple((name, extents, own if own == "f32" else kind) for name, extents, own in made.weights)
    return dataclasses.replace(made, weights=weights)
