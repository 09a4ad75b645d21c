"""One of the answers that are written together: what its next token makes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from workbench.engine.base import Completion, Request, StopReason, TextDelta, ToolCall
from workbench.engine.generation import Clock, check_numbers
from workbench.engine.native import Weights
from workbench.engine.native_batch import BatchContext
from workbench.engine.prompt import Prompt
from workbench.engine.sampling import Sampler, chosen_seed
from workbench.engine.thinking import Splitter, Thinking
from workbench.engine.transcript import Transcript


class Reply:
    """Takes a token for each batch that evaluated its last one, until ``reason`` says why it ended.

    ``clock`` goes on while the others are answered too: ``ttft_ms`` is from its admission, ``prefill_ms`` from
    there to its first token, ``decode_ms`` from there to its last.  Speeds made from them are what this one
    answer saw; together the answers in flight are faster by their number.
    """

    def __init__(
        self,
        weights: Weights,
        request: Request,
        prompt: Prompt,
        *,
        index: int,
        n_ctx: int,
        thinking: Thinking | None = None,
        tool_calls: Callable[[str], tuple[ToolCall, ...]] | None = None,
    ) -> None:
        """Raises WorkbenchError where the request's constraint cannot be used."""
        self.index = index
        self.request = request
        self.prompt = prompt
        self.clock = Clock(time.perf_counter())
        self.reason: StopReason | None = None
        self.token = -1
        self._weights = weights
        self._n_ctx = n_ctx
        self._seed = chosen_seed(request.sampling)
        splitter = Splitter(thinking, weights, tail=prompt.tail)
        self._transcript = Transcript(weights, request.stop, splitter)
        self._tool_calls = tool_calls
        self._sampler = Sampler(weights, request.sampling, self._seed, prompt.tokens, request.constraint)

    def take(self, context: BatchContext, row: int, *, position: int) -> Iterator[TextDelta]:
        """Sample from a row of the last batch; ``position`` is where the token would be evaluated.

        Raises GenerationError where the row holds no numbers.
        """
        clock, limit = self.clock, self.request.max_tokens
        if limit is not None and clock.completion_tokens >= limit:
            self.reason = StopReason.MAX_TOKENS
            return
        logits = context.logits_of(row)
        if self.request.alternatives > 0 or clock.completion_tokens == 0:
            check_numbers(logits)
        self.token = self._sampler.next(context, row)
        check_numbers(logits[self.token : self.token + 1])
        clock.sampled()
        if self._weights.is_end(self.token):
            self.reason = StopReason.END
            return
        yield from self._deltas(self._transcript.add(self.token, logits, self.request.alternatives))
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
            tool_calls=() if self._tool_calls is None else self._tool_calls(transcript.written),
        )

    def close(self) -> None:
        self._sampler.close()

    def __enter__(self) -> Reply:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _deltas(self, parts: Sequence[tuple[str, bool]]) -> Iterator[TextDelta]:
        for text, thinking in parts:
            self.clock.shown(thinking=thinking)
            yield TextDelta(text, self.clock.completion_tokens, thinking)
