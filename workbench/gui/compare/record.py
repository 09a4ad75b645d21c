"""One comparison and the conversation it is kept in: begin anew, open another, restore the last.  Knows no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.chat.answer import Problem
from workbench.chat.branches import Branches
from workbench.chat.diary import Diary
from workbench.chat.options import Options
from workbench.chat.pane import Pane
from workbench.chat.stored import CHAT, DECK, StoredPane, Wanted
from workbench.chat.titles import title_of
from workbench.errors import WorkbenchError
from workbench.gui.compare.defaults import default_options
from workbench.jobs import JobRunner

if TYPE_CHECKING:
    from workbench.app import Workbench
    from workbench.chat.presets import Preset
    from workbench.engine.base import Adapter, Sampling
    from workbench.models.file import ModelFile
    from workbench.models.params import RunParams

UNTITLED = "New comparison"


@dataclass(frozen=True, slots=True)
class PaneSettings:
    """None means: the shared context, threads decided for the pane, the file's own template, the shared sampling and
    system prompt.

    ``isolated`` is the model's, in whichever pane it is: it always runs in a process of its own."""

    n_ctx: int | None
    n_threads: int | None
    template: str | None
    adapters: tuple[Adapter, ...] = ()
    isolated: bool = False
    sampling: Sampling | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class _Own:
    """What a pane does differently from the others, beside its context and the parameters of its load."""

    adapters: tuple[Adapter, ...] = ()
    isolated: bool = False
    sampling: Sampling | None = None
    system: str | None = None

    @classmethod
    def of(cls, kept: StoredPane) -> _Own:
        return cls(kept.adapters, kept.isolated, kept.sampling, kept.system)


class Record:
    """How it goes about in the tree is told in ``Branches``.  ``context`` is what panes without a context of their own
    get; ``wanted`` are restored panes whose file has still to be found."""

    def __init__(self, workbench: Workbench, runner: JobRunner) -> None:
        self._workbench = workbench
        self._conversations = workbench.conversations
        self._settings = workbench.settings
        self.diary = Diary(workbench.conversations)
        self.comparison = workbench.comparison(runner, self.diary)
        self.comparison.options = default_options(workbench.settings)
        branches = self._branches = Branches(self.comparison, self.diary, self._conversations)
        self.tree, self.edit, self.branch_at = branches.tree, branches.edit, branches.branch_at
        self.show_branch, self.show_attempt = branches.show_branch, branches.show_attempt
        self.again, self.ahead, self.continue_with = branches.again, branches.ahead, branches.continue_with
        self.context = workbench.settings.context
        self.title = UNTITLED
        self.wanted: dict[int, StoredPane] = {}
        self._own_context: dict[int, int] = {}
        self._own_params: dict[int, RunParams] = {}
        self._own: dict[int, _Own] = {}
        self._forced: set[int] = set()
        self._to_isolate: set[int] = set()  # wanted panes whose models are to be, once found

    # --- asking ------------------------------------------------------------------------------

    def ask(self, prompt: str) -> None:
        """Raises UsageError when it cannot be asked now; the prompt is kept with its answers."""
        is_new = self.diary.conversation_id is None
        self.comparison.ask(prompt)
        if is_new:
            self.title = title_of(prompt)
            self._keep_options()

    def set_options(self, options: Options, context: int) -> None:
        self.comparison.options = options
        changed, self.context = context != self.context, context
        if changed:
            for pane in self.comparison.panes:
                if pane.model is not None and not pane.busy and self.own_context(pane) is None:
                    self._choose(pane, pane.model, pane.n_threads, pane.template)
            self._keep_panes()
        self._keep_options()

    # --- panes -------------------------------------------------------------------------------

    def choose(self, pane: Pane, model: ModelFile, *, params: RunParams | None = None, force: bool = False) -> None:
        """Give a pane another model; a template chosen for the old one is forgotten.

        ``params`` are loaded exactly as they are, None: as the planner finds best; ``force`` loads what is
        judged too big.  Raises UsageError while the pane answers.
        """
        pane.refuse_busy()
        self._forget_load(pane)
        if params is not None:
            self._own_params[pane.id] = params
        if force:
            self._forced.add(pane.id)
        self.wanted.pop(pane.id, None)
        template = pane.template if model == pane.model else None
        self._choose(pane, model, pane.n_threads or self._settings.threads, template)
        self._keep_panes()

    def settings_of(self, pane: Pane) -> PaneSettings:
        isolated = pane.isolated or (pane.model is not None and self._workbench.isolates(pane.model))
        return PaneSettings(
            self.own_context(pane), pane.n_threads, pane.template, pane.adapters, isolated, pane.sampling, pane.system
        )

    def configure(self, pane: Pane, chosen: PaneSettings) -> None:
        """What a pane does differently from the others; raises UsageError while it answers."""
        pane.refuse_busy()
        if pane.model is not None and chosen.isolated != self.settings_of(pane).isolated:
            self._isolate(pane, pane.model, isolated=chosen.isolated)
        isolated = pane.isolated and chosen.isolated
        self._own[pane.id] = _Own(chosen.adapters, isolated, chosen.sampling, chosen.system)
        if pane.id in self._own_params:
            self._own_params[pane.id] = replace(self._own_params[pane.id], n_ctx=chosen.n_ctx or self.context)
        elif chosen.n_ctx is None:
            self._own_context.pop(pane.id, None)
        else:
            self._own_context[pane.id] = chosen.n_ctx
        if pane.model is not None:
            self._choose(pane, pane.model, chosen.n_threads, chosen.template)
            self._keep_panes()

    def use_template(self, pane: Pane, template: str) -> None:
        """Raises UsageError while the pane answers."""
        self.configure(pane, replace(self.settings_of(pane), template=template))

    def isolate_wanted(self, slot: int) -> None:
        """Once the file of a wanted pane is found, its model always runs in a process of its own."""
        self._to_isolate.add(slot)

    def follow(self, pane: Pane, model: ModelFile, n_threads: int | None, template: str | None) -> None:
        """The file of a pane's model lies elsewhere now, or is there again: all else stays as it was chosen."""
        self._choose(pane, model, n_threads, template)
        self._keep_panes()

    def leave(self, pane: Pane) -> None:
        """The file of a pane's model is gone; the conversation still says which it was."""
        self.comparison.choose(pane, None, n_ctx=self.context_of(pane))

    def load_anyway(self, pane: Pane) -> None:
        """Let llama.cpp have the last word on a model that was judged too big, and ask again what was asked."""
        if pane.model is None:
            return
        self._forced.add(pane.id)
        self._choose(pane, pane.model, pane.n_threads, pane.template)
        if pane.exchanges:
            self.comparison.regenerate(pane)

    def own_context(self, pane: Pane) -> int | None:
        own = self._own_params.get(pane.id)
        return own.n_ctx if own is not None else self._own_context.get(pane.id)

    def context_of(self, pane: Pane) -> int:
        return self.own_context(pane) or self.context

    def close_pane(self, pane: Pane) -> None:
        self.comparison.remove_pane(pane)
        if self.diary.continuing is pane:
            self.diary.continuing = None
        self.wanted.pop(pane.id, None)
        self._own_context.pop(pane.id, None)
        self._forget_load(pane)
        self._keep_panes()

    # --- conversations -----------------------------------------------------------------------

    def begin(self) -> None:
        """A new conversation with the same models; those that are loaded stay loaded, unless they were answering."""
        for pane in [pane for pane in self.comparison.panes if pane.busy]:
            self._replace(pane)
        for pane in self.comparison.panes:
            pane.exchanges.clear()
            if pane.model is not None:
                self._choose(pane, pane.model, pane.n_threads, pane.template)
        self.diary.turn_to(None)
        self.title = UNTITLED

    def open(self, conversation_id: int, head: int | None = None) -> bool:
        """Show a kept conversation; its models are ``wanted``.  False when it does not exist any more.

        ``head`` is the end of the branch to show, None: the one shown last; of a deck, its last prompt.
        """
        stored = self._conversations.load(conversation_id, head)
        if stored is not None and stored.kind == DECK and stored.head_turn_id is not None:
            stored = self._conversations.load(conversation_id, stored.head_turn_id)
        if stored is None:
            return False
        self._show_panes(stored.panes)
        kept = stored.sampling
        self.comparison.options = Options.from_json(stored.system_prompt, kept, default_options(self._settings))
        self.context = int(kept.get("context", self._settings.context))
        self._branches.show(stored)
        self.title = stored.title
        return True

    def open_last(self) -> bool:
        """The newest conversation, its unfinished answers marked so."""
        self._conversations.mark_unfinished()
        listed = self._conversations.listed(Wanted(kind=CHAT))
        return bool(listed) and self.open(listed[0].id)

    def _show_panes(self, panes: Sequence[StoredPane]) -> None:
        """In place of those there are; their models are ``wanted``."""
        for pane in list(self.comparison.panes):
            self.comparison.remove_pane(pane)
        for own in (self._own_context, self._own_params, self._own):
            own.clear()
        self._forced.clear()
        self._to_isolate.clear()
        for kept in panes:
            self.comparison.add_pane(kept.slot)
        self.wanted = {kept.slot: kept for kept in panes if kept.model_path is not None}

    def seat(self, slot: int, found: ModelFile | WorkbenchError) -> None:
        """The file of a wanted pane was found, or was not."""
        kept = self.wanted.pop(slot, None)
        pane = next((pane for pane in self.comparison.panes if pane.id == slot), None)
        if kept is None or pane is None or pane.model is not None:
            return
        if isinstance(found, WorkbenchError):
            pane.fail(Problem.of(found))
            return
        if kept.params is not None:
            self._own_params[slot] = kept.params
        elif kept.n_ctx != min(self.context, found.n_ctx_train or self.context):
            self._own_context[slot] = kept.n_ctx
        self._own[slot] = _Own.of(kept)
        if slot in self._to_isolate:
            self._workbench.isolate(found, isolated=True)
        self._choose(pane, found, kept.n_threads, kept.template)

    def rename(self, title: str) -> None:
        """A title of blanks is left as it was; before the first prompt there is nothing to name."""
        if self.diary.conversation_id is not None and title.strip():
            self._conversations.rename(self.diary.conversation_id, title)
            self.title = " ".join(title.split())

    @property
    def continuing(self) -> Pane | None:
        """The pane whose answers all go on with; None: each with its own."""
        return self.diary.continuing

    # --- presets -----------------------------------------------------------------------------

    def as_preset(self, name: str, *, with_panes: bool) -> Preset:
        """What stands in the window, to be saved."""
        from workbench.chat.presets import Preset

        panes = tuple(StoredPane.of(pane) for pane in self.comparison.panes if pane.model is not None)
        return Preset(0, name, self.comparison.options, panes if with_panes else (), self.context)

    def use(self, preset: Preset) -> None:
        """Take its options; where it has panes, begin a new conversation with them: their models are ``wanted``."""
        if preset.panes:
            self.begin()
            self._show_panes(preset.panes)
        self.set_options(preset.options, preset.context or self.context)

    # --- within ------------------------------------------------------------------------------

    def _choose(self, pane: Pane, model: ModelFile, n_threads: int | None, template: str | None) -> None:
        own = self._own.get(pane.id, _Own(isolated=self._settings.isolation == "process"))
        self.comparison.choose(
            pane,
            model,
            n_ctx=self.context_of(pane),
            n_threads=n_threads,
            template=template,
            params=self._own_params.get(pane.id),
            force=pane.id in self._forced,
            adapters=own.adapters,
            isolated=own.isolated,
            sampling=own.sampling,
            system=own.system,
        )

    def _isolate(self, pane: Pane, model: ModelFile, *, isolated: bool) -> None:
        """Remember it; other panes with the model that are quiet are loaded anew with the next question."""
        self._workbench.isolate(model, isolated=isolated)
        for other in self.comparison.panes:
            if other is not pane and other.model == model and not other.busy:
                self._choose(other, model, other.n_threads, other.template)

    def _forget_load(self, pane: Pane) -> None:
        own = self._own.pop(pane.id, _Own())
        if own.sampling is not None or own.system is not None:  # those are no matter of the load
            isolated = self._settings.isolation == "process"
            self._own[pane.id] = _Own(isolated=isolated, sampling=own.sampling, system=own.system)
        self._own_params.pop(pane.id, None)
        self._forced.discard(pane.id)

    def _replace(self, pane: Pane) -> None:
        """An answering pane ends with its answer; a new one takes its place."""
        place = self.comparison.panes.index(pane)
        self.comparison.remove_pane(pane)
        fresh = self.comparison.add_pane()
        self.comparison.panes.remove(fresh)
        self.comparison.panes.insert(place, fresh)
        if pane.id in self._own_context:
            self._own_context[fresh.id] = self._own_context.pop(pane.id)
        if pane.id in self._own_params:
            self._own_params[fresh.id] = self._own_params.pop(pane.id)
        if pane.id in self._own:
            self._own[fresh.id] = self._own.pop(pane.id)
        if pane.id in self._forced:
            self._forced.add(fresh.id)
            self._forced.discard(pane.id)
        if pane.model is not None:
            self._choose(fresh, pane.model, pane.n_threads, pane.template)

    def _keep_panes(self) -> None:
        if self.diary.conversation_id is not None:
            self._conversations.set_panes(self.diary.conversation_id, self.comparison.panes)

    def _keep_options(self) -> None:
        if self.diary.conversation_id is not None:
            options = self.comparison.options
            self._conversations.set_shared(
                self.diary.conversation_id, options.system, options.as_json() | {"context": self.context}
            )
