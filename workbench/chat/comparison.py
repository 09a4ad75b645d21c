"""Several panes answering the same prompts: the one place that says which job runs when.

Every method and ``deliver`` are called on one thread, the face's; the work itself runs on the
panes' lanes.  A face hands each job message to ``deliver`` and redraws the panes ``take_changed`` names.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from workbench.chat.answer import Answer, blank, measured
from workbench.chat.pane import Pane
from workbench.chat.plan import RunMode, RunPlan, plan_run, threads_for, with_freed
from workbench.chat.seat import Answered, Seat
from workbench.engine.base import Backend, LoadRequest, Message, Request, Sampling
from workbench.errors import DoesNotFitError, UsageError
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.jobs import Job, JobFinished, JobMessage, JobRunner, JobState, JobUpdate, Task
from workbench.models.breakdown import Share
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, Verdict, fit
from workbench.models.params import RunParams

MAX_PANES = 8


class Journal(Protocol):
    """Keeps what was asked and answered; called on the face's thread."""

    def asked(self, prompt: str, panes: Sequence[Pane]) -> None: ...

    def begun(self, pane: Pane) -> None: ...

    def partial(self, pane: Pane) -> None: ...

    def finished(self, pane: Pane, answer: Answer) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What all panes of a comparison share."""

    system: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    mode: RunMode = RunMode.AUTO


@dataclass(frozen=True, slots=True)
class _Running:
    pane: Pane
    job: Job
    kind: str
    request: Request | None = None


class Comparison:
    def __init__(
        self,
        runner: JobRunner,
        backend: Backend,
        machine: Callable[[], Hardware],
        journal: Journal | None = None,
    ) -> None:
        self.panes: list[Pane] = []
        self.options = Options()
        self.plan: RunPlan | None = None
        self._runner = runner
        self._backend = backend
        self._machine = machine
        self._journal = journal
        self._seats: dict[int, Seat] = {}
        self._loads: dict[int, LoadRequest] = {}
        self._shares: dict[int, tuple[Share, ...]] = {}
        self._running: dict[int, _Running] = {}
        self._waiting: deque[tuple[Pane, str]] = deque()
        self._changed: set[int] = set()
        self._next_id = 0

    # --- panes -------------------------------------------------------------------------------

    def add_pane(self, pane_id: int | None = None) -> Pane:
        if len(self.panes) >= MAX_PANES:
            raise UsageError(f"A comparison holds at most {MAX_PANES} models.")
        pane = Pane(self._next_id if pane_id is None else pane_id)
        self._next_id = max(self._next_id, pane.id + 1)
        self.panes.append(pane)
        self._seats[pane.id] = Seat(self._backend)
        self._changed.add(pane.id)
        return pane

    def remove_pane(self, pane: Pane) -> None:
        """Stop and unload the pane, and forget it; its lane ends when it is quiet."""
        self.stop(pane)
        self.panes.remove(pane)
        self._runner.submit("unload", self._seats.pop(pane.id).close(), lane=_lane(pane))
        self._runner.retire(_lane(pane))
        self._loads.pop(pane.id, None)

    def choose(
        self,
        pane: Pane,
        model: ModelFile | None,
        *,
        n_ctx: int = 4096,
        n_threads: int | None = None,
        template: str | None = None,
    ) -> None:
        """Give a pane its model; what it had loaded is freed unless it is the same again."""
        if pane.busy:
            raise UsageError("This pane is answering.", hint="Stop it first.")
        params = RunParams(n_ctx=min(n_ctx, model.n_ctx_train) if model is not None and model.n_ctx_train else n_ctx)
        unchanged = (model, params, template) == (pane.model, pane.params, pane.template)
        pane.choose(model, params, n_threads, template)
        self._changed.add(pane.id)
        if not unchanged:
            self._loads.pop(pane.id, None)
            if pane.loaded:
                self.unload(pane)

    def unload(self, pane: Pane) -> None:
        """Free the pane's context, and its weights when no other pane uses them."""
        if pane.busy:
            raise UsageError("This pane is answering.", hint="Stop it first.")
        self._submit(pane, "unload")

    def count_tokens(self, pane: Pane, prompt: str) -> int | None:
        """Tokens the next request would have; None while the pane's model is not loaded."""
        messages: tuple[Message, ...] = pane.history(self.options.system, prompt)
        return self._seats[pane.id].count(messages)

    def counting(self, pane: Pane, prompt: str) -> Task[None, int | None]:
        """``count_tokens`` as a task for another lane, about the pane as it is now."""
        return self._seats[pane.id].counting(pane.history(self.options.system, prompt))

    # --- asking ------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        return bool(self._running or self._waiting)

    def ask(self, prompt: str) -> None:
        """Send the prompt to every pane that has a model."""
        panes = [pane for pane in self.panes if pane.model is not None]
        if not panes:
            raise UsageError("No model is chosen.", hint="Choose a model in a pane first.")
        if any(pane.busy for pane in panes):
            raise UsageError("A pane is still answering.", hint="Wait for it, or stop it.")
        if not prompt.strip():
            raise UsageError("The prompt is empty.")
        if self._journal is not None:
            self._journal.asked(prompt, panes)
        self._start(panes, prompt)

    def regenerate(self, pane: Pane) -> None:
        """Ask the last prompt again, in place of the last answer."""
        if pane.busy or not pane.exchanges or pane.model is None:
            raise UsageError("There is no answer to make again.")
        prompt = pane.exchanges.pop().prompt
        self._start([pane], prompt)

    def stop(self, pane: Pane | None = None) -> None:
        """Stop one pane, or all; what was written stays."""
        for waiting in [entry for entry in self._waiting if pane in (None, entry[0])]:
            self._waiting.remove(waiting)
            self._finish(waiting[0], None, "cancelled")
        for running in self._running.values():
            if pane in (None, running.pane) and running.kind != "unload":
                running.job.cancel()
                running.pane.stopping()
                self._changed.add(running.pane.id)

    def _start(self, panes: Sequence[Pane], prompt: str) -> None:
        machine = self._machine()
        # Judged against the memory there will be when the other panes are unloaded: swapping does that.
        emptied = with_freed(machine, [s for p in self.panes if p.loaded for s in self._shares.get(p.id, ())])
        fits = {p.id: self._fit(p, emptied) for p in panes if p.id not in self._loads or not p.loaded}
        if not self._waiting and not self._answering:  # a run under way keeps its mode; this one joins it
            self.plan = plan_run([f for f in fits.values() if f.verdict is not Verdict.TOO_BIG], machine,
                                 self.options.mode, panes=len(panes))  # fmt: skip
        for pane in panes:
            pane.queue(prompt)
            self._changed.add(pane.id)
            if self._journal is not None:
                self._journal.begun(pane)
            found = fits.get(pane.id)
            if found is not None and found.verdict is Verdict.TOO_BIG:
                self._finish(pane, too_big(found), "error")
                continue
            if found is not None and pane.model is not None:
                self._loads[pane.id] = LoadRequest(pane.model, found.params, pane.template)
                self._shares[pane.id] = found.shares
            self._waiting.append((pane, prompt))
        self._advance()

    @property
    def _answering(self) -> int:
        return sum(running.kind == "answer" for running in self._running.values())

    def _fit(self, pane: Pane, machine: Hardware) -> Fit:
        assert pane.model is not None
        return fit(pane.model, machine, n_ctx=pane.params.n_ctx)

    def _advance(self) -> None:
        """Start what may start now: everything, or the next in line once the last one is out of the way."""
        mode = self.plan.mode if self.plan is not None else RunMode.TOGETHER
        if mode is RunMode.TOGETHER:
            running = len(self._waiting) + self._answering
            while self._waiting:
                self._answer(*self._waiting.popleft(), running=running)
            return
        if self._running or not self._waiting:
            return
        if mode is RunMode.SWAP:
            others = [pane for pane in self.panes if pane.loaded and pane is not self._waiting[0][0]]
            for pane in others:
                self._submit(pane, "unload")
            if others:
                return
        self._answer(*self._waiting.popleft(), running=1)

    def _answer(self, pane: Pane, prompt: str, *, running: int) -> None:
        threads = pane.n_threads or threads_for(self._machine(), running=running)
        request = Request(
            messages=pane.history(self.options.system, prompt),
            sampling=self.options.sampling,
            max_tokens=self.options.max_tokens,
            stop=self.options.stop,
            n_threads=threads,
        )
        self._submit(pane, "answer", request)

    def _submit(self, pane: Pane, kind: str, request: Request | None = None) -> None:
        seat = self._seats[pane.id]
        if request is None:
            job = self._runner.submit(kind, seat.close(), lane=_lane(pane))
        else:
            job = self._runner.submit(kind, seat.answer(self._loads[pane.id], request), lane=_lane(pane))
        self._running[job.id] = _Running(pane, job, kind, request)

    # --- hearing -----------------------------------------------------------------------------

    def deliver(self, message: JobMessage) -> None:
        """Take one message of the runner; messages of other jobs and closed panes are left alone."""
        running = self._running.get(message.job_id)
        if running is None:
            return
        if isinstance(message, JobUpdate):
            running.pane.apply(message.event)
            self._changed.add(running.pane.id)
            if self._journal is not None and running.pane.text:
                self._journal.partial(running.pane)
            return
        del self._running[message.job_id]
        if running.kind == "unload":
            running.pane.unloaded()
            self._changed.add(running.pane.id)
        else:
            self._answered(running, message)
        self._advance()

    def _answered(self, running: _Running, message: JobFinished) -> None:
        pane = running.pane
        result = message.result
        if message.state is JobState.SUCCEEDED and isinstance(result, Answered):
            assert pane.model is not None
            assert running.request is not None
            self._finish_with(pane, measured(pane.model, running.request, result.completion, result.facts,
                                             load=result.fresh))  # fmt: skip
            return
        self._finish(pane, message.error, "cancelled" if message.state is JobState.CANCELLED else "error")

    def _finish(self, pane: Pane, error: BaseException | None, stop_reason: str) -> None:
        assert pane.model is not None
        self._finish_with(pane, blank(pane.model, pane.text, stop_reason, error=error))

    def _finish_with(self, pane: Pane, answer: Answer) -> None:
        pane.finish(answer)
        self._changed.add(pane.id)
        if self._journal is not None:
            self._journal.finished(pane, answer)

    def take_changed(self) -> frozenset[int]:
        """The panes that changed since the last call."""
        changed, self._changed = frozenset(self._changed), set()
        return changed

    # --- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Stop and unload everything; the runner's ``close`` waits for it."""
        self.stop()
        for pane in self.panes:
            self._runner.submit("unload", self._seats[pane.id].close(), lane=_lane(pane))


def too_big(found: Fit) -> DoesNotFitError:
    """What does not fit, by how much, and what would help."""
    hint = "Choose a smaller model or quantisation, or close other programs."
    if found.max_context:
        hint = f"It would fit with a context of {found.max_context:,} tokens."
    return DoesNotFitError(
        f"{found.model.name} needs {human_bytes(found.total_bytes)} with a context of {found.context:,} tokens; "
        f"{human_bytes(found.available_bytes)} is free, {human_bytes(found.short_by_bytes)} too little.",
        hint=hint,
    )


def _lane(pane: Pane) -> str:
    return f"context-{pane.id}"
