"""Several panes answering the same prompts: the one place that says which job runs when.

Every method and ``deliver`` are called on one thread, the face's; the work itself runs on the
panes' lanes.  A face hands each job message to ``deliver`` and redraws the panes ``take_changed`` names.
"""

from __future__ import annotations

import datetime
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.chat.answer import Answer, Problem, blank
from workbench.chat.crew import Crew, Question, Running, Wish
from workbench.chat.findings import Findings
from workbench.chat.journal import Journal
from workbench.chat.judging import Judge, Judged
from workbench.chat.ledger import Ledger
from workbench.chat.loads import Loads
from workbench.chat.options import Advise, Options
from workbench.chat.pane import Exchange, Pane, PaneState
from workbench.chat.plan import Fitter, RunMode, RunPlan, Together, fits_at_all, threads_for, too_big
from workbench.chat.prompt_queue import PromptQueue
from workbench.chat.seat import Answered, Opened
from workbench.engine.base import Adapter, Backend, EngineFacts, Message, Sampling
from workbench.errors import UsageError
from workbench.jobs import JobFinished, JobMessage, JobRunner, JobState, JobUpdate, Task
from workbench.models.params import RunParams
from workbench.words import said

if TYPE_CHECKING:
    from workbench.hardware.facts import Hardware
    from workbench.hardware.power import PowerWatch
    from workbench.models.file import ModelFile

MAX_PANES = 8


class Comparison:
    """``fit`` and ``together`` judge what fits; ``ledger`` hears what loads took and how fast answers were;
    ``advise`` knows publishers' samplings; ``isolate`` which models always get a process of their own; ``power`` under
    which conditions an answer was made.  ``name`` tells comparisons on one runner apart.
    """

    def __init__(
        self,
        runner: JobRunner,
        backend: Backend,
        machine: Callable[[], Hardware],
        journal: Journal | None = None,
        *,
        ledger: Ledger | None = None,
        fit: Fitter | None = None,
        together: Together | None = None,
        advise: Advise = lambda _: None,
        isolate: Callable[[ModelFile], bool] = lambda _: False,
        power: PowerWatch | None = None,
        name: str = "context",
    ) -> None:
        self.panes: list[Pane] = []
        self.options = Options()
        self.plan: RunPlan | None = None
        self._machine = machine
        self._journal = journal
        self._crew = Crew(runner, backend, name)
        self._findings = Findings(ledger, power)
        self._judge = Judge(machine, fit, together, self._findings.load_s)
        self._advise = advise
        self._loads = Loads(isolate)
        self._waiting: deque[Wish] = deque()
        self._queue = PromptQueue()
        self._held = False
        self._asked: tuple[Pane, ...] = ()  # by the last prompt of the queue
        self._changed: set[int] = set()
        self._next_id = 0
        self._day: str | None = None  # of the last question: one for all its answers
        self._seed: int | None = None  # likewise, where none is given

    # --- panes -------------------------------------------------------------------------------

    def add_pane(self, pane_id: int | None = None) -> Pane:
        if len(self.panes) >= MAX_PANES:
            raise UsageError(said("A comparison holds at most {max_panes} models.", max_panes=MAX_PANES))
        pane = Pane(self._next_id if pane_id is None else pane_id)
        self._next_id = max(self._next_id, pane.id + 1)
        self.panes.append(pane)
        self._crew.add(pane)
        self._changed.add(pane.id)
        return pane

    def remove_pane(self, pane: Pane) -> None:
        """Stop and unload the pane, and forget it."""
        self.stop(pane)
        self.panes.remove(pane)
        self._crew.remove(pane)
        self._loads.forget(pane)

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
        sampling: Sampling | None = None,
        system: str | None = None,
    ) -> None:
        """Give a pane its model; what it had loaded is freed unless it is the same again.

        ``params`` are loaded exactly as they are; without them the planner places ``n_ctx`` tokens as it
        finds best.  ``force`` loads a model though it is judged too big: llama.cpp has the last word then.
        ``isolated`` runs it in a process of its own; one that always gets one does in any case.  ``sampling`` and
        ``system`` are the pane's own in place of the shared ones.
        """
        pane.refuse_busy()
        wanted = params or RunParams(
            n_ctx=min(n_ctx, model.n_ctx_train) if model is not None and model.n_ctx_train else n_ctx
        )
        exactly = params is not None
        same_weights = (model, wanted, exactly, isolated) == (pane.model, pane.params, pane.exactly, pane.isolated)
        same_weights = same_weights and self._loads.runs_as(pane, model, isolated=isolated)
        unchanged = same_weights and (template, adapters) == (pane.template, pane.adapters)
        pane.choose(model, wanted, n_threads, template, exactly=exactly, force=force,
                    adapters=adapters, isolated=isolated, sampling=sampling, system=system)  # fmt: skip
        self._changed.add(pane.id)
        if not unchanged:
            pane.fit = pane.receipt = None
            self._loads.forget(pane)
            # Another template or other adapters go on the same weights: those stay until the next question.
            if pane.loaded and not same_weights:
                self.unload(pane)

    def show(self, pane: Pane, exchanges: Iterable[Exchange]) -> None:
        """Another branch of the conversation, in a quiet pane."""
        pane.show(exchanges)
        self._changed.add(pane.id)

    def unload(self, pane: Pane) -> None:
        """Free the pane's context, and its weights when no other pane uses them."""
        pane.refuse_busy()
        self._crew.submit(pane)

    def counting(self, pane: Pane, prompt: str) -> Task[None, int | None]:
        """Tokens the next request would have, None while the pane's model is not loaded: for another lane, about the
        pane as it is now."""
        return self._crew.counting(pane, self._messages(pane, prompt))

    @property
    def busy(self) -> bool:
        return self._crew.busy or bool(self._waiting)

    def ask(self, prompt: str) -> bool:
        """Send the prompt to every pane that has a model; False where it waits in the queue until all are quiet."""
        panes = [pane for pane in self.panes if pane.model is not None]
        if not panes:
            raise UsageError(said("No model is chosen."), hint=said("Choose a model in a pane first."))
        if not prompt.strip():
            raise UsageError(said("The prompt is empty."))
        if self._held or any(pane.busy for pane in panes):
            self._queue.add(prompt)
            return False
        self.ask_of(panes, prompt)
        return True

    def ask_of(self, panes: Sequence[Pane], prompt: str, *, system: str | None = None) -> None:
        """Send the prompt to some quiet panes; ``system`` goes before what they would be told otherwise."""
        if self._journal is not None:
            self._journal.asked(prompt, panes)
        self._start(panes, prompt, system)

    def regenerate(self, pane: Pane) -> None:
        """Ask the last prompt again, in place of the last answer."""
        if self._held or pane.busy or not pane.exchanges or pane.model is None:
            hint = said("Not while it or a deck is being answered.")
            raise UsageError(said("There is no answer to make again now."), hint=hint)
        prompt = pane.exchanges.pop().prompt
        self._start([pane], prompt)

    def warm(self) -> None:
        """Load what may stay in memory, so that the next answers begin at once; where models are swapped, the first."""
        panes = [pane for pane in self.panes if pane.model is not None and not pane.busy]
        judged = self._judged(panes, take=True)
        for pane in panes if judged.plan.mode is not RunMode.SWAP else panes[:1]:
            found = judged.fits.get(pane.id)
            if not self._loads.staying([pane]):
                if found is not None and not fits_at_all(found) and not pane.force:
                    continue  # it says so when it is asked
                pane.warming()
                self._loads.prepare(pane, found)
                self._changed.add(pane.id)
                self._waiting.append(Wish(pane, None))
        self._advance()

    def stop(self, pane: Pane | None = None) -> None:
        """Stop one pane, or all; what was written stays.  Stopping all holds back what is queued, too."""
        if pane is None:
            self._queue.pause()
        for wish in [wish for wish in self._waiting if pane in (None, wish.pane)]:
            self._waiting.remove(wish)
            self._give_up(wish)
        for running in self._crew.at_work:
            if pane in (None, running.pane):
                running.job.cancel()
                running.pane.stopping()
                self._changed.add(running.pane.id)
        self._tell_waiting()

    @property
    def queue(self) -> tuple[str, ...]:
        """Prompts that are sent one after the other, each once every pane has answered the one before."""
        return self._queue.prompts

    @property
    def paused(self) -> bool:
        """Something is queued, and held back until ``go_on``."""
        return self._queue.paused

    def unqueue(self, index: int) -> str:
        """The prompt, which does not wait any more."""
        return self._queue.remove(index)

    def move(self, index: int, to: int) -> None:
        """Another place in the queue for a prompt."""
        self._queue.move(index, to)

    def put_queue(self, prompts: Sequence[str], *, paused: bool = True) -> None:
        """In place of what is queued: another conversation's, or one kept from the last time."""
        self._queue.put(prompts, paused=paused)

    def hold(self, *, held: bool) -> None:
        """While something else has the machine, all that is asked waits in the queue."""
        self._held = held
        self._next_queued()

    def go_on(self) -> None:
        """Send what is queued: at once, or when all panes are quiet."""
        self._queue.paused = False
        self._asked = ()
        self._next_queued()

    def _next_queued(self) -> None:
        if self.busy or self._held or self._queue.paused or not self._queue.prompts:
            return
        panes = [pane for pane in self.panes if pane.model is not None]
        asked = [pane for pane in self._asked if pane in self.panes]
        # One that fails stops nobody; when all fail, the others would fail, too.
        if not panes or (asked and all(pane.state is PaneState.FAILED for pane in asked)):
            self._queue.pause()
            return
        prompt = self._queue.take()
        if prompt is not None:
            self._asked = tuple(panes)
            self.ask_of(panes, prompt)

    def judged(self) -> RunPlan:
        """How a prompt sent now would be run: judged afresh, since panes and free memory change."""
        return self._judged([pane for pane in self.panes if pane.model is not None]).plan

    def _judged(self, panes: Sequence[Pane], *, take: bool = False) -> Judged:
        staying, mode = self._loads.staying(self.panes), self.options.mode
        judged = self._judge.plan(panes, self.panes, mode, shares=self._loads.shares, staying=staying)
        # A run under way keeps its mode; what is new joins it.
        if take and not self._waiting and not self._crew.at_work:
            self.plan = judged.plan
        return judged

    def _start(self, panes: Sequence[Pane], prompt: str, system: str | None = None) -> None:
        import secrets

        self._day = datetime.date.today().isoformat()  # noqa: DTZ011  # the user's own day, as people tell it
        self._seed = secrets.randbelow(2**31)
        judged = self._judged(panes, take=True)
        for pane in panes:
            pane.queue(prompt)
            self._changed.add(pane.id)
            if self._journal is not None:
                self._journal.begun(pane)
            found = judged.fits.get(pane.id)
            if found is not None and not fits_at_all(found) and not pane.force:
                self._finish(pane, too_big(found), "error")
                continue
            self._loads.prepare(pane, found)
            self._waiting.append(Wish(pane, prompt, system))
        self._advance()

    def _advance(self) -> None:
        """Start what may start now: everything, or the next in line once the last one is out of the way."""
        mode = self.plan.mode if self.plan is not None else RunMode.TOGETHER
        if mode is RunMode.TOGETHER:
            running = len(self._waiting) + len(self._crew.at_work)
            while self._waiting:
                self._serve(self._waiting.popleft(), running=running)
        elif self._waiting and not self._crew.busy:
            others = [pane for pane in self.panes if pane.loaded and pane is not self._waiting[0].pane]
            if mode is RunMode.SWAP and others:
                for pane in others:
                    self._crew.submit(pane)
            else:
                self._serve(self._waiting.popleft(), running=1)
        self._tell_waiting()
        self._next_queued()

    def _tell_waiting(self) -> None:
        if not self._waiting or self.plan is None:
            return
        at_work = [running.pane for running in self._crew.at_work]
        waiting = [wish.pane for wish in self._waiting]
        waits = self._judge.waits(self.plan.mode, at_work, waiting)
        for pane in waiting:
            pane.waiting = waits.get(pane.id)
            self._changed.add(pane.id)

    def _serve(self, wish: Wish, *, running: int) -> None:
        pane = wish.pane
        if wish.prompt is None:
            self._crew.submit(pane, Question(self._loads.of(pane), None))
            return
        threads = pane.n_threads or threads_for(self._machine(), running=running)
        assert pane.model is not None
        sampling, advised = self.options.sampling_for(self._advise(pane.model), pane.sampling)
        if sampling.seed is None:
            sampling = replace(sampling, seed=self._seed)
        messages = self._messages(pane, wish.prompt, wish.system)
        request = self.options.request(messages, sampling, n_threads=threads, day=self._day)
        self._crew.submit(pane, Question(self._loads.of(pane), request, advised, self._findings.mark()))

    def _messages(self, pane: Pane, prompt: str, system: str | None = None) -> tuple[Message, ...]:
        return pane.history(self.options.system if system is None else system, prompt)

    def deliver(self, message: JobMessage) -> None:
        """Take one message of the runner; messages of other jobs and closed panes are left alone."""
        running = self._crew.at(message.job_id)
        if running is None:
            return
        if isinstance(message, JobUpdate):
            running.pane.apply(message.event)
            if isinstance(message.event, Opened) and message.event.fresh:
                self._findings.loaded(running.pane, message.event.facts)
            if self._journal is not None:
                self._journal.partial(running.pane)
        else:
            self._ended(running, message, disturbed=self._crew.ended(message.job_id))
            self._advance()
        self._changed.add(running.pane.id)

    def _ended(self, running: Running, message: JobFinished, *, disturbed: bool) -> None:
        pane, question, result = running.pane, running.question, message.result
        if question is None:
            pane.unloaded()
        elif question.request is None:
            self._warmed(pane, message)
        elif message.state is JobState.SUCCEEDED and isinstance(result, Answered):
            answer = self._findings.answered(pane, question, question.request, result, disturbed=disturbed)
            self._finish_with(pane, answer)
        else:
            self._findings.settle(pane, pane.facts)
            self._finish(pane, message.error, "cancelled" if message.state is JobState.CANCELLED else "error")

    def _warmed(self, pane: Pane, message: JobFinished) -> None:
        if message.state is JobState.SUCCEEDED and isinstance(message.result, EngineFacts):
            pane.opened(message.result)
        elif message.error is not None:
            pane.fail(Problem.of(message.error))
        else:
            pane.cooled()

    def _give_up(self, wish: Wish) -> None:
        """It waited, and was stopped."""
        if wish.prompt is None:
            wish.pane.cooled()
            self._changed.add(wish.pane.id)
        else:
            self._finish(wish.pane, None, "cancelled")

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

    def close(self) -> None:
        """Stop and unload everything; the runner's ``close`` waits for it."""
        self.stop()
        self._crew.close(self.panes)
