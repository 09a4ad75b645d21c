"""What a prompt costs when an earlier one began alike: ``python -m tests.benchmarks.reuse``.

Time to first token of a cold run beside that of each kind of reuse, in turns, with the tokens that were
evaluated: the claim is that the time is in proportion to them.  Medians of ``--runs``.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.models import test_models
from workbench.engine import native
from workbench.engine.base import LoadRequest, Mode
from workbench.engine.kept import Memory
from workbench.engine.prompt_cache import CachedPrefixes, PromptCache
from workbench.models.describe import describe
from workbench.models.params import RunParams

PARAMS = RunParams(n_ctx=4096, n_batch=512, n_ubatch=512, n_gpu_layers=0)
GIB = 1 << 30


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
            cache = PromptCache(Path(folder), GIB).of(LoadRequest(describe(self.model), PARAMS))
            with self.memory(cache) as memory:
                self.first_token_ms(memory, first, Mode.AUDIT)
                self.answer(memory, 1)
            self.state_bytes = sum(path.stat().st_size for path in Path(folder).glob("*/*.state"))
            with self.memory(cache) as memory:
                found["next day, audit"] = self.first_token_ms(memory, first + self.tokens(100), Mode.AUDIT)
        return found

    state_bytes: int = 0


def measure(model: Path, threads: int, prompt: int, runs: int) -> dict[str, object]:
    with native.Weights(model, n_gpu_layers=0) as weights:
        bench = Bench(model, threads, prompt, weights)
        each = [bench.once() for _ in range(runs)]
    cold_tokens, _ = each[0]["cold"]
    cold_ms = statistics.median(run["cold"][1] for run in each)
    rows = {}
    for name, (evaluated, _) in each[0].items():
        ms = statistics.median(run[name][1] for run in each)
        rows[name] = {
            "evaluated_tokens": evaluated,
            "first_token_ms": round(ms, 1),
            "of_cold": round(ms / cold_ms, 3),
            "of_cold_tokens": round(evaluated / cold_tokens, 3),
        }
    facts = {"model": model.name, "threads": threads, "runs": runs, "prompt": prompt}
    return {"schema_version": 1, **facts, "state_bytes": bench.state_bytes, "rows": rows}


def show(result: dict[str, object]) -> None:
    print(
        "{model}: {threads} threads, {runs} runs, prompt {prompt}; stored state {state_bytes:,} bytes".format(**result)
    )
    rows = result["rows"]
    assert isinstance(rows, dict)
    for name, row in rows.items():
        numbers = (
            "{evaluated_tokens:5} tokens {first_token_ms:9.1f} ms   {of_cold:.3f} of cold, tokens {of_cold_tokens:.3f}"
        )
        print(f"  {name:24} {numbers.format(**row)}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time to first token with and without an earlier prompt.")
    parser.add_argument("--model", type=Path, action="append", help="a GGUF; the test models unless given")
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=1400)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    for model in asked.model or [test_models().smollm2, test_models().gemma]:
        result = measure(model, asked.threads, asked.prompt, asked.runs)
        print(json.dumps(result, indent=2)) if asked.json else show(result)


if __name__ == "__main__":
    main()
