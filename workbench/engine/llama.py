"""llama.cpp in this very process: shared weights, one context per engine."""

from __future__ import annotations

import contextlib
import datetime
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace

from workbench.engine import breakdown, native
from workbench.engine.base import (
    AnswerEvent,
    Completion,
    Engine,
    EngineFacts,
    LoadEvent,
    LoadRequest,
    Message,
    Request,
    StopReason,
    Vetting,
)
from workbench.engine.generation import Generation, Memory
from workbench.engine.growth import ACTIVITY, Moment, Presence, added, between
from workbench.engine.loading import Lease, Shelf
from workbench.engine.native_params import Placement
from workbench.engine.prompt import Prompt, PromptWriter
from workbench.engine.sampling import chosen_seed
from workbench.engine.templates import TemplateChoice, choose
from workbench.engine.vet import Vetter
from workbench.errors import ContextOverflowError, EngineError, GenerationError, ModelLoadError
from workbench.jobs import CancelToken
from workbench.models.params import RunParams
from workbench.models.receipt import Growth

NAME = "llama.cpp"


class LlamaBackend:
    """Opens engines; loads are serialised, weights are shared by file."""

    name = NAME

    def __init__(self, vetter: Vetter, *, today: Callable[[], datetime.date] = datetime.date.today) -> None:
        """``today`` is the date a template may ask for; it is read once per engine."""
        self._vetter = vetter
        self._today = today
        self._shelf = Shelf()

    @property
    def version(self) -> str:
        """The package's; an engine's facts name the exact build."""
        return native.package_version()

    @property
    def loaded_count(self) -> int:
        """How many files' weights are in memory."""
        return self._shelf.count

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        choice = choose(request.model.chat_template, request.template)
        yield from self._shelf.turn(cancel)
        try:
            today = self._today()
            vet_ms = yield from self._vet(request, choice, cancel, today)
            native.api()  # the first load would else be charged with the engine's own libraries
            with ACTIVITY.taking_part() as presence:
                before = Moment.now(devices=uses_devices(request.params))
                began = time.perf_counter()
                lease = yield from self._shelf.take(request.model.files, Placement.of(request.params), cancel)
                engine = _make_engine(request, choice, today, lease, vet_ms)
                load_ms = _milliseconds_since(began)
                after = Moment.now(devices=uses_devices(request.params))
                engine.opened(load_ms=load_ms, growth=between(before, after, alone=presence.alone))
                return engine
        finally:
            self._shelf.end_turn()

    def close(self) -> None:
        """Nothing is left to do: weights go with the last engine on them."""

    def _vet(
        self, request: LoadRequest, choice: TemplateChoice, cancel: CancelToken, today: datetime.date
    ) -> Generator[LoadEvent, None, float]:
        """The milliseconds it took, 0 where the verdict was known.  Raises what is wrong with the file."""
        verdict = self._vetter.known(request.model, choice)
        began = time.perf_counter()
        if verdict is not None:
            verdict.raise_if_rejected()
            return 0.0
        yield Vetting()
        self._vetter.vet(request.model, choice, cancel, today=today).raise_if_rejected()
        return _milliseconds_since(began)


def _make_engine(
    request: LoadRequest, choice: TemplateChoice, today: datetime.date, lease: Lease, vet_ms: float
) -> LlamaEngine:
    """Raises ModelLoadError when there is no room for the context; the lease is given back then."""
    with contextlib.ExitStack() as undo:
        undo.callback(lease.release)
        writer = PromptWriter(lease.weights, choice, today=today)
        try:
            context = native.Context(lease.weights, request.params)
        except native.LoadFailed as error:
            raise ModelLoadError(
                f"There is no room for a context of {request.params.n_ctx:,} tokens for {request.model.path.name}.",
                hint="Choose a shorter context, or close a pane.",
            ) from error
        undo.callback(context.close)
        reading = breakdown.read(lease.weights, context)
        undo.pop_all()
    weights_bytes, kv_bytes, compute_bytes = reading.total()
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
    )
    return LlamaEngine(facts, lease, context, writer)


def uses_devices(params: RunParams) -> bool:
    return params.n_gpu_layers != 0


class LlamaEngine:
    """One context.  ``stream`` and ``close`` belong to the thread that opened it."""

    def __init__(self, facts: EngineFacts, lease: Lease, context: native.Context, writer: PromptWriter) -> None:
        self._facts = facts
        self._lease = lease
        self._memory = Memory(context, n_swa=lease.weights.n_swa)
        self._writer = writer
        self._growth: Growth | None = None  # of the load and the answers so far
        self._owner = threading.get_ident()
        self._streaming = False
        self._closed = False
        self._vocabulary_lock = threading.Lock()  # guards _closed against count_tokens on another thread

    @property
    def facts(self) -> EngineFacts:
        return self._facts

    def opened(self, *, load_ms: float, growth: Growth) -> None:
        """For the backend alone: what opening cost."""
        self._growth = growth
        self._facts = replace(self._facts, load_ms=load_ms, growth=growth)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        with self._vocabulary_lock:
            return len(self._write(messages).tokens)

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

    def close(self) -> None:
        self._check_owner()
        with self._vocabulary_lock:
            if self._closed:
                return
            self._closed = True
        with ACTIVITY.taking_part():
            self._memory.context.close()
            self._lease.release()

    def _answer(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        sent = time.perf_counter()
        try:
            prompt = self._fitting(request.messages)
            seed = chosen_seed(request.sampling)
            generation = Generation(self._lease.weights, self._memory, prompt, request, seed, sent)
            return (yield from generation.events(cancel))
        except native.NativeError as error:
            raise GenerationError(
                f"llama.cpp failed while it answered: {error}.",
                hint="Ask again; if it fails again, open the model anew.",
            ) from error

    def _measured(
        self, answer: Generator[AnswerEvent, None, Completion], presence: Presence
    ) -> Generator[AnswerEvent, None, Completion]:
        """What the answer made the process grow by is added to the load's, until one has ended by itself."""
        if self._facts.warm or self._growth is None:
            return (yield from answer)
        devices = uses_devices(self._facts.params)
        before = Moment.now(devices=devices)
        completion = yield from answer
        self._growth = added(self._growth, between(before, Moment.now(devices=devices), alone=presence.alone))
        if completion.stop_reason is not StopReason.CANCELLED:
            self._facts = replace(self._facts, growth=self._growth, warm=True)
        return completion

    def _fitting(self, messages: Sequence[Message]) -> Prompt:
        with self._vocabulary_lock:
            prompt = self._write(messages)
        count, room = len(prompt.tokens), self._facts.n_ctx
        if count == 0:
            raise GenerationError("The prompt is empty.", hint="Write something first.")
        if count > room:
            raise ContextOverflowError(
                f"The prompt is {count:,} tokens; the context holds {room:,}.",
                hint="Shorten the prompt, start a new conversation or raise the context.",
            )
        return prompt

    def _write(self, messages: Sequence[Message]) -> Prompt:
        if self._closed:
            raise EngineError(f"{self._facts.model_name} has been unloaded.", hint="Open the model again.")
        return self._writer.write(messages)

    def _check_owner(self) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError("an engine is used on the thread that opened it")


def _milliseconds_since(began: float) -> float:
    return 1000 * (time.perf_counter() - began)
