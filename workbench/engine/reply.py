"""An answer that is being written: what its next token makes of it, alone or among others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import numpy.typing as npt

from workbench.engine.base import Completion, Request, StopReason, TextDelta
from workbench.engine.calling import Calling
from workbench.engine.grammar import Judged
from workbench.engine.native import Context, Weights
from workbench.engine.prompt import Prompt
from workbench.engine.recorded import Timings
from workbench.engine.sampling import Sampler, chosen_seed
from workbench.engine.thinking import Splitter, Thinking
from workbench.engine.transcript import Transcript
from workbench.errors import GenerationError
from workbench.words import said


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


class Reply:
    """Takes a token for each evaluation of its last one, until ``reason`` says why it ended.

    ``clock`` goes on while others in a batch are answered too: ``ttft_ms`` is from its admission, ``prefill_ms``
    from there to its first token, ``decode_ms`` from there to its last.  Speeds made from them are what this one
    answer saw; together the answers in flight are faster by their number.
    """

    def __init__(
        self,
        weights: Weights,
        request: Request,
        prompt: Prompt,
        *,
        n_ctx: int,
        sent: float,
        index: int = 0,
        thinking: Thinking | None = None,
        calling: Calling | None = None,
    ) -> None:
        """``sent`` is when it was asked for; ``thinking`` is how the model marks it; ``calling`` is what the
        request's tools make of the answer.

        Raises WorkbenchError where the request's constraint cannot be used.
        """
        self.index = index
        self.request = request
        self.prompt = prompt
        self.clock = Clock(sent)
        self.reason: StopReason | None = None
        self.token = -1
        self._weights = weights
        self._n_ctx = n_ctx
        self._seed = chosen_seed(request.sampling)
        self._transcript = Transcript(weights, request.stop, Splitter(thinking, weights, tail=prompt.tail))
        self._calling = calling
        held = request.constraint if calling is None or calling.held is None else calling.held
        self._is_formed = held is not None and not (isinstance(held, Judged) and held.mark)
        opening = None
        if self._is_formed and thinking is not None and request.enable_thinking is not False:
            opening = thinking.opening_token(weights)
        self._sampler = Sampler(weights, request.sampling, self._seed, prompt.tokens, held, opening)

    def take(self, context: Context, row: int = -1, *, position: int) -> Iterator[TextDelta]:
        """Sample from a row of the last batch; ``position`` is where the token would be evaluated.

        Raises GenerationError where the row holds no numbers.
        """
        clock, limit = self.clock, self.request.max_tokens
        if limit is not None and clock.completion_tokens >= limit:
            self.reason = StopReason.MAX_TOKENS
            return
        logits = context.row(row)
        if self.request.alternatives > 0 or clock.completion_tokens == 0:
            check_numbers(logits)
        self.token = self._sampler.next(context, row, free=self._transcript.thinks)
        check_numbers(logits[self.token : self.token + 1])
        clock.sampled()
        if self._weights.is_end(self.token):
            self.reason = StopReason.END
            return
        yield from self._taken(logits)
        if self._transcript.stopped:
            self.reason = StopReason.STOP_STRING
        elif clock.completion_tokens == limit:
            self.reason = StopReason.MAX_TOKENS
        elif position >= self._n_ctx:
            self.reason = StopReason.CONTEXT_FULL

    def finish(self) -> Iterator[TextDelta]:
        """What was held back, when nothing more is coming."""
        yield from self._deltas(self._transcript.finish())

    def completion(self, reason: StopReason) -> Completion:
        transcript = self._transcript
        return Completion(
            transcript.text,
            # A stop string may have been completed by the last, held back bytes.
            StopReason.STOP_STRING if transcript.stopped else reason,
            self.prompt.rendered,
            self.clock.timings(time.perf_counter(), transcript.thinking_tokens),
            self._seed,
            thinking=transcript.thinking,
            samplers=self._sampler.names,
            choices=transcript.choices,
            tool_calls=() if self._calling is None else self._calling.read(transcript.written),
        )

    def close(self) -> None:
        self._sampler.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _taken(self, logits: npt.NDArray[np.float32]) -> Iterator[TextDelta]:
        thought = self._transcript.thinks
        parts = self._transcript.add(self.token, logits, self.request.alternatives)
        if thought and self._is_formed and self._transcript.answer_began:
            raise GenerationError(
                said(
                    "The model ended its thinking and began its answer with one token: the answer could not "
                    "be held to what was asked of it."
                ),
                hint=said("Ask it to answer without thinking."),
            )
        yield from self._deltas(parts)

    def _deltas(self, parts: Sequence[tuple[str, bool]]) -> Iterator[TextDelta]:
        for text, thinking in parts:
            self.clock.shown(thinking=thinking)
            yield TextDelta(text, self.clock.completion_tokens, thinking)


def check_numbers(row: npt.NDArray[np.float32]) -> None:
    """Raises GenerationError where a model computed NaN or infinity.  -inf alone is how a token is forbidden."""
    if not np.isfinite(row).all() and (np.isnan(row).any() or np.isposinf(row).any() or not np.isfinite(row).any()):
        raise not_a_number()


def not_a_number() -> GenerationError:
    return GenerationError(
        said("The model computed NaN instead of an answer: its file is broken, or so is its quantisation."),
        hint=said("Verify the file's checksum, or try another quantisation of the model."),
    )
