"""How many prompts to answer at a time and in batches of which size: tried once for a model on a machine."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from workbench.engine import native
from workbench.engine.base import Sampling
from workbench.engine.native_batch import BatchContext
from workbench.engine.native_params import Placement
from workbench.engine.sampling import Sampler
from workbench.engine.slots import SHARED, Batch
from workbench.engine.stored_tunings import Tuning
from workbench.jobs import CancelToken
from workbench.models.params import RunParams

FORM = 1  # of how it is tried; another form is another key

SLOTS = (4, 8, 16, 32)
BATCHES = (256, 512, 1024)
FASTER = 1.05  # what more slots must bring: each takes memory, and each answer is slower among more
PROMPT_TOKENS = 32
STEPS = 12
LONGEST_PREFILL_S = 4.0  # of a try; a model that takes longer gains little by another size of batch


@dataclass(frozen=True, slots=True)
class Tried:
    """One try: so many slots, or batches of so many tokens, and how fast that was."""

    what: str
    size: int
    tokens_per_s: float


class Bursts(Protocol):
    """Short runs that are timed."""

    def decode(self, slots: int) -> float:
        """Tokens per second of all slots together."""
        ...

    def prefill(self, n_batch: int) -> float | None:
        """Prompt tokens per second; None where it would take too long to be tried."""
        ...


def tuning_key(header_sha256: str, params: RunParams, n_threads: int) -> str:
    """The model's header, the build of the engine, threads, and where and how its parts lie."""
    layout = [asdict(Placement.of(params)), params.flash_attn, params.type_k, params.type_v]
    facts = [FORM, header_sha256, native.build_identity(), n_threads, layout]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def tune(
    bursts: Bursts, cancel: CancelToken, *, slots: Sequence[int] = SLOTS, batches: Sequence[int] = BATCHES
) -> Generator[Tried, None, Tuning]:
    """Try more slots until that brings no more, then sizes of batches.  Raises Cancelled."""
    best: Tried | None = None
    for count in slots:
        cancel.raise_if_cancelled()
        tried = Tried("slots", count, bursts.decode(count))
        yield tried
        if best is not None and tried.tokens_per_s < FASTER * best.tokens_per_s:
            break
        best = tried
    assert best is not None, "there is nothing to try"
    batch = Tried("batch", max(RunParams().n_batch, best.size), 0.0)
    for size in batches:
        cancel.raise_if_cancelled()
        speed = bursts.prefill(size) if size >= best.size else None
        if speed is None:
            continue
        tried = Tried("batch", size, speed)
        yield tried
        if tried.tokens_per_s > FASTER * batch.tokens_per_s:
            batch = tried
    return Tuning(best.size, batch.size, best.tokens_per_s)


class NativeBursts:
    """On loaded weights, with contexts of their own that are closed again."""

    def __init__(self, weights: native.Weights, params: RunParams, n_threads: int) -> None:
        self._weights = weights
        self._params = params
        self._n_threads = n_threads
        self._prefill_tokens_per_s = 0.0

    def decode(self, slots: int) -> float:
        cells = slots * (PROMPT_TOKENS + STEPS + 2)
        n_batch = max(self._params.n_batch, slots)
        greedy = Sampler(self._weights, Sampling(temperature=0), 0, ())
        with self._context(cells, n_batch, slots + 1) as context, greedy as sampler:
            began = time.perf_counter()
            for slot in range(1, slots + 1):
                context.evaluate(self._prompt(slot, PROMPT_TOKENS, output=slot == slots))
            self._prefill_tokens_per_s = slots * PROMPT_TOKENS / (time.perf_counter() - began)
            tokens = [self._token(slot) for slot in range(slots)]
            for step in range(STEPS + 1):
                if step == 1:  # the first one warms up
                    began = time.perf_counter()
                batch = Batch()
                for slot, token in enumerate(tokens, 1):
                    batch.add((token,), PROMPT_TOKENS + step, slot, output=True)
                context.evaluate(batch)
                tokens = [sampler.next(context, row) for row, _ in batch.outputs]
            return slots * STEPS / (time.perf_counter() - began)

    def prefill(self, n_batch: int) -> float | None:
        longest = max(BATCHES)
        if longest > LONGEST_PREFILL_S * self._prefill_tokens_per_s:
            return None
        with self._context(longest, n_batch, 1) as context:
            began = time.perf_counter()
            for start in range(0, longest, n_batch):
                batch = Batch()
                batch.add([self._token(at) for at in range(start, start + n_batch)], start, SHARED, output=False)
                context.evaluate(batch)
            native.api().llama_synchronize(context.pointer)
            return longest / (time.perf_counter() - began)

    def _context(self, cells: int, n_batch: int, sequences: int) -> BatchContext:
        params = replace(
            self._params, n_ctx=cells, n_batch=n_batch, n_ubatch=n_batch, n_seq_max=sequences, kv_unified=True
        )
        return BatchContext(self._weights, params, n_threads=self._n_threads)

    def _prompt(self, slot: int, count: int, *, output: bool) -> Batch:
        batch = Batch()
        batch.add([self._token(slot * count + at) for at in range(count)], 0, slot, output=output)
        return batch

    def _token(self, number: int) -> int:
        """Some token of the vocabulary; which one does not matter for the time it takes."""
        return (number * 7919 + 13) % self._weights.n_vocab


def most_that_fit(params: RunParams, slots: int, fits: Callable[[RunParams], bool]) -> RunParams | None:
    """The most slots, up to ``slots``, whose whole contexts this machine has room for; None where not even one has.

    ``params`` are those of one answer.  ``n_seq_max`` of the result is one more than the slots.
    """
    while slots >= 1:
        asked = replace(params, n_ctx=slots * params.n_ctx, n_seq_max=slots + 1, kv_unified=True)
        if fits(asked):
            return asked
        slots //= 2
    return None
