"""Whether a model fits a machine, with the numbers the answer stands on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.errors import UsageError
from workbench.hardware.facts import Hardware
from workbench.hardware.words import human_bytes
from workbench.models.breakdown import RAM, Share
from workbench.models.file import ModelFile
from workbench.models.memory import CONTEXT_STEP, padded_context
from workbench.models.params import ALL_LAYERS, RunParams
from workbench.models.placement import (
    Subject,
    device_budget_bytes,
    place,
    ram_budget_bytes,
    ram_reserve_bytes,
    usable_devices,
)
from workbench.models.shape import shape_of
from workbench.models.verdict import Fit, TogetherFit, Verdict

__all__ = ["Fit", "Share", "TogetherFit", "Verdict", "fit", "fit_together"]


# Features of a build of llama.cpp with which it keeps a second copy of some weights, in another order.  The
# first copy is the mapped file, which the system takes back when memory is short: it is not counted twice.
_REARRANGING = {"REPACK", "AMX_INT8"}


@dataclass(frozen=True, slots=True)
class _Plan:
    """A placement: the number of layers on the GPU, and what it takes where."""

    verdict: Verdict
    n_gpu_layers: int
    shares: tuple[Share, ...]


def fit(model: ModelFile, hardware: Hardware, *, n_ctx: int = 4096, params: RunParams | None = None) -> Fit:
    """The verdict for ``n_ctx`` tokens, at most the trained context; ``params`` gives the other choices.

    Pure arithmetic, some milliseconds.  Raises UsageError for a context below one token.
    """
    if n_ctx < 1:
        raise UsageError(f"A context of {n_ctx} tokens is not possible.", hint="Ask for at least 1 token.")
    shape = shape_of(model.header)
    subject = Subject.of(model.header, shape)
    longest = _longest_context(model.n_ctx_train)
    context = padded_context(n_ctx) if longest is None else min(padded_context(n_ctx), longest)
    wanted = replace(params or RunParams(), n_ctx=context)

    plan = _best_plan(subject, wanted, hardware)
    if plan.verdict is Verdict.TOO_BIG:
        max_context = _longest(
            lambda tokens: _best_plan(subject, replace(wanted, n_ctx=tokens), hardware).verdict is not Verdict.TOO_BIG,
            context - CONTEXT_STEP,
        )
    else:
        max_context = _longest(
            lambda tokens: _all_fit(place(subject, replace(wanted, n_ctx=tokens), hardware, plan.n_gpu_layers)),
            longest or context,
        )
    everything = plan.n_gpu_layers == subject.offloadable_layers
    return Fit(
        model=model,
        verdict=plan.verdict,
        context=context,
        max_context=max_context,
        basis="estimate",
        params=replace(wanted, n_gpu_layers=ALL_LAYERS if everything else plan.n_gpu_layers),
        shares=plan.shares,
        reasons=_reasons(plan, subject, context, n_ctx, hardware),
    )


def fit_together(fits: Sequence[Fit], hardware: Hardware) -> TogetherFit:
    """Whether all the plans fit side by side, each as planned for itself.

    Weights of one file on one device count once, and so does what a device needs for being used at all.
    """
    budgets = {device.name: device_budget_bytes(device) for device in usable_devices(hardware)}
    budgets[RAM] = ram_budget_bytes(hardware)
    unified = {device.name for device in usable_devices(hardware) if device.unified}
    needs = {device: _together_on(device, fits) for device in budgets}
    from_ram = needs[RAM] + sum(needs[name] for name in unified)
    short = [(name, needs[name] - budgets[name]) for name in budgets if name != RAM]
    short.append(("memory", from_ram - budgets[RAM]))
    total, available = sum(needs.values()), sum(budgets[name] for name in budgets if name not in unified)
    reasons = [f"Together they need {human_bytes(total)} of {human_bytes(available)} usable"]
    reasons += [f"Short by {human_bytes(missing)} of {name}" for name, missing in short if missing > 0]
    return TogetherFit(all(missing <= 0 for _, missing in short), total, available, tuple(reasons))


# --- one model -------------------------------------------------------------------------------


def _best_plan(subject: Subject, params: RunParams, hardware: Hardware) -> _Plan:
    """All layers on the GPU; else as many as fit, the rest in RAM; else all in RAM."""

    def shares(n_gpu_layers: int) -> tuple[Share, ...]:
        return place(subject, params, hardware, n_gpu_layers)

    layers = 0
    if usable_devices(hardware):
        everything = shares(subject.offloadable_layers)
        if _all_fit(everything):
            return _Plan(Verdict.GPU, subject.offloadable_layers, everything)
        layers = _largest(lambda count: _all_fit(shares(count)[:-1]), subject.offloadable_layers - 1)
    if layers and _all_fit(split := shares(layers)):
        return _Plan(Verdict.SPLIT, layers, split)
    if _all_fit(in_ram := shares(0)):
        return _Plan(Verdict.CPU, 0, in_ram)
    # The placement that comes nearest is the one whose shortage is worth telling.
    return min(
        (_Plan(Verdict.TOO_BIG, count, shares(count)) for count in {0, layers}),
        key=lambda plan: sum(share.short_by_bytes for share in plan.shares),
    )


def _all_fit(shares: Sequence[Share]) -> bool:
    return all(share.short_by_bytes == 0 for share in shares)


def _longest_context(n_ctx_train: int) -> int | None:
    """The trained context rounded down to llama.cpp's step; None where the file does not say."""
    return max(CONTEXT_STEP, n_ctx_train // CONTEXT_STEP * CONTEXT_STEP) if n_ctx_train else None


def _longest(fits: Callable[[int], bool], at_most: int) -> int | None:
    steps = _largest(lambda count: fits(count * CONTEXT_STEP), at_most // CONTEXT_STEP)
    return steps * CONTEXT_STEP or None


def _largest(holds: Callable[[int], bool], at_most: int) -> int:
    """The largest number from 1 that still holds, by bisection; 0 when not even 1 does."""
    low, high = 0, max(0, at_most)
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _reasons(plan: _Plan, subject: Subject, context: int, asked: int, hardware: Hardware) -> tuple[str, ...]:
    said = []
    if asked > context:
        said.append(f"Trained for {subject.shape.n_ctx_train:,} tokens: the context is lowered to {context:,}")
    weights = sum(share.weights_bytes for share in plan.shares)
    twice = " (the embeddings twice, on the GPU and in RAM)" if weights > subject.weights.total_bytes else ""
    said.append(f"Weights: {human_bytes(weights)}{twice}")
    said.append(f"KV cache of {context:,} tokens: {human_bytes(sum(share.kv_bytes for share in plan.shares))}")
    work = sum(share.compute_bytes + share.overhead_bytes for share in plan.shares)
    of_device = ", the GPU's own needs included" if plan.n_gpu_layers else ""
    said.append(f"Vocabulary and working memory: {human_bytes(work)}{of_device}")
    said += _placement_reasons(plan, subject, hardware)
    short = sum(share.short_by_bytes for share in plan.shares)
    if short:
        said.append(f"Short by {human_bytes(short)}")
    said.append(f"{human_bytes(ram_reserve_bytes(hardware))} of memory is kept free for the system")
    features = hardware.build.cpu_features if hardware.build is not None else ()
    if plan.verdict is not Verdict.GPU and _REARRANGING & set(features):
        said.append("llama.cpp rearranges weights for this processor: the system may show some of them twice")
    return (*said, *subject.shape.notes)


def _placement_reasons(plan: _Plan, subject: Subject, hardware: Hardware) -> list[str]:
    devices = usable_devices(hardware)
    said = []
    names = " and ".join(device.description or device.name for device in devices)
    if plan.verdict is Verdict.GPU:
        said.append(f"All {subject.offloadable_layers} layers on {names}")
    elif plan.n_gpu_layers:
        in_ram = subject.offloadable_layers - plan.n_gpu_layers
        said.append(f"{in_ram} of {subject.offloadable_layers} layers stay in RAM")
    elif devices:
        said.append(f"Not one layer fits on {names}")
    if plan.verdict is Verdict.CPU:
        said.append("Runs on the processor")
    silent = [device.description or device.name for device in hardware.devices if device.total_bytes <= 0]
    said += [f"{name} does not say how much memory it has, so it is not used" for name in silent]
    return said


# --- several models --------------------------------------------------------------------------


def _together_on(device: str, fits: Sequence[Fit]) -> int:
    weights: dict[Path, int] = {}
    others = 0
    device_overhead = 0
    for one in fits:
        for share in one.shares:
            if share.device != device:
                continue
            weights[one.model.path] = max(weights.get(one.model.path, 0), share.weights_bytes)
            others += share.kv_bytes + share.compute_bytes
            if device == RAM:
                others += share.overhead_bytes
            else:
                device_overhead = max(device_overhead, share.overhead_bytes)
    return sum(weights.values()) + others + device_overhead
