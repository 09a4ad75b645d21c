"""How panes would be run: each one's fit, the plan for all of them, and what other plans would cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workbench.chat.answer import Answer
from workbench.chat.pane import Pane, Waiting
from workbench.chat.plan import (
    Fitter,
    Held,
    RunMode,
    RunPlan,
    Together,
    fits_at_all,
    plan_run,
    usual_fit,
    usual_together,
    with_freed,
)

if TYPE_CHECKING:
    from workbench.chat.waiting import LoadTime, Seconds, Times
    from workbench.hardware.facts import Hardware
    from workbench.models.breakdown import Share
    from workbench.models.fit import Fit


@dataclass(frozen=True, slots=True)
class Judged:
    """The plan, and the fits of the panes that are still to be loaded, by pane."""

    plan: RunPlan
    fits: Mapping[int, Fit]


class Judge:
    """Judges panes against the machine as it is now."""

    def __init__(
        self, machine: Callable[[], Hardware], fit: Fitter | None, together: Together | None, load_s: LoadTime
    ) -> None:
        self._machine = machine
        self._fitter = fit or usual_fit
        self._together = together or usual_together
        self._load_s = load_s

    def plan(
        self,
        asked: Sequence[Pane],
        panes: Sequence[Pane],
        mode: RunMode,
        *,
        shares: Mapping[int, tuple[Share, ...]],
        staying: Sequence[Pane],
    ) -> Judged:
        """How ``asked`` would be run among all ``panes``; ``staying`` keep what they have loaded, of which ``shares``
        says how much that is."""
        now = self._machine()
        # Judged against the memory there will be when the other panes are unloaded: swapping does that.
        emptied = with_freed(now, _held(panes, shares))
        # What a pane holds of a model it was told to leave is freed before it loads the next one.
        machine = with_freed(now, _held((pane for pane in panes if pane not in staying), shares))
        fits = {pane.id: self._fit(pane, emptied) for pane in asked if pane not in staying}
        loading = [pane for pane in asked if pane.id in fits and (pane.force or fits_at_all(fits[pane.id]))]
        plan = plan_run(
            [fits[pane.id] for pane in loading],
            emptied,
            mode,
            panes=len(asked),
            fixed=[fits[pane.id] for pane in loading if pane.exactly],
            held=Held(tuple(pane.fit for pane in staying if pane.fit is not None), machine),
            judge=self._together,
            times=self._times(asked),
        )
        placed = {pane.id: found for pane, found in zip(loading, plan.fits, strict=True)}
        return Judged(plan, fits | placed)

    def waits(self, mode: RunMode, before: Sequence[Pane], waiting: Sequence[Pane]) -> dict[int, Waiting]:
        """What each of those that wait, in their order, waits for; ``before`` are at work."""
        from workbench.chat.waiting import total, waits_for

        found: dict[int, Waiting] = {}
        ahead = list(before)
        everyone = (*before, *waiting)
        # What is at work may be nearly done: its whole time is the most that is left of it.
        parts: list[Seconds | None] = [_less(self._time(pane, mode, everyone)) for pane in before]
        for pane in waiting:
            names = list(dict.fromkeys(one.model.title for one in ahead if one.model is not None))
            if names:
                found[pane.id] = Waiting(waits_for(names), total(parts))
            ahead.append(pane)
            parts.append(self._time(pane, mode, everyone))
        return found

    def _time(self, pane: Pane, mode: RunMode, beside: Sequence[Pane]) -> Seconds | None:
        from workbench.chat.waiting import answer_s, total

        answer = answer_s(_answers([pane]), _answers(beside), pane.fit)
        if pane.loaded and mode is not RunMode.SWAP:
            return answer
        return total([answer, self._load_s(pane.model) if pane.model is not None else None])

    def _times(self, panes: Sequence[Pane]) -> Times:
        from workbench.chat.waiting import Times, answer_s

        everybody = _answers(panes)
        return Times(
            tuple(answer_s(_answers([pane]), everybody, pane.fit) for pane in panes),
            tuple(self._load_s(pane.model) if pane.model is not None else None for pane in panes),
        )

    def _fit(self, pane: Pane, machine: Hardware) -> Fit:
        """The verdict, with the parameters to load."""
        from workbench.models.derived import subject_of
        from workbench.models.params import ALL_LAYERS

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


def _held(panes: Iterable[Pane], shares: Mapping[int, tuple[Share, ...]]) -> list[Share]:
    return [share for pane in panes if pane.loaded for share in shares.get(pane.id, ())]


def _answers(panes: Sequence[Pane]) -> list[Answer]:
    return [one.answer for pane in panes for one in pane.exchanges if one.answer is not None]


def _less(whole: Seconds | None) -> Seconds | None:
    return None if whole is None else (0.0, whole[1])
