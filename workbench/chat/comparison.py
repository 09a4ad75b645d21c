"""Several panes answering the same prompts: the one place that says which job runs when.

Every method and ``deliver`` are called on one thread, the face's; the work itself runs on the
panes' lanes.  A face hands each job message to ``deliver`` and redraws the panes ``take_changed`` names.
"""

from __future__ import annotations

import datetime
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from workbench.chat.answer import Answer, blank, measured
from workbench.chat.journal import Journal
from workbench.chat.ledger import Ledger
from workbench.chat.options import Advise, Options
from workbench.chat.pane import Pane
from workbench.chat.plan import (
    Fitter,
    Held,
    RunMode,
    RunPlan,
    Together,
    fits_at_all,
    plan_run,
    threads_for,
    too_big,
    with_freed,
)
from workbench.chat.seat import Answered, Opened, Seat
from workbench.engine.base import Adapter, Backend, EngineFacts, LoadRequest, Message, Request
from workbench.errors import UsageError
from workbench.hardware.facts import Hardware
from workbench.jobs import Job, JobFinished, JobMessage, JobRunner, JobState, JobUpdate, Task
from workbench.models.breakdown import Share
from workbench.models.derived import subject_of
from workbench.models.file import ModelFile
from workbench.models.fit import Fit, fit, fit_together
from workbench.models.params import ALL_LAYERS, RunParams

MAX_PANES = 8


@dataclass(frozen=True, slots=True)
class _Question:
    load: LoadRequest
    request: Request
    advised: str


@dataclass(frozen=True, slots=True)
class _Running:
    """A pane's job; without a question it unloads."""

    pane: Pane
    job: Job
    question: _Question | None = None


class Comparison:
    """``fit`` and ``together`` judge what fits; ``ledger`` hears what loads took and how fast answers were;
    ``advise`` knows publishers' samplings; ``isolate`` which models always get a process of their own."""

    def __init__(
        self,
        runner: JobRunner,
        backend: Backend,
        machine: Callable[[], Hardware],
        journal: Journal | None = None,
        *,
        ledger: Ledger | None = None,
        fit: Fitter = fit,
        together: Together = fit_together,
        advise: Advise = lambda _: None,
        isolate: Callable[[ModelFile], bool] = lambda _: False,
    ) -> None:
        self.panes: list[Pane] = []
        self.options = Options()
        self.plan: RunPlan | None = None
        self._runner = runner
        self._backend = backend
        self._machine = machine
        self._journal = journal
        self._ledger = ledger
        self._fitter = fit
        self._together = together
        self._advise = advise
        self._isolate = isolate
        self._seats: dict[int, Seat] = {}
        self._loads: dict[int, LoadRequest] = {}
        self._shares: dict[int, tuple[Share, ...]] = {}  # of what a pane holds, until it is freed
        self._running: dict[int, _Running] = {}
        self._disturbed: set[int] = set()  # jobs beside which another pane was loading or answering
        self._waiting: deque[tuple[Pane, str]] = deque()
        self._changed: set[int] = set()
        self._next_id = 0
        self._day: str | None = None  # of the last question: one for all its answers
        self._seed: int | None = None  # likewise, where none is given

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
        params: RunParams | None = None,
        force: bool = False,
        adapters: tuple[Adapter, ...] = (),
        isolated: bool = False,
    ) -> None:
        """Give a pane its model; what it had loaded is freed unless it is the same again.

        ``params`` are loaded exactly as they are; without them the planner places ``n_ctx`` tokens as it
        finds best.  ``force`` loads a model though it is judged too big: llama.cpp has the last word then.
        ``isolated`` runs it in a process of its own; one that always gets one does in any case.
        """
        if pane.busy:
            raise UsageError("This pane is answering.", hint="Stop it first.")
        wanted = params or RunParams(
            n_ctx=min(n_ctx, model.n_ctx_train) if model is not None and model.n_ctx_train else n_ctx
        )
        exactly = params is not None
        same_weights = (model, wanted, exactly, isolated) == (pane.model, pane.params, pane.exactly, pane.isolated)
        opened = self._loads.get(pane.id)
        if opened is not None and model is not None:  # also where that was told of the model since
            same_weights = same_weights and opened.isolated == (isolated or self._isolate(model))
        unchanged = same_weights and (template, adapters) == (pane.template, pane.adapters)
        pane.choose(model, wanted, n_threads, template, exactly=exactly, force=force,
                    adapters=adapters, isolated=isolated)  # fmt: skip
        self._changed.add(pane.id)
        if not unchanged:
            pane.fit = pane.receipt = None
            self._loads.pop(pane.id, None)
            # Another template or other adapters go on the same weights: those stay until the next question.
            if pane.loaded and not same_weights:
                self.unload(pane)

    def unload(self, pane: Pane) -> None:
        """Free the pane's context, and its weights when no other pane uses them."""
        if pane.busy:
            raise UsageError("This pane is answering.", hint="Stop it first.")
        self._submit(pane)

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
            if pane in (None, running.pane) and running.question is not None:
                running.job.cancel()
                running.pane.stopping()
                self._changed.add(running.pane.id)

    def judged(self) -> RunPlan:
        """How a prompt sent now would be run: judged afresh, since panes and free memory change."""
        return self._judge([pane for pane in self.panes if pane.model is not None])[0]

    def _judge(self, panes: Sequence[Pane]) -> tuple[RunPlan, dict[int, Fit]]:
        """The plan, and the fits of the panes that are still to be loaded."""
        now = self._machine()
        # Judged against the memory there will be when the other panes are unloaded: swapping does that.
        emptied = with_freed(now, self._held(self.panes))
        # What a pane holds of a model it was told to leave is freed before it loads the next one.
        staying = [pane for pane in self.panes if pane.loaded and pane.id in self._loads]
        machine = with_freed(now, self._held(pane for pane in self.panes if pane not in staying))
        fits = {pane.id: self._fit(pane, emptied) for pane in panes if pane not in staying}
        loading = [pane for pane in panes if pane.id in fits and (pane.force or fits_at_all(fits[pane.id]))]
        plan = plan_run(
            [fits[pane.id] for pane in loading],
            emptied,
            self.options.mode,
            panes=len(panes),
            fixed=[fits[pane.id] for pane in loading if pane.exactly],
            held=Held(tuple(pane.fit for pane in staying if pane.fit is not None), machine),
            judge=self._together,
        )
        return plan, fits | {pane.id: found for pane, found in zip(loading, plan.fits, strict=True)}

    def _held(self, panes: Iterable[Pane]) -> list[Share]:
        return [share for pane in panes if pane.loaded for share in self._shares.get(pane.id, ())]

    def _start(self, panes: Sequence[Pane], prompt: str) -> None:
        self._day = datetime.date.today().isoformat()  # noqa: DTZ011  # the user's own day, as people tell it
        self._seed = secrets.randbelow(2**31)
        plan, fits = self._judge(panes)
        if not self._waiting and not self._answering:  # a run under way keeps its mode; this one joins it
            self.plan = plan
        for pane in panes:
            pane.queue(prompt)
            self._changed.add(pane.id)
            if self._journal is not None:
                self._journal.begun(pane)
            found = fits.get(pane.id)
            if found is not None and not fits_at_all(found) and not pane.force:
                self._finish(pane, too_big(found), "error")
                continue
            if found is not None and pane.model is not None:
                isolated = pane.isolated or self._isolate(pane.model)
                self._loads[pane.id] = LoadRequest(pane.model, found.params, pane.template, pane.adapters, isolated)
                self._shares[pane.id] = found.shares
                pane.fit, pane.receipt = found, None
            self._waiting.append((pane, prompt))
        self._advance()

    @property
    def _answering(self) -> int:
        return sum(running.question is not None for running in self._running.values())

    def _fit(self, pane: Pane, machine: Hardware) -> Fit:
        """The verdict, with the parameters to load."""
        assert pane.model is not None
        wanted = pane.params
        if not pane.exactly:
            return self._fitter(pane.model, machine, n_ctx=wanted.n_ctx, params=None)
        everything = subject_of(pane.model.header).offloadable_layers
        # All of them, not as many as fit.
        named = replace(wanted, n_gpu_layers=everything) if wanted.n_gpu_layers == ALL_LAYERS else wanted
        found = self._fitter(pane.model, machine, n_ctx=wanted.n_ctx, params=named)
        # What has the same effect is written the same way, so that panes share their weights.
        layers = found.params.n_gpu_layers or (wanted.n_gpu_layers if machine.devices else 0)
        longest = max(found.params.n_ctx, wanted.n_ctx)
        return replace(found, params=replace(found.params, n_gpu_layers=layers, n_ctx=longest))

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
                self._submit(pane)
            if others:
                return
        self._answer(*self._waiting.popleft(), running=1)

    def _answer(self, pane: Pane, prompt: str, *, running: int) -> None:
        threads = pane.n_threads or threads_for(self._machine(), running=running)
        assert pane.model is not None
        sampling, advised = self.options.sampling_for(self._advise(pane.model))
        if sampling.seed is None:
            sampling = replace(sampling, seed=self._seed)
        messages = pane.history(self.options.system, prompt)
        request = self.options.request(messages, sampling, n_threads=threads, day=self._day)
        self._submit(pane, _Question(self._loads[pane.id], request, advised))

    def _submit(self, pane: Pane, question: _Question | None = None) -> None:
        seat = self._seats[pane.id]
        if question is None:
            job = self._runner.submit("unload", seat.close(), lane=_lane(pane))
        else:
            job = self._runner.submit("answer", seat.answer(question.load, question.request), lane=_lane(pane))
        if self._running:
            self._disturbed |= {job.id, *self._running}
        self._running[job.id] = _Running(pane, job, question)

    # --- hearing -----------------------------------------------------------------------------

    def deliver(self, message: JobMessage) -> None:
        """Take one message of the runner; messages of other jobs and closed panes are left alone."""
        running = self._running.get(message.job_id)
        if running is None:
            return
        if isinstance(message, JobUpdate):
            running.pane.apply(message.event)
            self._changed.add(running.pane.id)
            if isinstance(message.event, Opened) and message.event.fresh:
                self._loaded(running.pane, message.event.facts)
            if self._journal is not None and running.pane.text:
                self._journal.partial(running.pane)
            return
        del self._running[message.job_id]
        if running.question is None:
            running.pane.unloaded()
            self._changed.add(running.pane.id)
        else:
            self._answered(running.pane, running.question, message)
        self._advance()
        self._disturbed.discard(message.job_id)

    def _loaded(self, pane: Pane, facts: EngineFacts) -> None:
        pane.receipt = None
        if self._ledger is not None and pane.model is not None and pane.fit is not None:
            pane.receipt = self._ledger.loaded(pane.model, pane.fit, facts)

    def _answered(self, pane: Pane, asked: _Question, message: JobFinished) -> None:
        result = message.result
        if message.state is not JobState.SUCCEEDED or not isinstance(result, Answered):
            self._settle(pane, pane.facts)
            self._finish(pane, message.error, "cancelled" if message.state is JobState.CANCELLED else "error")
            return
        model = asked.load.model
        self._settle(pane, result.facts)
        if self._ledger is not None and pane.fit is not None and message.job_id not in self._disturbed:
            self._ledger.answered(model, pane.fit, result.facts, asked.request, result.completion)
        answer = measured(
            asked.load, asked.request, result.completion, result.facts,
            fresh=result.fresh, advised=asked.advised, receipt=pane.receipt,
        )  # fmt: skip
        self._finish_with(pane, answer)

    def _settle(self, pane: Pane, facts: EngineFacts | None) -> None:
        """A load's growth is final once its first answer ended, however that was."""
        if self._ledger is not None and pane.receipt is not None and not pane.receipt.id and facts is not None:
            pane.receipt = self._ledger.settled(pane.receipt, facts)

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


def _lane(pane: Pane) -> str:
    return f"context-{pane.id}"
