"""What a prompt costs when an earlier one began alike; ``python -m tests.benchmarks.engine --only turns``.

Time to first token of a cold run beside that of each kind of reuse, in turns, with the tokens that were
evaluated: the claim is that the time is in proportion to them.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.table import Row
from workbench.engine import native
from workbench.engine.base import LoadRequest, Mode
from workbench.engine.kept import Memory
from workbench.engine.prefix import BLOCK
from workbench.engine.prompt_cache import CachedPrefixes, PromptCache
from workbench.models.describe import describe
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=4096, n_batch=512, n_ubatch=512, n_gpu_layers=0)
GIB = 1 << 30
AIM = 0.8  # in proportion, give or take: later tokens look back on more


@dataclass
class Bench:
    model: Path
    threads: int
    prompt: int
    weights: native.Weights
    random: random.Random = field(default_factory=lambda: random.Random(1))

    def tokens(self, count: int) -> tuple[int, ...]:
        return tuple(self.random.randrange(1000, min(self.weights.n_vocab, 20_000)) for _ in range(count))

    @contextmanager
    def memory(self, cache: CachedPrefixes | None = None) -> Iterator[Memory]:
        context = native.Context(self.weights, PARAMS, n_threads=self.threads)
        try:
            yield Memory.of(context, self.weights, PARAMS, cache)
        finally:
            context.close()

    def first_token_ms(self, memory: Memory, tokens: tuple[int, ...], mode: Mode) -> tuple[int, float]:
        """Tokens evaluated, and milliseconds to the first token's logits."""
        began = time.perf_counter()
        kept = memory.reuse(tokens, mode)
        for piece in memory.pieces(kept, len(tokens)):
            memory.prefill(tokens[piece.start : piece.stop], lambda: False, output=piece.stop == len(tokens))
        memory.context.row()
        return len(tokens) - kept, 1000 * (time.perf_counter() - began)

    def answer(self, memory: Memory, count: int) -> tuple[int, ...]:
        written = []
        for _ in range(count):
            written.append(int(memory.context.row().argmax()))
            memory.step(written[-1])
        memory.answered()
        return tuple(written)

    def once(self) -> dict[str, tuple[int, float]]:
        """One conversation: cold, next turn, the same again, a branch from the first question."""
        found = {}
        first = self.tokens(self.prompt)
        for mode in Mode:
            with self.memory() as memory:
                if mode is Mode.AUDIT:
                    found["cold"] = self.first_token_ms(memory, first, mode)
                else:
                    self.first_token_ms(memory, first, mode)
                second = first + self.answer(memory, 100) + self.tokens(100)
                found[f"next turn, {mode}"] = self.first_token_ms(memory, second, mode)
                self.answer(memory, 100)
                found[f"regenerate, {mode}"] = self.first_token_ms(memory, second, mode)
                self.answer(memory, 100)
                found[f"branch, {mode}"] = self.first_token_ms(memory, first + self.tokens(100), mode)
        with tempfile.TemporaryDirectory() as folder:
            cache = PromptCache(Path(folder), lambda: GIB).of(LoadRequest(describe(self.model), PARAMS))
            with self.memory(cache) as memory:
                self.first_token_ms(memory, first, Mode.AUDIT)
                self.answer(memory, 1)
            with self.memory(cache) as memory:
                found["next day, audit"] = self.first_token_ms(memory, first + self.tokens(100), Mode.AUDIT)
        return found


def rows(model: Path, threads: int, prompt: int, runs: int) -> Iterator[Row]:
    """``ratio`` is the share of the tokens over the share of the time; re-reading two tokens is mostly overhead."""
    with native.Weights(model, n_gpu_layers=0) as weights:
        bench = Bench(model, threads, prompt, weights)
        each = [bench.once() for _ in range(runs)]
    cold_tokens, _ = each[0]["cold"]
    cold_ms = statistics.median(run["cold"][1] for run in each)
    name = model.name.split("-")[0]
    for kind, (evaluated, _) in each[0].items():
        if kind == "cold":
            continue
        ms = statistics.median(run[kind][1] for run in each)
        proportion = (evaluated / cold_tokens) / (ms / cold_ms)
        told = f"{evaluated} tokens {ms:.0f} ms"
        aim = AIM if evaluated >= BLOCK else None
        yield Row("turns", f"{name}: {kind}", told, f"cold {cold_tokens} tokens {cold_ms:.0f} ms", proportion, aim)
