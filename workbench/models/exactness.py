"""llama.cpp's own numbers in place of ours: the plan is probed, and corrected where they do not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.errors import ProbeError
from workbench.jobs import CancelToken
from workbench.models.answered import answered
from workbench.models.breakdown import Share
from workbench.models.exact import Breakdown, Head, Prober
from workbench.models.file import ModelFile
from workbench.models.judge import Question, as_fit
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.placement import device_budget_bytes, usable_devices
from workbench.models.plans import Plan, all_fit, context_step
from workbench.models.remedies import remedies
from workbench.models.verdict import Fit, Verdict
from workbench.words import said

MOST_PROBES = 3
# What our arithmetic finds too large by less than this may fit after all.
_NEARLY = 0.03


@dataclass(frozen=True, slots=True)
class _Asking:
    """Who to ask, and about which files."""

    asked: Question
    heads: tuple[Head, ...]
    probe: Prober
    cancel: CancelToken

    def breakdown(self, params: RunParams) -> Breakdown:
        (found,) = self.probe(self.heads, self.asked.model.header.sha256, [params], self.cancel)
        return found

    def shares(self, plan: Plan) -> tuple[Share, ...]:
        """The plan's shares with llama.cpp's weights, cache and compute buffers."""
        estimated = self.asked.case.shares(plan.params)
        reserves = self.asked.case.reserves
        budgets = {device.name: device_budget_bytes(device, reserves) for device in usable_devices(self.asked.hardware)}
        return answered(estimated, self.breakdown(to_load(self.asked, plan.params)), budgets)


def heads_of(model: ModelFile) -> tuple[Head, ...]:
    """What llama.cpp is given to read.  Raises ProbeError when a file is gone."""
    if model.heads:
        return model.heads
    try:
        return tuple(Head(path, path.name, path.stat().st_size) for path in model.files)
    except OSError as error:
        raise ProbeError(
            said("{file} is gone or cannot be read.", file=model.path.name),
            hint=said("Add the file again."),
        ) from error


def exactly(asked: Question, plan: Plan, probe: Prober, cancel: CancelToken) -> Fit:
    """The fit in llama.cpp's own numbers, from ``plan`` on, with at most ``MOST_PROBES`` placements tried.

    A placement that does not fit is given up for the next that should, by what the answers so far were above
    our arithmetic.  The longest context is confirmed by one more probe.  Raises ProbeError, Cancelled.
    """
    asking = _Asking(asked, heads_of(asked.model), probe, cancel)
    found, corrected = _settled(asking, plan)
    if found is None:
        # Three answers did not settle it: what they taught, in our own arithmetic.
        guess = corrected.case.best(asked.wanted)
        fit = replace(as_fit(corrected, guess), remedies=remedies(corrected, guess))
        return replace(
            fit, reasons=(*fit.reasons, said("llama.cpp's own numbers asked for another placement, not probed"))
        )
    fit = replace(as_fit(corrected, found, basis="exact"), remedies=remedies(corrected, found))
    return _with_confirmed_context(asking, found, fit)


def to_load(asked: Question, params: RunParams) -> RunParams:
    """As the load will be asked for: -1 for all layers."""
    return replace(params, n_gpu_layers=ALL_LAYERS) if params.n_gpu_layers == asked.case.everything else params


# --- the placement ---------------------------------------------------------------------------


def _settled(asking: _Asking, plan: Plan) -> tuple[Plan | None, Question]:
    """A plan in exact numbers, and the question with what was learnt of this model; None where none settled."""
    asked, hardware = asking.asked, asking.asked.hardware
    planned = plan
    tried = _nearly_on_gpu(asked, plan) or plan
    corrections: dict[str, int] = {}
    for _ in range(MOST_PROBES):
        shares = asking.shares(tried)
        difference = _difference(shares, asked.case.shares(tried.params))
        corrected = replace(asked, case=replace(asked.case, corrections=difference))
        fits = all_fit(shares)
        verdict = asked.case.verdict_of(tried.params) if fits else Verdict.TOO_BIG
        exact = Plan(verdict, tried.params, shares)
        if fits or asked.wanted.n_gpu_layers != ALL_LAYERS or not usable_devices(hardware):
            return exact, corrected
        corrections = {name: max(extra, corrections.get(name, extra)) for name, extra in difference.items()}
        corrected = replace(asked, case=replace(asked.case, corrections=corrections))
        following = planned if tried is not planned and planned.verdict is not Verdict.TOO_BIG else None
        following = following or corrected.case.best(asked.wanted)
        if following.verdict is Verdict.TOO_BIG or following.params == tried.params:
            return exact, corrected
        tried = following
    return None, corrected


def _nearly_on_gpu(asked: Question, plan: Plan) -> Plan | None:
    if asked.wanted.n_gpu_layers != ALL_LAYERS or plan.verdict is Verdict.GPU or not usable_devices(asked.hardware):
        return None
    whole = asked.case.plan(asked.wanted)
    need = sum(share.total_bytes for share in whole.shares)
    return whole if whole.short_by_bytes <= _NEARLY * need else None


def _difference(exact: Sequence[Share], estimated: Sequence[Share]) -> dict[str, int]:
    before = {share.device: share.total_bytes for share in estimated}
    return {share.device: share.total_bytes - before.get(share.device, 0) for share in exact}


# --- the longest context ---------------------------------------------------------------------


def _with_confirmed_context(asking: _Asking, plan: Plan, fit: Fit) -> Fit:
    longest = fit.max_context
    if plan.verdict is Verdict.TOO_BIG or longest is None or longest <= plan.params.n_ctx:
        return fit
    longer = Plan(plan.verdict, replace(plan.params, n_ctx=longest), plan.shares)
    try:
        shares = asking.shares(longer)
    except ProbeError as error:
        told = said(
            "llama.cpp could not be asked about the longest context, which is an estimate: {message}",
            message=error.message,
        )
        return replace(fit, reasons=(*fit.reasons, told))
    if all_fit(shares):
        return fit
    return replace(fit, max_context=_between(plan, shares, longest))


def _between(plan: Plan, too_long: Sequence[Share], longest: int) -> int:
    """The longest context by the straight line between two exact answers, rounded down.

    Buffers grow along the line or, being maxima of several, below it: never above.
    """
    step, shortest = context_step(plan.params), plan.params.n_ctx
    share_of_way = 1.0
    for short, long in zip(plan.shares, too_long, strict=True):
        if long.short_by_bytes:
            share_of_way = min(share_of_way, short.margin_bytes / (long.total_bytes - short.total_bytes))
    return max(shortest, int(shortest + share_of_way * (longest - shortest)) // step * step)
