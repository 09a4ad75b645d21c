"""One answer: the prompt evaluated, then token after token, until something ends it."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field

from workbench.engine.base import (
    AnswerEvent,
    Completion,
    Prefilling,
    Request,
    StopReason,
    TextDelta,
    Timings,
)
from workbench.engine.native import Aborted, Context, Weights
from workbench.engine.prefix import pieces, reusable
from workbench.engine.prompt import Prompt
from workbench.engine.sampling import Sampler
from workbench.engine.visible_text import VisibleText
from workbench.jobs import CancelToken


class Memory:
    """A context together with what it has evaluated."""

    def __init__(self, context: Context, *, n_swa: int) -> None:
        self.context = context
        self._n_swa = n_swa
        self._evaluated: tuple[int, ...] = ()

    def reuse(self, tokens: tuple[int, ...]) -> int:
        """Keep what can be kept for ``tokens``, forget the rest; how many are kept."""
        kept = reusable(self._evaluated, tokens)
        # A sliding window that has moved on no longer holds what the first new token looks back at.
        if kept and self._n_swa and self.context.first_position() > max(0, kept - self._n_swa):
            kept = 0
        if not kept or not self.context.keep(kept):
            kept = 0
            self.context.clear()
        self._evaluated = tokens[:kept]
        return kept

    def add(self, tokens: tuple[int, ...]) -> None:
        """``tokens`` in all have been evaluated in a prefill."""
        self._evaluated = tokens

    def forget(self) -> None:
        """After a failure nobody knows what the context holds."""
        self._evaluated = ()
        self.context.clear()


@dataclass(slots=True)
class _Clock:
    """Moments of an answer, in seconds of the monotonic clock."""

    sent: float
    prefill_began: float = 0.0
    first_sampled: float | None = None
    first_visible: float | None = None
    last_sampled: float | None = None
    reused_tokens: int = 0
    prefill_tokens: int = 0
    completion_tokens: int = 0

    def timings(self, now: float) -> Timings:
        prefill_end = self.first_sampled if self.first_sampled is not None else now
        decode_s = 0.0
        if self.first_sampled is not None and self.last_sampled is not None:
            decode_s = self.last_sampled - self.first_sampled
        return Timings(
            ttft_ms=None if self.first_visible is None else 1000 * (self.first_visible - self.sent),
            prefill_ms=1000 * (prefill_end - self.prefill_began) if self.prefill_tokens else 0.0,
            prefill_tokens=self.prefill_tokens,
            reused_tokens=self.reused_tokens,
            decode_ms=1000 * decode_s,
            completion_tokens=self.completion_tokens,
        )


@dataclass(slots=True)
class Generation:
    """The state of one answer; iterate ``events`` once.  ``sent`` is when it was asked for."""

    weights: Weights
    memory: Memory
    prompt: Prompt
    request: Request
    seed: int
    sent: float
    visible: VisibleText = field(init=False)
    clock: _Clock = field(init=False)

    def __post_init__(self) -> None:
        self.visible = VisibleText(self.request.stop)
        self.clock = _Clock(self.sent)

    def events(self, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        """Raises NativeError when llama.cpp fails; the memory is then forgotten."""
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
        if rest := self.visible.finish():
            yield self._delta(rest)
        # A stop string may have been completed by the last, held back bytes.
        return self._completion(StopReason.STOP_STRING if self.visible.stopped else reason)

    def _prefill(self, cancel: CancelToken) -> Generator[AnswerEvent, None, bool]:
        """Evaluate the prompt in micro-batches; False when cancelled between two of them."""
        tokens, context = self.prompt.tokens, self.memory.context
        total = len(tokens)
        kept = self.memory.reuse(tokens)
        self.clock.reused_tokens = kept
        yield Prefilling(kept, total, self.prompt.rendered)
        self.clock.prefill_began = time.perf_counter()
        for piece in pieces(kept, total, context.n_ubatch):
            if cancel.cancelled:
                return False
            context.prefill(
                tokens[piece.start : piece.stop],
                piece.start,
                lambda: cancel.cancelled,
                output=piece.stop == total,
            )
            self.memory.add(tokens[: piece.stop])
            self.clock.prefill_tokens += len(piece)
            yield Prefilling(piece.stop, total)
        return True

    def _decode(self, cancel: CancelToken) -> Generator[AnswerEvent, None, StopReason]:
        """Sample, show, evaluate, again."""
        context, weights, visible, clock = self.memory.context, self.weights, self.visible, self.clock
        limit = self.request.max_tokens
        position = len(self.prompt.tokens)
        with Sampler(weights, self.request.sampling, self.seed, self.prompt.tokens) as sampler:
            while True:
                if cancel.cancelled:
                    return StopReason.CANCELLED
                if limit is not None and clock.completion_tokens >= limit:
                    return StopReason.MAX_TOKENS
                token = sampler.next(context)
                clock.last_sampled = time.perf_counter()
                clock.completion_tokens += 1
                if clock.first_sampled is None:
                    clock.first_sampled = clock.last_sampled
                if weights.is_end(token):
                    return StopReason.END
                if text := visible.feed(weights.piece(token)):
                    yield self._delta(text)
                if visible.stopped:
                    return StopReason.STOP_STRING
                if position >= context.n_ctx:
                    return StopReason.CONTEXT_FULL
                if clock.completion_tokens != limit:  # the last token's successor is not asked for
                    context.step(token, position)
                    position += 1

    def _delta(self, text: str) -> TextDelta:
        if self.clock.first_visible is None:
            self.clock.first_visible = time.perf_counter()
        return TextDelta(text, self.clock.completion_tokens)

    def _completion(self, reason: StopReason) -> Completion:
        timings = self.clock.timings(time.perf_counter())
        return Completion(self.visible.text, reason, self.prompt.rendered, timings, self.seed)
