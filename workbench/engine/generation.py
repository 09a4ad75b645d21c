"""One answer: the prompt evaluated, then token after token, until something ends it."""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass

from workbench.engine.base import AnswerEvent, Completion, Prefilling, StopReason
from workbench.engine.kept import Memory
from workbench.engine.native import Aborted
from workbench.engine.reply import Reply
from workbench.jobs import CancelToken


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer that has the context to itself; iterate ``events`` once.  Whoever made the reply closes it."""

    memory: Memory
    reply: Reply

    def events(self, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        """Raises NativeError when llama.cpp fails, GenerationError for NaN; the memory is then forgotten."""
        self.memory.context.set_threads(self.reply.request.n_threads)
        try:
            if not (yield from self._prefill(cancel)):
                return self.reply.completion(StopReason.CANCELLED)
            reason = yield from self._decode(cancel)
        except Exception:
            self.memory.forget()
            raise
        yield from self.reply.finish()
        if reason is not StopReason.CANCELLED:
            self.memory.answered()
        return self.reply.completion(reason)

    def _prefill(self, cancel: CancelToken) -> Generator[AnswerEvent, None, bool]:
        """Evaluate the prompt in micro-batches; False when cancelled, between two of them or within one."""
        clock, prompt = self.reply.clock, self.reply.prompt
        tokens, total = prompt.tokens, len(prompt.tokens)
        kept = self.memory.reuse(tokens, self.reply.request.mode)
        clock.reused_tokens = kept
        yield Prefilling(kept, total, prompt.rendered)
        clock.prefill_began = time.perf_counter()
        for piece in self.memory.pieces(kept, total):
            if cancel.cancelled:
                return False
            last = piece.stop == total
            try:
                self.memory.prefill(tokens[piece.start : piece.stop], lambda: cancel.cancelled, output=last)
            except Aborted:
                return False
            clock.prefill_tokens += len(piece)
            yield Prefilling(piece.stop, total)
        return True

    def _decode(self, cancel: CancelToken) -> Generator[AnswerEvent, None, StopReason]:
        """Sample, show, evaluate, again."""
        memory, reply = self.memory, self.reply
        while not cancel.cancelled:
            yield from reply.take(memory.context, position=memory.length)
            if reply.reason is not None:
                return reply.reason
            memory.step(reply.token)
        return StopReason.CANCELLED
