"""What an engine is: frozen requests in, events and a completion out, no callbacks."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from workbench.jobs import CancelToken

if TYPE_CHECKING:
    from workbench.engine.recorded import Choice, Failure, Timings, Together
    from workbench.models.exact import Buffer
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams
    from workbench.models.receipt import Growth


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """llama.cpp's samplers, in the order they are applied: repetition penalty over the last
    ``repeat_last_n`` tokens, top-k, top-p, min-p, temperature, then a draw with ``seed``.

    Neutral values: ``top_k`` 0, ``top_p`` 1, ``min_p`` 0, ``repetition_penalty`` 1.  ``temperature`` 0
    is greedy.  ``seed`` None draws a fresh one, which the completion reports.
    """

    temperature: float = 0.7
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repetition_penalty: float = 1.0
    repeat_last_n: int = 64
    seed: int | None = None


class ContextPolicy(enum.StrEnum):
    """What to do with a prompt that the context cannot hold."""

    REFUSE = "refuse"
    DROP_OLDEST = "drop_oldest"
    MIDDLE_OUT = "middle_out"


class Mode(enum.StrEnum):
    """AUDIT: one sequence, fixed shapes, bit for bit what a cold run gives.  THROUGHPUT: batches, as fast as can be."""

    AUDIT = "audit"
    THROUGHPUT = "throughput"


@dataclass(frozen=True, slots=True)
class Grammar:
    """GBNF, llama.cpp's grammar notation; the answer is a sentence of ``root``."""

    gbnf: str


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The answer is one JSON document that is valid against this schema, itself JSON text."""

    text: str


Constraint: TypeAlias = Grammar | JsonSchema


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call; ``parameters`` is the JSON schema of its arguments, as JSON text."""

    name: str
    description: str
    parameters: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that a model wrote; ``arguments`` is one JSON object, as JSON text."""

    name: str
    arguments: str

    def __str__(self) -> str:
        return f"{self.name}({self.arguments})"


ToolChoice: TypeAlias = Literal["auto", "required"]


@dataclass(frozen=True, slots=True)
class Request:
    """One answer asked for.  ``max_tokens`` None means: until the context is full.

    ``policy`` says what happens to messages that do not fit; ``room_tokens`` is what it leaves for the answer.
    ``alternatives`` is how many of each token's likeliest candidates are told with it; 0 tells nothing.
    ``mode`` says whether what is kept of earlier prompts may change the answer's last bits.  ``date`` is the day, as
    YYYY-MM-DD, that a template is told which asks; None: the day the model was loaded.  ``enable_thinking`` None
    leaves it to the template whether the model is asked to think first.  ``tool_choice`` "required" makes the answer
    one call of one of the ``tools``; "auto" leaves it to the model whether it calls, and holds what it begins to call.
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n_threads: int = 1
    policy: ContextPolicy = ContextPolicy.REFUSE
    room_tokens: int = 256
    constraint: Constraint | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    alternatives: int = 0
    mode: Mode = Mode.AUDIT
    date: str | None = None
    enable_thinking: bool | None = None


class StopReason(enum.StrEnum):
    """Why an answer ended."""

    END = "end"
    STOP_STRING = "stop_string"
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    CANCELLED = "cancelled"
    ERROR = "error"


SystemHandling: TypeAlias = Literal["none", "native", "merged", "unsupported"]


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a context policy left out of a prompt that was too long."""

    policy: ContextPolicy
    messages: int
    tokens: int


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What the model really read.

    ``text`` is the prompt with its scaffold; ``template_source`` is ``file``, ``builtin:NAME``,
    ``user`` or ``none`` (completed raw); ``token_count`` includes BOS.  ``notes`` say in plain words
    what the template made necessary.  ``template_sha256`` is that of the template's text.

    ``system`` is how the system prompt reached the model; ``inserted_system`` one that the template wrote by
    itself; ``date`` the day the template was told, None when it did not ask.  ``bos_count`` counts BOS tokens at
    the start: two where a template writes what the vocabulary adds.
    """

    text: str
    template_source: str
    token_count: int
    notes: tuple[str, ...] = ()
    tokens: tuple[int, ...] = ()
    template_sha256: str | None = None
    system: SystemHandling = "none"
    inserted_system: str | None = None
    date: str | None = None
    bos_count: int = 0
    dropped: Dropped | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer, whole or as far as it came; ``seed`` is the one really used.

    ``thinking`` is what a reasoning model wrote before its answer; it is not part of ``text``.  ``samplers`` are
    llama.cpp's, in order, as they were set up.  ``failure`` goes with ``StopReason.ERROR``: only ``stream_many``
    tells errors so, ``stream`` raises them.  ``together`` is None for an answer that had the model to itself.
    """

    text: str
    stop_reason: StopReason
    prompt: RenderedPrompt
    timings: Timings
    seed: int
    thinking: str = ""
    samplers: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    failure: Failure | None = None
    together: Together | None = None


# --- events ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another model is being loaded first."""


@dataclass(frozen=True, slots=True)
class Vetting:
    """The file is opened in a child process for the first time."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Weights read so far, 0 to 1."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Prefilling:
    """Prompt tokens evaluated so far; the first event of an answer carries the rendered prompt."""

    done_tokens: int
    total_tokens: int
    prompt: RenderedPrompt | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More visible text, of the answer or of the thinking before it; ``completion_tokens`` counts all so far."""

    text: str
    completion_tokens: int
    thinking: bool = False


AnswerEvent: TypeAlias = Prefilling | TextDelta


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event of one of many requests, by its place among them; a Completion is its last."""

    index: int
    event: AnswerEvent | Completion


LoadEvent: TypeAlias = Waiting | Vetting | Loading


# --- the protocol ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA in GGUF form, applied with ``scale`` (1 is as trained)."""

    path: Path
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A model to open.  ``template`` is None (the file's own, else none), a built-in's name, "none",
    or the path of a Jinja file.  ``isolated`` runs it in a process of its own."""

    model: ModelFile
    params: RunParams
    template: str | None = None
    adapters: tuple[Adapter, ...] = ()
    isolated: bool = False


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What was really opened; bytes as llama.cpp reported them where it did, else None.

    ``load_ms`` covers weights and context, ``vet_ms`` the child process; weights that another pane had
    already loaded cost nothing again (``weights_shared``).

    ``buffers`` is llama.cpp's breakdown of this context, to the byte where it can be read, with all of its
    model's weights, also of shared ones; mapped weights are counted once for each tensor.  Empty where an engine
    has no such thing.

    ``growth`` is what the load changed, None where it was not measured.  After the load it lacks the pages that
    only an answer touches: compute buffers, output rows, an area for work.  The engine's ``facts`` are replaced
    when its first answer has ended by itself (not cancelled, not failed): ``growth`` then covers the load and the
    answers up to there, and the facts are ``warm``.  A receipt is best written then: read ``engine.facts`` again
    after the answer.

    ``copies_bytes`` is the most that copies of earlier states come to take in main memory, so that models with a
    window or a recurrent state need not begin anew; no plan counts it.

    ``notes`` say in plain words what had to be done differently from what was asked, and why.
    """

    engine: str
    engine_version: str
    model_name: str
    params: RunParams
    n_ctx: int
    template_source: str
    load_ms: float
    vet_ms: float
    weights_shared: bool
    weights_bytes: int | None = None
    kv_bytes: int | None = None
    compute_bytes: int | None = None
    buffers: tuple[Buffer, ...] = ()
    growth: Growth | None = None
    warm: bool = False
    copies_bytes: int = 0
    notes: tuple[str, ...] = ()


SLOTS = 8  # answered at a time, where nothing was tuned


def nobody() -> Collection[int]:
    """No request is unwanted."""
    return ()


class Engine(Protocol):
    """One context on one set of weights.

    ``stream``, ``stream_many``, ``note`` and ``close`` are called on one thread, the context's lane; a new stream
    starts only when the old one has ended.  ``count_tokens`` may be called from any thread.
    """

    @property
    def facts(self) -> EngineFacts:
        """From any thread; ``growth`` is completed by the first answer."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the rendered prompt, BOS included."""
        ...

    def stream(self, request: Request, cancel: CancelToken) -> Generator[AnswerEvent, None, Completion]:
        """Answer.  A cancelled answer returns what it has, with ``StopReason.CANCELLED``.

        Raises ContextOverflowError before anything is evaluated, GenerationError when llama.cpp fails.
        """
        ...

    def stream_many(
        self,
        requests: Sequence[Request],
        cancel: CancelToken,
        *,
        slots: int = SLOTS,
        n_batch: int | None = None,
        unwanted: Callable[[], Collection[int]] = nobody,
    ) -> Generator[Numbered, None, tuple[Completion, ...]]:
        """Answer all; the completions come back in the order of the requests.

        Those in ``Mode.THROUGHPUT`` up to ``slots`` at a time, in batches of up to ``n_batch`` tokens (those of the
        load); those in ``Mode.AUDIT`` one after the other.  A request that cannot be answered ends with
        ``StopReason.ERROR`` and its ``failure``, and the others go on.  ``unwanted`` is asked now and then for the
        indices of requests to give up; they end with ``StopReason.CANCELLED``, as all unfinished ones do when
        ``cancel`` is set.

        Raises GenerationError when llama.cpp fails in a batch: what was answered until then has been yielded.
        """
        ...

    def note(self, words: str) -> None:
        """For whoever opened it: what had to be done differently from what was asked, kept in the facts."""
        ...

    def close(self) -> None:
        """Free the context, and the weights with the last context on them."""
        ...


class Backend(Protocol):
    """A way to open engines.  Loads are serialised: a second one yields ``Waiting`` until it may."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def open(self, request: LoadRequest, cancel: CancelToken) -> Generator[LoadEvent, None, Engine]:
        """Raises ModelLoadError, UnsupportedArchitectureError, EngineCrashedError, TemplateError; Cancelled."""
        ...

    def close(self) -> None: ...
