"""llama.cpp in this very process: shared weights, one context per engine."""

from __future__ import annotations

import contextlib
import datetime
import functools
import threading
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from workbench.engine import adapter_loading, adapters, breakdown, native
from workbench.engine.base import (
    SLOTS,
    AnswerEvent,
    Completion,
    Constraint,
    EngineFacts,
    LoadEvent,
    LoadRequest,
    Message,
    Numbered,
    Request,
    StopReason,
    nobody,
)
from workbench.engine.batching import Source, stream_many
from workbench.engine.calling import Calling
from workbench.engine.generation import Generation
from workbench.engine.grammar_vet import GRAMMARS
from workbench.engine.growth import ACTIVITY, Moment, Presence, added, between
from workbench.engine.kept import Memory
from workbench.engine.loading import Lease, Shelf
from workbench.engine.native_params import Placement
from workbench.engine.prompt import Prompt, PromptWriter
from workbench.engine.prompt_cache import PromptCache
from workbench.engine.refusal import no_context, refuse_impossible
from workbench.engine.reply import Reply
from workbench.engine.sentinel import Phase, Sentinel
from workbench.engine.templates import TemplateChoice, choose
from workbench.engine.thinking import Thinking
from workbench.engine.truncation import fitted
from workbench.engine.vet import Vetter
from workbench.errors import EngineError, GenerationError, WorkbenchError
from workbench.jobs import CancelToken
from workbench.models.file import ModelFile
from workbench.models.params import RunParams
from workbench.models.receipt import Growth
from workbench.words import said

NAME = "llama.cpp"


class LlamaBackend:
    """Opens engines; loads are serialised, weights are shared by file."""

    name = NAME

    def __init__(
        self,
        vetter: Vetter,
        *,
        today: Callable[[], datetime.date] = datetime.date.today,
        sentinel: Sentinel | None = None,
        prompt_cache: PromptCache | None = None,
    ) -> None:
        """``today`` is the date a template may ask for; it is read once per engine.

        ``prompt_cache`` keeps the states of long prompts on disk; None keeps none.
        """
        self._vetter = vetter
        self._today = today
        self._sentinel = sentinel
        self._prompt_cache = prompt_cache
        self._shelf = Shelf()

    @property
    def version(self) -> str:
        """The package's; an engine's facts name the exact build."""
        return native.package_version()

    @property
    def loaded_count(self) -> int:
        """How many files' weights are in memory."""
        return self._shelf.count

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, LlamaEngine]:
        refuse_impossible(request.params)
        adapters.check_all(request.adapters, request.model)
        choice = choose(request.model.chat_template, request.template)
        yield from self._shelf.turn(cancel)
        try:
            today = self._today()
            vetted = yield from self._vetter.checked(request.model, choice, cancel, today=today)
            vet_ms = vetted.took_ms
            vet_ms += yield from self._vetter.adapters_checked(request.model, request.adapters, cancel)
            native.api()  # the first load would else be charged with the engine's own libraries
            with ACTIVITY.taking_part() as presence, self._watched(request.model, Phase.LOADING):
                before = Moment.now(devices=uses_devices(request.params))
                began = time.perf_counter()
                lease = yield from self._shelf.take(request.model.files, Placement.of(request.params), cancel)
                engine = _make_engine(request, choice, today, lease, vet_ms, self._prompt_cache)
                load_ms = _milliseconds_since(began)
                after = Moment.now(devices=uses_devices(request.params))
                for note in vetted.notes:
                    engine.note(note)
                engine.opened(
                    load_ms=load_ms,
                    growth=between(before, after, alone=presence.alone),
                    watched=lambda: self._watched(request.model, Phase.FIRST_ANSWER),
                )
                return engine
        finally:
            self._shelf.end_turn()

    def close(self) -> None:
        """Nothing is left to do: weights go with the last engine on them."""

    def _watched(self, model: ModelFile, phase: Phase) -> AbstractContextManager[None]:
        return self._sentinel.watch(model, phase) if self._sentinel is not None else contextlib.nullcontext()


def _make_engine(
    request: LoadRequest,
    choice: TemplateChoice,
    today: datetime.date,
    lease: Lease,
    vet_ms: float,
    prompt_cache: PromptCache | None,
) -> LlamaEngine:
    """Raises ModelLoadError when there is no room for the context; the lease is given back then."""
    with contextlib.ExitStack() as undo:
        undo.callback(lease.release)
        writer = PromptWriter(lease.weights, choice, today=today)
        loaded = [lease.adapter(adapter.path) for adapter in request.adapters]
        try:
            context = native.Context(lease.weights, request.params)
        except native.LoadFailed as error:
            raise no_context(request.model.path.name, request.params, error.lines) from error
        undo.callback(context.close)

        def prepare(made: native.Context) -> None:
            if loaded:
                scales = [adapter.scale for adapter in request.adapters]
                adapter_loading.use(lease.weights, made, loaded, scales)

        prepare(context)
        reading = breakdown.read(lease.weights, context)
        cached = None if prompt_cache is None else prompt_cache.of(request)
        undo.pop_all()
    weights_bytes, kv_bytes, compute_bytes = reading.total()
    memory = Memory.of(context, lease.weights, request.params, cached)
    facts = EngineFacts(
        engine=NAME,
        engine_version=native.version(),
        model_name=request.model.name,
        params=request.params,
        n_ctx=context.n_ctx,
        template_source=choice.source,
        load_ms=0.0,
        vet_ms=vet_ms,
        weights_shared=lease.shared,
        weights_bytes=weights_bytes,
        kv_bytes=kv_bytes,
        compute_bytes=compute_bytes,
        buffers=reading.buffers,
        copies_bytes=memory.copies_bytes,
        notes=_rounded(request.params.n_ctx, context.n_ctx),
    )
    return LlamaEngine(facts, lease, memory, writer, choice.text, prepare)


def _rounded(asked: int, got: int) -> tuple[str, ...]:
    """llama.cpp makes some contexts longer than they were asked for."""
    return (
        ()
        if asked == got
        else (said("the context is {got:,} tokens: llama.cpp rounds {asked:,} up", got=got, asked=asked),)
    )


def uses_devices(params: RunParams) -> bool:
    return params.n_gpu_layers != 0


class LlamaEngine:
    """One context.  ``stream`` and ``close`` belong to the thread that opened it."""

    def __init__(
        self,
        facts: EngineFacts,
        lease: Lease,
        memory: Memory,
        writer: PromptWriter,
        template: str | None,
        prepare: Callable[[native.Context], None],
    ) -> None:
        """``prepare`` gives each of its contexts the adapters that were asked for."""
        self._facts = facts
        self._lease = lease
        self._memory = memory
        self._writer = writer
        self._template = template
        self._thinking = Thinking.of(template, lease.weights)
        self._prepare = prepare
        self._growth: Growth | None = None  # of the load and the answers so far
        self._watched: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        self._owner = threading.get_ident()
        self._streaming = False
        self._batches = 0  # that have begun and not ended
        self._closed = False
        self._vocabulary_lock = threading.Lock()  # guards _closed against count_tokens on another thread

    @property
    def facts(self) -> EngineFacts:
        return self._facts

    @property
    def weights(self) -> native.Weights:
        """For whoever makes contexts of its own on them, on this thread, while the engine is open."""
        return self._lease.weights

    def opened(self, *, load_ms: float, growth: Growth, watched: Callable[[], AbstractContextManager[None]]) -> None:
        """For the backend alone: what opening cost, and what the first answers run in."""
        self._growth = growth
        self._watched = watched
        self._facts = replace(self._facts, load_ms=load_ms, growth=growth)

    def note(self, words: str) -> None:
        """For the backend alone: what had to be done differently from what was asked."""
        self._facts = replace(self._facts, notes=(*self._facts.notes, words))

    def count_tokens(self, messages: Sequence[Message]) -> int:
        with self._vocabulary_lock:
            self._check_open()
            return len(self._writer.write(messages).tokens)

    def stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        self._check_owner()
        if self._streaming:
            raise RuntimeError("a new answer starts only when the old one has ended")
        self._streaming = True
        try:
            with ACTIVITY.taking_part() as presence:
                return (yield from self._measured(self._answer(request, cancel), presence))
        finally:
            self._streaming = False

    def stream_many(
        self,
        requests: Sequence[Request],
        cancel: CancelToken,
        *,
        slots: int = SLOTS,
        n_batch: int | None = None,
        unwanted: Callable[[], Collection[int]] = nobody,
    ) -> Generator[Numbered, None, tuple[Completion, ...]]:
        self._check_owner()
        self._check_open()
        size = n_batch or self._facts.params.n_batch
        params = replace(self._facts.params, n_ctx=self._facts.n_ctx, n_batch=size, n_ubatch=size)
        source = Source(
            self._lease.weights,
            params,
            functools.partial(self._admitted, refused={}, cancel=cancel),
            slots,
            thinking=self._thinking,
            calling=self._calling,
            prepare=self._prepare,
        )
        self._batches += 1
        try:
            with ACTIVITY.taking_part():
                answers = stream_many(source, self.stream, requests, cancel, unwanted=unwanted)
                return (yield from self._first_watched(answers))
        finally:
            self._batches -= 1

    def close(self) -> None:
        self._check_owner()
        if self._streaming or self._batches:
            raise RuntimeError("an engine is closed when its answers have ended: their memory is its own")
        with self._vocabulary_lock:
            if self._closed:
                return
            self._closed = True
        with ACTIVITY.taking_part():
            self._memory.context.close()
            self._lease.release()

    def _answer(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        GRAMMARS.admit(request.constraint, self._lease.weights.path, cancel)
        sent = time.perf_counter()
        try:
            reply = Reply(
                self._lease.weights,
                request,
                self._fitting(request),
                n_ctx=self._facts.n_ctx,
                sent=sent,
                thinking=self._thinking,
                calling=self._calling(request),
            )
            with reply:
                return (yield from Generation(self._memory, reply).events(cancel))
        except native.NativeError as error:
            raise GenerationError(
                said("llama.cpp failed while it answered: {error}.", error=error),
                hint=said("Ask again; if it fails again, open the model anew."),
            ) from error

    def _measured(
        self, answer: Generator[AnswerEvent, None, Completion], presence: Presence
    ) -> Generator[AnswerEvent, None, Completion]:
        """What the answer made the process grow by is added to the load's, until one has ended by itself."""
        if self._facts.warm or self._growth is None:
            return (yield from answer)
        devices = uses_devices(self._facts.params)
        before = Moment.now(devices=devices)
        with self._watched():
            completion = yield from answer
        self._growth = added(self._growth, between(before, Moment.now(devices=devices), alone=presence.alone))
        if completion.stop_reason is not StopReason.CANCELLED:
            self._facts = replace(self._facts, growth=self._growth, warm=True)
        return completion

    def _first_watched(
        self, answers: Generator[Numbered, None, tuple[Completion, ...]]
    ) -> Generator[Numbered, None, tuple[Completion, ...]]:
        """The first of many may be the model's first: watched until it has ended."""
        with contextlib.closing(answers), contextlib.ExitStack() as watching:
            if not self._facts.warm:
                watching.enter_context(self._watched())
            while True:
                try:
                    event = next(answers)
                except StopIteration as end:
                    completions: tuple[Completion, ...] = end.value
                    return completions
                if isinstance(event.event, Completion):
                    watching.close()
                yield event

    def _admitted(
        self, request: Request, *, refused: dict[Constraint | None, WorkbenchError], cancel: CancelToken
    ) -> Prompt:
        """``_fitting``, once its constraint is admitted; ``refused`` remembers those that were not."""
        if request.constraint in refused:
            raise refused[request.constraint]
        try:
            GRAMMARS.admit(request.constraint, self._lease.weights.path, cancel)
        except WorkbenchError as error:
            refused[request.constraint] = error
            raise
        return self._fitting(request)

    def _fitting(self, request: Request) -> Prompt:
        with self._vocabulary_lock:
            self._check_open()
            return fitted(self._writer, request, self._facts.n_ctx)

    def _calling(self, request: Request) -> Calling | None:
        return Calling.of(request, self._template, self._lease.weights)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(
                said("{model_name} has been unloaded.", model_name=self._facts.model_name),
                hint=said("Open the model again."),
            )

    def _check_owner(self) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError("an engine is used on the thread that opened it")


def _milliseconds_since(began: float) -> float:
    return 1000 * (time.perf_counter() - began)
