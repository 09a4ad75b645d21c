"""A context that was used before beside a fresh one, token by token."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from workbench.engine import native
from workbench.engine.base import Mode
from workbench.engine.kept import Memory
from workbench.engine.prefix import BLOCK
from workbench.engine.prompt_cache import CachedPrefixes
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=2048, n_batch=256, n_ubatch=256, n_gpu_layers=0)

Rows: TypeAlias = list[npt.NDArray[np.float32]]
Tokens: TypeAlias = tuple[int, ...]


class Bench:
    """One model, a context that was used before, and a fresh one for every comparison."""

    def __init__(self, path: Path, params: RunParams = PARAMS, *, lowest: int = 1000, highest: int = 20_000) -> None:
        self.weights = native.Weights(path, n_gpu_layers=0)
        self.params = params
        self.random = random.Random(7)
        self.span = lowest, highest
        self.warm = self.memory()

    def memory(self, cache: CachedPrefixes | None = None) -> Memory:
        return Memory.of(native.Context(self.weights, self.params), self.weights, self.params, cache)

    def tokens(self, count: int) -> Tokens:
        """Such that a place in the prompt matters: no two stretches are alike."""
        return tuple(self.random.randrange(*self.span) for _ in range(count))

    def ask(self, tokens: Tokens, *, answered: int = 2, mode: Mode = Mode.AUDIT) -> tuple[int, Tokens]:
        """How many tokens were kept, and the greedy answer."""
        kept, _, written = run(self.warm, tokens, answered, mode)
        return kept, written

    def equals_cold(self, tokens: Tokens) -> int:
        """Ask, and compare the logits of three tokens with those of a fresh context; how many were kept."""
        kept, warm, _ = run(self.warm, tokens, 2, Mode.AUDIT)
        fresh = self.memory()
        none, cold, _ = run(fresh, tokens, 2, Mode.AUDIT)
        fresh.context.close()
        assert none == 0
        assert len(warm) == 3
        assert all(np.array_equal(one, other) for one, other in zip(warm, cold, strict=True))
        return kept

    def close(self) -> None:
        self.warm.context.close()
        self.weights.close()


def run(memory: Memory, tokens: Tokens, answered: int, mode: Mode) -> tuple[int, Rows, Tokens]:
    kept = memory.reuse(tokens, mode)
    for piece in memory.pieces(kept, len(tokens)):
        memory.prefill(tokens[piece.start : piece.stop], lambda: False, output=piece.stop == len(tokens))
    rows, written = [memory.context.row().copy()], []
    for _ in range(answered):
        written.append(int(rows[-1].argmax()))
        memory.step(written[-1])
        rows.append(memory.context.row().copy())
    memory.answered()
    return kept, rows, tuple(written)


def blocks(count: int) -> int:
    return count // BLOCK * BLOCK
