"""One answer: the prompt evaluated, then token after token, until something ends it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from workbench.engine.base import (
    AnswerEvent,
    Completion,
    Prefilling,
    Request,
    StopReason,
    TextDelta,
    Timings,
    ToolCall,
)
from workbench.engine.kept import Memory
from workbench.engine.native import Aborted, Weights
from workbench.engine.prompt import Prompt
from workbench.engine.sampling import Sampler
from workbench.engine.thinking import Splitter, Thinking
from workbench.engine.transcript import Transcript
from workbench.errors import GenerationError
from workbench.jobs import CancelToken


@dataclass(slots=True)
class Clock:
    """Moments of an answer, in seconds of the monotonic clock."""

    sent: float
    prefill_began: float = 0.0
    first_sampled: float | None = None
    first_visible: float | None = None
    last_sampled: float | None = None
    thinking_ended: float | None = None
    reused_tokens: int = 0
    prefill_tokens: int = 0
    completion_tokens: int = 0

    def sampled(self) -> None:
        self.last_sampled = time.perf_counter()
        self.completion_tokens += 1
        if self.first_sampled is None:
            self.first_sampled = self.last_sampled

    def shown(self, *, thinking: bool) -> None:
        now = time.perf_counter()
        if self.first_visible is None:
            self.first_visible = now
        if not thinking and self.thinking_ended is None:
            self.thinking_ended = now

    def timings(self, now: float, thinking_tokens: int) -> Timings:
        prefill_end = self.first_sampled if self.first_sampled is not None else now
        decode_s = thinking_s = 0.0
        if self.first_sampled is not None and self.last_sampled is not None:
            decode_s = self.last_sampled - self.first_sampled
            if thinking_tokens:
                ended = self.thinking_ended if self.thinking_ended is not None else self.last_sampled
                thinking_s = ended - self.first_sampled
        return Timings(
            ttft_ms=None if self.first_visible is None else 1000 * (self.first_visible - self.sent),
            prefill_ms=1000 * (prefill_end - self.prefill_began) if self.prefill_tokens else 0.0,
            prefill_tokens=self.prefill_tokens,
            reused_tokens=self.reused_tokens,
            decode_ms=1000 * decode_s,
            completion_tokens=self.completion_tokens,
            thinking_tokens=thinking_tokens,
            thinking_ms=1000 * thinking_s,
        )


@dataclass(slots=True)
class Generation:
    """The state of one answer; iterate ``events`` once.  ``sent`` is when it was asked for.

    ``thinking`` is how the model marks it; ``tool_calls`` reads the calls out of all that was written.
    """

    weights: Weights
    memory: Memory
    prompt: Prompt
    request: Request
    seed: int
    sent: float
    thinking: Thinking | None = None
    tool_calls: Callable[[str], tuple[ToolCall, ...]] | None = None
    transcript: Transcript = field(init=False)
    clock: Clock = field(init=False)
    samplers: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        splitter = Splitter(self.thinking, self.weights, tail=self.prompt.tail)
        self.transcript = Transcript(self.weights, self.request.stop, splitter)
        self.clock = Clock(self.sent)

    def events(self, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        """Raises NativeError when llama.cpp fails, GenerationError for NaN; the memory is then forgotten."""
        self.memory.context.set_threads(self.request.n_threads)
        try:
            finished = yield from self._prefill(cancel)
        except Aborted:
            finished = False
            self.memory.forget()
        except Exception:
            self.memory.forget()
            raise
        if not finished:
            return self._completion(StopReason.CANCELLED)
        try:
            reason = yield from self._decode(cancel)
        except Exception:
            self.memory.forget()
            raise
        yield from self._deltas(self.transcript.finish())
        if reason is not StopReason.CANCELLED:
            self.memory.answered()
        # A stop string may have been completed by the last, held back bytes.
        return self._completion(StopReason.STOP_STRING if self.transcript.stopped else reason)

    def _prefill(self, cancel: CancelToken) -> Generator[AnswerEvent, None, bool]:
        """Evaluate the prompt in micro-batches; False when cancelled between two of them."""
        tokens, total = self.prompt.tokens, len(self.prompt.tokens)
        kept = self.memory.reuse(tokens, self.request.mode)
        self.clock.reused_tokens = kept
        yield Prefilling(kept, total, self.prompt.rendered)
        self.clock.prefill_began = time.perf_counter()
        for piece in self.memory.pieces(kept, total):
            if cancel.cancelled:
                return False
            self.memory.prefill(tokens[piece.start : piece.stop], lambda: cancel.cancelled, output=piece.stop == total)
            self.clock.prefill_tokens += len(piece)
            yield Prefilling(piece.stop, total)
        return True

    def _decode(self, cancel: CancelToken) -> Generator[AnswerEvent, None, StopReason]:
        """Sample, show, evaluate, again."""
        memory, weights, transcript, clock = self.memory, self.weights, self.transcript, self.clock
        limit, alternatives = self.request.max_tokens, self.request.alternatives
        row: npt.NDArray[np.float32] | None = None
        with self._sampler() as sampler:
            self.samplers = sampler.names
            while True:
                if cancel.cancelled:
                    return StopReason.CANCELLED
                if limit is not None and clock.completion_tokens >= limit:
                    return StopReason.MAX_TOKENS
                if alternatives > 0 or clock.completion_tokens == 0:
                    row = memory.context.row()
                    check_numbers(row)
                token = sampler.next(memory.context)
                if row is None and not math.isfinite(memory.context.logit(token)):
                    raise not_a_number()
                clock.sampled()
                if weights.is_end(token):
                    return StopReason.END
                yield from self._deltas(transcript.add(token, row, alternatives))
                row = None
                if transcript.stopped:
                    return StopReason.STOP_STRING
                if memory.length >= memory.context.n_ctx:
                    return StopReason.CONTEXT_FULL
                if clock.completion_tokens != limit:  # the last token's successor is not asked for
                    memory.step(token)

    def _sampler(self) -> Sampler:
        request = self.request
        return Sampler(self.weights, request.sampling, self.seed, self.prompt.tokens, request.constraint)

    def _deltas(self, parts: Sequence[tuple[str, bool]]) -> Generator[TextDelta, None, None]:
        for text, thinking in parts:
            self.clock.shown(thinking=thinking)
            yield TextDelta(text, self.clock.completion_tokens, thinking)

    def _completion(self, reason: StopReason) -> Completion:
        transcript = self.transcript
        return Completion(
            transcript.text,
            reason,
            self.prompt.rendered,
            self.clock.timings(time.perf_counter(), transcript.thinking_tokens),
            self.seed,
            thinking=transcript.thinking,
            samplers=self.samplers,
            choices=transcript.choices,
            tool_calls=() if self.tool_calls is None else self.tool_calls(transcript.written),
        )


def check_numbers(row: npt.NDArray[np.float32]) -> None:
    """Raises GenerationError where a model computed NaN or infinity.  -inf alone is how a token is forbidden."""
    if not np.isfinite(row).all() and (np.isnan(row).any() or np.isposinf(row).any() or not np.isfinite(row).any()):
        raise not_a_number()


def not_a_number() -> GenerationError:
    return GenerationError(
        "The model computed NaN instead of an answer: its file is broken, or so is its quantisation.",
        hint="Verify the file's checksum, or try another quantisation of the model.",
    )
