"""A pane as a state machine without a window: the widget only draws what stands here.

EMPTY → READY ⇄ QUEUED → LOADING → PREFILLING → STREAMING → READY
                     any of these → STOPPING → READY,  any → FAILED
"""

from __future__ import annotations

import enum
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.chat.answer import Answer, Problem
from workbench.chat.seat import Answered, Opened
from workbench.engine.base import (
    Adapter,
    EngineFacts,
    Loading,
    Message,
    Prefilling,
    RenderedPrompt,
    Sampling,
    TextDelta,
    Vetting,
)
from workbench.engine.base import Waiting as WaitingToLoad
from workbench.errors import UsageError
from workbench.words import said

if TYPE_CHECKING:
    from workbench.models.file import ModelFile
    from workbench.models.fit import Fit
    from workbench.models.params import RunParams
    from workbench.models.receipt import Receipt


class PaneState(enum.Enum):
    EMPTY = "empty"
    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    PREFILLING = "prefilling"
    STREAMING = "streaming"
    STOPPING = "stopping"
    FAILED = "failed"


BUSY = frozenset({PaneState.QUEUED, PaneState.LOADING, PaneState.PREFILLING, PaneState.STREAMING, PaneState.STOPPING})


@dataclass(frozen=True, slots=True)
class Exchange:
    """A prompt and this pane's answer to it; None while it is being written or was never asked.

    ``turn_id`` and ``generation_id`` are where they are kept, None where nothing keeps them.  ``attempts`` are the
    answers this pane gave to the prompt, ``siblings`` the prompts beside it (the turn's own among them): ids, oldest
    first.  ``continued`` is the answer the pane goes on with where that is another pane's, ``continued_id`` its row;
    ``unread`` says that it goes on with neither.
    """

    prompt: str
    answer: Answer | None
    turn_id: int | None = None
    generation_id: int | None = None
    attempts: tuple[int, ...] = ()
    siblings: tuple[int, ...] = ()
    continued: Answer | None = None
    continued_id: int | None = None
    unread: bool = False

    @property
    def read(self) -> Answer | None:
        """The answer that is told to the model with the next prompt; failed and empty ones are not."""
        answer = self.continued or self.answer
        if self.unread or answer is None:
            return None
        return answer if answer.text and answer.error is None else None

    @property
    def read_id(self) -> int | None:
        """The row of ``read``."""
        if self.read is None:
            return None
        return self.continued_id if self.continued is not None else self.generation_id


@dataclass(frozen=True, slots=True)
class Waiting:
    """Whose turn it is before this pane's: in seconds about how long that takes, None where nobody can tell."""

    for_: str
    about_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LiveStats:
    """The running answer's figures so far, for show; the finished answer holds the measured ones."""

    ttft_ms: float | None
    completion_tokens: int
    decode_tokens_per_s: float | None


class _Growing:
    """A text that pieces are added to: put together where it is read, not with each of a hundred thousand pieces."""

    def __init__(self) -> None:
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        self._pieces.append(piece)

    def __str__(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""


class Pane:
    """One model's side of a comparison.  Used from one thread, the face's.

    ``params`` are what was asked for: a goal that the planner may place, or with ``exactly`` the very
    parameters to load.  ``force`` loads a model that is judged too big.  ``fit`` is what it was loaded with
    last, and ``receipt`` what came of it; both outlive an unload, until another model is chosen.  ``thinking`` is
    what the running answer's model thought so far, ``text`` what it answered.  ``sampling`` and ``system`` are this
    pane's own, None: the shared ones.  ``waiting`` says for whom a queued pane waits.
    """

    def __init__(self, pane_id: int) -> None:
        from workbench.models.params import RunParams

        self.id = pane_id
        self.model: ModelFile | None = None
        self.params = RunParams()
        self.n_threads: int | None = None
        self.template: str | None = None
        self.adapters: tuple[Adapter, ...] = ()
        self.isolated = False
        self.sampling: Sampling | None = None
        self.system: str | None = None
        self.exactly = False
        self.force = False
        self.fit: Fit | None = None
        self.receipt: Receipt | None = None
        self.state = PaneState.EMPTY
        self.waiting: Waiting | None = None
        self.exchanges: list[Exchange] = []
        self._text, self._thinking = _Growing(), _Growing()
        self.phase = ""
        self.fraction: float | None = None
        self.problem: Problem | None = None
        self.facts: EngineFacts | None = None
        self.prompt: RenderedPrompt | None = None
        self._sent_at = self._first_at = 0.0
        self._tokens = 0

    @property
    def text(self) -> str:
        return str(self._text)

    @property
    def thinking(self) -> str:
        return str(self._thinking)

    @property
    def busy(self) -> bool:
        return self.state in BUSY

    def refuse_busy(self) -> None:
        """Raises UsageError while it answers."""
        if self.busy:
            raise UsageError(said("This pane is answering."), hint=said("Stop it first."))

    @property
    def loaded(self) -> bool:
        return self.facts is not None

    @property
    def stats(self) -> LiveStats:
        elapsed_s = time.monotonic() - self._first_at if self._first_at else 0.0
        speed = (self._tokens - 1) / elapsed_s if self._tokens > 1 and elapsed_s > 0 else None
        ttft_ms = 1000 * (self._first_at - self._sent_at) if self._first_at else None
        return LiveStats(ttft_ms, self._tokens, speed)

    def history(self, system: str, prompt: str) -> tuple[Message, ...]:
        """The messages of the next request: system prompt, what was answered so far, the new prompt.

        ``system`` is the shared one.  What a pane goes on with in place of its own answer takes that answer's place.
        """
        own = system if self.system is None else self.system
        messages = [Message("system", own)] if own.strip() else []
        for exchange in self.exchanges:
            if exchange.read is not None:
                messages += [Message("user", exchange.prompt), Message("assistant", exchange.read.text)]
        return (*messages, Message("user", prompt))

    def kept_as(
        self, turn_id: int, generation_id: int, *, attempts: tuple[int, ...] = (), siblings: tuple[int, ...] = ()
    ) -> None:
        """The rows of the prompt that is asked now, and of its answer."""
        self.exchanges[-1] = replace(
            self.exchanges[-1], turn_id=turn_id, generation_id=generation_id, attempts=attempts, siblings=siblings
        )

    # --- transitions -------------------------------------------------------------------------

    def choose(
        self,
        model: ModelFile | None,
        params: RunParams,
        n_threads: int | None,
        template: str | None,
        *,
        exactly: bool = False,
        force: bool = False,
        adapters: tuple[Adapter, ...] = (),
        isolated: bool = False,
        sampling: Sampling | None = None,
        system: str | None = None,
    ) -> None:
        self.model, self.params, self.n_threads, self.template = model, params, n_threads, template
        self.exactly, self.force = exactly, force
        self.adapters, self.isolated = adapters, isolated
        self.sampling, self.system = sampling, system
        self.problem = None
        self.state = PaneState.EMPTY if model is None else PaneState.READY

    def show(self, exchanges: Iterable[Exchange]) -> None:
        """Another branch of the conversation, in a quiet pane; what went wrong on the old one is not said any more."""
        self.exchanges = list(exchanges)
        if self.model is not None:
            self.problem, self.state = None, PaneState.READY

    def queue(self, prompt: str) -> None:
        self.exchanges.append(Exchange(prompt, None))
        self.state, self.phase, self.fraction = PaneState.QUEUED, said("waiting for its turn"), None
        self._text, self._thinking, self.problem, self.prompt = _Growing(), _Growing(), None, None
        self._sent_at = self._first_at = 0.0
        self._tokens = 0

    def warming(self) -> None:
        """The model is to be loaded, without a question."""
        self.problem = None
        self._show(PaneState.QUEUED, said("waiting to be loaded"), None)

    def cooled(self) -> None:
        """Loading without a question was stopped."""
        self._show(PaneState.READY if self.model else PaneState.EMPTY, "", None)

    def apply(self, event: object) -> None:
        """Take one event of this pane's job; a pane that is stopping keeps saying so."""
        stopping = self.state is PaneState.STOPPING
        match event:
            case WaitingToLoad():
                self._show(PaneState.LOADING, said("waiting for another load"), None)
            case Vetting():
                self._show(PaneState.LOADING, said("checking the file"), None)
            case Loading(fraction):
                self._show(PaneState.LOADING, said("loading"), fraction)
            case Opened(facts):
                self.facts = facts
                self._sent_at = time.monotonic()
                self._show(PaneState.PREFILLING, said("reading the prompt"), 0.0)
            case Prefilling(done, total, prompt):
                self.prompt = prompt or self.prompt
                self._show(PaneState.PREFILLING, said("reading the prompt"), done / total if total else None)
            case TextDelta(text, tokens, thinking):
                (self._thinking if thinking else self._text).add(text)
                self._tokens = tokens
                self._first_at = self._first_at or time.monotonic()
                self._show(PaneState.STREAMING, said("thinking") if thinking else "", None)
            case _:
                raise TypeError(f"a pane cannot take {event!r}")
        if stopping:
            self.state, self.phase = PaneState.STOPPING, said("stopping")

    def stopping(self) -> None:
        self._show(PaneState.STOPPING, said("stopping"), None)

    def finish(self, answer: Answer) -> None:
        """The answer is there, whole, cut short or failed."""
        self.exchanges[-1] = replace(self.exchanges[-1], answer=answer)
        self._text, self._thinking, self.problem = _Growing(), _Growing(), answer.error
        self._show(PaneState.FAILED if answer.error else PaneState.READY, "", None)

    def unloaded(self) -> None:
        self.facts = None
        if not self.busy and self.state is not PaneState.FAILED:  # one that waits for its turn goes on waiting
            self._show(PaneState.READY if self.model else PaneState.EMPTY, "", None)

    def opened(self, result: Answered | EngineFacts) -> None:
        """The model was loaded without a question."""
        self.facts = result.facts if isinstance(result, Answered) else result
        self._show(PaneState.READY, "", None)

    def fail(self, problem: Problem) -> None:
        self.problem = problem
        self._show(PaneState.FAILED, "", None)

    def _show(self, state: PaneState, phase: str, fraction: float | None) -> None:
        self.state, self.phase, self.fraction = state, phase, fraction
        if state is not PaneState.QUEUED:
            self.waiting = None
