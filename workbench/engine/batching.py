"""Many answers at once over one model: continuous batching, the prompts' common beginning evaluated once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from workbench.engine import native
from workbench.engine.base import Completion, Mode, Numbered, Prefilling, Request, StopReason, nobody
from workbench.engine.calling import Calling
from workbench.engine.native_batch import SEQUENCES_MAX, BatchContext
from workbench.engine.one_by_one import Alone, failure_of, in_order, one_by_one, unanswered
from workbench.engine.prompt import Prompt
from workbench.engine.recorded import Together
from workbench.engine.reply import Reply
from workbench.engine.slots import (
    SHARED,
    Batch,
    Queued,
    Schedule,
    cells_needed,
    cells_wanted,
    sequences_wanted,
    shared_prefix,
)
from workbench.engine.thinking import Thinking
from workbench.errors import Cancelled, ContextOverflowError, GenerationError, WorkbenchError
from workbench.jobs import CancelToken
from workbench.models.params import RunParams
from workbench.words import said

Events: TypeAlias = Generator[Numbered, None, tuple[Completion, ...]]

SCORES_BYTES_MAX = 128 << 20  # for attention that is not fused; see ``_attention``


def _none(_request: Request) -> Calling | None:
    return None


def _as_it_is(_context: native.Context) -> None:
    return


@dataclass(frozen=True, slots=True)
class Source:
    """What the answers come from.

    ``write`` renders a request's prompt and raises WorkbenchError for one that cannot be asked.  ``params`` are
    those of one context: its ``n_ctx`` is what each answer may fill.  ``most_cells`` bounds the cache of all
    answers together, as far as each prompt fits by itself; None bounds nothing.  ``thinking`` is
    how the model marks it; ``calling`` says what a request's tools make of its answer.
    ``prepare`` is given the new context before its first use: adapters are set there.
    """

    weights: native.Weights
    params: RunParams
    write: Callable[[Request], Prompt]
    slots: int
    most_cells: int | None = None
    thinking: Thinking | None = None
    calling: Callable[[Request], Calling | None] = _none
    prepare: Callable[[native.Context], None] = _as_it_is


def stream_many(
    source: Source,
    alone: Alone,
    requests: Sequence[Request],
    cancel: CancelToken,
    *,
    unwanted: Callable[[], Collection[int]] = nobody,
) -> Events:
    """Answer all requests; events interleave, the completions come back in the order of the requests.

    Requests in ``Mode.AUDIT`` are answered first, one after the other by ``alone``; those in
    ``Mode.THROUGHPUT`` together.  A request that cannot be asked, or fails alone, ends with
    ``StopReason.ERROR`` and its failure; the others go on.  ``unwanted`` is asked
    between evaluations for the indices of requests to give up; they and, when all is cancelled, every unfinished
    one end with ``StopReason.CANCELLED`` and what they have.

    Raises GenerationError when llama.cpp fails in a batch: what was answered until then has been yielded.
    """
    return (yield from in_order(_events(source, alone, requests, cancel, unwanted)))


def _events(
    source: Source,
    alone: Alone,
    requests: Sequence[Request],
    cancel: CancelToken,
    unwanted: Callable[[], Collection[int]],
) -> Generator[Numbered, None, None]:
    numbered = list(enumerate(requests))
    yield from one_by_one(alone, [(at, one) for at, one in numbered if one.mode is Mode.AUDIT], cancel, unwanted)
    together = {at: one for at, one in numbered if one.mode is Mode.THROUGHPUT}
    if together:
        yield from BatchRun(source, together).events(cancel, unwanted)


class BatchRun:
    """The requests that are answered together, by their indices.  Iterate ``events`` once."""

    def __init__(self, source: Source, requests: dict[int, Request]) -> None:
        self._source = source
        self._requests = requests
        self._prompts: dict[int, Prompt] = {}
        self._replies: dict[int, Reply] = {}  # by slot
        self._began: float | None = None  # until somebody is charged with the shared beginning
        self._together: Together | None = None

    def events(
        self, cancel: CancelToken, unwanted: Callable[[], Collection[int]] = nobody
    ) -> Generator[Numbered, None, None]:
        """Raises GenerationError when llama.cpp fails."""
        queued: list[Queued] = []
        for index, request in self._requests.items():
            try:
                cancel.raise_if_cancelled()
                prompt = self._write(request)
            except Cancelled:
                yield Numbered(index, unanswered(request, StopReason.CANCELLED))
                continue
            except WorkbenchError as error:
                yield Numbered(index, unanswered(request, StopReason.ERROR, error))
                continue
            self._prompts[index] = prompt
            queued.append(Queued(index, prompt.tokens, self._room(request, prompt)))
        if not queued:
            return
        try:
            yield from self._answer(queued, cancel, unwanted)
        except native.NativeError as error:
            raise GenerationError(
                said(
                    "llama.cpp failed while it answered {queued_count} prompts: {error}.",
                    queued_count=len(queued),
                    error=error,
                ),
                hint=said("Ask again with fewer at a time, or a shorter context."),
            ) from error

    def _write(self, request: Request) -> Prompt:
        prompt, room = self._source.write(request), self._source.params.n_ctx
        if not prompt.tokens:
            raise GenerationError(said("The prompt is empty."), hint=said("Write something first."))
        if len(prompt.tokens) > room:
            raise ContextOverflowError(
                said("The prompt is {n:,} tokens; the context holds {held:,}.", n=len(prompt.tokens), held=room),
                hint=said("Shorten the prompt or raise the context."),
            )
        return prompt

    def _room(self, request: Request, prompt: Prompt) -> int:
        """Cells for the answer: its last token is not evaluated."""
        left = self._source.params.n_ctx - len(prompt.tokens)
        return left if request.max_tokens is None else min(left, max(0, request.max_tokens - 1))

    def _answer(
        self, queued: list[Queued], cancel: CancelToken, unwanted: Callable[[], Collection[int]]
    ) -> Generator[Numbered, None, None]:
        params, slots = batch_params(self._source, queued)
        schedule = Schedule(queued, slots=slots, cells=params.n_ctx, n_batch=params.n_batch)
        n_threads = max(request.n_threads for request in self._requests.values())
        self._began = time.perf_counter()
        self._together = Together(slots, params.n_batch)
        with contextlib.ExitStack() as closing:
            context = closing.enter_context(BatchContext(self._source.weights, params, n_threads=n_threads))
            closing.callback(self._close_replies)
            self._source.prepare(context)
            try:
                for batch in schedule.shared_batches():
                    if not cancel.cancelled:
                        context.evaluate(batch, lambda: cancel.cancelled)
                while schedule.busy and not cancel.cancelled:
                    yield from self._give_up(schedule, context, unwanted())
                    yield from self._admit(schedule, context)
                    batch = schedule.next_batch()
                    if batch.tokens:
                        # The callback costs more than it is worth where a batch is over in no time.
                        context.evaluate(batch, (lambda: cancel.cancelled) if batch.prompts else None)
                        yield from self._advance(schedule, context, batch)
            except native.Aborted:
                pass  # cancelled in the middle of a batch: what was sampled until then stands
            yield from self._end_all(schedule)

    def _admit(self, schedule: Schedule, context: BatchContext) -> Generator[Numbered, None, None]:
        for admitted in schedule.admit():
            index, kept = admitted.index, admitted.shared_tokens
            request, prompt = self._requests[index], self._prompts[index]
            try:
                reply = self._reply(index, request, prompt)
            except WorkbenchError as error:
                schedule.release(admitted.slot)
                yield Numbered(index, unanswered(request, StopReason.ERROR, error))
                continue
            self._replies[admitted.slot] = reply
            if kept:
                context.share(SHARED, admitted.slot)
            clock = reply.clock
            if self._began is not None:  # whoever comes first is charged with the shared beginning
                clock.sent, kept, self._began = self._began, 0, None
            clock.prefill_began, clock.reused_tokens = clock.sent, kept
            clock.prefill_tokens = admitted.shared_tokens - kept
            yield Numbered(index, Prefilling(admitted.shared_tokens, len(prompt.tokens), prompt.rendered))

    def _reply(self, index: int, request: Request, prompt: Prompt) -> Reply:
        source = self._source
        return Reply(
            source.weights,
            request,
            prompt,
            index=index,
            n_ctx=source.params.n_ctx,
            sent=time.perf_counter(),
            thinking=source.thinking,
            calling=source.calling(request),
        )

    def _advance(self, schedule: Schedule, context: BatchContext, batch: Batch) -> Generator[Numbered, None, None]:
        """Tell of the prompts in the batch, and sample the next token of every answer."""
        for slot, done in batch.prompts.items():
            reply = self._replies[slot]
            reply.clock.prefill_tokens = done - reply.clock.reused_tokens
            yield Numbered(reply.index, Prefilling(done, len(reply.prompt.tokens)))
        for row, slot in batch.outputs:
            reply = self._replies[slot]
            try:
                for event in reply.take(context, row, position=schedule.position(slot)):
                    yield Numbered(reply.index, event)
            except GenerationError as error:
                yield from self._end(schedule, context, slot, StopReason.ERROR, error)
                continue
            if reply.reason is None:
                schedule.sampled(slot, reply.token)
            else:
                yield from self._end(schedule, context, slot, reply.reason)

    def _end(
        self,
        schedule: Schedule,
        context: BatchContext,
        slot: int,
        reason: StopReason,
        error: WorkbenchError | None = None,
    ) -> Generator[Numbered, None, None]:
        schedule.release(slot)
        context.forget(slot)
        yield from self._finish(self._replies.pop(slot), reason, error)

    def _finish(
        self, reply: Reply, reason: StopReason, error: WorkbenchError | None = None
    ) -> Generator[Numbered, None, None]:
        with reply:
            for event in reply.finish():
                yield Numbered(reply.index, event)
            completion = reply.completion(reason)
            yield Numbered(reply.index, replace(completion, failure=failure_of(error), together=self._together))

    def _give_up(
        self, schedule: Schedule, context: BatchContext, unwanted: Collection[int]
    ) -> Generator[Numbered, None, None]:
        for index in [index for index in schedule.waiting if index in unwanted]:
            schedule.withdraw(index)
            yield Numbered(index, self._not_begun(index))
        for slot in [slot for slot, reply in self._replies.items() if reply.index in unwanted]:
            yield from self._end(schedule, context, slot, StopReason.CANCELLED)

    def _end_all(self, schedule: Schedule) -> Generator[Numbered, None, None]:
        """What is left when all is cancelled."""
        while self._replies:
            yield from self._finish(self._replies.pop(next(iter(self._replies))), StopReason.CANCELLED)
        for index in schedule.waiting:
            yield Numbered(index, self._not_begun(index))

    def _not_begun(self, index: int) -> Completion:
        return replace(unanswered(self._requests[index], StopReason.CANCELLED), prompt=self._prompts[index].rendered)

    def _close_replies(self) -> None:
        for reply in self._replies.values():
            reply.close()


def batch_params(source: Source, queued: Sequence[Queued]) -> tuple[RunParams, int]:
    """The context for these prompts, and how many of them it can answer at a time."""
    shared = len(shared_prefix([one.tokens for one in queued]))
    slots = min(source.slots, len(queued), SEQUENCES_MAX - 1)
    cells = cells_wanted(queued, slots)
    if source.most_cells is not None:
        cells = max(cells_needed(queued), min(cells, source.most_cells))
    sequences = min(SEQUENCES_MAX, sequences_wanted(slots, shared, source.weights.n_swa))
    n_batch = max(source.params.n_batch, slots)
    # One cache for all: the shared beginning is then the same cells for all, and decodes mix with prompts.
    params = replace(
        source.params,
        n_ctx=cells,
        n_batch=n_batch,
        n_ubatch=n_batch,
        n_seq_max=sequences,
        n_outputs_max=1,
        flash_attn=_attention(source, cells, n_batch),
        kv_unified=True,
        swa_full=False,
    )
    return params, slots


def _attention(source: Source, cells: int, n_batch: int) -> str:
    """Say "off" instead of "auto" on the processor, as far as the scores, 4 bytes a head, cell and row, are few.

    llama.cpp's fused attention takes rows by themselves there unless 64 follow each other: 22 µs for each cell
    that a row sees, where a matrix product takes about 1 µs a cell (SmolLM2 135M, f16, one thread).
    """
    asked, weights = source.params, source.weights
    if asked.flash_attn != "auto" or weights.on_devices or asked.type_v not in ("f16", "bf16", "f32"):
        return asked.flash_attn  # llama.cpp reads quantised values in fused attention only
    return "off" if 4 * weights.n_head * cells * n_batch <= SCORES_BYTES_MAX else "auto"
