"""Prefill and decode speed of the engine against llama-bench; ``python -m tests.benchmarks.engine --only decode``.

Both run the same weights on the same threads with the same micro-batch, context length, depth and flash
attention, in turns (ours, the peer's, ours, …), each after a warm-up; printed are medians and their ratio.
llama-bench evaluates random tokens and samples nothing.  So decoding is timed twice on our side: the bare
evaluations, which is the fair comparison, and the whole loop (greedy draw, end check, text), which is
what a user gets.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.peers import finished
from tests.benchmarks.table import Row
from workbench.engine import native
from workbench.engine.base import Sampling
from workbench.engine.kept import Memory
from workbench.engine.prefix import pieces
from workbench.engine.sampling import Sampler
from workbench.engine.visible_text import VisibleText
from workbench.models.params import RunParams

BATCH = 512


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured: ``prompt`` tokens at once, then ``generated`` one by one after ``depth`` tokens."""

    model: Path
    threads: int
    prompt: int
    generated: int
    depth: int


@dataclass(slots=True)
class Speeds:
    """Tokens per second of every run."""

    prefill: list[float] = field(default_factory=list)
    decode: list[float] = field(default_factory=list)
    decode_greedy: list[float] = field(default_factory=list)


class Ours:
    """The engine's own evaluation loop, without prompts and templates around it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.weights = native.Weights(job.model, n_gpu_layers=-1)
        draw = random.Random(1)
        self.tokens = tuple(
            draw.randrange(self.weights.n_vocab) for _ in range(max(job.prompt, job.depth, job.generated))
        )

    def prefill(self) -> float:
        memory = self._memory(self.job.prompt)
        began = time.perf_counter()
        self._evaluate(memory, self.tokens[: self.job.prompt])
        return self._finish(memory, self.job.prompt, began)

    def decode(self) -> float:
        memory = self._memory(self.job.depth + self.job.generated)
        self._evaluate(memory, self.tokens[: self.job.depth] or self.tokens[:1])
        position = max(1, self.job.depth)
        began = time.perf_counter()
        for index in range(self.job.generated):
            memory.context.step(self.tokens[index], position + index)
            native.api().llama_synchronize(memory.context.pointer)
        return self._finish(memory, self.job.generated, began)

    def decode_greedy(self) -> float:
        memory, weights = self._memory(self.job.depth + self.job.generated), self.weights
        prompt = self.tokens[: self.job.depth] or self.tokens[:1]
        self._evaluate(memory, prompt)
        visible = VisibleText(("\n\n\n\n",))
        with Sampler(weights, Sampling(temperature=0), 1, prompt) as sampler:
            began = time.perf_counter()
            for index in range(self.job.generated):
                token = sampler.next(memory.context)
                if not weights.is_end(token):
                    visible.feed(weights.piece(token))
                memory.context.step(token, len(prompt) + index)
            return self._finish(memory, self.job.generated, began)

    def _memory(self, n_ctx: int) -> Memory:
        params = RunParams(n_ctx=n_ctx, n_batch=BATCH, n_ubatch=BATCH)
        memory = Memory.of(native.Context(self.weights, params, n_threads=self.job.threads), self.weights, params)
        self._evaluate(memory, self.tokens[:2])  # warm-up
        memory.context.step(self.tokens[0], 2)
        memory.forget()
        return memory

    @staticmethod
    def _evaluate(memory: Memory, tokens: Sequence[int]) -> None:
        for piece in pieces(0, len(tokens), memory.context.n_ubatch):
            part = tokens[piece.start : piece.stop]
            memory.context.prefill(part, piece.start, lambda: False, output=piece.stop == len(tokens))

    @staticmethod
    def _finish(memory: Memory, count: int, began: float) -> float:
        native.api().llama_synchronize(memory.context.pointer)
        speed = count / (time.perf_counter() - began)
        memory.context.close()
        return speed


def peer_speed(peer: Path, job: Job, *, prompt: int = 0, generated: int = 0, depth: int = 0) -> float:
    """One measurement of llama-bench, which warms up by itself."""
    flags = {
        "-m": job.model, "-t": job.threads, "-p": prompt, "-n": generated, "-d": depth, "-b": BATCH, "-ub": BATCH,
        "-fa": "auto", "-ngl": -1, "--repack": 1, "-r": 1, "-o": "json",
    }  # fmt: skip
    command = [peer, *(word for pair in flags.items() for word in pair)]
    return float(json.loads(finished(command).stdout)[0]["avg_ts"])


def measure(peer: Path, job: Job, runs: int) -> tuple[Speeds, Speeds]:
    ours, theirs, engine = Speeds(), Speeds(), Ours(job)
    try:
        for _ in range(runs):
            ours.prefill.append(engine.prefill())
            theirs.prefill.append(peer_speed(peer, job, prompt=job.prompt))
            ours.decode.append(engine.decode())
            theirs.decode.append(peer_speed(peer, job, generated=job.generated, depth=job.depth))
            ours.decode_greedy.append(engine.decode_greedy())
    finally:
        engine.weights.close()
    theirs.decode_greedy = theirs.decode
    return ours, theirs


def rows(peer: Path, job: Job, runs: int) -> Iterator[Row]:
    ours, theirs = measure(peer, job, runs)
    titles = {
        "prefill": (f"prefill of {job.prompt}", 0.98),
        "decode": (f"decode at depth {job.depth}, evaluations only", 0.98),
        "decode_greedy": (f"decode at depth {job.depth}, draw and text included", None),
    }
    for name, (title, aim) in titles.items():
        mine, peers = (statistics.median(getattr(side, name)) for side in (ours, theirs))
        model = job.model.name.split("-")[0]
        yield Row(
            "decode", f"{model}: {title}", f"{mine:.1f} tok/s", f"llama-bench {peers:.1f} tok/s", mine / peers, aim
        )
