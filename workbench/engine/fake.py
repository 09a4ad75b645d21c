"""A scripted engine: no weights, the same events.  Most tests run on it, and so can the window."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from workbench.engine.base import (
    SLOTS,
    AnswerEvent,
    Completion,
    Engine,
    EngineFacts,
    LoadEvent,
    Loading,
    LoadRequest,
    Message,
    Numbered,
    Prefilling,
    RenderedPrompt,
    Request,
    StopReason,
    SystemHandling,
    TextDelta,
    ToolCall,
    nobody,
)
from workbench.engine.one_by_one import in_order, one_by_one
from workbench.engine.recorded import Candidate, Choice, Timings
from workbench.errors import ContextOverflowError, WorkbenchError
from workbench.jobs import CancelToken
from workbench.models.breakdown import RAM
from workbench.models.exact import Buffer
from workbench.models.file import Family, ModelFile
from workbench.models.header import Array, Header, Tensor, Value
from workbench.models.receipt import Growth
from workbench.words import said

FAKE_LAYERS = 16
FAKE_CACHE_ROW_BYTES = 2 * 8 * 64 * 2  # K and V, heads, their length, bytes of f16
FAKE_COMPUTE_BYTES = 32 << 20

ENDLESS_PAUSE_S = 0.002

Script: TypeAlias = Callable[[Request], Iterable[str]]

SAYS = (
    "This answer comes from the scripted engine: no model was loaded and nothing was computed. ",
    "It exists so that the window can be tried, and tested, without weights.",
)


class Thought(str):
    """A piece of a script that is thought, not answered."""

    __slots__ = ()


def say(pieces: Sequence[str] = SAYS) -> Script:
    """A script that gives the same pieces to every request."""
    return lambda _: pieces


def endless(_request: Request) -> Iterable[str]:
    """A script that goes on until it is stopped: at a pace with which a busy machine's context does not fill."""
    for number in itertools.count():
        time.sleep(ENDLESS_PAUSE_S)
        yield f"word{number} "


class FakeBackend:
    """Opens engines that follow a script.

    ``tokens_per_s`` None is as fast as possible; ``load_steps`` loading events are sent before an engine
    is there; ``load_error`` and ``answer_error`` are raised at their place.  Counts what it did.
    """

    name = "fake"
    version = "scripted"

    def __init__(
        self,
        script: Script | None = None,
        *,
        tokens_per_s: float | None = None,
        load_steps: int = 2,
        load_error: WorkbenchError | None = None,
        answer_error: WorkbenchError | None = None,
    ) -> None:
        self.script = script or say()
        self.tokens_per_s = tokens_per_s
        self.load_steps = load_steps
        self.load_error = load_error
        self.answer_error = answer_error
        self.requests: list[Request] = []
        self.opened = 0
        self.closed = 0
        self.closed_streams = 0

    @property
    def live(self) -> int:
        return self.opened - self.closed

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        for step in range(self.load_steps):
            cancel.raise_if_cancelled()
            yield Loading(step / self.load_steps)
        cancel.raise_if_cancelled()
        if self.load_error is not None:
            raise self.load_error
        self.opened += 1
        return FakeEngine(self, request)

    def close(self) -> None:
        return None


def _buffers(request: LoadRequest) -> tuple[Buffer, ...]:
    """What a load of this size would plausibly report, all of it in main memory."""
    weights_bytes, n_ctx = request.model.size_bytes, request.params.n_ctx
    return (
        Buffer("CPU_Mapped", RAM, weights_bytes, 0, 0),
        Buffer("CPU", RAM, 0, n_ctx * FAKE_LAYERS * FAKE_CACHE_ROW_BYTES, FAKE_COMPUTE_BYTES),
    )


class FakeEngine:
    """Follows its backend's script.  Its buffers and growth are arithmetic: nothing is allocated."""

    def __init__(self, backend: FakeBackend, request: LoadRequest) -> None:
        self._backend = backend
        buffers = _buffers(request)
        held_bytes = sum(buffer.weights_bytes + buffer.kv_bytes for buffer in buffers)
        self.facts = EngineFacts(
            engine=backend.name,
            engine_version=backend.version,
            model_name=request.model.name,
            params=request.params,
            n_ctx=request.params.n_ctx,
            template_source="file",
            load_ms=0.0,
            vet_ms=0.0,
            weights_shared=False,
            buffers=buffers,
            growth=Growth(held_bytes, (), alone=True),
        )

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """A word is a token, and so is the mark that begins each message."""
        return sum(1 + len(message.content.split()) for message in messages)

    def stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        self._backend.requests.append(request)
        try:
            return (yield from self._stream(request, cancel))
        finally:
            self._backend.closed_streams += 1

    def stream_many(
        self,
        requests: Sequence[Request],
        cancel: CancelToken,
        *,
        slots: int = SLOTS,
        n_batch: int | None = None,
        unwanted: Callable[[], Collection[int]] = nobody,
    ) -> Generator[Numbered, None, tuple[Completion, ...]]:
        """One after the other, however many ``slots`` there are."""
        assert slots >= 1
        assert n_batch is None or n_batch >= slots
        return (yield from in_order(one_by_one(self.stream, list(enumerate(requests)), cancel, unwanted)))

    def note(self, words: str) -> None:
        self.facts = replace(self.facts, notes=(*self.facts.notes, words))

    def close(self) -> None:
        self._backend.closed += 1

    def _stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        started = time.monotonic()
        text = "\n".join(f"<{m.role}> {m.content}" for m in request.messages)
        system: SystemHandling = "native" if any(message.role == "system" for message in request.messages) else "none"
        prompt = RenderedPrompt(text, "file", self.count_tokens(request.messages), system=system, bos_count=1)
        if prompt.token_count >= self.facts.n_ctx:
            raise ContextOverflowError(
                said(
                    "The prompt is {n:,} tokens; the context holds {held:,}.",
                    n=prompt.token_count,
                    held=self.facts.n_ctx,
                ),
                hint=said("Raise the context, or shorten the prompt."),
            )
        yield Prefilling(0, prompt.token_count, prompt)
        prefilled = time.monotonic()
        pieces: list[str] = []
        reason = StopReason.END
        for piece in self._backend.script(request):
            if cancel.cancelled or (self._backend.tokens_per_s and cancel.wait(1 / self._backend.tokens_per_s)):
                reason = StopReason.CANCELLED
                break
            if self._backend.answer_error is not None:
                raise self._backend.answer_error
            pieces.append(piece)
            yield TextDelta(piece, len(pieces), thinking=isinstance(piece, Thought))
            if request.max_tokens is not None and len(pieces) >= request.max_tokens:
                reason = StopReason.MAX_TOKENS
                break
        ended = time.monotonic()
        thoughts = [piece for piece in pieces if isinstance(piece, Thought)]
        answered = [piece for piece in pieces if not isinstance(piece, Thought)]
        timings = Timings(
            ttft_ms=1000 * (prefilled - started) if pieces else None,
            prefill_ms=1000 * (prefilled - started),
            prefill_tokens=prompt.token_count,
            reused_tokens=0,
            decode_ms=1000 * (ended - prefilled),
            completion_tokens=len(pieces),
            thinking_tokens=len(thoughts),
        )
        if reason is not StopReason.CANCELLED and not self.facts.warm:
            assert self.facts.growth is not None
            held_bytes = (self.facts.growth.process_bytes or 0) + FAKE_COMPUTE_BYTES
            self.facts = replace(self.facts, growth=Growth(held_bytes, (), alone=True), warm=True)
        return Completion(
            "".join(answered),
            reason,
            prompt,
            timings,
            seed=request.sampling.seed or 0,
            thinking="".join(thoughts),
            choices=_choices(pieces, request.alternatives),
            tool_calls=_required_call(request),
        )


def _required_call(request: Request) -> tuple[ToolCall, ...]:
    """The first tool, called with nothing, where a call is required."""
    return tuple(ToolCall(tool.name, "{}") for tool in request.tools[:1] if request.tool_choice == "required")


def _choices(pieces: Sequence[str], alternatives: int) -> tuple[Choice, ...]:
    """Halves of what is left: the first candidate has half of all probability, the second a quarter."""
    if not alternatives:
        return ()
    choices = []
    written = {True: 0, False: 0}
    for piece in pieces:
        thinking = isinstance(piece, Thought)
        ranked = [piece, *(f"other {number}" for number in range(1, alternatives))]
        candidates = tuple(Candidate(token, text, (token + 1) * math.log(0.5)) for token, text in enumerate(ranked))
        choices.append(Choice(candidates[0], candidates, written[thinking], thinking))
        written[thinking] += len(piece)
    return tuple(choices)


def fake_model(
    name: str,
    family: Family = Family.OTHER,
    *,
    size_bytes: int = 800_000_000,
    n_ctx_train: int = 8192,
    quantisation: str = "Q4_K_M",
    synthetic: bool = False,
) -> ModelFile:
    """A described model of a small Llama's shape, without a file behind it."""
    metadata: dict[str, Value] = {
        "general.architecture": "llama",
        "general.name": name,
        "llama.block_count": FAKE_LAYERS,
        "llama.context_length": n_ctx_train,
        "llama.embedding_length": 2048,
        "llama.feed_forward_length": 8192,
        "llama.attention.head_count": 32,
        "llama.attention.head_count_kv": 8,
        "tokenizer.ggml.tokens": Array(type_id=8, count=32_000),
    }
    layer_bytes = size_bytes // FAKE_LAYERS
    tensors = tuple(
        Tensor(f"blk.{layer}.ffn_up.weight", (layer_bytes // 4,), 0, layer * layer_bytes, layer_bytes)
        for layer in range(FAKE_LAYERS)
    )
    return ModelFile(
        path=Path(f"{name}.gguf").absolute(),
        name=name,
        title=name,
        family=family,
        architecture="llama",
        quantisation=quantisation,
        size_bytes=size_bytes,
        parameter_count=2 * size_bytes,
        n_ctx_train=n_ctx_train,
        synthetic=synthetic,
        licence=None,
        chat_template=None,
        header=Header(3, metadata, tensors, 32, 0, size_bytes, name),
    )
