"""Small LoRA adapters of random matrices, written by the reference writer, and weights merged with them by hand."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from workbench.models.header import read_header

RANK, ALPHA = 4, 8.0


@dataclass(frozen=True)
class Lora:
    """``pairs`` are A (rank × inputs) and B (outputs × rank) by the matrix they change."""

    path: Path
    pairs: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

    def change(self, name: str) -> NDArray[np.float32]:
        """What it adds to a matrix at scale 1."""
        a, b = self.pairs[name]
        return ALPHA / RANK * (b @ a)


def write_lora(
    path: Path,
    base: Path,
    names: Sequence[str],
    *,
    architecture: str = "llama",
    size: float = 0.2,
    seed: int = 1,
    rank_of_b: int = RANK,
) -> Lora:
    shapes = {tensor.name: tensor.shape for tensor in read_header(base).tensors}
    draw = np.random.default_rng(seed)
    pairs = {
        name: (
            draw.normal(0, size, (RANK, shapes[name][0])).astype(np.float32),
            draw.normal(0, size, (shapes[name][1], rank_of_b)).astype(np.float32),
        )
        for name in names
    }
    write_adapter(path, pairs, architecture=architecture)
    return Lora(path, pairs)


def write_adapter(
    path: Path,
    pairs: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32] | None]],
    *,
    architecture: str = "llama",
    form: str = "lora",
    kind: str = "adapter",
    alpha: float = ALPHA,
    wide_alpha: bool = False,
    invocation: Sequence[int] = (),
) -> Path:
    """``wide_alpha`` writes it with 64 bits, which llama.cpp asserts it has not."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string("general.type", kind)
    writer.add_string("adapter.type", form)
    add_alpha = writer.add_float64 if wide_alpha else writer.add_float32
    add_alpha("adapter.lora.alpha", alpha)
    if invocation:
        writer.add_array("adapter.alora.invocation_tokens", list(invocation))
    for name, (a, b) in pairs.items():
        writer.add_tensor(f"{name}.lora_a", a)
        if b is not None:
            writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def merged(base: Path, target: Path, *scaled: tuple[Lora, float]) -> Path:
    """A copy of an F32 model with the adapters added to its weights."""
    shutil.copy(base, target)
    header = read_header(base)
    for tensor in header.tensors:
        changes = [scale * lora.change(tensor.name) for lora, scale in scaled if tensor.name in lora.pairs]
        if not changes:
            continue
        assert tensor.type_id == 0
        start = header.data_offset_bytes + tensor.offset_bytes
        weights = np.memmap(target, np.float32, "r+", start, tensor.shape[::-1])
        weights += sum(changes)
        weights.flush()
    return target
